/** The client: advertises its memory and checks the bytes that return. */

import { Access, type Provider } from "../../fabric/fabric.ts";
import { connectionOptions, Exchange, type ExchangeOptions, PING, PONG } from "./exchange.ts";
import { checkPing, fillPing, pingText } from "./ping_data.ts";

/** Options of {@linkcode ping}. */
export interface ClientOptions extends ExchangeOptions {
  /** The address of the server. */
  readonly address: string;
  /** Bytes of a ping. */
  readonly size: number;
  /** The number of rounds. */
  readonly count: number;
  /** Receives a line for each event; for each ping only if `verbose`. */
  readonly report: (line: string) => void;
  readonly verbose: boolean;
}

/** Pings a server and checks every byte that returns. Returns the microseconds of a round. */
export async function ping(provider: Provider, options: ClientOptions): Promise<number> {
  const { address, size, count, report, verbose } = options;
  const connection = await provider.connect(address, connectionOptions(options));
  using exchange = new Exchange(connection, options);
  if (exchange.peerText !== "") report(`the server sent: ${exchange.peerText}`);
  const source = { ...exchange.register(PING, size, Access.REMOTE_READ), size };
  const sink = { ...exchange.register(PONG, size, Access.REMOTE_WRITE), size };
  const [pinged, ponged] = [exchange.bytes(PING, size), exchange.bytes(PONG, size)];
  const startMs = performance.now();
  for (let round = 0; round < count; round++) {
    fillPing(pinged, round);
    exchange.advertise(source);
    await exchange.receive(`the server's confirmation that it has read ping ${round}`);
    exchange.advertise(sink);
    await exchange.receive(`the server's confirmation that it has written pong ${round}`);
    checkPing(ponged, round, "the pong");
    if (verbose) report(`ping data: ${pingText(ponged)}`);
  }
  return (performance.now() - startMs) * 1000 / count;
}

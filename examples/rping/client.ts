/** The client: offers its memory, and checks what comes back. */

import { Access, type Provider } from "../../fabric/fabric.ts";
import { connectionOptions, Exchange, type ExchangeOptions, PING, PONG } from "./exchange.ts";
import { checkPing, fillPing, pingText } from "./ping_data.ts";

/** What the client can be told. */
export interface ClientOptions extends ExchangeOptions {
  /** Where the server listens. */
  readonly address: string;
  /** Bytes of a ping. */
  readonly size: number;
  /** How many rounds. */
  readonly count: number;
  /** Told what happens, a line each; of the pings only when `verbose`. */
  readonly tell: (line: string) => void;
  readonly verbose: boolean;
}

/** Pings a server. Returns microseconds a round; every byte that came back was checked. */
export async function ping(provider: Provider, options: ClientOptions): Promise<number> {
  const { address, size, count, tell, verbose } = options;
  const connection = await provider.connect(address, connectionOptions(options));
  using exchange = new Exchange(connection, options);
  if (exchange.peerSays !== "") tell(`the server says: ${exchange.peerSays}`);
  const source = { ...exchange.register(PING, size, Access.REMOTE_READ), size };
  const sink = { ...exchange.register(PONG, size, Access.REMOTE_WRITE), size };
  const [pinged, ponged] = [exchange.bytes(PING, size), exchange.bytes(PONG, size)];
  const startMs = performance.now();
  for (let round = 0; round < count; round++) {
    fillPing(pinged, round);
    exchange.say(source);
    await exchange.hear(`the server's word that it has read ping ${round}`);
    exchange.say(sink);
    await exchange.hear(`the server's word that it has written pong ${round}`);
    checkPing(ponged, round, "the pong");
    if (verbose) tell(`ping data: ${pingText(ponged)}`);
  }
  return (performance.now() - startMs) * 1000 / count;
}

/** The server: reads each ping from the client's memory and writes it to another range of that memory. */

import type { Provider } from "../../fabric/fabric.ts";
import type { Advertisement } from "./advertisement.ts";
import { PingError } from "./errors.ts";
import { connectionOptions, Exchange, type ExchangeOptions, PING } from "./exchange.ts";
import { checkPing, pingText } from "./ping_data.ts";

/** Options of {@linkcode serve}. */
export interface ServerOptions extends ExchangeOptions {
  /** The address to listen at. */
  readonly address: string;
  /** The longest ping that is accepted, in bytes. */
  readonly size: number;
  /** The exact number of rounds; any number if undefined. */
  readonly count: number | undefined;
  /** Receives a line for each event; for each ping only if `verbose`. */
  readonly report: (line: string) => void;
  readonly verbose: boolean;
}

const GO_AHEAD: Advertisement = { address: 0, rkey: 0, size: 0 };

/** Serves one client until it disconnects, and checks every byte. Returns the number of rounds. */
export async function serve(provider: Provider, options: ServerOptions): Promise<number> {
  const { address, size, count = Infinity, report, verbose, signal } = options;
  using listener = await provider.listen(address);
  report(`listening at ${listener.address}`);
  const request = await listener.accept({ signal });
  using exchange = new Exchange(await request!.accept(connectionOptions(options)), options);
  listener.close(); // refuses the next client instead of letting it wait
  if (exchange.peerText !== "") report(`the client sent: ${exchange.peerText}`);
  for (let round = 0;; round++) {
    const source = await exchange.receiveOrEnd(`the source of round ${round} from the client`);
    if (source === undefined) return finished(round, count);
    if (round === count) {
      throw new PingError(`Cannot start a round: the client has done all ${count}`, "protocol");
    }
    checkSize(source, size, `ping ${round}`);
    await exchange.read(PING, source.size, source, `ping ${round} from the client's memory`);
    const ping = exchange.bytes(PING, source.size);
    checkPing(ping, round, "the ping");
    if (verbose) report(`server ping data: ${pingText(ping)}`);
    exchange.advertise(GO_AHEAD);
    const sink = await exchange.receive(`the sink of round ${round} from the client`);
    if (sink.size < source.size) {
      throw new PingError(
        `Cannot write ${source.size} bytes back: the client's sink has ${sink.size}`,
        "protocol",
      );
    }
    await exchange.write(PING, source.size, sink, `pong ${round} into the client's memory`);
    exchange.advertise(GO_AHEAD);
  }
}

function checkSize({ size }: Advertisement, maxBytes: number, what: string): void {
  if (size >= 1 && size <= maxBytes) return;
  throw new PingError(
    `Cannot accept ${what}: it has ${size} bytes, 1 to ${maxBytes} are allowed (--size)`,
    "protocol",
  );
}

function finished(rounds: number, count: number): number {
  if (count === Infinity || rounds === count) return rounds;
  throw new PingError(
    `Cannot finish: the client disconnected after ${rounds} of ${count} rounds`,
    "gone",
  );
}

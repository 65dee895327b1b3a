/** The server: reads each ping from the client's memory, and writes it back into another place there. */

import type { Provider } from "../../fabric/fabric.ts";
import type { Advertisement } from "./advertisement.ts";
import { PingError } from "./errors.ts";
import { connectionOptions, Exchange, type ExchangeOptions, PING } from "./exchange.ts";
import { checkPing, pingText } from "./ping_data.ts";

/** What the server can be told. */
export interface ServerOptions extends ExchangeOptions {
  /** Where it listens. */
  readonly address: string;
  /** The longest ping it takes, in bytes. */
  readonly size: number;
  /** How many rounds there must be; any number if not given. */
  readonly count: number | undefined;
  /** Told what happens, a line each; of the pings only when `verbose`. */
  readonly tell: (line: string) => void;
  readonly verbose: boolean;
}

const GO_AHEAD: Advertisement = { address: 0, rkey: 0, size: 0 };

/** Serves one client until it disconnects. Returns the number of rounds, each checked byte for byte. */
export async function serve(provider: Provider, options: ServerOptions): Promise<number> {
  const { address, size, count = Infinity, tell, verbose, signal } = options;
  using listener = await provider.listen(address);
  tell(`listening at ${listener.address}`);
  const request = await listener.accept({ signal });
  using exchange = new Exchange(await request!.accept(connectionOptions(options)), options);
  listener.close(); // the next client is refused, not kept waiting
  if (exchange.peerSays !== "") tell(`the client says: ${exchange.peerSays}`);
  for (let round = 0;; round++) {
    const source = await exchange.hearOrEnd(`the source of round ${round} from the client`);
    if (source === undefined) return finished(round, count);
    if (round === count) {
      throw new PingError(`Cannot go on: the client begins a round beyond ${count}`, "protocol");
    }
    checkSize(source, size, `ping ${round}`);
    await exchange.read(PING, source.size, source, `ping ${round} from the client's memory`);
    const ping = exchange.bytes(PING, source.size);
    checkPing(ping, round, "the ping");
    if (verbose) tell(`server ping data: ${pingText(ping)}`);
    exchange.say(GO_AHEAD);
    const sink = await exchange.hear(`the sink of round ${round} from the client`);
    if (sink.size < source.size) {
      throw new PingError(
        `Cannot write ${source.size} bytes back: the client's sink has ${sink.size}`,
        "protocol",
      );
    }
    await exchange.write(PING, source.size, sink, `pong ${round} into the client's memory`);
    exchange.say(GO_AHEAD);
  }
}

function checkSize({ size }: Advertisement, most: number, what: string): void {
  if (size >= 1 && size <= most) return;
  throw new PingError(
    `Cannot take ${what}: it has ${size} bytes, 1 to ${most} are allowed (--size)`,
    "protocol",
  );
}

function finished(rounds: number, count: number): number {
  if (count === Infinity || rounds === count) return rounds;
  throw new PingError(`Cannot go on: the client left after ${rounds} of ${count} rounds`, "gone");
}

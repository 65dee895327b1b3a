/** An etcd in memory, whose requests take virtual time: the terms of many candidates in a second. */
import type { EtcdClient, Outcome } from "../../../manager/resource/store/etcd/etcd_client.ts";
import { EtcdUnreachableError } from "../../../manager/resource/store/etcd/etcd_errors.ts";
import type { Stored } from "../../../manager/resource/store/etcd/etcd_messages.ts";
import { VirtualTime } from "./virtual_time.ts";

/** Virtual time that `performance.now()` follows. */
export class VirtualClock extends VirtualTime {
  readonly #realNow = performance.now;

  constructor() {
    super();
    performance.now = () => this.nowMs;
  }

  override [Symbol.dispose](): void {
    performance.now = this.#realNow;
    super[Symbol.dispose]();
  }
}

/** How long a request takes to arrive, and its response after that, by the time of its sending. */
export type Ways = (sentMs: number) => { readonly thereMs: number; readonly backMs: number };

/** The rows that all clients share. */
export class SimulatedEtcd {
  readonly #rows = new Map<string, Stored>();
  #revision = 1;

  /** The value of a key. */
  valueOf(key: string): string | undefined {
    return this.#rows.get(key)?.value;
  }

  /** A client with a way of its own. */
  client(ways: Ways): Pick<EtcdClient, "read" | "transact"> {
    const sent = async <T>(timeoutMs: number, act: () => T): Promise<T> => {
      const { thereMs, backMs } = ways(performance.now());
      const late = new EtcdUnreachableError(`Cannot reach etcd: no response in ${timeoutMs} ms`);
      const arrived = pause(thereMs).then(act);
      const answered = arrived.then(async (result) => {
        await pause(backMs);
        return result;
      });
      return await Promise.race([answered, pause(timeoutMs).then(() => Promise.reject(late))]);
    };
    return {
      read: (keys, timeoutMs) => sent(timeoutMs, () => keys.map((key) => this.#rows.get(key))),
      transact: (conditions, writes, otherwise, timeoutMs) =>
        sent(timeoutMs, (): Outcome => {
          const done = conditions.every((each) =>
            "value" in each
              ? this.#rows.get(each.key)?.value === each.value
              : (this.#rows.get(each.key)?.revision ?? 0) === each.revision
          );
          if (!done) {
            const found = otherwise.map((key) => this.#rows.get(key));
            return { done, revision: this.#revision, found };
          }
          const revision = ++this.#revision;
          for (const { key, value } of writes) {
            if (value === undefined) this.#rows.delete(key);
            else this.#rows.set(key, { key, value, revision });
          }
          return { done, revision, found: [] };
        }),
    };
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

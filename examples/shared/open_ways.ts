/** Opens the ways that the command line chose. */

import type { ExampleOptions } from "./example_options.ts";
import { openHttp } from "./http_way.ts";
import type { LeaseHost } from "./lease_host.ts";
import { openThreads } from "./thread_way.ts";
import type { Way, WayFunctions } from "./way.ts";

/** Ways that are closed together. The first one is this thread alone, with which all others are compared. */
export interface OpenWays extends AsyncDisposable {
  readonly ways: readonly Way[];
}

/**
 * @param others workers of a lease, and processes behind HTTP: one more than threads where this thread only waits for them.
 * @throws {Error} If one of them cannot be opened.
 */
export async function openWays(
  { kinds, workers }: ExampleOptions,
  functions: WayFunctions,
  host: LeaseHost,
  signal: AbortSignal,
  others = workers,
): Promise<OpenWays> {
  await using opening = new AsyncDisposableStack();
  const ways: Way[] = [aloneWay()];
  const openers = {
    local: () => openThreads(workers, functions),
    lease: () => host.lease(others, functions),
    http: () => openHttp(others, functions),
  };
  for (const kind of kinds) {
    signal.throwIfAborted();
    ways.push(opening.use(await openers[kind]()));
  }
  const opened = opening.move();
  return { ways, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

/** This thread alone. */
export function aloneWay(): Way {
  return {
    name: "1 local thread",
    kind: "thread",
    workers: [],
    async [Symbol.asyncDispose]() {},
  };
}

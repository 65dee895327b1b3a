/** Two connected ends in one process, and ways to await what the contract only promises to come. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { FabricError, type FabricErrorCode } from "../../../fabric/errors.ts";
import {
  Access,
  type Completion,
  type Connection,
  type ConnectionOptions,
  type Provider,
} from "../../../fabric/fabric.ts";
import { Status, statusName } from "../../../fabric/status.ts";
import { limitMs } from "../../support/time_factor.ts";

/** How the suite gets its provider. */
export type Open = () => Provider;

/** How long anything may take that must come. */
export const BOUND_MS = limitMs(5000);
/** The arena of each end, unless a test asks for another. */
export const ARENA_BYTES = 65536;
/** Everything that a region may allow. */
export const ALL = Access.LOCAL_WRITE | Access.REMOTE_WRITE | Access.REMOTE_READ |
  Access.REMOTE_ATOMIC;

/** Both ends of a connection. `a` connected, `b` accepted. */
export interface Pair extends AsyncDisposable {
  readonly provider: Provider;
  readonly a: Connection;
  readonly b: Connection;
}

/** Connects two ends of one provider. Disposing closes all, in whatever state. */
export async function connectPair(
  open: Open,
  options: { a?: Partial<ConnectionOptions>; b?: Partial<ConnectionOptions> } = {},
): Promise<Pair> {
  const provider = open();
  const listener = await provider.listen();
  const connecting = provider.connect(listener.address, { arenaBytes: ARENA_BYTES, ...options.a });
  const request = await listener.accept();
  const [a, b] = await Promise.all([
    connecting,
    request!.accept({ arenaBytes: ARENA_BYTES, ...options.b }),
  ]);
  listener.close();
  return {
    provider,
    a,
    b,
    [Symbol.asyncDispose]: async () => {
      a.close();
      b.close();
      provider.close();
      await provider.closed;
    },
  };
}

/** One turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** The next completion, copied; it must come within the bound. */
export async function next(connection: Connection): Promise<Completion> {
  const untilMs = performance.now() + BOUND_MS;
  while (!connection.poll()) {
    const leftMs = untilMs - performance.now();
    assert(leftMs > 0, `no completion came; ${connection.state} ${connection.reason}`);
    await connection.wait({ timeoutMs: leftMs });
    if (connection.state !== "connected") await turn();
  }
  return { ...connection.completion };
}

/** The next completion must be this one. What else it holds means nothing when it failed. */
export async function expectNext(
  connection: Connection,
  expected: { id: number; status: number } & Partial<Completion>,
): Promise<Completion> {
  const completion = await next(connection);
  assertEquals(
    [completion.id, statusName(completion.status)],
    [expected.id, statusName(expected.status)],
  );
  if (expected.status === Status.SUCCESS) {
    assertEquals({ ...completion, ...expected }, completion);
  }
  return completion;
}

/** Waits until the connection has noticed that it is over. Completions stay where they are. */
export async function over(connection: Connection): Promise<void> {
  const untilMs = performance.now() + BOUND_MS;
  while (connection.probe()) {
    assert(performance.now() < untilMs, "the connection did not notice that it is over");
    await turn();
  }
}

/** Takes what is left, which must all be flushed, and returns the ids. */
export async function flushedIds(connection: Connection, count: number): Promise<number[]> {
  const ids: number[] = [];
  while (ids.length < count) {
    const completion = await next(connection);
    assertEquals(statusName(completion.status), "WR_FLUSH_ERR");
    ids.push(completion.id);
  }
  assert(!connection.poll(), "more was flushed than was posted");
  return ids;
}

/** A posting call must throw a {@linkcode FabricError} of this code. */
export function assertCode(call: () => unknown, code: FabricErrorCode): FabricError {
  const error = assertThrows(call, FabricError) as FabricError;
  assertEquals(error.code, code, error.message);
  return error;
}

/** A promise must fail with a {@linkcode FabricError} of this code. */
export async function assertRejectsCode(
  call: () => Promise<unknown>,
  code: FabricErrorCode,
): Promise<FabricError> {
  const error = await assertRejects(call, FabricError) as FabricError;
  assertEquals(error.code, code, error.message);
  return error;
}

/** Bytes that differ from place to place, never zero. */
export function pattern(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, i) => ((i * 31 + seed * 17) % 255) + 1);
}

/** Two connected ends in one process, and helpers that await completions and state changes. */

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

/** Opens the provider under test. */
export type Open = () => Provider;

/** How long an expected event may take. */
export const BOUND_MS = limitMs(5000);
/** The default arena of each end. */
export const ARENA_BYTES = 65536;
/** All access flags of a region. */
export const ALL = Access.LOCAL_WRITE | Access.REMOTE_WRITE | Access.REMOTE_READ |
  Access.REMOTE_ATOMIC;

/** Both ends of a connection. `a` connected, `b` accepted. */
export interface Pair extends AsyncDisposable {
  readonly provider: Provider;
  readonly a: Connection;
  readonly b: Connection;
}

/** Connects two ends of one provider. Disposing closes everything in any state. */
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

/** A copy of the next completion, which must arrive within {@linkcode BOUND_MS}. */
export async function next(connection: Connection): Promise<Completion> {
  const untilMs = performance.now() + BOUND_MS;
  while (!connection.poll()) {
    const leftMs = untilMs - performance.now();
    assert(leftMs > 0, `no completion within the limit; ${connection.state} ${connection.reason}`);
    await connection.wait({ timeoutMs: leftMs });
    if (connection.state !== "connected") await turn();
  }
  return { ...connection.completion };
}

/** Expects this completion next. The other fields of a failed one are not defined. */
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

/** Waits until the connection has noticed that it is over. Takes no completions. */
export async function over(connection: Connection): Promise<void> {
  const untilMs = performance.now() + BOUND_MS;
  while (connection.probe()) {
    assert(performance.now() < untilMs, "the connection did not notice that it is over");
    await turn();
  }
}

/** Takes all further completions, which must be flushed, and returns their ids. */
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

/** Expects a {@linkcode FabricError} of this code from a call. */
export function assertCode(call: () => unknown, code: FabricErrorCode): FabricError {
  const error = assertThrows(call, FabricError) as FabricError;
  assertEquals(error.code, code, error.message);
  return error;
}

/** Expects a {@linkcode FabricError} of this code from a promise. */
export async function assertRejectsCode(
  call: () => Promise<unknown>,
  code: FabricErrorCode,
): Promise<FabricError> {
  const error = await assertRejects(call, FabricError) as FabricError;
  assertEquals(error.code, code, error.message);
  return error;
}

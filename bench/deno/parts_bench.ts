/**
 * `deno bench -A bench/deno/parts_bench.ts`: the parts of a call, with both ends in one thread. Each iteration makes all calls
 * in flight. The parts that are not timed do not count.
 */

import { openOneThread } from "../floors/one_thread.ts";

/** `Deno.bench()` times a part of an iteration only if it is not too short. */
const DEPTH = 127;
const BYTES = 64;
const MANY = 1000;

// Nothing closes its memory and its socket: they end with the process.
const { session, server, prepare } = await openOneThread({
  depth: 2 * DEPTH + 1,
  maxBytes: 4096,
  functions: { nothing: (input) => input.length },
});
const calls = Array.from({ length: DEPTH }, () => prepare("nothing", BYTES));
const slots = Array.from({ length: DEPTH }, () => session.acquire()!);
const start = () => {
  for (const call of calls) call.start(BYTES);
};
const serve = () => {
  while (server.serveNext());
};
const finish = () => {
  for (const call of calls) call.finish();
};

const group = `${DEPTH} calls`;
Deno.bench("whole: start, serve, finish", { group, baseline: true }, () => {
  start();
  serve();
  finish();
});
Deno.bench("prepared call, start", { group }, (bench) => {
  bench.start();
  start();
  bench.end();
  serve();
  finish();
});
Deno.bench("session, post", { group }, (bench) => {
  bench.start();
  for (const slot of slots) session.post(slot, 0, BYTES, 0, BYTES);
  bench.end();
  serve();
  while (session.poll());
});
Deno.bench("server, poll and serve", { group }, (bench) => {
  start();
  bench.start();
  serve();
  bench.end();
  finish();
});
Deno.bench("prepared call, finish", { group }, (bench) => {
  start();
  serve();
  bench.start();
  finish();
  bench.end();
});

const polls = { group: `${MANY} empty polls` };
Deno.bench("connection, poll", { ...polls, baseline: true }, () => {
  for (let i = 0; i < MANY; i++) session.connection.poll();
});
Deno.bench("session, poll", polls, () => {
  for (let i = 0; i < MANY; i++) session.poll();
});
Deno.bench("server, poll", polls, () => {
  for (let i = 0; i < MANY; i++) server.serveNext();
});

const lookups = { group: `${MANY} lookups` };
let kept = 0;
Deno.bench("a function by its name", { ...lookups, baseline: true }, () => {
  for (let i = 0; i < MANY; i++) kept += session.functions.get("nothing")!;
});
Deno.bench("a free slot, acquired and released", lookups, () => {
  for (let i = 0; i < MANY; i++) session.release(session.acquire()!);
});

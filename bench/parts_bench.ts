/**
 * `deno bench -A bench/parts_bench.ts`: the parts of a call, both ends in one thread. Each iteration makes as many as
 * are under way, and those beside what is timed are not counted.
 */

import { openOneThread } from "./one_thread.ts";

/** Deno.bench times parts of an iteration only if it is not too short. */
const DEPTH = 127;
const BYTES = 64;
const MANY = 1000;

// Its memory and its socket go with the process.
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

const looks = { group: `${MANY} looks in vain` };
Deno.bench("connection, poll", { ...looks, baseline: true }, () => {
  for (let i = 0; i < MANY; i++) session.connection.poll();
});
Deno.bench("session, poll", looks, () => {
  for (let i = 0; i < MANY; i++) session.poll();
});
Deno.bench("server, poll", looks, () => {
  for (let i = 0; i < MANY; i++) server.serveNext();
});

const lookups = { group: `${MANY} lookups` };
let kept = 0;
Deno.bench("a function by its name", { ...lookups, baseline: true }, () => {
  for (let i = 0; i < MANY; i++) kept += session.functions.get("nothing")!;
});
Deno.bench("a free slot, taken and given back", lookups, () => {
  for (let i = 0; i < MANY; i++) session.release(session.acquire()!);
});

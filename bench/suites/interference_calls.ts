/**
 * The leases beside a batch job, on the cores of this process: managers, a worker, and a client that keeps it computing
 * from the line "begin" to the line "end" of standard input.
 *
 * @module
 */
import { TextLineStream } from "@std/streams";
import { workArgument } from "../work_rounds.ts";
import { withLease } from "./with_lease.ts";

/** About a millisecond of work. */
const ROUNDS = 500_000;
/** Calls in flight, so that the worker need not wait for the client on a core that they share. */
const IN_FLIGHT = 4;

if (import.meta.main) {
  await withLease({ workers: 1, depth: IN_FLIGHT, maxBytes: 4096 }, async (lease) => {
    const argument = workArgument(4, ROUNDS);
    let isBusy = false;
    let calls: Promise<void>[] = [];
    const call = async () => {
      while (isBusy) await lease.invoke("work", argument);
    };
    console.log("ready");
    const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream())
      .pipeThrough(new TextLineStream());
    for await (const line of lines) {
      isBusy = line === "begin";
      if (isBusy) calls = Array.from({ length: IN_FLIGHT }, call);
      else await Promise.all(calls);
      console.log(line);
    }
  });
}

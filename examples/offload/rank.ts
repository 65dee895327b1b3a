/**
 * A rank: a process with some rows of the system. It leases workers, hands them a share of each iteration, and computes the
 * rest. Its first line of input has its task, and each further one an x, to which it replies with its rows of the next x.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { TextLineStream } from "@std/streams";
import { connect, type Lease, type PreparedCall, RfaasError } from "../../mod.ts";
import { furnace } from "../jacobi/furnace.ts";
import { MAX_BYTES, sendRows, workerBytes } from "../jacobi/shared_system.ts";
import { sweep } from "../jacobi/sweep.ts";
import { divideRows } from "../shared/way.ts";
import { RESULT_HEADER, STEP_HEADER } from "./functions.ts";
import type { RankReply, RankTask } from "./rank_messages.ts";
import { type IterationTimes, ShareController } from "./share_controller.ts";

/** The rows of a rank, and the workers that help with them. */
class Rank {
  readonly #n: number;
  readonly #rows: Float64Array;
  readonly #lease: Lease;
  readonly #calls: PreparedCall[];
  readonly #controller: ShareController | undefined;
  /** Whether the workers have the rows: a worker that takes over after a fault does not. */
  #isSent = false;

  constructor(n: number, rows: Float64Array, lease: Lease, offload: boolean) {
    this.#n = n;
    this.#rows = rows;
    this.#lease = lease;
    this.#controller = offload ? new ShareController(rows.length / (n + 1)) : undefined;
    this.#calls = Array.from({ length: lease.workers }, (_, worker) =>
      lease.prepare("step", {
        bytes: 8 * (STEP_HEADER + n),
        resultBytes: 8 * (RESULT_HEADER + rows.length / (n + 1)),
        worker,
      }));
  }

  /** Sends the workers the rows of this rank. */
  async send(): Promise<void> {
    for (let worker = 0; worker < this.#lease.workers; worker++) {
      using keep = this.#lease.prepare("keep", { bytes: MAX_BYTES, resultBytes: 8, worker });
      await sendRows(keep, this.#n, this.#rows);
    }
    this.#isSent = true;
  }

  /** Computes the rows of the next x. A share that is lost with its worker is computed here. */
  async step(x: Float64Array): Promise<RankReply> {
    const count = this.#rows.length / (this.#n + 1);
    const next = new Float64Array(count);
    let lost: string | undefined;
    if (this.#controller && !this.#isSent) {
      await this.send().catch((error) => lost = failure(error)); // tried again in the next iteration
    }
    const offloaded = this.#isSent && this.#controller ? this.#controller.share : 0;
    const starts = divideRows(offloaded, this.#calls.length).map((row) => row + count - offloaded);
    const startMs = performance.now();
    const started = this.#calls.filter((call, i) => {
      const [first, end] = [starts[i]!, starts[i + 1]!];
      if (first === end) return false;
      try {
        const argument = new Float64Array(STEP_HEADER + x.length);
        argument.set([first, end - first]);
        argument.set(x, STEP_HEADER);
        call.input.set(new Uint8Array(argument.buffer));
        call.start(argument.byteLength);
      } catch (error) {
        lost = failure(error);
      }
      return true;
    });
    const own = count - offloaded;
    this.#sweep(x, next, 0, own);
    const ownMs = performance.now() - startMs;
    let leasedMs = 0;
    for (const call of started) {
      const i = this.#calls.indexOf(call);
      try {
        const length = call.finish() / 8;
        const { buffer, byteOffset } = call.output;
        const result = new Float64Array(buffer, byteOffset, length);
        leasedMs = Math.max(leasedMs, result[0]!);
        next.set(result.subarray(RESULT_HEADER), starts[i]!);
      } catch (error) {
        lost ??= failure(error);
        this.#sweep(x, next, starts[i]!, starts[i + 1]!);
      }
    }
    const wholeMs = performance.now() - startMs;
    const times: IterationTimes = { ownRows: own, ownMs, leasedRows: offloaded, leasedMs, wholeMs };
    if (lost) this.#isSent = false;
    else this.#controller?.add(times);
    return {
      rows: Buffer.from(next.buffer).toString("base64"),
      share: offloaded / count,
      ...(lost === undefined ? {} : { lost }),
      breakEvenRows: this.#controller?.breakEvenRows,
    };
  }

  #sweep(x: Float64Array, next: Float64Array, first: number, end: number): void {
    const width = this.#n + 1;
    sweep(this.#rows.subarray(first * width, end * width), x, next.subarray(first, end));
  }
}

/** The text of a failure of a lease. @throws {unknown} Any other error. */
function failure(error: unknown): string {
  if (error instanceof RfaasError || error instanceof TypeError) return error.message;
  throw error;
}

const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream())
  .pipeThrough(new TextLineStream())[Symbol.asyncIterator]();
console.log("started");
const task: RankTask = JSON.parse((await lines.next()).value!);
const { n, rows } = furnace(task.side);
await using client = await connect(task.connect);
await using lease = await client.lease({
  functions: new URL("./functions.ts", import.meta.url),
  workers: task.workers,
  memory: task.workers * workerBytes(n, task.end - task.first),
  maxBytes: MAX_BYTES,
  hotMs: 20,
  waitMs: 60_000,
});
const width = n + 1;
const rank = new Rank(n, rows.slice(task.first * width, task.end * width), lease, task.offload);
if (task.offload) await rank.send();
console.log("ready");
for await (const line of { [Symbol.asyncIterator]: () => lines }) {
  const bytes = new Uint8Array(Buffer.from(line, "base64"));
  console.log(JSON.stringify(await rank.step(new Float64Array(bytes.buffer))));
}

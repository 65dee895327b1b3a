/** The ranks of the program, and the exchange of x between them. */

import { Buffer } from "node:buffer";
import { Child } from "../../bench/child.ts";
import { divideRows } from "../shared/way.ts";
import type { RankReply, RankTask } from "./rank_messages.ts";

/** One iteration of all ranks. */
export interface Iteration {
  readonly ms: number;
  /** The share of all rows that leased workers had. */
  readonly share: number;
  /** Why a share was computed by its rank after all. */
  readonly lost: readonly string[];
  readonly breakEvenRows: number | undefined;
}

export class Ranks implements AsyncDisposable {
  readonly #children: readonly Child[];
  readonly #starts: readonly number[];
  readonly #opened: AsyncDisposableStack;

  private constructor(
    children: readonly Child[],
    starts: readonly number[],
    opened: AsyncDisposableStack,
  ) {
    this.#children = children;
    this.#starts = starts;
    this.#opened = opened;
  }

  /** Starts `count` ranks, each with its rows of a system of `n`. */
  static async start(
    n: number,
    count: number,
    task: Omit<RankTask, "first" | "end">,
  ): Promise<Ranks> {
    await using opening = new AsyncDisposableStack();
    const starts = divideRows(n, count);
    const children: Child[] = [];
    for (let i = 0; i < count; i++) {
      const child = opening.use(await Child.deno(new URL("./rank.ts", import.meta.url)));
      children.push(child);
      const [first, end] = [starts[i]!, starts[i + 1]!];
      await child.request(JSON.stringify({ ...task, first, end }));
    }
    return new Ranks(children, starts, opening.move());
  }

  /** Computes the next x. @param meanwhile runs when all ranks have their x, and none has replied. */
  async step(x: Float64Array, next: Float64Array, meanwhile?: () => void): Promise<Iteration> {
    const startMs = performance.now();
    const line = Buffer.from(x.buffer, x.byteOffset, x.byteLength).toString("base64");
    const pending = this.#children.map((child) => child.request(line));
    meanwhile?.();
    const replies = (await Promise.all(pending)).map((text): RankReply => JSON.parse(text));
    let offloaded = 0;
    for (const [i, { rows, share }] of replies.entries()) {
      const bytes = new Uint8Array(Buffer.from(rows, "base64"));
      next.set(new Float64Array(bytes.buffer), this.#starts[i]!);
      offloaded += share * (this.#starts[i + 1]! - this.#starts[i]!);
    }
    return {
      ms: performance.now() - startMs,
      share: offloaded / x.length,
      lost: replies.flatMap(({ lost }) => lost ?? []),
      breakEvenRows: replies[0]!.breakEvenRows,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened.disposeAsync();
  }
}

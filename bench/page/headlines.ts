/** The main figures, at the top of the page. */

import type { Row } from "../rows.ts";
import { formatCount, formatUs } from "./look.ts";

export interface Headline {
  readonly figure: string;
  readonly text: string;
}

/** Returns the headlines for which there are rows. */
export function headlines(rows: readonly Row[]): Headline[] {
  const find = (suite: string, path: string, bytes: number) =>
    rows.find((row) => row.suite === suite && row.path === path && row.bytes === bytes);
  const hot = (path: string) => find("hot", path, 64);
  const call = hot("rfaas invokeSync");
  const list: Headline[] = [];
  const add = (figure: string | undefined, text: string) => {
    if (figure !== undefined) list.push({ figure, text });
  };
  const ratio = (above: Row | undefined, below: Row | undefined) =>
    above && below ? above.p50_us / below.p50_us : undefined;
  const rounded = (value: number | undefined) =>
    value === undefined ? undefined : value >= 10 ? value.toFixed(0) : value.toPrecision(2);
  const times = (value: number | undefined) =>
    value === undefined ? undefined : `${rounded(value)}×`;

  add(call && formatUs(call.p50_us), "a call and its result, 64 bytes, median");
  add(
    times(ratio(call, hot("ping-pong in TypeScript"))),
    "the floor, a bare ping-pong in TypeScript",
  );
  for (const [path, name] of [["Deno.serve + fetch", "fetch"], ["grpc-js", "gRPC call"]] as const) {
    add(rounded(ratio(hot(path), call)), `calls in the time of one ${name}`);
  }
  const steady = find("tail", "rfaas invokeSync, a core each", 64) ?? call;
  add(
    steady && times(steady.p999_us / steady.p50_us),
    "the median: the slowest of a thousand calls",
  );
  const own = find("overhead", "echo: both", 64);
  add(own && formatUs(own.p50_us), "of instructions of rfaas in a call, both ends together");
  const fastest = rows.filter(({ suite }) => suite === "throughput")
    .sort((a, b) => b.per_second - a.per_second)[0];
  add(fastest && formatCount(fastest.per_second), "calls per second from one thread, at most");
  const pooled = find("cold", "lease to first result, pooled", 64);
  add(pooled && formatUs(pooled.p50_us), "from the request of a lease to its first result");
  return list;
}

/** The figures that stand at the top of the page: what somebody in a hurry should take away. */

import type { Row } from "../rows.ts";
import { sayCount, sayUs } from "./look.ts";

export interface Headline {
  readonly figure: string;
  readonly text: string;
}

/** As many as the rows tell. */
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
  const say = (value: number | undefined) =>
    value === undefined ? undefined : value >= 10 ? value.toFixed(0) : value.toPrecision(2);
  const times = (value: number | undefined) => value === undefined ? undefined : `${say(value)}×`;

  add(call && sayUs(call.p50_us), "a call and its result, 64 bytes, median");
  add(
    times(ratio(call, hot("ping-pong in TypeScript"))),
    "the floor: bare ping-pong in TypeScript",
  );
  for (const [path, name] of [["Deno.serve + fetch", "fetch"], ["grpc-js", "gRPC call"]] as const) {
    add(say(ratio(hot(path), call)), `such calls in the time of one ${name}`);
  }
  const steady = find("tail", "rfaas invokeSync, a core each", 64) ?? call;
  add(
    steady && times(steady.p999_us / steady.p50_us),
    "the median is what the slowest of a thousand calls takes",
  );
  const own = find("overhead", "echo: both", 64);
  add(own && sayUs(own.p50_us), "of our own instructions in a call, both ends together");
  const most = rows.filter(({ suite }) => suite === "throughput")
    .sort((a, b) => b.per_second - a.per_second)[0];
  add(most && sayCount(most.per_second), "calls a second from one thread at the most");
  const pooled = find("cold", "lease to first result, pooled", 64);
  add(pooled && sayUs(pooled.p50_us), "from asking for a lease to its first result");
  return list;
}

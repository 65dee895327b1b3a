/** `deno bench -A bench/hot_small_bench.ts`: calls of 64 bytes beside what else a host offers, everything awake. */

import { benchHotCalls, openBenchCalls } from "./bench_calls.ts";

benchHotCalls(await openBenchCalls(), 64);

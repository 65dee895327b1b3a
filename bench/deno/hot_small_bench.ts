/** `deno bench -A bench/deno/hot_small_bench.ts`: calls of 64 bytes beside other transports of a host, with all ends awake. */

import { benchHotCalls, openBenchCalls } from "./bench_calls.ts";

benchHotCalls(await openBenchCalls(), 64);

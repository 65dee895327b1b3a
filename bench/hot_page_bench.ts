/** `deno bench -A bench/hot_page_bench.ts`: calls of 4 KiB beside what else a host offers, everything awake. */

import { benchHotCalls, openBenchCalls } from "./bench_calls.ts";

benchHotCalls(await openBenchCalls(), 4096);

/** `deno bench -A bench/deno/hot_page_bench.ts`: calls of 4 KiB beside other transports of a host, with all ends awake. */

import { benchHotCalls, openBenchCalls } from "./bench_calls.ts";

benchHotCalls(await openBenchCalls(), 4096);

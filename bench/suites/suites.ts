/** All suites, in the order in which they run. */

import { paperSuite } from "../paper/paper_suite.ts";
import { bandwidthSuite } from "./bandwidth_suite.ts";
import { codecSuite } from "./codec_suite.ts";
import { coldSuite } from "./cold_suite.ts";
import { failoverSuite } from "./failover_suite.ts";
import { hotSuite } from "./hot_suite.ts";
import { interferenceSuite } from "./interference_suite.ts";
import { managersSuite } from "./managers_suite.ts";
import { overheadSuite } from "./overhead_suite.ts";
import { soakSuite } from "./soak_suite.ts";
import type { Suite } from "./suite.ts";
import { tailSuite } from "./tail_suite.ts";
import { throughputSuite } from "./throughput_suite.ts";
import { timerSuite } from "./timer_suite.ts";
import { verbsSuite } from "./verbs_suite.ts";
import { warmSuite } from "./warm_suite.ts";

export const SUITES: readonly Suite[] = [
  {
    name: "overhead",
    about: "instructions of rfaas per call, client and worker separately, without waiting",
    byDefault: true,
    run: async (bench) => {
      const { cycles, onProgress } = bench;
      bench.add(
        ...await overheadSuite({ cycles, bursts: bench.quick ? 2000 : 50_000, onProgress }),
      );
    },
  },
  {
    name: "hot",
    about: "round trips of 64 bytes to 16 MiB, beside ping-pong, sockets, fetch, gRPC, NATS, Redis",
    byDefault: true,
    run: hotSuite,
  },
  {
    name: "tail",
    about:
      "the slowest calls and their causes, with shared cores, with busy ones, and with a core for each end",
    byDefault: true,
    run: tailSuite,
  },
  {
    name: "warm",
    about: "calls with a sleeping worker or client",
    byDefault: true,
    run: warmSuite,
  },
  {
    name: "cold",
    about: "from the request of a lease to its first result, with and without pool and sandbox",
    byDefault: true,
    run: coldSuite,
  },
  {
    name: "throughput",
    about: "calls per second with 1 to 64 in flight on 1 to 8 workers",
    byDefault: true,
    run: throughputSuite,
  },
  {
    name: "bandwidth",
    about: "bytes per second of 64 KiB to 16 MiB, beside the copies that they need",
    byDefault: true,
    run: bandwidthSuite,
  },
  {
    name: "codec",
    about: "a call with each codec, beside raw bytes, with both ends in one thread",
    byDefault: true,
    run: codecSuite,
  },
  {
    name: "timer",
    about: "lateness of a 10 ms timer beside 64 calls",
    byDefault: true,
    run: timerSuite,
  },
  {
    name: "control",
    about: "grants per second of one resource manager with 10 to 1,000 nodes",
    byDefault: false,
    run: async (bench) => {
      const { onProgress, store } = bench;
      const seconds = bench.quick ? 2 : 10;
      const { rows, text } = await managersSuite({ seconds, store, onProgress });
      bench.add(...rows);
      bench.addText(text);
    },
  },
  {
    name: "failover",
    about: "the longest gap between grants when the leader of three resource managers ends",
    byDefault: false,
    run: failoverSuite,
  },
  {
    name: "interference",
    about: "what a batch job on one core loses to a leased worker on another one",
    byDefault: false,
    run: interferenceSuite,
  },
  {
    name: "verbs",
    about: "calls over an RDMA device, beside perftest (needs both)",
    byDefault: false,
    run: verbsSuite,
  },
  {
    name: "soak",
    about: "full speed for ten minutes with short leases: memory, descriptors, throughput",
    byDefault: false,
    run: soakSuite,
  },
  {
    name: "paper",
    about: "the figures of the paper on rFaaS, beside its published values",
    byDefault: false,
    run: paperSuite,
  },
];

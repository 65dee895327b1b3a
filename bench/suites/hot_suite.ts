/** Sequential round trips with all ends awake: rfaas beside the floor and other transports of a host. */

import { invokeContender, invokeSyncContender, preparedInvokeContender } from "../calls.ts";
import type { Contender } from "../contender.ts";
import { floorContender } from "../floors/floor_contender.ts";
import { cFloorContender } from "../peers/c_floor.ts";
import { grpcContender } from "../peers/grpc.ts";
import { natsContender } from "../peers/nats.ts";
import { redisContender } from "../peers/redis.ts";
import {
  fetchContender,
  postMessageContender,
  tcpContender,
  unixContender,
} from "../peers/sockets.ts";
import { alignColumns } from "../../cli/table.ts";
import type { Row } from "../rows.ts";
import type { Bench } from "./suite.ts";
import { takeTurns } from "../turns.ts";
import { withLease } from "./with_lease.ts";

const MIB = 2 ** 20;
const SIZES = [64, 4096, 64 * 1024, MIB, 16 * MIB];
/** How long a worker polls after its last call. */
const HOT_MS = 20;
/** Longer than HOT_MS, so that the next contender has all cores. */
const REST_MS = 30;

export async function hotSuite(bench: Bench): Promise<void> {
  const { cycles, perUs } = bench;
  const maxBytes = SIZES.at(-1)!;
  const openers: Record<string, () => Contender | Promise<Contender>> = {
    "ping-pong in C": () => cFloorContender(maxBytes),
    "ping-pong in TypeScript": () => floorContender(cycles, maxBytes),
    "Unix socket": () => unixContender(cycles),
    "TCP": () => tcpContender(cycles),
    "Deno.serve + fetch": () => fetchContender(cycles),
    "Worker postMessage": () => postMessageContender(cycles),
    "grpc-js": () => grpcContender(perUs),
    "NATS": () => natsContender(cycles),
    "Redis": () => redisContender(cycles),
  };
  const options = {
    workers: 1,
    depth: 4,
    maxBytes,
    hotMs: HOT_MS,
    memory: "512MiB",
  };
  await withLease(options, async (lease) => {
    await using stack = new AsyncDisposableStack();
    const contenders = [
      invokeSyncContender(lease, cycles, { restMs: REST_MS }),
      preparedInvokeContender(lease, cycles, REST_MS),
      invokeContender(lease, cycles, { restMs: REST_MS }),
    ];
    for (const [path, open] of Object.entries(openers)) {
      bench.progress(`hot: opening ${path}`);
      const contender = await bench.attempt(`hot: ${path}`, open);
      if (contender) contenders.push(stack.use(contender));
    }
    const rows: Row[] = [];
    for (const bytes of SIZES) {
      rows.push(...await takeTurns(bench, { suite: "hot", bytes, contenders }));
    }
    bench.addText(ratiosText(rows));
  }, { memoryBytes: 2 ** 30 });
}

/** The summary: ratios of medians at 64 bytes, of those pairs that were both measured. */
function ratiosText(rows: readonly Row[]): string {
  const find = (path: string) => rows.find((row) => row.path === path && row.bytes === SIZES[0]);
  const lines = [["hot, 64 bytes, ratios of medians", ""]];
  const add = (above: string, below: string) => {
    const [dividend, divisor] = [find(above), find(below)];
    if (!dividend || !divisor) return;
    lines.push([`${above} to ${below}`, (dividend.p50_us / divisor.p50_us).toFixed(2)]);
  };
  for (const path of ["rfaas invokeSync", "rfaas invoke"]) {
    add(path, "ping-pong in TypeScript");
    add(path, "ping-pong in C");
    add("Deno.serve + fetch", path);
    add("grpc-js", path);
    const row = find(path);
    if (row) lines.push([`${path}, p99.9 to p50`, (row.p999_us / row.p50_us).toFixed(2)]);
  }
  return alignColumns(lines, [0]);
}

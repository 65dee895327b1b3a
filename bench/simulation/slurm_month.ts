/**
 * What rfaas makes of the idle nodes of a Slurm cluster, as a simulation (docs/operations/slurm.md): a month of a published model of
 * batch jobs on 1,000 nodes. Run it with `deno run --allow-all bench/simulation/slurm_month.ts [SEED]`; the same seed
 * prints the same table and draws the same picture.
 *
 * @module
 */
import { randomFrom } from "../../examples/shared/random.ts";
import { svgOf } from "../../examples/shared/svg_chart.ts";
import { batchJobs } from "./batch_jobs.ts";
import { scheduleJobs } from "./batch_schedule.ts";
import { LentNodes, type Use } from "./lent_nodes.ts";

const NODES = 1000;
const CORES = 64;
const DAY = 86_400;
/** The queue fills in the first days, which are not counted. */
const WARM_DAYS = 7;
const DAYS = 37;
const LOADS = [0.7, 0.85];
/** The nodes that leases need, and the mean time of a call in seconds. */
const LEASES = [[50, 0.1], [NODES, 0.01], [NODES, 0.1], [NODES, 1], [NODES, 10]] as const;
/** The day of the picture, and the width of its columns. */
const SHOWN_DAY = 10;
const COLUMN = 600;

interface Run {
  readonly load: number;
  readonly demand: number;
  readonly callSeconds: number;
  readonly lent: LentNodes;
}

/** @param onUse called for each use of a node. */
function simulate(
  seed: number,
  load: number,
  demand: number,
  callSeconds: number,
  onUse?: (use: Use, from: number, to: number) => void,
): Run {
  const jobs = batchJobs({ nodes: NODES, days: DAYS, load, random: randomFrom(seed) });
  const [from, to] = [WARM_DAYS * DAY, DAYS * DAY];
  const random = randomFrom(seed + 1);
  const lent = new LentNodes(
    { nodes: NODES, cores: CORES, demand, callSeconds, from, to, random },
    onUse,
  );
  scheduleJobs(NODES, jobs, lent);
  lent.finish(to);
  return { load, demand, callSeconds, lent };
}

function rowOf({ load, demand, callSeconds, lent }: Run): Record<string, string> {
  const all = NODES * (DAYS - WARM_DAYS) * DAY;
  const { idle, leased } = lent.uses;
  const hours = (DAYS - WARM_DAYS) * 24;
  const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
  return {
    "load of the jobs": `${load * 100} %`,
    "nodes that leases need": demand === NODES ? "all" : `${demand}`,
    "time of a call": callSeconds < 1 ? `${callSeconds * 1000} ms` : `${callSeconds} s`,
    "idle": percent(idle / all),
    "of which leased": percent(leased / idle),
    "moves an hour": (lent.moves / hours).toFixed(1),
    "ends an hour": (lent.ends / hours).toFixed(1),
    "cut calls per million": (lent.cutCalls / lent.calls * 1e6).toFixed(3),
    "delay of a job, p50": `${(lent.delay(0.5) * 1000).toFixed(0)} ms`,
    "p99": `${(lent.delay(0.99) * 1000).toFixed(0)} ms`,
  };
}

/** The table as Markdown. */
export function slurmMonth(seed: number): string {
  const rows = LOADS.flatMap((load) =>
    LEASES.map(([demand, callSeconds]) => rowOf(simulate(seed, load, demand, callSeconds)))
  );
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const names = Object.keys(rows[0]!);
  return [line(names), line(names.map(() => "---")), ...rows.map((row) => line(Object.values(row)))]
    .join("\n");
}

/** One day as a picture: what the nodes were used for. */
export function slurmDay(seed: number): string {
  const columns = DAY / COLUMN;
  const uses = { idle: new Array(columns).fill(0), leased: new Array(columns).fill(0) };
  const first = SHOWN_DAY * DAY;
  simulate(seed, LOADS[1]!, 50, 0.1, (use, from, to) => {
    for (let at = 0; at < columns; at++) {
      const begin = first + at * COLUMN;
      const seconds = Math.min(to, begin + COLUMN) - Math.max(from, begin);
      if (seconds > 0) uses[use][at] += seconds / COLUMN;
    }
  });
  const jobs = uses.idle.map((idle) => NODES - idle);
  const rest = uses.idle.map((idle, at) => idle - uses.leased[at]);
  const area = (name: string, color: string, data: number[]) => ({
    ...{ name, data, type: "line" as const, stack: "nodes", symbol: "none", color },
    ...{ lineStyle: { width: 0 }, areaStyle: { opacity: 1 } },
  });
  return svgOf({
    title: { text: "A day of 1,000 nodes: batch jobs, leases, idle", left: "center", top: 8 },
    legend: { bottom: 8 },
    grid: { left: 64, right: 24, top: 48, bottom: 72 },
    xAxis: {
      name: "time of the day",
      nameLocation: "middle",
      nameGap: 28,
      type: "category",
      boundaryGap: false,
      data: jobs.map((_, at) => `${Math.floor(at * COLUMN / 3600)}:00`),
      axisLabel: { interval: 3 * 3600 / COLUMN - 1 },
    },
    yAxis: { name: "nodes", type: "value", max: NODES },
    series: [
      area("batch jobs", "#8f9bb3", jobs),
      area("leases", "#3358d4", uses.leased),
      area("idle", "#e3e8f0", rest),
    ],
  }, { width: 900, height: 420 });
}

if (import.meta.main) {
  const seed = Number(Deno.args[0] ?? 1);
  console.log(slurmMonth(seed));
  const picture = new URL("../../docs/pictures/slurm-day.svg", import.meta.url);
  await Deno.writeTextFile(picture, slurmDay(seed));
}

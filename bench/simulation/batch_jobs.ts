/**
 * Jobs of a batch system by the model of Lublin and Feitelson ("The workload on parallel supercomputers", JPDC 63(11), 2003),
 * which was fitted to logs of the Parallel Workloads Archive. Its parameters for batch jobs are of machines of 128 nodes;
 * here the sizes are those of a larger machine.
 */

/** A job that takes whole nodes. All times are in seconds. */
export interface BatchJob {
  readonly submitted: number;
  readonly nodes: number;
  readonly seconds: number;
}

/** The share of jobs with one node, and of the others those whose size is a power of two. */
const ONE_NODE = 0.2927;
const POWER_OF_TWO = 0.6686;
/** The logarithm of the size is uniform in two stages. The middle is this much below that of the machine. */
const SMALLEST_LOG2 = 1.2;
const MIDDLE_BELOW_LOG2 = 2.5;
const BELOW_MIDDLE = 0.875;
/** The logarithm of the time is of one of two gamma distributions (shape, scale): the second one for larger jobs. */
const SHORT = [6.57, 0.823] as const;
const LONG = [639.1, 0.0156] as const;
const SHORT_OF_SMALLEST = 0.6986;
const SHORT_LESS_PER_NODE = 0.003;
const MODEL_NODES = 128;
/** Some 45 hours. */
const LONGEST = Math.exp(12);
/** The arrivals in each half hour of a day follow a gamma distribution, which begins at 5:30. */
const CYCLE = [6.1271, 5.274] as const;
const FIRST_HALF_HOUR = 11;
const HALF_HOURS = 48;
const HALF_HOUR = 1800;

/** What the jobs of some days depend on. */
export interface BatchOptions {
  readonly nodes: number;
  readonly days: number;
  /** The share of the machine that the jobs would use without gaps. */
  readonly load: number;
  readonly random: () => number;
}

/** Makes the jobs of some days, in the order of their submission. */
export function batchJobs({ nodes, days, load, random }: BatchOptions): BatchJob[] {
  const jobs: Omit<BatchJob, "submitted">[] = [];
  for (let left = load * nodes * days * HALF_HOURS * HALF_HOUR; left > 0;) {
    const size = sizeOf(nodes, random);
    const job = { nodes: size, seconds: secondsOf(size * MODEL_NODES / nodes, random) };
    jobs.push(job);
    left -= job.nodes * job.seconds;
  }
  const weights = Array.from(
    { length: HALF_HOURS },
    (_, at) => weightOf(FIRST_HALF_HOUR + at + 0.5),
  );
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return jobs.map((job) => {
    let place = random() * total;
    const at = weights.findIndex((weight) => (place -= weight) < 0);
    const day = Math.floor(random() * days);
    const halfHour = day * HALF_HOURS + (FIRST_HALF_HOUR + at) % HALF_HOURS;
    return { submitted: (halfHour + random()) * HALF_HOUR, ...job };
  }).sort((a, b) => a.submitted - b.submitted);
}

function sizeOf(nodes: number, random: () => number): number {
  if (random() < ONE_NODE) return 1;
  const largest = Math.log2(nodes);
  const middle = largest - MIDDLE_BELOW_LOG2;
  const log2 = random() < BELOW_MIDDLE
    ? SMALLEST_LOG2 + random() * (middle - SMALLEST_LOG2)
    : middle + random() * (largest - middle);
  const size = random() < POWER_OF_TWO ? 2 ** Math.round(log2) : Math.round(2 ** log2);
  return Math.min(nodes, size);
}

function secondsOf(modelNodes: number, random: () => number): number {
  const isShort = random() < SHORT_OF_SMALLEST - SHORT_LESS_PER_NODE * modelNodes;
  const [shape, scale] = isShort ? SHORT : LONG;
  return Math.max(1, Math.min(LONGEST, Math.exp(gamma(shape, scale, random))));
}

function weightOf(halfHour: number): number {
  const [shape, scale] = CYCLE;
  return halfHour ** (shape - 1) * Math.exp(-halfHour / scale);
}

/** A number of a gamma distribution (Marsaglia and Tsang, 2000). @param shape 1 or more. */
function gamma(shape: number, scale: number, random: () => number): number {
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - random()) < x * x / 2 + d - d * v + d * Math.log(v)) {
      return d * v * scale;
    }
  }
}

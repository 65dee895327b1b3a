/**
 * The demo: everything that rfaas does, in less than a minute.
 *
 * @example
 * ```sh
 * deno task demo --photos ~/Pictures
 * ```
 *
 * @module
 */
import { Ending } from "../../cli/ending.ts";
import { LocalManagers } from "../../cli/local_managers.ts";
import { connect } from "../../mod.ts";
import { type EchoFigures, measureEcho } from "./echo_part.ts";
import { showDeadline, showKilledExecutor, showThrow } from "./faults_part.ts";
import { latencyChart } from "./latency_chart.ts";
import { type DemoOptions, readDemoOptions } from "./options.ts";
import { percentileOf } from "./percentiles.ts";
import { readPhotos } from "./photos.ts";
import { figure, heading, note, seen, us } from "./report.ts";
import { makeThumbnails } from "./thumbnails_part.ts";

/** One for each core that the smallest host for this has. */
const WORKERS = 2;
/** How long a worker polls after its last call. */
const HOT_MS = 50;
/** Calls to measure, and when the demo is to be quick. */
const CALLS = { full: 100_000, quick: 5_000 };
/** Photographs when the demo is to be quick. */
const QUICK_PHOTOS = 3;
/** The least room for an argument or a result. */
const LEAST_BYTES = 1 << 20;

if (import.meta.main) {
  const options = readDemoOptions(Deno.args);
  using ending = new Ending();
  try {
    if (!await runDemo(options, ending.signal)) Deno.exitCode = 1;
  } catch (error) {
    console.error(`rfaas: ${error instanceof Error ? error.message : error}`);
    Deno.exitCode = 1;
  }
}

/** Runs all parts. Gives whether everything was as it should be. */
async function runDemo(options: DemoOptions, signal: AbortSignal): Promise<boolean> {
  const beginMs = performance.now();
  const secondsSince = (ms: number) => (performance.now() - ms) / 1000;
  const photos = (await readPhotos(options.photos)).slice(
    0,
    options.quick ? QUICK_PHOTOS : undefined,
  );
  await Deno.mkdir(options.out, { recursive: true });
  const folder = await Deno.realPath(options.out);

  heading("Start");
  await using managers = await LocalManagers.start({
    cores: WORKERS,
    fabric: options.fabric,
    signal,
  });
  figure(
    "managers",
    `${secondsSince(beginMs).toFixed(2)} s`,
    "two processes: one signs leases, one lends cores",
  );
  const leaseMs = performance.now();
  await using client = await connect({
    manager: managers.manager,
    token: managers.token,
    fabric: options.fabric,
    signal,
  });
  await using lease = await client.lease({
    workers: WORKERS,
    memory: "512MiB",
    hotMs: HOT_MS,
    maxBytes: Math.max(LEAST_BYTES, ...photos.map(({ bytes }) => bytes.length)),
    functions: new URL("./functions.ts", import.meta.url),
    idempotent: ["echo", "thumbnail"],
    signal,
  });
  figure(
    "lease",
    `${secondsSince(leaseMs).toFixed(2)} s`,
    `${WORKERS} workers, with the code bundled, shipped and loaded`,
  );

  heading("Calls: 64 bytes there and back, one after the other");
  const echo = await measureEcho(
    lease,
    options.fabric,
    options.quick ? CALLS.quick : CALLS.full,
    HOT_MS * 2,
    signal,
  );
  tellEcho(echo);
  await Deno.writeTextFile(`${folder}/latency.svg`, drawEcho(echo));

  heading("Work: thumbnails of photographs on the leased workers");
  const thumbnails = await makeThumbnails(lease, photos, folder, signal);
  const megapixels = photos.reduce((sum, photo) => sum + photo.megapixels, 0);
  figure(
    "on 2 workers",
    `${thumbnails.seconds.toFixed(2)} s`,
    `${photos.length} photographs, ${megapixels.toFixed(0)} megapixels`,
  );
  figure(
    "in this thread",
    `${thumbnails.localSeconds.toFixed(2)} s`,
    "the same function on the same photographs",
  );
  seen(
    thumbnails.ok === thumbnails.images,
    `${thumbnails.ok} of ${thumbnails.images} are byte for byte the same`,
  );

  heading("Faults");
  const thrown = await showThrow(lease);
  seen(thrown.ok, thrown.text);
  const deadline = await showDeadline(lease);
  seen(deadline.ok, deadline.text);
  const killed = await showKilledExecutor(lease, managers.executorManager.pid);
  seen(killed.ok, killed.text);
  signal.throwIfAborted();

  heading("End");
  await client.close();
  await managers.close();
  const seconds = secondsSince(beginMs);
  note(`lease given back, all processes ended; ${seconds.toFixed(1)} s in all`);
  note(`pictures: ${folder} (see contact-sheet.jpg and latency.svg)`);
  if (options.json) {
    console.log(JSON.stringify({
      fabric: options.fabric,
      echo: {
        calls: echo.calls,
        p50_us: rounded(echo.echoP50),
        p99_us: rounded(percentileOf(echo.echoUs, 99)),
        p999_us: rounded(percentileOf(echo.echoUs, 99.9)),
      },
      floor: { p50_us: rounded(echo.floorP50) },
      thumbnails: {
        images: thumbnails.images,
        ok: thumbnails.ok,
        seconds: rounded(thumbnails.seconds),
      },
      faults: { deadline: deadline.ok, throw: thrown.ok, killed_executor: killed.ok },
      seconds: rounded(seconds),
    }));
  }
  return thumbnails.ok === thumbnails.images && deadline.ok && thrown.ok && killed.ok;
}

function tellEcho({ calls, echoUs, echoP50, floorP50 }: EchoFigures): void {
  figure("p50", us(echoP50), `half of ${calls.toLocaleString("en")} calls took no longer`);
  figure("p99", us(percentileOf(echoUs, 99)), "99 of 100 took no longer");
  figure(
    "p99.9",
    us(percentileOf(echoUs, 99.9)),
    "999 of 1000; beyond, the scheduler of the system shows",
  );
  figure(
    "floor p50",
    us(floorP50),
    "two processes that pass the same bytes with nothing around it",
  );
  figure(
    "p50 to floor",
    `${(echoP50 / floorP50).toFixed(2)} x`,
    "what rfaas adds to moving the bytes",
  );
}

function drawEcho({ echoUs, floorUs }: EchoFigures): string {
  return latencyChart({
    title: "echo of 64 bytes on a hot worker",
    series: [{ name: "rfaas call", valuesUs: echoUs }, { name: "floor", valuesUs: floorUs }],
  });
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}

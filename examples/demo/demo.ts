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
import { ShutdownSignal } from "../../cli/shutdown_signal.ts";
import { LocalManagers } from "../../cli/children/local_managers.ts";
import { connect, type Lease } from "../../mod.ts";
import { type EchoFigures, measureEcho } from "./echo_part.ts";
import { showDeadline, showKilledExecutor, showThrow } from "./faults_part.ts";
import { latencyChart } from "./latency_chart.ts";
import { type DemoOptions, readDemoOptions } from "./options.ts";
import { percentileOf } from "./percentiles.ts";
import { type Photo, readPhotos } from "./photos.ts";
import { figure, heading, note, seen, us } from "../shared/report.ts";
import { makeThumbnails } from "./thumbnails_part.ts";

/** One per core of the smallest host that the demo runs on. */
const WORKERS = 2;
/** How long a worker polls after its last call. */
const HOT_MS = 50;
/** Calls to measure in a full and in a quick run. */
const CALLS = { full: 100_000, quick: 5_000 };
/** Photographs in a quick run. */
const QUICK_PHOTOS = 3;
/** The smallest limit of an argument or a result, in bytes. */
const LEAST_BYTES = 1 << 20;

if (import.meta.main) {
  const options = readDemoOptions(Deno.args);
  using shutdown = new ShutdownSignal();
  try {
    if (!await runDemo(options, shutdown.signal)) Deno.exitCode = 1;
  } catch (error) {
    console.error(`rfaas: ${error instanceof Error ? error.message : error}`);
    Deno.exitCode = 1;
  }
}

/** Runs all parts. Returns whether every result was as expected. */
async function runDemo(options: DemoOptions, signal: AbortSignal): Promise<boolean> {
  const beginMs = performance.now();
  const { fabric, quick } = options;
  const photos = (await readPhotos(options.photos)).slice(0, quick ? QUICK_PHOTOS : undefined);
  await Deno.mkdir(options.out, { recursive: true });
  const folder = await Deno.realPath(options.out);

  heading("Start");
  await using managers = await LocalManagers.start({ cores: WORKERS, fabric, signal });
  const managersText = "two processes: one signs leases, one lends cores";
  figure("managers", `${secondsSince(beginMs).toFixed(2)} s`, managersText);
  const leaseMs = performance.now();
  const { manager, token, executorManager } = managers;
  await using client = await connect({ manager, token, fabric, signal });
  await using lease = await client.lease({
    workers: WORKERS,
    memory: "512MiB",
    hotMs: HOT_MS,
    maxBytes: Math.max(LEAST_BYTES, ...photos.map(({ bytes }) => bytes.length)),
    functions: new URL("./functions.ts", import.meta.url),
    idempotent: ["echo", "thumbnail"],
    signal,
  });
  const leaseText = `${WORKERS} workers, with the code bundled, shipped and loaded`;
  figure("lease", `${secondsSince(leaseMs).toFixed(2)} s`, leaseText);

  heading("Calls: 64 bytes there and back, one after the other");
  const calls = quick ? CALLS.quick : CALLS.full;
  const echo = await measureEcho(lease, fabric, calls, HOT_MS * 2, signal);
  reportEcho(echo);
  await Deno.writeTextFile(`${folder}/latency.svg`, drawEcho(echo));

  heading("Work: thumbnails of photographs on the leased workers");
  const thumbnails = await makeThumbnails(lease, photos, folder, signal);
  reportThumbnails(thumbnails, photos);

  heading("Faults");
  const faults = await showFaults(lease, executorManager.pid);
  signal.throwIfAborted();

  heading("End");
  await client.close();
  await managers.close();
  const seconds = secondsSince(beginMs);
  note(`lease released, all processes ended; ${seconds.toFixed(1)} s in total`);
  note(`pictures: ${folder} (see contact-sheet.jpg and latency.svg)`);
  if (options.json) {
    console.log(JSON.stringify({
      fabric,
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
      faults,
      seconds: rounded(seconds),
    }));
  }
  return thumbnails.ok === thumbnails.images && Object.values(faults).every(Boolean);
}

function secondsSince(ms: number): number {
  return (performance.now() - ms) / 1000;
}

function reportThumbnails(
  { images, ok, seconds, localSeconds }: Awaited<ReturnType<typeof makeThumbnails>>,
  photos: readonly Photo[],
): void {
  const megapixels = photos.reduce((sum, photo) => sum + photo.megapixels, 0);
  const photosText = `${photos.length} photographs, ${megapixels.toFixed(0)} megapixels`;
  figure("on 2 workers", `${seconds.toFixed(2)} s`, photosText);
  const localText = "the same function on the same photographs";
  figure("in this thread", `${localSeconds.toFixed(2)} s`, localText);
  seen(ok === images, `${ok} of ${images} are byte for byte the same`);
}

/** Causes each fault. Returns whether each was handled as expected. */
async function showFaults(lease: Lease, executorManager: number) {
  const thrown = await showThrow(lease);
  seen(thrown.ok, thrown.text);
  const deadline = await showDeadline(lease);
  seen(deadline.ok, deadline.text);
  const killed = await showKilledExecutor(lease, executorManager);
  seen(killed.ok, killed.text);
  return { deadline: deadline.ok, throw: thrown.ok, killed_executor: killed.ok };
}

function reportEcho({ calls, echoUs, echoP50, floorP50 }: EchoFigures): void {
  figure("p50", us(echoP50), `half of ${calls.toLocaleString("en")} calls took no longer`);
  figure("p99", us(percentileOf(echoUs, 99)), "99 of 100 took no longer");
  figure(
    "p99.9",
    us(percentileOf(echoUs, 99.9)),
    "999 of 1000; slower calls show the system's scheduler",
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

/**
 * Text recognition as a map: `lease.map()` sends each card, a JPEG file, to a free worker, which finds its lines of text
 * and reads them with a neural network.
 *
 * @example
 * ```sh
 * deno run --allow-all examples/text_recognition/text_recognition.ts
 * ```
 *
 * @module
 */
import { ShutdownSignal } from "../../cli/shutdown_signal.ts";
import type { ExampleOptions } from "../shared/example_options.ts";
import { LeaseHost } from "../shared/lease_host.ts";
import { type LoadedFunction, loadFunctions } from "../shared/thread_words.ts";
import { mapInputs } from "../shared/map_inputs.ts";
import { openWays } from "../shared/open_ways.ts";
import { heading, note, seen } from "../shared/report.ts";
import { speedupReport } from "../shared/speedup_report.ts";
import type { SizeRow } from "../shared/speedups.ts";
import type { Way } from "../shared/way.ts";
import { measureInTurns, turnOptions } from "../shared/way_turns.ts";
import { buildPackage } from "./build_package.ts";
import { type Card, CARDS, readCard } from "./cards.ts";
import { showsText } from "./check_text.ts";
import { countsUpTo, readOptions, RELOAD } from "./options.ts";

/** More than a card, and than its text. */
const MAX_BYTES = 64 << 10;
/** Memory of a worker: the package, the runtime, and both networks. */
const WORKER_BYTES = 512 << 20;
/** Where cores are shared, a worker compiles the runtime and loads the model for longer than the 10 s of a lease. */
const LOAD_MS = 120_000;

/** A way, and the function that it calls. */
interface Contestant {
  readonly name: string;
  readonly kind: Way["kind"];
  map(cards: readonly Uint8Array[]): Promise<Uint8Array[]>;
}

/** Reads all cards in each way, and measures. Returns whether all texts are right. */
async function runTextRecognition(options: ExampleOptions, signal: AbortSignal): Promise<boolean> {
  const cards = CARDS.slice(0, options.size);
  const files = await Promise.all(cards.map(readCard));
  const { fabric, workers, out } = options;
  await using built = await buildPackage();
  note(`package: ${(built.bytes.length / 1e6).toFixed(1)} MB with the model`);
  const own = await loadFunctions(built.module.href);
  await using host = new LeaseHost({ cores: workers + 1, fabric, signal });
  const functions = {
    module: built.module,
    leased: built.bytes,
    maxBytes: MAX_BYTES,
    memory: (workers + 1) * WORKER_BYTES,
    depth: 1, // a worker reads one card at a time
    loadMs: LOAD_MS,
  };
  await using open = await openWays(options, functions, host, signal, workers + 1);
  const reloads = options.flags.includes(RELOAD);
  const names = reloads ? ["recognize", "recognizeAnew"] : ["recognize"];
  const contestants = names.flatMap((name) =>
    open.ways.map((way) => contestantOf(way, name, own.get(name)!))
  );

  heading(`Text of ${cards.length} cards, over ${fabric}`);
  const expected = await contestants[0]!.map(files);
  const checks = [];
  for (const contestant of contestants) {
    checks.push(check(contestant.name, cards, await contestant.map(files), expected));
  }

  heading("Time of a map over the cards");
  const rows: SizeRow[] = [];
  for (const count of reloads ? [cards.length] : countsUpTo(cards.length)) {
    const works = contestants.map(({ map }) => ({
      run: async () => void await map(files.slice(0, count)),
    }));
    const ms = await measureInTurns(works, turnOptions(options.quick, signal));
    rows.push({ size: count, ms });
  }
  const chart = speedupReport({
    title: "Text recognition: a map over JPEG files",
    unit: "cards",
    contestants,
    rows,
    variants: contestants.length - open.ways.length,
  });
  await Deno.mkdir(out, { recursive: true });
  await Deno.writeTextFile(`${out}/speedup.svg`, chart);
  note(`picture: ${out}/speedup.svg`);
  if (options.json) console.log(JSON.stringify({ ...options, checks, rows }));
  return checks.every(({ right, same }) => right === cards.length && same === cards.length);
}

function contestantOf(way: Way, name: string, own: LoadedFunction): Contestant {
  return {
    name: name === "recognize" ? way.name : `${way.name}, model at each call`,
    kind: way.kind,
    map: (inputs) => mapInputs(way, { name, inputs, resultBytes: MAX_BYTES }, own),
  };
}

/** Compares the texts of a way with those that the cards show, and with those of this thread. */
function check(
  name: string,
  cards: readonly Card[],
  made: readonly Uint8Array[],
  expected: readonly Uint8Array[],
) {
  const texts = made.map((bytes) => new TextDecoder().decode(bytes));
  const wrong = cards.findIndex((card, i) => !showsText(card, texts[i]!));
  const right = cards.filter((card, i) => showsText(card, texts[i]!)).length;
  const same = texts.filter((text, i) => text === new TextDecoder().decode(expected[i])).length;
  const found = wrong < 0 ? "" : `; ${cards[wrong]!.name} reads ${JSON.stringify(texts[wrong])}`;
  seen(
    right === cards.length && same === cards.length,
    `${name}: ${right} of ${cards.length} texts are right, ${same} equal those of this thread${found}`,
  );
  return { name, right, same };
}

if (import.meta.main) {
  const options = readOptions(Deno.args);
  using shutdown = new ShutdownSignal();
  if (!await runTextRecognition(options, shutdown.signal)) Deno.exitCode = 1;
}

/**
 * A thread that computes: the least that two threads of a process need to share work, with which a lease is compared.
 *
 * @module
 */
import { HOT_MS } from "./way.ts";
import {
  CAPACITY,
  END,
  FUNCTION,
  LENGTH,
  type LoadedFunction,
  loadFunctions,
  REPLY,
  REQUEST,
  RESULT,
  type ThreadTask,
  THREW,
  WORDS,
} from "./thread_words.ts";

/** Polls between two readings of the clock. */
const POLLS_PER_LOOK = 256;

const scope = self as unknown as {
  onmessage: (event: MessageEvent<ThreadTask>) => void;
  postMessage(message: unknown): void;
  close(): void;
};

scope.onmessage = async ({ data }) => {
  const functions = await loadFunctions(data.module);
  scope.postMessage([...functions.keys()]);
  await serve(data, [...functions.values()]);
  scope.close();
};

/** Serves calls until the end is requested. The event loop has no turn meanwhile, but for asynchronous functions. */
async function serve(task: ThreadTask, functions: readonly LoadedFunction[]): Promise<void> {
  const words = new Int32Array(task.words, 0, WORDS);
  for (let served = 0;; served++) {
    waitForRequest(words, served);
    const called = words[FUNCTION]!;
    if (called === END) return;
    const output = new Uint8Array(task.output, 0, words[CAPACITY]!);
    try {
      const input = new Uint8Array(task.input, 0, words[LENGTH]!);
      const length = functions[called]!(input, output);
      words[RESULT] = typeof length === "number" ? length : await length;
    } catch (error) {
      words[RESULT] = THREW;
      const text = new TextEncoder().encode(String(error)).subarray(0, output.length);
      output.fill(0).set(text);
    }
    Atomics.store(words, REPLY, served + 1);
    Atomics.notify(words, REPLY);
  }
}

function waitForRequest(words: Int32Array, served: number): void {
  const untilMs = performance.now() + HOT_MS;
  for (let polls = 1; Atomics.load(words, REQUEST) === served; polls++) {
    if (polls % POLLS_PER_LOOK !== 0 || performance.now() < untilMs) continue;
    Atomics.wait(words, REQUEST, served);
  }
}

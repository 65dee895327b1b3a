/** Threads of this process, which share memory with the calling thread: the ideal for one host. */

import {
  type CallSizes,
  HOT_MS,
  type Way,
  type WayCall,
  type WayFunctions,
  type WayWorker,
} from "./way.ts";
import {
  CAPACITY,
  END,
  FUNCTION,
  LENGTH,
  REPLY,
  REQUEST,
  RESULT,
  type ThreadTask,
  THREW,
  WORDS,
} from "./thread_words.ts";

/** A call that takes longer has failed. */
const CALL_TIMEOUT_MS = 60_000;
/** Polls between two readings of the clock. */
const POLLS_PER_LOOK = 4096;

/** Starts `count` threads beside this one. */
export async function openThreads(count: number, functions: WayFunctions): Promise<Way> {
  const threads: Thread[] = [];
  for (let i = 0; i < count; i++) threads.push(await Thread.start(functions));
  return {
    name: `${count + 1} local threads`,
    kind: "threads",
    workers: threads,
    [Symbol.asyncDispose]() {
      for (const thread of threads) thread.end();
      return Promise.resolve();
    },
  };
}

class Thread implements WayWorker {
  readonly #names: readonly string[];
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #task: ThreadTask;
  #sent = 0;

  private constructor(names: readonly string[], task: ThreadTask) {
    this.#names = names;
    this.#task = task;
    this.#words = new Int32Array(task.words);
  }

  static async start({ module, maxBytes }: WayFunctions): Promise<Thread> {
    const task: ThreadTask = {
      module: module.href,
      words: new SharedArrayBuffer(4 * WORDS),
      input: new SharedArrayBuffer(maxBytes),
      output: new SharedArrayBuffer(maxBytes),
    };
    const worker = new Worker(new URL("./thread_worker.ts", import.meta.url), { type: "module" });
    const names = await new Promise<string[]>((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(`Cannot start a thread for ${module.pathname}: ${event.message}`));
      };
      worker.postMessage(task);
    });
    return new Thread(names, task);
  }

  prepare(name: string, { bytes, resultBytes }: CallSizes): WayCall {
    const called = this.#names.indexOf(name);
    if (called < 0) throw new TypeError(`Cannot prepare ${name}: the module has no such function`);
    return {
      input: new Uint8Array(this.#task.input, 0, bytes),
      output: new Uint8Array(this.#task.output, 0, resultBytes),
      start: (length) => this.#send(called, length, resultBytes),
      finish: () => this.#receive(name),
      [Symbol.dispose]() {},
    };
  }

  end(): void {
    this.#send(END, 0, 0);
  }

  #send(called: number, length: number, capacity: number): void {
    const words = this.#words;
    words[FUNCTION] = called;
    words[LENGTH] = length;
    words[CAPACITY] = capacity;
    Atomics.store(words, REQUEST, ++this.#sent);
    Atomics.notify(words, REQUEST);
  }

  #receive(name: string): number {
    const words = this.#words;
    const sinceMs = performance.now();
    for (let polls = 1; Atomics.load(words, REPLY) !== this.#sent; polls++) {
      if (polls % POLLS_PER_LOOK !== 0) continue;
      const waitedMs = performance.now() - sinceMs;
      if (waitedMs > CALL_TIMEOUT_MS) {
        throw new Error(`Cannot call ${name}: no reply within ${CALL_TIMEOUT_MS} ms`);
      }
      // Threads that spin would share the cores of a busy host.
      if (waitedMs > HOT_MS) Atomics.wait(words, REPLY, this.#sent - 1, CALL_TIMEOUT_MS);
    }
    if (words[RESULT] === THREW) {
      const text = new Uint8Array(this.#task.output, 0, words[CAPACITY]!).slice();
      throw new Error(`${name} threw ${new TextDecoder().decode(text).replace(/\0+$/, "")}`);
    }
    return words[RESULT]!;
  }
}

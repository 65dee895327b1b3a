/** How often a view of the page reads. */
import { assertEquals } from "@std/assert";
import { repeat } from "../../../../manager/resource/ui/page/repeat.js";

const PAUSE_MS = 1000;

/** A tab that can be hidden, with timers that fire when the test lets them. */
class Tab extends EventTarget implements Disposable {
  hidden = false;
  readonly #timers = new Map<number, () => void>();
  readonly #before = { setTimeout, clearTimeout };
  #last = 0;

  constructor() {
    super();
    Object.assign(globalThis, {
      document: this,
      setTimeout: (run: () => void, ms: number) => {
        assertEquals(ms, PAUSE_MS);
        this.#timers.set(++this.#last, run);
        return this.#last;
      },
      clearTimeout: (id: number) => this.#timers.delete(id),
    });
  }

  show(isShown: boolean): void {
    this.hidden = !isShown;
    this.dispatchEvent(new Event("visibilitychange"));
  }

  /** Lets promises settle, and then the pauses pass. @returns how many there were. */
  async pass(): Promise<number> {
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
    const due = [...this.#timers.values()];
    this.#timers.clear();
    for (const run of due) run();
    return due.length;
  }

  [Symbol.dispose](): void {
    Object.assign(globalThis, this.#before);
    Reflect.deleteProperty(globalThis, "document");
  }
}

Deno.test("`repeat()` reads again some time after a read has ended, until it is over", async () => {
  using tab = new Tab();
  const reads: PromiseWithResolvers<void>[] = [];
  const end = repeat(() => {
    reads.push(Promise.withResolvers());
    return reads.at(-1)!.promise;
  }, PAUSE_MS);
  assertEquals([await tab.pass(), reads.length], [0, 1], "the first one goes on");
  tab.show(true);
  assertEquals(reads.length, 1, "it goes on still");
  reads[0]!.resolve();
  assertEquals([await tab.pass(), reads.length], [1, 2]);
  end();
  reads[1]!.resolve();
  assertEquals([await tab.pass(), reads.length], [0, 2]);
});

Deno.test("`repeat()` reads nothing in a hidden tab, and at once when it is seen again", async () => {
  using tab = new Tab();
  let reads = 0;
  const end = repeat(() => Promise.resolve(void reads++), PAUSE_MS);
  tab.show(false);
  assertEquals([await tab.pass(), reads], [1, 1]);
  assertEquals([await tab.pass(), reads], [0, 1]);
  tab.show(true);
  assertEquals(reads, 2);
  await Promise.resolve();
  tab.show(true);
  assertEquals([await tab.pass(), reads], [1, 4], "one timer, not two");
  end();
  tab.show(true);
  assertEquals(reads, 4);
});

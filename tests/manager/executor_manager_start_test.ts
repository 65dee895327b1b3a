import { assertEquals, assertRejects } from "@std/assert";
import {
  ExecutorManager,
  type ExecutorManagerOptions,
} from "../../manager/executor/executor_manager.ts";
import { FabricError } from "../../fabric/errors.ts";
import { configure, type LogRecord, reset } from "../../manager/log.ts";
import { StateUnavailable } from "../../manager/state_dir.ts";
import { Unauthorized } from "../../runtime/errors.ts";
import { countDescriptors, countMappings, eventually } from "../support/descriptors.ts";
import { TestManager } from "./resource_support.ts";

/** With core words as well, since more workers are leased than there are cores. */
function nodeOptions(dir: string, url: string): ExecutorManagerOptions {
  return {
    manager: { url, token: "unknown" },
    name: "node",
    cores: 1,
    oversubscription: 2,
    memoryBytes: 2 ** 30,
    fabric: "shm",
    stateDir: `${dir}/node`,
    executor: { folder: dir, main: `${dir}/main.js` },
  };
}

Deno.test("ExecutorManager.start() leaves nothing open where it can't listen", async () => {
  const dir = await Deno.makeTempDir({ prefix: "rfaas-test-" });
  try {
    const options = { fabric: "verbs", fabricAddress: "192.0.2.1" } as const; // nobody's address
    const start = () =>
      ExecutorManager.start({ ...nodeOptions(dir, "http://127.0.0.1:1"), ...options });
    await assertRejects(start, FabricError); // what a library opens once and for all does not count
    const before = [countDescriptors(), countMappings()];
    await assertRejects(start, FabricError);
    assertEquals([countDescriptors(), countMappings()], before);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("ExecutorManager.start() leaves nothing open where it may not register", async () => {
  await using test = await TestManager.start();
  const before = [countDescriptors(), countMappings()];
  const state = () => `${countDescriptors()}, ${countMappings()}; before ${before}`;
  await assertRejects(() => ExecutorManager.start(nodeOptions(test.dir, test.url)), Unauthorized);
  // The other end of its connections is in this process and closes in its own time.
  await eventually(() => countDescriptors() === before[0] && countMappings() === before[1], state);
});

Deno.test("ExecutorManager.start() says at once that a sandbox's program is not there", async () => {
  const dir = await Deno.makeTempDir({ prefix: "rfaas-test-" });
  try {
    const options = nodeOptions(dir, "http://127.0.0.1:1");
    const sandbox = { command: ["/nowhere/bwrap", "{executor}"] };
    const start = () => ExecutorManager.start({ ...options, sandbox });
    await assertRejects(start, TypeError, "there is no /nowhere/bwrap here");
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("two executor managers can't share a state folder, and one says that another has its name", async () => {
  const warnings: LogRecord[] = [];
  await configure({
    sinks: { kept: (record) => warnings.push(record) },
    loggers: [
      { category: ["logtape", "meta"], lowestLevel: "error" },
      { category: ["rfaas"], sinks: ["kept"], lowestLevel: "warning" },
    ],
  });
  try {
    await using test = await TestManager.start();
    const manager = { url: test.url, token: test.token("node") };
    const options = { ...nodeOptions(test.dir, test.url), manager };
    await using _first = await ExecutorManager.start(options);
    const second = () => ExecutorManager.start({ ...options, name: "other" });
    await assertRejects(second, StateUnavailable, "another executor manager is using it");
    const texts = () => warnings.map(({ message }) => message.join(""));
    assertEquals(texts(), []);
    await test.register(options.name); // as another one does that was started elsewhere
    const told = () => texts().some((text) => /another executor manager registers as/.test(text));
    await eventually(told, () => texts().join("\n"));
  } finally {
    await reset();
  }
});

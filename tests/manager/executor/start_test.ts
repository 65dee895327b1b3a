import { assertEquals, assertRejects } from "@std/assert";
import {
  ExecutorManager,
  type ExecutorManagerOptions,
} from "../../../manager/executor/executor_manager.ts";
import { FabricError } from "../../../fabric/errors.ts";
import { configure, type LogRecord, reset } from "../../../manager/log.ts";
import { StateUnavailableError } from "../../../manager/state_dir.ts";
import { UnauthorizedError } from "../../../runtime/errors.ts";
import { countDescriptors, countMappings, eventually } from "../../support/descriptors.ts";
import { TestManager } from "../../support/manager/test_manager.ts";

/** The oversubscription makes the node open the words of its cores as well. */
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

Deno.test("`ExecutorManager.start()` leaves nothing open when it cannot listen", async () => {
  const dir = await Deno.makeTempDir({ prefix: "rfaas-test-" });
  try {
    const options = { fabric: "verbs", fabricAddress: "192.0.2.1" } as const; // no host has this address (RFC 5737)
    const start = () =>
      ExecutorManager.start({ ...nodeOptions(dir, "http://127.0.0.1:1"), ...options });
    await assertRejects(start, FabricError); // the first call loads libraries, which stay open
    const before = [countDescriptors(), countMappings()];
    await assertRejects(start, FabricError);
    assertEquals([countDescriptors(), countMappings()], before);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("`ExecutorManager.start()` leaves nothing open when the resource manager refuses its token", async () => {
  await using test = await TestManager.start();
  const before = [countDescriptors(), countMappings()];
  const state = () => `${countDescriptors()}, ${countMappings()}; before ${before}`;
  await assertRejects(
    () => ExecutorManager.start(nodeOptions(test.dir, test.url)),
    UnauthorizedError,
  );
  // The resource manager is in this process too, and closes its end of the connections later.
  await eventually(() => countDescriptors() === before[0] && countMappings() === before[1], state);
});

Deno.test("`ExecutorManager.start()` rejects when the program of its sandbox is not installed", async () => {
  const dir = await Deno.makeTempDir({ prefix: "rfaas-test-" });
  try {
    const options = nodeOptions(dir, "http://127.0.0.1:1");
    const sandbox = { command: ["/nowhere/bwrap", "{executor}"] };
    const start = () => ExecutorManager.start({ ...options, sandbox });
    await assertRejects(start, TypeError, "/nowhere/bwrap is not installed");
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("an executor manager refuses a state folder in use, and warns of another one with its name", async () => {
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
    await assertRejects(second, StateUnavailableError, "another executor manager is using it");
    const texts = () => warnings.map(({ message }) => message.join(""));
    assertEquals(texts(), []);
    await test.register(options.name); // as an executor manager on another host would
    const isWarned = () =>
      texts().some((text) => /another executor manager registers as/.test(text));
    await eventually(isWarned, () => texts().join("\n"));
  } finally {
    await reset();
  }
});

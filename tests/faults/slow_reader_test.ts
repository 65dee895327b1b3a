/** A client whose thread calls synchronously all the time has no turn for what functions log. */

import { assert } from "@std/assert";
import { LOG_LINES_PER_SECOND } from "../../runtime/policy.ts";
import type { LogLine } from "../../mod.ts";
import { ProcessHost } from "../support/process_host.ts";
import { until } from "../support/process_table.ts";

/** What its keeper may hold: a second's lines, and a batch on its way. */
const HELD = LOG_LINES_PER_SECOND + 128;

Deno.test("lines for a thread that has no turn are dropped and counted, not kept", async () => {
  await using host = await ProcessHost.start();
  await using client = await host.connect();
  const lines: LogLine[] = [];
  const functions = new TextEncoder().encode(`
    export const say = (input, output, context) => (context.log("said"), 0);
  `);
  await using lease = await client.lease({ functions, onLog: (line) => lines.push(line) });
  using call = lease.prepare("say", { bytes: 0, resultBytes: 0 });
  let said = 0;
  const untilMs = performance.now() + 1000 * (HELD / LOG_LINES_PER_SECOND + 1);
  while (performance.now() < untilMs) {
    call.invokeSync(0);
    said++;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
  }
  const told = () => lines.filter(({ worker }) => worker !== undefined).length;
  const dropped = () =>
    lines.reduce((sum, { text }) => sum + Number(/^(\d+) lines dropped$/.exec(text)?.[1] ?? 0), 0);
  await until(
    () => told() + dropped() === said,
    () => `${told()} told, ${dropped()} dropped of ${said}`,
  );
  assert(told() <= HELD, `${told()} lines were kept of ${said}`);
});

/** A client that calls synchronously all the time, and has no turn of its event loop to receive what functions log. */

import { assert } from "@std/assert";
import { LOG_LINES_PER_SECOND } from "../../runtime/policy.ts";
import type { LogLine } from "../../mod.ts";
import { ProcessHost } from "../support/processes/process_host.ts";
import { until } from "../support/waiting.ts";

/** The most lines that the keeper holds: those of one second, and one batch on its way. */
const MAX_HELD = LOG_LINES_PER_SECOND + 128;

Deno.test("lines for a thread whose event loop does not turn are dropped and counted", async () => {
  await using host = await ProcessHost.start();
  await using client = await host.connect();
  const lines: LogLine[] = [];
  const functions = new TextEncoder().encode(`
    export const log = (input, output, context) => (context.log("logged"), 0);
  `);
  await using lease = await client.lease({ functions, onLog: (line) => lines.push(line) });
  using call = lease.prepare("log", { bytes: 0, resultBytes: 0 });
  let logged = 0;
  const untilMs = performance.now() + 1000 * (MAX_HELD / LOG_LINES_PER_SECOND + 1);
  while (performance.now() < untilMs) {
    call.invokeSync(0);
    logged++;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
  }
  const received = () => lines.filter(({ worker }) => worker !== undefined).length;
  const dropped = () =>
    lines.reduce((sum, { text }) => sum + Number(/^(\d+) lines dropped$/.exec(text)?.[1] ?? 0), 0);
  await until(
    () => received() + dropped() === logged,
    () => `${received()} received, ${dropped()} dropped of ${logged}`,
  );
  assert(received() <= MAX_HELD, `${received()} lines were kept of ${logged}`);
});

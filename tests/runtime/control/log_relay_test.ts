import { assertEquals } from "@std/assert";
import { type LogBatch, LogRelay } from "../../../runtime/control/log_relay.ts";
import { LOG_LINES_PER_SECOND } from "../../../runtime/policy.ts";

Deno.test("`LogRelay` keeps the lines of one second for a stopped reader, empty ones included", async () => {
  const sent: LogBatch[] = [];
  const reading = Promise.withResolvers<void>();
  const relay = new LogRelay(async (batch) => {
    sent.push(batch);
    await reading.promise;
  });
  const total = 10 * LOG_LINES_PER_SECOND;
  for (let i = 0; i < total; i++) {
    relay.push({ lines: [{ worker: 0, level: "info", text: "" }], dropped: 0 });
  }
  reading.resolve();
  await new Promise((resolve) => setTimeout(resolve, 0));
  const lines = sent.reduce((sum, batch) => sum + batch.lines.length, 0);
  const dropped = sent.reduce((sum, batch) => sum + batch.dropped, 0);
  assertEquals({ lines, dropped }, {
    lines: LOG_LINES_PER_SECOND + 1, // the first one was in flight
    dropped: total - LOG_LINES_PER_SECOND - 1,
  });
});

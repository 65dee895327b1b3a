/** A terminal that closes sends SIGHUP to its processes; a command under nohup outlives it. */

import { assertEquals } from "@std/assert";
import { ShutdownSignal } from "../../cli/shutdown_signal.ts";
import { until } from "../support/waiting.ts";

const SCRIPT = `
  import { ShutdownSignal } from ${
  JSON.stringify(new URL("../../cli/shutdown_signal.ts", import.meta.url).href)
};
  using shutdown = new ShutdownSignal();
  shutdown.followTerminal();
  Deno.addSignalListener("SIGUSR2", () => console.log("received"));
  console.log("ready");
  await shutdown.requested;
  console.log(shutdown.signal.reason.message);
`;

/** The reason of the end: a SIGHUP or, where SIGHUP is ignored, a SIGTERM. */
async function endedBy(before: string): Promise<string> {
  const script = await Deno.makeTempFile({ prefix: "rfaas-test-", suffix: ".ts" });
  await Deno.writeTextFile(script, SCRIPT);
  try {
    const child = new Deno.Command("/bin/sh", {
      args: ["-c", `${before} exec "$0" "$@"`, Deno.execPath(), "run", "-A", "--quiet", script],
      stdin: "null",
      stdout: "piped",
    }).spawn();
    let last = "";
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      for (const line of text.trim().split("\n")) {
        last = line;
        if (line === "ready") child.kill("SIGHUP");
        if (line === "ready" && before !== "") child.kill("SIGUSR2"); // delivered after SIGHUP
        if (line === "received") child.kill("SIGTERM");
      }
    }
    assertEquals(await child.status, { success: true, code: 0, signal: null });
    return last;
  } finally {
    await Deno.remove(script);
  }
}

Deno.test("`ShutdownSignal` ends when its terminal closes", async () => {
  assertEquals(await endedBy(""), "Interrupted by SIGHUP");
});

Deno.test("`ShutdownSignal` outlives its terminal under nohup", async () => {
  assertEquals(await endedBy('trap "" HUP;'), "Interrupted by SIGTERM");
});

Deno.test("`ShutdownSignal` takes a signal that arrives twice at once for one request", async () => {
  using shutdown = new ShutdownSignal(() => 0); // the host may be slow between the two
  let received = 0;
  const count = () => void received++;
  Deno.addSignalListener("SIGTERM", count);
  try {
    for (const expected of [1, 2]) { // the second one would end this process
      Deno.kill(Deno.pid, "SIGTERM");
      await until(() => received === expected, () => `${expected} signals were received`);
      assertEquals([shutdown.signal.aborted, shutdown.isGraceful], [true, true]);
    }
  } finally {
    Deno.removeSignalListener("SIGTERM", count);
  }
});

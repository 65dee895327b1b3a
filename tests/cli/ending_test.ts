/** A terminal that closes sends SIGHUP to what runs there, but not to what was started to outlive it. */

import { assertEquals } from "@std/assert";

const SCRIPT = `
  import { Ending } from ${JSON.stringify(new URL("../../cli/ending.ts", import.meta.url).href)};
  using ending = new Ending();
  ending.followTerminal();
  Deno.addSignalListener("SIGUSR2", () => console.log("heard"));
  console.log("ready");
  await ending.asked;
  console.log(ending.signal.reason.message);
`;

/** What ended it, of a SIGHUP and then, should that do nothing, a SIGTERM. */
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
        if (line === "ready" && before !== "") child.kill("SIGUSR2"); // it comes after the other
        if (line === "heard") child.kill("SIGTERM");
      }
    }
    assertEquals(await child.status, { success: true, code: 0, signal: null });
    return last;
  } finally {
    await Deno.remove(script);
  }
}

Deno.test("Ending follows the terminal", async () => {
  assertEquals(await endedBy(""), "Cannot go on: SIGHUP was received");
});

Deno.test("Ending does not follow the terminal where nohup has told it not to", async () => {
  assertEquals(await endedBy('trap "" HUP;'), "Cannot go on: SIGTERM was received");
});

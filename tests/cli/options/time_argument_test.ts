/** Times in arguments. */
import { assertEquals } from "@std/assert";
import { rfaas } from "../../support/cluster/rfaas_command.ts";
import { tryParseTime } from "../../../cli/options/time_argument.ts";

const NOON_MS = Date.UTC(2026, 10, 1, 12);

Deno.test("`tryParseTime()` reads dates and times, of UTC unless they name their offset", () => {
  const times: Record<string, number> = {
    "2026-11-01T12:00Z": NOON_MS,
    "2026-11-01t12:00z": NOON_MS,
    "2026-11-01 12:00:00.250": NOON_MS + 250, // as `rfaas events` prints it
    "2026-11-01T14:00+02:00": NOON_MS,
    "2026-11-01": Date.UTC(2026, 10, 1),
    "2026-11": Date.UTC(2026, 10, 1),
    "1970-01-01": 0,
  };
  for (const [text, ms] of Object.entries(times)) assertEquals(tryParseTime(text), ms, text);
});

Deno.test("`tryParseTime()` takes nothing else for a time", () => {
  const others = [
    "",
    "10",
    "yesterday 1",
    "node-3",
    "1 Nov 2026",
    "2026-02-30",
    "2026-13-01",
    "2026-11-01T25:00",
    "2026-11-01T12:00 CET",
    "1969-12-31",
    " 2026-11-01",
  ];
  for (const text of others) assertEquals(tryParseTime(text), undefined, text);
});

Deno.test("no time zone of the host changes which time an argument names", async () => {
  const module = new URL("../../../cli/options/time_argument.ts", import.meta.url).href;
  const script = `import { tryParseTime } from ${JSON.stringify(module)};
    console.log(tryParseTime("2026-11-01 12:00"), Date.parse("2026-11-01 12:00"));`;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-check", script],
    env: { TZ: "Asia/Kathmandu", NO_COLOR: "1" },
  }).output();
  const [ms, local] = new TextDecoder().decode(stdout).trim().split(" ").map(Number);
  assertEquals([ms, local], [NOON_MS, NOON_MS - 345 * 60_000]);
});

Deno.test("a number without a unit is no time of rfaas bill and rfaas events", async () => {
  for (const command of ["bill", "events"]) {
    const { code, stderr } = await rfaas([command, "--since", "10"]);
    assertEquals([code, /Expected a .*time such as/.test(stderr)], [2, true], stderr);
  }
});

/** What commands print of foreign text and of secrets. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { table } from "../../cli/table.ts";
import { visibleText } from "../../cli/visible_text.ts";
import { shownUrl } from "../../runtime/http/shown_url.ts";
import { rfaas } from "../support/cluster/rfaas_command.ts";

Deno.test("`visibleText()` shows what a terminal would act on, and leaves the rest", () => {
  assertEquals(visibleText("\x1b[2J\r\0\x9b1m\u202eü✓"), "\\x1b[2J\\x0d\\x00\\x9b1m\\u202eü✓");
  assertEquals(table(["NAME"], [["\x1b]0;title\x07"]]), "NAME\n\\x1b]0;title\\x07");
});

Deno.test("`shownUrl()` shows neither passwords nor tokens", () => {
  assertEquals(shownUrl("https://ada:secret@host:1/path"), "https://***@host:1/path");
  assertEquals(shownUrl("http://host/@home"), "http://host/@home");
  assertEquals(shownUrl("rfaas_client_secret"), "a token");
});

Deno.test("an error shows neither control characters nor a token that was given as an address", async () => {
  const escape = await rfaas(["nodes", "--manager", "\x1b[31mred"], { env: { RFAAS_TOKEN: "x" } });
  assertMatch(escape.stderr, /^rfaas: Cannot use manager url: "\\x1b\[31mred" is not/);
  const token = await rfaas(["nodes", "--manager", "rfaas_client_secret"], {
    env: { RFAAS_TOKEN: "x" },
  });
  assertEquals(token.code, 1);
  assert(!token.stderr.includes("secret"), token.stderr);
});

Deno.test("`rfaas config show` prints no password", async () => {
  for (const format of [[], ["--json"]]) {
    const { stdout } = await rfaas(["config", "show", ...format], {
      env: { RFAAS_MANAGER: "https://ada:secret@host:1" },
    });
    assert(stdout.includes("https://***@host:1"), stdout);
    assert(!stdout.includes("secret"), stdout);
  }
});

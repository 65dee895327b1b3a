import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { idsOfRequest } from "../../../manager/resource/ids.ts";
import { KEEP_ENDED_MS } from "../../../manager/resource/policy.ts";
import { timeOrderedName } from "../../../runtime/grant/time_ordered_name.ts";

Deno.test("a time-ordered name begins with its time, and no two are the same", () => {
  const nowMs = Date.UTC(2026, 10, 30);
  const names = Array.from({ length: 1000 }, () => timeOrderedName(nowMs + 0.5));
  assert(names.every((name) => /^[0-9a-f]{32}$/.test(name)));
  assert(names.every((name) => parseInt(name.slice(0, 12), 16) === nowMs));
  assertEquals(new Set(names).size, names.length);
  assert(names[0]! < timeOrderedName(nowMs + 1));
});

Deno.test("the lease of a named request is next to those of the same time", () => {
  const nowMs = 10.5 * KEEP_ENDED_MS;
  const request = timeOrderedName(nowMs);
  const ids = idsOfRequest("ada", request, nowMs);
  for (const id of ids) {
    assert(/^[0-9a-f]{32}$/.test(id) && id.startsWith(request.slice(0, 12)), id);
  }
  assertNotEquals(...ids);
  assertEquals(idsOfRequest("ada", request, nowMs), ids, "a repeated request finds its lease");
  assertEquals(idsOfRequest("ada", request, nowMs + KEEP_ENDED_MS)[1], ids[0], "an hour later too");
  assertNotEquals(idsOfRequest("bob", request, nowMs)[0], ids[0], "each client has its own");
});

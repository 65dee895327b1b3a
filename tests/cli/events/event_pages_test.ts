/** How events are followed. */
import { assertEquals, assertRejects } from "@std/assert";
import { eventPages } from "../../../cli/events/event_pages.ts";
import type { EventList, EventPageQuery } from "../../../runtime/http/event_api.ts";
import { ManagerRefusedError } from "../../../runtime/http/manager_refused.ts";

/** A resource manager that gives these responses, and then ends the command. */
function follow(responses: readonly (string | Error)[], first: EventPageQuery) {
  const queries: EventPageQuery[] = [];
  const end = new AbortController();
  let resets = 0;
  const events = (query: EventPageQuery): Promise<EventList> => {
    const response = responses[queries.length];
    if (response === undefined) end.abort();
    else queries.push(query);
    if (typeof response === "string") {
      return Promise.resolve({ nowMs: 0, events: [], last: response, missed: 0 });
    }
    return Promise.reject(response ?? end.signal.reason);
  };
  const pages = eventPages({
    manager: { events },
    query: first,
    follow: true,
    signal: end.signal,
    onState: () => {},
    onReset: () => resets++,
  });
  return { queries, read: async () => (await Array.fromAsync(pages), resets) };
}

const behind = new ManagerRefusedError("after 70 is behind the last event, 3", 400, "bad-request");
const wait = { waitMs: 20_000 };

Deno.test("`eventPages()` begins anew when the state is an older one", async () => {
  const { queries, read } = follow(["70", behind, "3", "4"], { lease: "a", newest: 5 });
  assertEquals(await read(), 1);
  assertEquals(queries, [
    { lease: "a", newest: 5 },
    { lease: "a", after: "70", ...wait },
    { lease: "a", ...wait },
    { lease: "a", after: "3", ...wait },
  ]);
});

Deno.test("`eventPages()` fails with a refusal that a new begin does not change", async () => {
  const { queries, read } = follow(["70", behind, behind], {});
  await assertRejects(read, ManagerRefusedError, "is behind");
  assertEquals(queries.length, 3);
});

/** A candidate whose first attempts to lead fail. */
import { assertEquals, assertRejects } from "@std/assert";
import { getLogger } from "../../../manager/log.ts";
import { Candidate } from "../../../manager/resource/candidate.ts";
import type { Leadership } from "../../../manager/resource/leadership.ts";
import { Standby } from "../../../manager/resource/standby.ts";
import { MemoryStore } from "../../../manager/resource/store/memory_store.ts";
import {
  NotLeaderError,
  OutcomeUnknownError,
} from "../../../manager/resource/store/store_errors.ts";

/** Begins one whose books fail with some errors before they open. */
function beginWith(
  errors: Error[],
  options: Partial<Pick<Leadership, "begun" | "settle">> = {},
): Promise<Candidate> {
  const leadership = {
    handler: () => new Response("led"),
    begun() {},
    settle: () => Promise.resolve(),
    ...options,
    [Symbol.asyncDispose]() {},
  };
  return Candidate.begin({
    open: () => Promise.resolve(new MemoryStore()),
    begin: () => {
      const error = errors.shift();
      if (error !== undefined) return Promise.reject(error);
      return Promise.resolve(leadership as unknown as Leadership);
    },
    standby: new Standby({ ownUrl: undefined, bodyLimits: { bytes: 1, timeoutMs: 1 } }),
    log: getLogger(["rfaas", "test"]),
  });
}

Deno.test("a start goes on if another candidate took the term, or etcd did not respond for a while", async () => {
  const errors = [new NotLeaderError("http://other"), new OutcomeUnknownError("no response")];
  await using candidate = await beginWith(errors);
  const response = await candidate.handler(new Request("http://candidate/v1/leases"));
  assertEquals(await response.text(), "led");
});

Deno.test("a start ends with any other failure of the books", async () => {
  await assertRejects(() => beginWith([new Error("no token file")]), Error, "no token file");
});

Deno.test("a leader records its begin, and writes what it has kept at its end while it still responds", async () => {
  const respond = async () => {
    const response = await candidate.handler(new Request("http://candidate/v1/leases"));
    return response.status === 200 ? await response.text() : response.status;
  };
  const seen: unknown[] = [];
  const candidate = await beginWith([], {
    begun: () => void seen.push("begun"),
    settle: async () => void seen.push(await respond()),
  });
  await candidate[Symbol.asyncDispose]();
  seen.push(await respond());
  assertEquals(seen, ["begun", "led", 503]);
});

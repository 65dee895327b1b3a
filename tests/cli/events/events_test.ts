/** `rfaas events`. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { TextLineStream } from "@std/streams";
import { eventText } from "../../../cli/events/event_text.ts";
import type { ClusterEvent } from "../../../runtime/http/event_api.ts";
import { rfaas, spawnRfaas } from "../../support/cluster/rfaas_command.ts";
import { TestManager } from "../../support/manager/test_manager.ts";
import { within } from "../../support/waiting.ts";
import { freePorts } from "../../support/free_ports.ts";

const small = { workers: 1, memoryBytes: 2 ** 20, termMs: 60_000 };

Deno.test("rfaas events prints what happened as text and as JSON, and selects", async () => {
  await using test = await TestManager.start();
  const { node, epoch } = await test.register("here");
  const { lease } = await test.client.takeLease(small);
  await test.node.reportLease(node, lease, { epoch, state: "claimed", workers: 1 });
  await test.operator.drainNode(node, { graceMs: 1000 });
  const events = async (role: "operator" | "client", ...args: string[]) => {
    const env = { RFAAS_MANAGER: test.url, RFAAS_TOKEN: test.token(role) };
    const { code, stdout, stderr } = await rfaas(["events", ...args], { env });
    assertEquals({ code, stderr }, { code: 0, stderr: "" });
    return stdout.trimEnd().split("\n");
  };
  const time = String.raw`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} `;
  const ofLease = await events("operator", "--lease", lease);
  assertEquals(ofLease.map((line) => line.replace(new RegExp(time), "")), [
    ` lease-granted    lease ${lease} of client, 1 worker, by client client`,
    ` lease-claimed    lease ${lease} of client, on here, 1 worker, by node here`,
  ]);
  const ofNode = await events("operator", "--node", "here"); // it is lost in the end
  const drains = " node-drains      node here, grace period 1000 ms, by operator operator";
  assertMatch(ofNode[2]!, new RegExp(`${time}${drains}$`));
  const json = await events("operator", "--json");
  const all = json.map((line) => JSON.parse(line) as ClusterEvent);
  assertEquals(all, (await test.operator.events()).events.slice(0, all.length));
  const own = await events("client", "--since", "1h");
  assertEquals([own, await events("client", "--newest", "1")], [ofLease, ofLease.slice(1)]);
  assertEquals(await events("client", "--since", "2999-01-01"), ["No events"]);
  const wrong = await rfaas(["events", "--since", "yesterday"]);
  assertEquals(wrong.code, 2);
  assertMatch(wrong.stderr, /Expected a duration such as 10m, or a time such as/);
});

Deno.test("rfaas events --follow goes on across a restart of the resource manager, until Ctrl-C", async () => {
  const listen = [`http://127.0.0.1:${freePorts(1)[0]}`];
  const test = await TestManager.start({ listen });
  const env = { RFAAS_MANAGER: test.url, RFAAS_TOKEN: test.token("operator") };
  const child = spawnRfaas(["events", "--follow", "--json"], { env });
  const lines = child.stdout.pipeThrough(new TextDecoderStream())
    .pipeThrough(new TextLineStream()).getReader();
  const seqs: number[] = [];
  const next = async (event: string) => {
    for (;;) {
      const { value, done } = await within(60_000, `the event ${event}`, lines.read());
      assert(!done, "the command has ended");
      const found = JSON.parse(value) as ClusterEvent;
      seqs.push(found.seq);
      if (new RegExp(`^${event}$`).test(found.event)) return found;
    }
  };
  for (let n = 0; n < 5; n++) await next(".*"); // those of the start
  await test.register("here");
  assertEquals((await next("node-registered")).nodeName, "here");
  await test.stop();
  await using again = await TestManager.start({ listen }, test.dir);
  await next("manager-started");
  await again.register("there");
  assertEquals((await next("node-registered")).nodeName, "there");
  child.kill("SIGINT");
  const rest = await lines.read();
  const stderr = await new Response(child.stderr).text();
  assertEquals([rest.done, (await child.status).code], [true, 0]);
  assertMatch(stderr, /^Cannot reach resource manager at .*; trying again\nConnected again\n$/);
  assertEquals(seqs, seqs.map((_, at) => at + 1));
});

Deno.test("rfaas events --follow ends when nothing reads its output any more", async () => {
  await using test = await TestManager.start();
  const env = { RFAAS_MANAGER: test.url, RFAAS_TOKEN: test.token("operator") };
  const child = spawnRfaas(["events", "--follow"], { env });
  const reader = child.stdout.getReader();
  await reader.read();
  await reader.cancel();
  let isOver = false;
  const ended = child.status.finally(() => isOver = true);
  for (let n = 0; !isOver; n++) {
    await test.register(`node-${n}`); // only a write shows that the reader has gone
    assert(n < 1000, "the command goes on without a reader");
    await Promise.race([ended, test.operator.events({ waitMs: 1, newest: 1 })]);
  }
  assertEquals([(await ended).code, await new Response(child.stderr).text()], [0, ""]);
});

Deno.test("a refused request is a line with its client, size, reason and number", () => {
  const refused = {
    seq: 1,
    atMs: 0,
    event: "lease-refused",
    role: "client",
    by: "ada",
    client: "ada",
    workers: 64,
    code: "full",
    message: "no node has 64 free cores",
  };
  const why = "full: no node has 64 free cores, by client ada";
  const begin = "1970-01-01 00:00:00.000  lease-refused    64 workers";
  assertEquals(eventText({ ...refused, requests: 1 }), `${begin}, ${why}`);
  assertEquals(eventText({ ...refused, requests: 42 }), `${begin}, 42 requests, ${why}`);
});

Deno.test("an event with a hostile text does nothing to the terminal", () => {
  const text = eventText({
    seq: 1,
    atMs: 0,
    event: "lease-ended\x1b[2J",
    role: "node",
    by: "n\u202e1",
    lease: "a\nb",
    client: "eve\x07",
    node: "\x9b31m",
    workers: 1,
    code: "other",
    message: "\x1b]0;title\x07",
  });
  // deno-lint-ignore no-control-regex -- what a terminal acts on
  assert(!/[\x00-\x1f\x7f-\x9f\u202e]/.test(text), JSON.stringify(text));
  assertMatch(text, /^1970-01-01 00:00:00\.000 +lease-ended\\x1b\[2J .*\\u202e/);
});

/** A standby on etcd: it observes the leader, and takes the term when that one ends it. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { deadline } from "@std/async";
import {
  OBSERVE_EVERY_MS,
  TAKE_OVER_AFTER_MS,
} from "../../../../manager/resource/store/etcd/etcd_policy.ts";
import { StateUnavailableError } from "../../../../manager/state_dir.ts";
import { etcdFolder } from "../../../support/etcd_folder.ts";
import { EtcdMembers, etcdPath, needsEtcd } from "../../../support/manager/etcd_members.ts";
import { nodeRow } from "../../../support/manager/store_rows.ts";
import { limitMs } from "../../../support/time_factor.ts";
import { until } from "../../../support/waiting.ts";

const etcd = etcdPath === undefined ? undefined : await EtcdMembers.start();
globalThis.addEventListener("unload", () => etcd?.killAll());

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: name + needsEtcd, ignore: etcd === undefined, fn });
}

const fresh = () => etcdFolder(etcd!);

test("a standby observes the leader, and leads at once after its close", async () => {
  await using at = fresh();
  const first = await at.openDirectly({ url: "http://first" });
  const observed = new Set<string | null>();
  let times = 0;
  const opening = at.openDirectly({
    observed: ({ url }) => {
      observed.add(url);
      times++;
    },
  });
  await until(() => times > 1, () => "the leader is observed again and again");
  // Longer than a leader may be silent: a standby takes nothing from one that runs.
  await new Promise((resolve) => setTimeout(resolve, 2 * TAKE_OVER_AFTER_MS));
  assertEquals(await first.transact((tx) => tx.nodes()), []);
  assert(first.shared.leads());
  assertEquals([...observed], ["http://first"]);
  const startedMs = performance.now();
  await first.close();
  const second = await opening;
  const tookMs = performance.now() - startedMs;
  assert(tookMs < TAKE_OVER_AFTER_MS / 2, `it leads after ${tookMs} ms`);
  assert(!first.shared.leads() && second.shared.leads());
  await second.close();
});

test("a standby whose next look is far off leads as soon as its watch brings the end of the term", async () => {
  await using at = fresh();
  const first = await at.openDirectly();
  let watches = 0;
  at.proxy.fate = (path) => {
    if (path.endsWith("/watch")) watches++;
    return "pass";
  };
  const { setTimeout: real } = globalThis;
  try {
    const opening = at.openBehind();
    await until(() => watches > 0, () => "the standby watches");
    const set = (callback: () => void, ms: number) =>
      real(callback, ms === OBSERVE_EVERY_MS ? 2 ** 30 : ms);
    globalThis.setTimeout = set as typeof setTimeout;
    // The pause that has begun before ends, and so does that after it.
    await new Promise((resolve) => real(resolve, 4 * OBSERVE_EVERY_MS));
    await first.close();
    const second = await deadline(opening, limitMs(2000));
    await second.close();
  } finally {
    globalThis.setTimeout = real;
  }
});

test("a standby that is closed leaves the leader alone", async () => {
  await using at = fresh();
  const first = await at.openDirectly();
  const ended = new AbortController();
  const opening = at.openDirectly({ signal: ended.signal, observed: () => ended.abort() });
  await assertRejects(() => opening, DOMException);
  await first.transact((tx) => tx.putNode(nodeRow("a")));
  await first.close();
});

test("a standby that is closed while it takes the term ends it at once", async () => {
  await using at = fresh();
  const first = await at.openDirectly();
  const ended = new AbortController();
  const observed = Promise.withResolvers<void>();
  const opening = at.openBehind({ signal: ended.signal, observed: () => observed.resolve() });
  opening.catch(() => {}); // awaited below
  await observed.promise;
  at.proxy.fate = (_, body) => {
    if (body.includes("request_put")) ended.abort(new Error("closed"));
    return "pass";
  };
  await first.close();
  await assertRejects(() => opening, StateUnavailableError, "closed");
  const startedMs = performance.now();
  const third = await at.openDirectly();
  const tookMs = performance.now() - startedMs;
  assert(tookMs < TAKE_OVER_AFTER_MS / 2, `another one leads after ${tookMs} ms`);
  await third.close();
});

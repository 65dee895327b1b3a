/**
 * Resource managers and members of etcd that are killed, stopped, restarted and cut off from each other at random, while
 * clients take, renew and release leases. RFAAS_CHAOS_SECONDS sets the time, RFAAS_SEED the faults.
 */

import { assert } from "@std/assert";
import { randomFrom } from "../../examples/shared/random.ts";
import { EtcdMembers, etcdPath, needsEtcd } from "../support/manager/etcd_members.ts";
import { EtcdProxy } from "../support/manager/etcd_proxy.ts";
import { pause } from "../support/manager/fake_node.ts";
import { LeaseLoad } from "../support/manager/lease_load.ts";
import { ManagerGroup } from "../support/manager/manager_group.ts";
import { printedSeed } from "../support/seed.ts";
import { until } from "../support/waiting.ts";

const SECONDS = Number(Deno.env.get("RFAAS_CHAOS_SECONDS") || 8);
const IS_LONG = SECONDS >= 60;
const MIN_GRANTED = 10;
const MIN_FAULTS = 2;
const SIZE = { nodes: IS_LONG ? 4 : 2, cores: 6, clients: IS_LONG ? 20 : 8 };

Deno.test({
  name: `no acknowledged lease is lost and no core is lent twice under random faults${needsEtcd}`,
  ignore: etcdPath === undefined,
  fn: async () => {
    const random = randomFrom(printedSeed("manager chaos"));
    await using members = await EtcdMembers.start({ size: 3 });
    await using proxies = new AsyncDisposableStack();
    /** The way of each manager to each member. */
    const links = Array.from(
      { length: 3 },
      () => members.addresses.map((member) => proxies.use(new EtcdProxy(member))),
    );
    const storeOf = (at: number) =>
      `etcd://${links[at]!.map(({ address }) => address).join()}/chaos`;
    await using group = await ManagerGroup.start(3, storeOf);
    using load = await LeaseLoad.open(group, { ...SIZE, random });
    const any = () => Math.floor(random() * 3);
    /** More often the leader: the others do nothing that can go wrong. */
    const anyManager = async () => {
      if (random() < 0.3) return any();
      // On a busy host etcd itself may have no leader for a while.
      const leader = await group.leader().catch(() => undefined);
      return leader === undefined ? any() : group.members.indexOf(leader);
    };
    /** Often longer than it takes to replace a leader. */
    const long = () => pause(300 + random() * 1200);
    /** A start that finds no etcd for 10 s ends, as the network is cut or the host is busy. */
    const restarted = async (at: number) => {
      for (let left = 5;; left--) {
        try {
          return await group.restart(at);
        } catch (error) {
          if (left === 0 || !String(error).includes("Cannot reach etcd")) throw error;
        }
      }
    };
    const faults: (() => Promise<void>)[] = [
      async () => {
        const at = await anyManager();
        await group.members[at]!.kill(random() < 0.5 ? "SIGKILL" : "SIGTERM");
        await pause(random() * 500);
        await restarted(at);
      },
      async () => {
        const member = group.members[await anyManager()]!;
        member.signal("SIGSTOP");
        await long();
        member.signal("SIGCONT");
      },
      async () => {
        const cut = links[await anyManager()]!;
        const drops = random() < 0.5;
        for (const link of cut) drops ? link.drop() : link.cut();
        await long();
        for (const link of cut) link.heal();
      },
      async () => {
        const lossy = links[await anyManager()]!;
        const lose = () => random() < 0.3 ? "lose response" : "pass";
        for (const link of lossy) link.fate = lose;
        await long();
        for (const link of lossy) link.heal();
      },
      async () => {
        const at = any();
        await members.kill(at);
        await pause(random() * 500);
        await members.run(at);
        await until(() => members.isHealthy(), () => "etcd is healthy", 10_000);
      },
      async () => {
        const at = any();
        members.signal(at, "SIGSTOP");
        await pause(random() * 1500);
        members.signal(at, "SIGCONT");
      },
    ];
    let count = 0;
    const startedMs = performance.now();
    /** A busy host needs longer than the time that was set. */
    const isOver = () => {
      const seconds = (performance.now() - startedMs) / 1000;
      const isEnough = load.counts.granted >= MIN_GRANTED && count >= MIN_FAULTS;
      return seconds > SECONDS && (isEnough || seconds > 4 * SECONDS);
    };
    await load.during(async () => {
      while (!isOver()) {
        await faults[Math.floor(random() * faults.length)]!();
        count++;
        await pause(random() * 1000);
      }
    });
    console.log(JSON.stringify({ ...load.counts, faults: count }));
    load.checkHistory();
    await load.checkHeld();
    // The next leader has what is in etcd, and not what the last one had in memory.
    await (await group.leader()).kill();
    await load.checkHeld();
    await load.checkFree();
    assert(load.counts.granted > 0 && count > 0, JSON.stringify(load.counts));
  },
});

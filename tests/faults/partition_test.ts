/**
 * Three resource managers and three members of etcd, each on a host of its own, while the network between some of them
 * drops all packets. Clients take, renew and release leases meanwhile.
 */
import { EtcdMembers, etcdPath, needsEtcd } from "../support/manager/etcd_members.ts";
import { LeaseLoad } from "../support/manager/lease_load.ts";
import { ManagerGroup } from "../support/manager/manager_group.ts";
import { needsHosts, OUTSIDE, TestHosts } from "../support/manager/test_hosts.ts";
import { until } from "../support/waiting.ts";

const MEMBERS = [0, 1, 2];
const MANAGERS = [3, 4, 5];

/** How long a leader may be unreachable for all but etcd: longer than an election takes. */
const UNREACHABLE_MS = 1500;

Deno.test({
  name:
    `no acknowledged lease is lost, no core is lent twice and grants go on when a network is cut${
      needsEtcd || needsHosts
    }`,
  ignore: etcdPath === undefined || needsHosts !== "",
  fn: async (t) => {
    await using hosts = await TestHosts.create(MEMBERS.length + MANAGERS.length);
    const hostOf = (at: number) => ({ address: hosts.addressOf(at), command: hosts.command(at) });
    await using members = await EtcdMembers.start({ hosts: MEMBERS.map(hostOf) });
    await using group = await ManagerGroup.start(3, members.store(), [], MANAGERS.map(hostOf));
    using load = await LeaseLoad.open(group, {
      nodes: 2,
      cores: 4,
      clients: 6,
      random: Math.random,
    });
    /** Waits for grants of requests that are sent from now on. */
    const granted = async (what: string) => {
      // Each client may have one whose response is on its way.
      const enough = load.counts.granted + 10;
      await until(() => load.counts.granted >= enough, () => `leases are granted ${what}`, 15_000);
    };
    const leading = async () => {
      const leader = await group.leader();
      return { leader, at: MANAGERS[group.members.indexOf(leader)]! };
    };
    const othersLead = async (cut: (leader: number) => Promise<void>) => {
      const { leader, at } = await leading();
      await cut(at);
      await group.leader(group.members.filter((member) => member !== leader));
      await granted("while the old leader is cut off");
      await hosts.heal();
      await granted("after the network is back");
    };
    const step = (name: string, disturb: () => Promise<void>) =>
      t.step(name, async () => {
        await load.during(disturb);
        load.checkHistory();
        await load.checkHeld();
      });

    await step(
      "between the leader and etcd",
      () => othersLead((leader) => hosts.cut([leader], MEMBERS)),
    );
    await step(
      "from etcd to the leader, whose requests arrive",
      () => othersLead((leader) => hosts.drop(MEMBERS, [leader])),
    );
    await step("between the leader and all but etcd", async () => {
      const { at } = await leading();
      const others = MANAGERS.filter((each) => each !== at);
      await hosts.cut([at], [OUTSIDE, ...others]);
      await new Promise((resolve) => setTimeout(resolve, UNREACHABLE_MS));
      await hosts.heal();
      await granted("after the network is back");
    });
    for (const member of MEMBERS) {
      await step(`between member ${member} and the other members`, async () => {
        await hosts.cut([member], MEMBERS.filter((other) => other !== member));
        await granted("while the member is cut off");
        await hosts.heal();
        await granted("after the network is back");
      });
    }
    await (await group.leader()).kill();
    await load.checkHeld();
    await load.checkFree();
  },
});

/**
 * Hosts on a network of their own, as network namespaces of this host, whose packets to each other can be dropped. Their
 * switch is a namespace too, so that rules of this host's firewall apply to none of them.
 */
import { commandOutput } from "../../../scripts/vm/command_output.ts";

/** The host of the test itself. */
export const OUTSIDE = -1;

const isPossible = Deno.uid() === 0 &&
  await commandOutput(["unshare", "--net", "iptables", "--list"]).then(() => true, () => false);
/** The end of a test's name where it is skipped. */
export const needsHosts: string = isPossible ? "" : " (needs root and iptables)";

/** Some hosts, and the host of the test. */
export class TestHosts implements AsyncDisposable {
  readonly #base = `rfaas-${Deno.pid}`;
  /** A network for each test process. */
  readonly #network = `10.${100 + Deno.pid % 100}.${Math.floor(Deno.pid / 100) % 256}`;
  readonly #count: number;

  private constructor(count: number) {
    this.#count = count;
  }

  static async create(count: number): Promise<TestHosts> {
    const hosts = new TestHosts(count);
    try {
      await hosts.#create();
    } catch (error) {
      await hosts[Symbol.asyncDispose]();
      throw error;
    }
    return hosts;
  }

  /** The IP address of a host. */
  addressOf(at: number): string {
    return `${this.#network}.${at + 2}`;
  }

  /** The begin of a command that runs on a host. */
  command(at: number): [string, ...string[]] {
    return ["nsenter", `--net=/run/netns/${this.#nameOf(at)}`];
  }

  /** Drops all packets from the one hosts to the others. */
  async drop(from: readonly number[], to: readonly number[]): Promise<void> {
    for (const source of from) {
      for (const target of to) {
        const [at, ...rule] = target === OUTSIDE
          ? [source, "OUTPUT", "--destination", this.addressOf(target)] as const
          : [target, "INPUT", "--source", this.addressOf(source)] as const;
        await this.#iptables(at, "--append", ...rule, "--jump", "DROP");
      }
    }
  }

  /** Drops all packets between the one hosts and the others. */
  async cut(some: readonly number[], others: readonly number[]): Promise<void> {
    await this.drop(some, others);
    await this.drop(others, some);
  }

  /** Drops no packets any more. */
  async heal(): Promise<void> {
    for (let at = 0; at < this.#count; at++) await this.#iptables(at, "--flush");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The interfaces go with the namespaces.
    for (let at = OUTSIDE; at < this.#count; at++) {
      await commandOutput(["ip", "netns", "delete", this.#nameOf(at)]).catch(() => {});
    }
  }

  async #create(): Promise<void> {
    const ip = (command: string) => commandOutput(["ip", ...command.split(" ")]);
    const network = this.#nameOf(OUTSIDE);
    await ip(`netns add ${network}`);
    await ip(`-n ${network} link add switch type bridge`);
    await ip(`-n ${network} link set switch up`);
    for (let at = OUTSIDE; at < this.#count; at++) {
      const port = `port${at + 1}`;
      const link = `rf${Deno.pid}.${at + 1}`;
      const inside = at === OUTSIDE ? "" : `-n ${this.#nameOf(at)} `;
      if (at !== OUTSIDE) {
        await ip(`netns add ${this.#nameOf(at)}`);
        await ip(`${inside}link set lo up`);
      }
      await ip(`${inside}link add ${link} type veth peer name ${port} netns ${network}`);
      await ip(`${inside}address add ${this.addressOf(at)}/24 dev ${link}`);
      await ip(`${inside}link set ${link} up`);
      await ip(`-n ${network} link set ${port} master switch up`);
    }
  }

  async #iptables(at: number, ...args: string[]): Promise<void> {
    await commandOutput([...this.command(at), "iptables", "--wait", ...args]);
  }

  #nameOf(at: number): string {
    return `${this.#base}-${at === OUTSIDE ? "switch" : at}`;
  }
}

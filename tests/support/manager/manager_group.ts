/** Several resource managers with one store, as processes. */

import type { Role } from "../../../manager/resource/store/store.ts";
import { ManagerClient } from "../../../runtime/http/manager_client.ts";
import { ResourceManagerProcess } from "../processes/resource_manager_process.ts";
import { until } from "../waiting.ts";
import type { MemberHost } from "./etcd_members.ts";

/** The resource managers of one cluster. */
export class ManagerGroup implements AsyncDisposable {
  readonly members: ResourceManagerProcess[] = [];
  readonly #folder: string;
  readonly #store: (at: number) => string;
  readonly #args: readonly string[];
  readonly #hosts: readonly MemberHost[];

  private constructor(
    folder: string,
    store: (at: number) => string,
    args: readonly string[],
    hosts: readonly MemberHost[],
  ) {
    this.#folder = folder;
    this.#store = store;
    this.#args = args;
    this.#hosts = hosts;
  }

  /**
   * Starts them one after the other, so that the first one leads.
   *
   * @param store the address of the store, or the one that each of them uses.
   * @param hosts where they run. @default on this host
   */
  static async start(
    count: number,
    store: string | ((at: number) => string),
    args: readonly string[] = [],
    hosts: readonly MemberHost[] = [],
  ): Promise<ManagerGroup> {
    const folder = await Deno.makeTempDir({ prefix: "rfaas-test-" });
    const storeOf = typeof store === "string" ? () => store : store;
    const group = new ManagerGroup(folder, storeOf, args, hosts);
    for (let at = 0; at < count; at++) await group.add();
    return group;
  }

  /** The addresses of all that were started. */
  get url(): string {
    return this.members.map(({ url }) => url).join();
  }

  /** The state folder of one. */
  stateDir(at: number): string {
    return `${this.#folder}/${at}`;
  }

  /** Starts another one. */
  async add(): Promise<ResourceManagerProcess> {
    const at = this.members.length;
    const stateDir = `${this.#folder}/${at}`;
    await Deno.mkdir(stateDir, { mode: 0o700 });
    if (at > 0) await Deno.copyFile(`${this.#folder}/0/store.key`, `${stateDir}/store.key`);
    const host = this.#hosts[at];
    const member = await ResourceManagerProcess.start(stateDir, {
      args: ["--store", this.#store(at), ...this.#args],
      ...(host === undefined ? {} : { listen: `http://${host.address}:0`, wrapper: host.command }),
    });
    this.members.push(member);
    return member;
  }

  /** Starts one of this host again that has ended, at its address. */
  async restart(at: number): Promise<ResourceManagerProcess> {
    const args = ["--store", this.#store(at), ...this.#args];
    const listen = this.members[at]!.url;
    const member = await ResourceManagerProcess.start(`${this.#folder}/${at}`, { args, listen });
    this.members[at] = member;
    return member;
  }

  /** The text of a role's first token, which all have. */
  token(role: Role): string {
    return this.members[0]!.token(role);
  }

  /** A client of all of them, which the caller closes. */
  as(role: Role): ManagerClient {
    return new ManagerClient({ url: this.url, token: this.token(role) });
  }

  /** The one that leads. */
  async leader(
    among: readonly ResourceManagerProcess[] = this.members,
  ): Promise<ResourceManagerProcess> {
    let found: ResourceManagerProcess | undefined;
    const find = async () => {
      for (const member of among) {
        const response = await fetch(`${member.url}/v1/health`).catch(() => undefined);
        if ((await response?.json())?.role === "leader") found = member;
      }
      return found !== undefined;
    };
    await until(find, () => `one of them leads: ${among.map(({ log }) => log).join("\n---\n")}`);
    return found!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.members.map((member) => member.kill()));
    await Deno.remove(this.#folder, { recursive: true });
  }
}

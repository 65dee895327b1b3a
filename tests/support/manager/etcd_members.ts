/** Members of an etcd cluster as processes on this host. */

import { freePorts } from "../free_ports.ts";
import { firstLine } from "../../../cli/children/first_line.ts";
import { ETCD, findProgram } from "../../../scripts/unpacked_package.ts";
import type { CertificateFiles } from "./certificate.ts";
import { until } from "../waiting.ts";

/** The path of etcd; undefined if this host has none. */
export const etcdPath: string | undefined = await findProgram(ETCD);
/** The end of a test's name where it is skipped. */
export const needsEtcd: string = etcdPath === undefined ? " (needs etcd)" : "";

/** A failed member is replaced within 0.3 s, and not within the usual 1.3 s. */
const QUICK = ["--heartbeat-interval", "20", "--election-timeout", "200"];
/** Prints the number of the member's process, and ends it with the test, however the test ends. */
const WRAPPER = `"$0" "$@" < /dev/null > "$LOG" 2>&1 &
  trap "kill -9 $!; exit" HUP INT TERM
  echo $!
  read -r _
  kill -9 $!`;

/** The host of a member, if it is not this one. */
export interface MemberHost {
  /** Its IP address. */
  readonly address: string;
  /** The begin of a command that runs there. */
  readonly command: readonly string[];
}

/** One member. */
interface Member {
  readonly child: Deno.ChildProcess;
  readonly pid: number;
}

/** A cluster with an empty store. */
export class EtcdMembers implements AsyncDisposable {
  /** HOST:PORT of each member. */
  readonly addresses: readonly string[];
  readonly #peers: readonly string[];
  readonly #dir: string;
  readonly #args: readonly string[];
  readonly #hosts: readonly MemberHost[];
  readonly #members: (Member | undefined)[];
  /** The client for TLS. */
  readonly #http: Deno.HttpClient | undefined;

  private constructor(
    dir: string,
    addresses: readonly string[],
    peers: readonly string[],
    args: readonly string[],
    hosts: readonly MemberHost[],
    tls: CertificateFiles | undefined,
  ) {
    this.#dir = dir;
    this.addresses = addresses;
    this.#peers = peers;
    this.#args = args;
    this.#hosts = hosts;
    this.#members = addresses.map(() => undefined);
    if (tls === undefined) return;
    const cert = Deno.readTextFileSync(tls.certFile);
    const key = Deno.readTextFileSync(tls.keyFile);
    this.#http = Deno.createHttpClient({ caCerts: [cert], cert, key });
  }

  /** Starts a cluster, and waits until it accepts writes. */
  static async start(
    { size = 1, args = [], hosts = [], tls }: {
      size?: number;
      args?: readonly string[];
      /** The hosts of the members. */
      hosts?: readonly MemberHost[];
      /** The certificate for clients, which is its own authority. The flags of etcd are in `args`. */
      tls?: CertificateFiles;
    } = {},
  ): Promise<EtcdMembers> {
    const dir = await Deno.makeTempDir({ prefix: "rfaas-test-" });
    const local = freePorts(2 * size).map((port) => `127.0.0.1:${port}`);
    const at = (port: number) => hosts.map(({ address }) => `${address}:${port}`);
    const [clients, peers] = hosts.length === 0
      ? [local.slice(0, size), local.slice(size)]
      : [at(2379), at(2380)];
    const members = new EtcdMembers(dir, clients, peers, args, hosts, tls);
    await Promise.all(members.addresses.map((_, at) => members.run(at)));
    await until(() => members.isHealthy(), () => "etcd is healthy", 15_000);
    return members;
  }

  /** The address of a store on this cluster. */
  store(prefix = `/${crypto.randomUUID()}`): string {
    return `etcd://${this.addresses.join(",")}${prefix}`;
  }

  /** Runs a member, a new one or one that ended. */
  async run(at: number): Promise<void> {
    const [client, peer] = [this.#urlOf(at), `http://${this.#peers[at]}`];
    const child = new Deno.Command("/bin/sh", {
      args: [
        ...["-c", WRAPPER, ...this.#hosts[at]?.command ?? [], etcdPath!, "--name", `m${at}`],
        ...["--data-dir", `${this.#dir}/m${at}`],
        ...["--listen-client-urls", client, "--advertise-client-urls", client],
        ...["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer],
        ...["--initial-cluster", this.#cluster],
        ...QUICK,
        ...this.#args,
      ],
      env: { LOG: `${this.#dir}/m${at}.log` },
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#members[at] = { child, pid: Number(await firstLine(child.stdout)) };
  }

  /** Whether a majority accepts writes. */
  async isHealthy(): Promise<boolean> {
    for (const at of this.addresses.keys()) {
      const options = { signal: AbortSignal.timeout(500), ...this.#clientOption };
      const response = await fetch(`${this.#urlOf(at)}/health`, options).catch(() => undefined);
      if ((await response?.text())?.includes("true")) return true;
    }
    return false;
  }

  /** The member that leads. */
  async leader(): Promise<number> {
    let found = -1;
    const find = async () => {
      for (const at of this.addresses.keys()) {
        const options = { signal: AbortSignal.timeout(500), ...this.#clientOption };
        const url = `${this.#urlOf(at)}/v3/maintenance/status`;
        const response = await fetch(url, { method: "POST", body: "{}", ...options })
          .catch(() => undefined);
        const { header, leader } = await response?.json() ?? {};
        if (header?.member_id !== undefined && header.member_id === leader) found = at;
      }
      return found >= 0;
    };
    await until(find, () => "a member of etcd leads", 15_000);
    return found;
  }

  /** Saves a snapshot. */
  async save(file: string): Promise<void> {
    await etcdctl("--endpoints", this.#urlOf(0), "snapshot", "save", file);
  }

  /** Ends all members, and runs them with the rows of a snapshot. */
  async restore(file: string): Promise<void> {
    for (const at of this.addresses.keys()) {
      await this.kill(at);
      await Deno.remove(`${this.#dir}/m${at}`, { recursive: true });
      await etcdctl(
        ...["snapshot", "restore", file, "--name", `m${at}`, "--data-dir", `${this.#dir}/m${at}`],
        ...["--initial-cluster", this.#cluster],
        ...["--initial-advertise-peer-urls", `http://${this.#peers[at]}`],
      );
    }
    await Promise.all(this.addresses.map((_, at) => this.run(at)));
    await until(() => this.isHealthy(), () => "etcd is healthy", 15_000);
  }

  /** Makes a user that may do everything, and refuses requests without a user from then on. */
  async addRoot(password: string): Promise<void> {
    const post = async (path: string, body: unknown) => {
      const options = { method: "POST", body: JSON.stringify(body), ...this.#clientOption };
      const response = await fetch(`${this.#urlOf(0)}/v3/auth/${path}`, options);
      const text = await response.text();
      if (!response.ok) throw new Error(`Cannot add user: ${text}`);
    };
    await post("user/add", { name: "root", password });
    await post("user/grant", { user: "root", role: "root" });
    await post("enable", {});
  }

  get #cluster(): string {
    return this.#peers.map((each, n) => `m${n}=http://${each}`).join();
  }

  #urlOf(at: number): string {
    return `${this.#http === undefined ? "http" : "https"}://${this.addresses[at]}`;
  }

  get #clientOption(): { client?: Deno.HttpClient } {
    return this.#http === undefined ? {} : { client: this.#http };
  }

  signal(at: number, signal: Deno.Signal): void {
    Deno.kill(this.#members[at]!.pid, signal);
  }

  /** Ends a member without any warning. */
  async kill(at: number): Promise<void> {
    const member = this.#members[at];
    if (member === undefined) return;
    this.#members[at] = undefined;
    await member.child.stdin.close();
    await member.child.status;
  }

  /** Ends all members at the end of a test process, where nothing can be awaited. */
  killAll(): void {
    for (const member of this.#members) if (member !== undefined) Deno.kill(member.pid, "SIGKILL");
    Deno.removeSync(this.#dir, { recursive: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#members.map((_, at) => this.kill(at)));
    this.#http?.close();
    await Deno.remove(this.#dir, { recursive: true });
  }
}

async function etcdctl(...args: string[]): Promise<void> {
  const env = { ETCDCTL_API: "3" };
  const { success, stderr } = await new Deno.Command("etcdctl", { args, env, stdin: "null" })
    .output();
  if (!success) throw new Error(`Cannot run etcdctl: ${new TextDecoder().decode(stderr)}`);
}

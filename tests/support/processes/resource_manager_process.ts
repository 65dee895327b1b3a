/** The process of `rfaas resource-manager`, for tests that attack, stop and kill it. */

import { firstLine } from "../../../cli/children/first_line.ts";
import type { Role } from "../../../manager/resource/store/store.ts";
import { ManagerClient } from "../../../runtime/http/manager_client.ts";
import { limitMs } from "../time_factor.ts";
import { until } from "../waiting.ts";

const CLI = new URL("../../../cli.ts", import.meta.url).href;

/** Calls a function with a temporary folder, which is removed afterwards. */
export async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "rfaas-test-" });
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

export class ResourceManagerProcess implements AsyncDisposable {
  readonly url: string;
  /** Where its metrics are, if it serves them. */
  readonly metricsUrl: string | undefined;
  /** Its standard error so far, which is its log at the level debug. */
  log = "";
  readonly #child: Deno.ChildProcess;
  readonly #stateDir: string;
  readonly #reading: Promise<void>;

  private constructor(
    child: Deno.ChildProcess,
    { urls: [url], metrics }: { urls: [string]; metrics?: string },
    stateDir: string,
  ) {
    this.#child = child;
    this.url = url;
    this.metricsUrl = metrics;
    this.#stateDir = stateDir;
    this.#reading = this.#read();
  }

  /**
   * Starts one, by default on a free port.
   *
   * @param options.runFlags flags of `deno run`.
   * @param options.openFiles the limit of open files.
   * @param options.wrapper the begin of the command, such as one that enters a namespace.
   */
  static async start(
    stateDir: string,
    options: {
      env?: Record<string, string>;
      runFlags?: string[];
      args?: string[];
      openFiles?: number;
      listen?: string;
      wrapper?: readonly string[];
    } = {},
  ): Promise<ResourceManagerProcess> {
    const { env = {}, runFlags = [], args = [], wrapper = [], openFiles } = options;
    const { listen: at = "http://127.0.0.1:0" } = options;
    const limit = openFiles === undefined ? "" : `ulimit -n ${openFiles};`;
    const listen = ["--listen", at, "--state", stateDir, "--json"];
    const child = new Deno.Command("/bin/sh", {
      args: [
        ...["-c", `${limit} exec "$@"`, "sh", ...wrapper, Deno.execPath()],
        ...["run", "--allow-all", "--quiet", ...runFlags, CLI, "resource-manager", ...listen],
        ...["--log-level", "debug", ...args],
      ],
      env: { NO_COLOR: "1", ...env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const line = await firstLine(child.stdout);
    if (line === undefined) {
      const text = await new Response(child.stderr).text();
      await child.status;
      throw new Error(`Cannot start the resource manager: ${text}`);
    }
    return new ResourceManagerProcess(child, JSON.parse(line), stateDir);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** The text of the first token of a role. */
  token(role: Role): string {
    return Deno.readTextFileSync(`${this.#stateDir}/${role}.token`).trim();
  }

  /** A new client, which the caller closes. */
  as(role: Role, token = this.token(role)): ManagerClient {
    return new ManagerClient({ url: this.url, token, timeoutMs: limitMs(5000) });
  }

  /** Opens a TCP connection. */
  dial(): Promise<Deno.TcpConn> {
    const { hostname, port } = new URL(this.url);
    return Deno.connect({ hostname, port: Number(port) });
  }

  /** The number of its open descriptors. */
  descriptors(): number {
    return [...Deno.readDirSync(`/proc/${this.pid}/fd`)].length;
  }

  /** Its resident memory in bytes. */
  residentBytes(): number {
    const text = Deno.readTextFileSync(`/proc/${this.pid}/status`);
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(text)![1]) * 1024;
  }

  /** Waits until it has no more descriptors than before, since connections close with a delay. */
  async settlesTo(descriptors: number): Promise<void> {
    await until(
      () => this.descriptors() <= descriptors,
      () => `${this.descriptors()} descriptors are open, ${descriptors} were open before`,
    );
  }

  signal(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  async kill(signal: Deno.Signal = "SIGKILL"): Promise<void> {
    try {
      this.#child.kill(signal);
    } catch {
      // it has ended
    }
    await this.#child.status;
    await this.#reading;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  async #read(): Promise<void> {
    for await (const text of this.#child.stderr.pipeThrough(new TextDecoderStream())) {
      this.log += text;
    }
  }
}

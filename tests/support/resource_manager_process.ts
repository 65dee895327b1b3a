/** `rfaas resource-manager` as a process that tests attack, stop and kill; its log is kept. */

import { firstLine } from "../../cli/first_line.ts";
import type { Role } from "../../manager/resource/store.ts";
import { ManagerClient } from "../../runtime/http/manager_client.ts";
import { until } from "./process_table.ts";

const CLI = new URL("../../cli.ts", import.meta.url).href;

/** Gives a folder that goes away afterwards. */
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
  /** All that it has written to standard error so far: its log, down to debug. */
  log = "";
  readonly #child: Deno.ChildProcess;
  readonly #stateDir: string;
  readonly #reading: Promise<void>;

  private constructor(child: Deno.ChildProcess, url: string, stateDir: string) {
    this.#child = child;
    this.url = url;
    this.#stateDir = stateDir;
    this.#reading = this.#read();
  }

  /** Starts one on a free port. @param runFlags of `deno run`. @param openFiles that it may have. */
  static async start(
    stateDir: string,
    options: {
      env?: Record<string, string>;
      runFlags?: string[];
      args?: string[];
      openFiles?: number;
    } = {},
  ): Promise<ResourceManagerProcess> {
    const { env = {}, runFlags = [], args = [], openFiles } = options;
    const limit = openFiles === undefined ? "" : `ulimit -n ${openFiles};`;
    const listen = ["--listen", "http://127.0.0.1:0", "--state", stateDir, "--json"];
    const child = new Deno.Command("/bin/sh", {
      args: [
        ...["-c", `${limit} exec "$0" "$@"`, Deno.execPath()],
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
    return new ResourceManagerProcess(child, JSON.parse(line).urls[0], stateDir);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** The text of the first token of a role. */
  token(role: Role): string {
    return Deno.readTextFileSync(`${this.#stateDir}/${role}.token`).trim();
  }

  /** A client of it; the caller closes it. */
  as(role: Role, token = this.token(role)): ManagerClient {
    return new ManagerClient({ url: this.url, token });
  }

  /** Opens a TCP connection to it. */
  dial(): Promise<Deno.TcpConn> {
    const { hostname, port } = new URL(this.url);
    return Deno.connect({ hostname, port: Number(port) });
  }

  /** Its open descriptors. */
  descriptors(): number {
    return [...Deno.readDirSync(`/proc/${this.pid}/fd`)].length;
  }

  /** Its resident memory in bytes. */
  residentBytes(): number {
    const text = Deno.readTextFileSync(`/proc/${this.pid}/status`);
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(text)![1]) * 1024;
  }

  /** Waits until it has no more descriptors than before: connections are closed in their own time. */
  async settlesTo(descriptors: number): Promise<void> {
    await until(
      () => this.descriptors() <= descriptors,
      () => `${this.descriptors()} descriptors are open, ${descriptors} were before`,
    );
  }

  signal(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  async kill(signal: Deno.Signal = "SIGKILL"): Promise<void> {
    try {
      this.#child.kill(signal);
    } catch {
      // it had ended
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

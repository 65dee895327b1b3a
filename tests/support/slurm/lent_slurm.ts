/** A Slurm cluster whose nodes are lent by the hooks of integrations/slurm. */

import type { PoolOptions } from "../../../manager/executor/executors/executor_pool.ts";
import { ManagerClient } from "../../../runtime/http/manager_client.ts";
import type { NodeEntry } from "../../../runtime/http/manager_api.ts";
import { type Outcome, rfaas } from "../cluster/rfaas_command.ts";
import { ProcessHost } from "../processes/process_host.ts";
import { until } from "../waiting.ts";
import { SlurmCluster, type SlurmOptions } from "./slurm_cluster.ts";

const ROOT = new URL("../../../", import.meta.url);

export class LentSlurm implements AsyncDisposable {
  readonly host: ProcessHost;
  readonly slurm: SlurmCluster;
  readonly #cleanUp: AsyncDisposableStack;
  readonly #hookToken: string;

  private constructor(
    host: ProcessHost,
    slurm: SlurmCluster,
    cleanUp: AsyncDisposableStack,
    hookToken: string,
  ) {
    this.host = host;
    this.slurm = slurm;
    this.#cleanUp = cleanUp;
    this.#hookToken = hookToken;
  }

  /** Starts both, with nodes `node-0` and so on, which are drained until something lends them. */
  static async start(
    { nodes, pool, ...options }:
      & { nodes: number; pool?: PoolOptions }
      & Omit<
        SlurmOptions,
        "nodes"
      >,
  ): Promise<LentSlurm> {
    await using opening = new AsyncDisposableStack();
    const names = Array.from({ length: nodes }, (_, i) => `node-${i}`);
    const slurm = opening.use(await SlurmCluster.start({ ...options, nodes: names }));
    const host = opening.use(
      await ProcessHost.start({
        nodes,
        cores: options.cpus,
        drainedBy: "slurm",
        listen: "http://127.0.0.1:0",
        ...(pool === undefined ? {} : { pool }),
      }),
    );
    const { token } = await host.operator.createToken({ role: "node", name: "hooks" });
    const lent = new LentSlurm(host, slurm, opening.move(), token);
    await Deno.writeTextFile(`${slurm.dir}/token`, token, { mode: 0o600 });
    await lent.installHooks();
    return lent;
  }

  /**
   * Copies the hooks of integrations/slurm, with the path of their settings changed.
   *
   * @param more lines at the end of the settings.
   */
  async installHooks(more = ""): Promise<void> {
    const { dir } = this.slurm;
    const cli = new URL("cli.ts", ROOT).pathname;
    await Deno.writeTextFile(
      `${dir}/slurm.env`,
      `RFAAS="${Deno.execPath()} run --allow-all --no-check --no-prompt --quiet ${cli}"
RFAAS_MANAGER=${this.host.url}
RFAAS_TOKEN_FILE=${dir}/token
HOME=${Deno.env.get("HOME") ?? "/root"}
DENO_DIR=${Deno.env.get("DENO_DIR") ?? ""}
# A loaded host may start the command slowly.
RFAAS_SECONDS=60
RFAAS_TIMEOUT=50
RFAAS_GRACE=40
${more}
`,
    );
    for (const folder of ["prolog.d", "epilog.d"]) {
      const hook = new URL(`integrations/slurm/${folder}/50-rfaas`, ROOT);
      const text = (await Deno.readTextFile(hook))
        .replace("/etc/rfaas/slurm.env", `${dir}/slurm.env`)
        .replaceAll("logger -t rfaas-slurm", `cat >> ${dir}/log/hooks.log`)
        .replace("jobs=/run/rfaas/slurm", `jobs=${dir}/jobs`)
        .replace(" slurm lend", ` slurm lend --jobs ${dir}/jobs`);
      await Deno.writeTextFile(`${dir}/${folder}/50-rfaas`, text);
      await Deno.chmod(`${dir}/${folder}/50-rfaas`, 0o755);
    }
  }

  /** Removes their settings: the hooks do nothing from then on. */
  async loseHooks(): Promise<void> {
    await Deno.remove(`${this.slurm.dir}/slurm.env`);
  }

  /** What the hooks have logged. */
  hookLog(): string {
    try {
      return Deno.readTextFileSync(`${this.slurm.dir}/log/hooks.log`);
    } catch {
      return "";
    }
  }

  /** Runs `rfaas slurm`. */
  command(...args: string[]): Promise<Outcome> {
    const { dir, env } = this.slurm;
    return rfaas(["slurm", ...args, "--token-file", `${dir}/token`], {
      env: { ...env, RFAAS_MANAGER: this.host.url },
    });
  }

  async node(name: string): Promise<NodeEntry> {
    using manager = new ManagerClient({ url: this.host.url, token: this.#hookToken });
    return (await manager.nodePage({ name })).nodes[0]!;
  }

  /** Waits until a node has a state. */
  async hasState(name: string, state: NodeEntry["state"]): Promise<void> {
    const found = async () => (await this.node(name)).state === state;
    await until(found, () => `${name} is ${state}; hooks:\n${this.hookLog()}`, 20_000);
  }

  /** The script of a job that first writes the executors which run on its node, and then waits for a file. */
  jobScript(name: string): string {
    const { dir } = this.slurm;
    const pids = [...this.host.nodes].map(([node, { pid }]) => `${node}) pid=${pid};;`).join(" ");
    return `case $SLURMD_NODENAME in ${pids} esac
cat /proc/$pid/task/*/children > ${dir}/${name}.new; mv ${dir}/${name}.new ${dir}/${name}
while ! [ -e ${dir}/${name}.end ]; do sleep 0.1; done`;
  }

  /** What the job's first line has written, as soon as it has run. */
  async firstLine(name: string): Promise<string> {
    const file = `${this.slurm.dir}/${name}`;
    let text: string | undefined;
    const found = () => (text = readIfThere(file)) !== undefined;
    await until(found, () => `${name} has started; hooks:\n${this.hookLog()}`, 30_000);
    return text!.trim();
  }

  async end(name: string): Promise<void> {
    await Deno.writeTextFile(`${this.slurm.dir}/${name}.end`, "");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#cleanUp.disposeAsync();
  }
}

function readIfThere(file: string): string | undefined {
  try {
    return Deno.readTextFileSync(file);
  } catch {
    return undefined;
  }
}

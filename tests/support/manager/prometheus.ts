/** Prometheus as a process on this host, which scrapes both managers of a cluster. */

import { findProgram, PROMETHEUS } from "../../../scripts/unpacked_package.ts";
import { until } from "../waiting.ts";

/** The paths of Prometheus and of its tool; undefined if this host has none. */
export const prometheusPath: string | undefined = await findProgram(PROMETHEUS);
export const promtoolPath: string | undefined = await findProgram(PROMETHEUS, "promtool");
/** The end of a test's name where it is skipped. */
export const needsPrometheus: string = promtoolPath === undefined ? " (needs prometheus)" : "";

/** A series of a response, with its latest value. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Runs promtool. @returns its outcome, with all that it printed. */
export async function promtool(
  args: readonly string[],
  options: { readonly cwd?: URL; readonly input?: string } = {},
): Promise<{ code: number; text: string }> {
  const { cwd, input = "" } = options;
  const child = new Deno.Command(promtoolPath!, {
    args: [...args],
    ...(cwd === undefined ? {} : { cwd }),
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  await new Blob([input]).stream().pipeTo(child.stdin).catch(() => {}); // it need not read
  const { code, stdout, stderr } = await child.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, text: text(stdout) + text(stderr) };
}

/** A running Prometheus. */
export class Prometheus implements AsyncDisposable {
  readonly #url: string;
  readonly #child: Deno.ChildProcess;
  readonly #dir: string;

  private constructor(url: string, child: Deno.ChildProcess, dir: string) {
    this.#url = url;
    this.#child = child;
    this.#dir = dir;
  }

  /**
   * Starts it, and waits until it has scraped each target.
   *
   * @param targets HOST:PORT of the targets, by job.
   * @param rules the file of the rules.
   */
  static async start(targets: Readonly<Record<string, string>>, rules: URL): Promise<Prometheus> {
    const dir = await Deno.makeTempDir({ prefix: "rfaas-test-prometheus-" });
    const config = {
      global: { scrape_interval: "300ms", evaluation_interval: "300ms" },
      rule_files: [rules.pathname],
      scrape_configs: Object.entries(targets).map(([job, target]) => ({
        job_name: job,
        static_configs: [{ targets: [target] }],
      })),
    };
    await Deno.writeTextFile(`${dir}/prometheus.yml`, JSON.stringify(config));
    const reserved = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const host = `127.0.0.1:${reserved.addr.port}`;
    reserved.close();
    const child = new Deno.Command(prometheusPath!, {
      args: [
        `--config.file=${dir}/prometheus.yml`,
        `--storage.tsdb.path=${dir}/data`,
        `--web.listen-address=${host}`,
        "--log.level=error",
      ],
      stdin: "null",
      stdout: "null",
      stderr: "inherit",
    }).spawn();
    const prometheus = new Prometheus(`http://${host}`, child, dir);
    try {
      const jobs = Object.keys(targets);
      const isUp = async () =>
        (await prometheus.query("up == 1").catch(() => [])).length === jobs.length;
      await until(isUp, () => `Prometheus has scraped ${jobs}`, 20_000);
    } catch (error) {
      await prometheus[Symbol.asyncDispose]();
      throw error;
    }
    return prometheus;
  }

  /** Evaluates an expression. */
  async query(expression: string): Promise<Sample[]> {
    const { result } = await this.#get(`query?query=${encodeURIComponent(expression)}`) as {
      result: { metric: Record<string, string>; value: [number, string] }[];
    };
    return result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
  }

  /** The rules, each with its state. */
  async rules(): Promise<{ name: string; health: string; state: string; lastError?: string }[]> {
    const { groups } = await this.#get("rules") as {
      groups: { rules: { name: string; health: string; state: string }[] }[];
    };
    return groups.flatMap(({ rules }) => rules);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.status;
    await Deno.remove(this.#dir, { recursive: true });
  }

  async #get(path: string): Promise<unknown> {
    const response = await fetch(`${this.#url}/api/v1/${path}`);
    const { status, data, error } = await response.json();
    if (status !== "success") throw new Error(`Cannot query ${path}: ${error}`);
    return data;
  }
}

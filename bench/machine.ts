/** The host of a run, for which its figures hold. */

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly kernel: string;
  readonly deno: string;
  readonly v8: string;
  readonly commit: string;
  readonly date: string;
  /** Load average of the last minute. Above 1, other programs share the cores. */
  readonly load: number;
}

export async function describeMachine(): Promise<Machine> {
  const cpuinfo = await Deno.readTextFile("/proc/cpuinfo").catch(() => "");
  return {
    cpu: /model name\s*: (.*)/.exec(cpuinfo)?.[1] ?? Deno.build.arch,
    cores: navigator.hardwareConcurrency,
    kernel: Deno.osRelease(),
    deno: Deno.version.deno,
    v8: Deno.version.v8,
    commit: await commit(),
    date: new Date().toISOString().slice(0, 16) + "Z",
    load: Number(Deno.loadavg()[0]!.toFixed(2)),
  };
}

/** Returns the host and the date of a run in one line, with a warning if other programs used its cores. */
export function describeRun(machine: Machine): string {
  const { cpu, cores, kernel, deno, v8, commit, date, load } = machine;
  const busy = load > 1
    ? `; load average ${load.toFixed(1)} before the run, so other programs used the cores too`
    : "";
  return `${date}, ${cores} cores (${cpu}), Linux ${kernel}, Deno ${deno}, V8 ${v8}, commit ${commit}${busy}`;
}

/** The commit, with a plus sign if files differ from it. */
async function commit(): Promise<string> {
  const git = async (...args: string[]) => {
    const { success, stdout } = await new Deno.Command("git", {
      args,
      cwd: new URL("..", import.meta.url),
      stderr: "null",
    }).output();
    return success ? new TextDecoder().decode(stdout).trim() : undefined;
  };
  try {
    const head = await git("rev-parse", "--short", "HEAD");
    if (head === undefined) return "unknown";
    const changed = await git("status", "--porcelain", "--untracked-files=no");
    return changed === "" ? head : `${head}+`;
  } catch {
    return "unknown"; // git is not installed
  }
}

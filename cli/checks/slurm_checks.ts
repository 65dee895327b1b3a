/** Checks a node of Slurm: whether jobs reclaim it from rfaas. */

import { readPrivateFile } from "../options/private_file.ts";
import { readPrivateToken } from "../options/token.ts";
import { slurmOutput } from "../slurm/slurm_output.ts";
import { check, type HostCheck } from "./host_check.ts";

/** The hooks end within this time, in seconds; slurmd must not end them before. */
const HOOK_SECONDS = 4;
const SETTINGS = "/etc/rfaas/slurm.env";
/** The oldest version that the hooks were tested with. */
const TESTED_VERSION = "22.05";

/** How {@linkcode checkSlurm} reads the host; tests replace it. */
export interface SlurmSources {
  /** Returns what `scontrol show config` prints. */
  readonly config: () => Promise<string>;
  /** The file with the settings of the hooks. */
  readonly settings: string;
  /** Whether the hooks find a program. */
  readonly has: (program: string) => Promise<boolean>;
}

/** The PATH of the hooks. */
const FOLDERS = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
/** What the Prolog needs to reclaim a node by one request. */
const REQUEST_PROGRAMS = ["curl", "find", "flock"];

const HOST: SlurmSources = {
  config: () => slurmOutput("read the configuration of Slurm", "scontrol", "show", "config"),
  settings: SETTINGS,
  has: async (program) => {
    const isFile = (folder: string) =>
      Deno.stat(`${folder}/${program}`).then(({ isFile }) => isFile, () => false);
    return (await Promise.all(FOLDERS.map(isFile))).includes(true);
  },
};

/** Checks the configuration of Slurm, and the hooks and their settings on this host. */
export async function checkSlurm(
  { config, settings, has }: SlurmSources = HOST,
): Promise<HostCheck[]> {
  let text: string;
  try {
    text = await config();
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error);
    return [check("Slurm", "required", false, found, "run this on a node of Slurm")];
  }
  const values = parseConfig(text);
  const value = (name: string) => values.get(name) ?? "(null)";
  return [
    checkVersion(value("SLURM_VERSION")),
    check(
      "PrologFlags",
      "required",
      /\b(Alloc|Contain)\b/.test(value("PrologFlags")),
      value("PrologFlags"),
      "set PrologFlags=Alloc in slurm.conf, or a Prolog runs only at the first step of a job",
    ),
    await checkHook("Prolog", value("Prolog")),
    await checkHook("Epilog", value("Epilog")),
    checkTimeout(value("PrologEpilogTimeout")),
    await checkSettings(settings),
    await checkPrograms(has),
    checkPowerSaving(values),
  ];
}

/** Reads the lines `Name = value` of `scontrol show config`. */
function parseConfig(text: string): ReadonlyMap<string, string> {
  const lines = text.split("\n").map((line) => /^(\S+)\s+= (.*)$/.exec(line));
  return new Map(lines.flatMap((found) => found ? [[found[1]!, found[2]!.trim()]] : []));
}

function checkVersion(version: string): HostCheck {
  const [year = NaN, month = NaN] = version.split(".").map(Number);
  const [testedYear, testedMonth] = TESTED_VERSION.split(".").map(Number) as [number, number];
  const isTested = year > testedYear || (year === testedYear && month >= testedMonth);
  const fix = `the hooks were tested with ${TESTED_VERSION}: run them with RFAAS_DRY_RUN=1 first`;
  return check("Slurm", "optional", isTested, `version ${version}`, fix);
}

/** @param pattern the path of a program, or a pattern for those of a folder. */
async function checkHook(name: string, pattern: string): Promise<HostCheck> {
  const folder = pattern.slice(0, Math.max(0, pattern.lastIndexOf("/")));
  const lower = name.toLowerCase();
  const fix = `copy integrations/slurm/${lower}.d/50-rfaas to /etc/slurm/${lower}.d, mode 0755, ` +
    `and set ${name}=/etc/slurm/${lower}.d/*`;
  if (!pattern.endsWith("/*")) {
    return check(name, "required", pattern.includes("rfaas"), pattern, fix);
  }
  try {
    for await (const { name: file } of Deno.readDir(folder)) {
      if (!file.includes("rfaas")) continue;
      const { mode } = await Deno.stat(`${folder}/${file}`);
      const isExecutable = ((mode ?? 0) & 0o111) !== 0;
      const state = isExecutable ? "" : ", which is not executable";
      return check(name, "required", isExecutable, `${folder}/${file}${state}`, fix);
    }
    return check(name, "required", false, `${folder} has no hook of rfaas`, fix);
  } catch {
    return check(name, "required", false, `${folder} cannot be read`, fix);
  }
}

function checkTimeout(text: string): HostCheck {
  const seconds = Number.parseInt(text);
  return check(
    "PrologEpilogTimeout",
    "required",
    !(seconds <= HOOK_SECONDS),
    text,
    `set PrologEpilogTimeout above ${HOOK_SECONDS} in slurm.conf: slurmd drains a node whose Prolog it ends`,
  );
}

async function checkSettings(file: string): Promise<HostCheck> {
  const name = "hook settings";
  const fix = `copy integrations/slurm/slurm.env to ${file}, mode 0600, with a private token file`;
  try {
    const text = await readPrivateFile("settings file", file); // it names commands that root runs
    const token = /^RFAAS_TOKEN_FILE=["']?([^"'\n]+)/m.exec(text)?.[1];
    if (token === undefined) return check(name, "required", false, `${file}: no token file`, fix);
    await readPrivateToken(token);
    const isDry = /^RFAAS_DRY_RUN=["']?[^"'\s]/m.test(text);
    const found = isDry ? `${file}, which only logs (RFAAS_DRY_RUN)` : file;
    return check(name, isDry ? "optional" : "required", !isDry, found, "clear RFAAS_DRY_RUN");
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error);
    return check(name, "required", false, found, fix);
  }
}

async function checkPrograms(has: SlurmSources["has"]): Promise<HostCheck> {
  const found = await Promise.all(REQUEST_PROGRAMS.map(has));
  const missing = REQUEST_PROGRAMS.filter((_, i) => !found[i]);
  const state = missing.length === 0 ? "curl" : `no ${missing.join(", ")}`;
  const fix =
    "install curl, findutils and util-linux: without them each job waits until Deno has started";
  return check("Prolog request", "optional", missing.length === 0, state, fix);
}

function checkPowerSaving(values: ReadonlyMap<string, string>): HostCheck {
  const time = values.get("SuspendTime") ?? "INFINITE";
  const program = values.get("SuspendProgram") ?? "(null)";
  const isOff = program === "(null)" || /^(INFINITE|NONE|-1)/.test(time);
  return check(
    "power saving",
    "optional",
    isOff || values.get("SuspendExcNodes") !== "(null)",
    isOff ? "off" : `idle nodes are switched off after ${time}`,
    "exclude lent nodes by SuspendExcNodes in slurm.conf: Slurm switches them off as idle",
  );
}

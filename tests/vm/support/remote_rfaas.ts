/** rfaas programs on machines: managers that run, clients that tell. */

import type { Machine } from "../../../scripts/vm/machine.ts";

const ROOT = new URL("../../../", import.meta.url).pathname;
/** How long a program may take to say its next line. */
const LINE_MS = 300_000;

/** A program on a machine that says lines. */
export interface RemoteProgram extends AsyncDisposable {
  /** The next line; fails when the program has ended or is silent for too long. */
  line(): Promise<string>;
  /** Its end; the exit status. */
  readonly status: Promise<number | null>;
  kill(signal: Deno.Signal): Promise<void>;
  /** What it wrote to standard error so far. */
  readonly errors: () => string;
}

/** Starts `deno run` of a module on a machine. */
export function startRemote(
  machine: Machine,
  module: string,
  args: readonly string[],
  env: Record<string, string> = {},
): RemoteProgram {
  const process = machine.spawn(
    [Deno.execPath(), "run", "--allow-all", "--no-check", "--quiet", `${ROOT}${module}`, ...args],
    { cwd: ROOT, env },
  );
  let errors = "";
  const collect = async () => {
    for await (const text of process.stderr.pipeThrough(new TextDecoderStream())) errors += text;
  };
  collect().catch((error) => errors += `\n${error}`); // the machine has ended
  const reader = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  const line = async () => {
    const timer = setTimeout(() => reader.cancel().catch(() => {}), LINE_MS);
    try {
      while (!text.includes("\n")) {
        const { done, value } = await reader.read();
        if (done) throw new Error(`${module} ${args.join(" ")} says no more: ${errors}`);
        text += value;
      }
    } finally {
      clearTimeout(timer);
    }
    const end = text.indexOf("\n");
    const first = text.slice(0, end);
    text = text.slice(end + 1);
    return first;
  };
  const status = process.status.then(({ code }) => code);
  status.catch(() => {}); // of a program whose machine has ended, unless somebody asks
  return {
    line,
    status,
    kill: (signal) => process.kill(signal),
    errors: () => errors,
    [Symbol.asyncDispose]: async () => {
      await process.kill("SIGKILL");
      await status.catch(() => {});
    },
  };
}

/** Where a resource manager is, and what gets in. */
export interface RemoteManager {
  readonly url: string;
  readonly clientToken: string;
  readonly nodeToken: string;
}

/** Starts a resource manager that other machines reach. */
export async function startManager(machine: Machine): Promise<RemoteManager> {
  const args = ["resource-manager", "--listen", `http://${machine.address}:7400`];
  const program = startRemote(machine, "cli.ts", [...args, "--state", "/tmp/rm", "--json"]);
  const { urls, tokenFiles } = JSON.parse(await program.line());
  const read = async (file: string) => (await machine.run(["cat", file])).stdout.trim();
  return {
    url: urls[0],
    clientToken: await read(tokenFiles.client),
    nodeToken: await read(tokenFiles.node),
  };
}

/** Starts a node of one core that listens on the machine's RDMA device. */
export async function startNode(machine: Machine, manager: RemoteManager): Promise<RemoteProgram> {
  const program = startRemote(machine, "cli.ts", [
    "executor-manager",
    "--manager",
    manager.url,
    "--name",
    machine.name,
    "--cores",
    "1",
    "--fabric",
    "verbs",
    "--fabric-address",
    machine.address,
    "--state",
    "/tmp/node",
    "--pool-max", // executors are counted: none waits for a lease
    "0",
    "--json",
  ], { RFAAS_TOKEN: manager.nodeToken });
  await program.line();
  return program;
}

/** Starts the client program in a role. */
export function startClient(machine: Machine, manager: RemoteManager, role: string): RemoteProgram {
  return startRemote(machine, "tests/vm/support/remote_client.ts", [role], {
    RFAAS_MANAGER: manager.url,
    RFAAS_TOKEN: manager.clientToken,
    RFAAS_FABRIC: "verbs",
  });
}

/** The facts of a line that begins with `word`. */
// deno-lint-ignore no-explicit-any -- each test knows what the word brings
export async function told(program: RemoteProgram, word: string): Promise<any> {
  const line = await program.line();
  if (!line.startsWith(`${word} `)) {
    throw new Error(`Expected "${word}", not ${JSON.stringify(line)}: ${program.errors()}`);
  }
  return JSON.parse(line.slice(word.length + 1));
}

/** How many executors run on a machine. */
export async function executorCount(machine: Machine): Promise<number> {
  const { stdout } = await machine.run(["sh", "-c", "pgrep -fc '[e]xecutor.*main.js' || true"]);
  return Number(stdout.trim());
}

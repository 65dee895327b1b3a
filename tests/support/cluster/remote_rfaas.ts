/** rfaas programs on machines: managers, and clients that report. */

import type { Machine } from "../../../scripts/vm/machine.ts";

const ROOT = new URL("../../../", import.meta.url).pathname;
/** How long a program may take to print its next line. */
const LINE_MS = 300_000;

/** A program on a machine, read line by line. */
export interface RemoteProgram extends AsyncDisposable {
  /** The next line; throws when the program has ended or prints none in time. */
  line(): Promise<string>;
  /** The exit status, once it has ended. */
  readonly status: Promise<number | null>;
  kill(signal: Deno.Signal): Promise<void>;
  /** Its standard error so far. */
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
        if (done) {
          throw new Error(
            `Cannot read a line of ${module} ${args.join(" ")}: it has ended: ${errors}`,
          );
        }
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
  status.catch(() => {}); // its machine may have ended before this is awaited
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

/** The address and tokens of a resource manager. */
export interface RemoteManager {
  readonly url: string;
  readonly clientToken: string;
  readonly nodeToken: string;
}

/** Starts a resource manager that other machines can reach. */
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
    "--pool-max", // tests count executors, so none may wait for a lease
    "0",
    "--sandbox", // its processes would count as executors
    "none",
    "--json",
  ], { RFAAS_TOKEN: manager.nodeToken });
  await program.line();
  return program;
}

/** Starts the client program in a role. */
export function startClient(machine: Machine, manager: RemoteManager, role: string): RemoteProgram {
  return startRemote(machine, "tests/support/cluster/remote_client.ts", [role], {
    RFAAS_MANAGER: manager.url,
    RFAAS_TOKEN: manager.clientToken,
    RFAAS_FABRIC: "verbs",
  });
}

/** Reads the next line, which must be a report of this name, and returns its value. */
// deno-lint-ignore no-explicit-any -- each report has a type of its own
export async function reported(program: RemoteProgram, name: string): Promise<any> {
  const line = await program.line();
  if (!line.startsWith(`${name} `)) {
    throw new Error(
      `Cannot read report "${name}": got ${JSON.stringify(line)}: ${program.errors()}`,
    );
  }
  return JSON.parse(line.slice(name.length + 1));
}

/** The number of executors on a machine. */
export async function executorCount(machine: Machine): Promise<number> {
  const { stdout } = await machine.run(["sh", "-c", "pgrep -fc '[e]xecutor.*main.js' || true"]);
  return Number(stdout.trim());
}

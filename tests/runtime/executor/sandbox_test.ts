/** Executors in each sandbox of the operating system: whole leases, and what native code in one can reach. */

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { ExecutorLostError } from "../../../mod.ts";
import { startCluster } from "../../support/cluster/cluster.ts";
import { until, within } from "../../support/waiting.ts";
import { functionsPackage } from "../../support/functions/functions_package.ts";
import { ProcessHost } from "../../support/processes/process_host.ts";
import { children, isAlive } from "../../support/processes/process_table.ts";
import { need, runInside, triedRecipes } from "../../support/sandboxes.ts";

/**
 * Attempts of native code: each is an expression in a program with all of Deno's permissions. Without the filter, all but
 * two of the attempts below "calls" succeed in podman, and in bubblewrap the program fails after fork().
 */
const ATTEMPTS: Record<string, string> = {
  "read the host's users": "Deno.readTextFileSync('/etc/passwd')",
  "read a file of this project": "Deno.readTextFileSync(PROJECT + 'mod.ts')",
  "write to its own code": "Deno.writeTextFileSync('/rfaas/code/main.js', '')",
  "write beside its code": "Deno.writeTextFileSync('/rfaas/code/more.js', '')",
  "write to the root": "Deno.writeTextFileSync('/more', '')",
  "write to a library": "Deno.writeTextFileSync('/usr/lib/more', '')",
  // A process sees itself and, in some sandboxes, its parent, which has the same filter.
  "see other processes":
    "failIf([...Deno.readDirSync('/proc')].filter(({ name }) => /^\\d+$/.test(name)).length <= 2)",
  "see the host's shared memory": "failIf([...Deno.readDirSync('/dev/shm')].length === 0)",
  "signal the manager": "Deno.kill(MANAGER, 'SIGCONT')",
  "start a process": "new Deno.Command('/rfaas/deno', { args: ['--version'] }).outputSync()",
  // calls
  "fork()": "call('fork')",
  "ptrace()": "call('ptrace', 0n, 0n, 0n, 0n)",
  "unshare(CLONE_NEWUSER)": "call('unshare', 0x10000000n)",
  "chroot()": "call('chroot', 0n)",
  "socket(AF_INET)": "call('socket', 2n, 1n, 0n)",
  "socket(AF_INET6)": "call('socket', 10n, 1n, 0n)",
  "socket(AF_NETLINK)": "call('socket', 16n, 3n, 0n)",
  "personality()": "call('personality', 0n)",
  "Deno.listen()": "Deno.listen({ port: 0, hostname: '127.0.0.1' })",
};

/** What must work. */
const NEEDED: Record<string, string> = {
  "a Unix socket": "call('socket', 1n, 1n, 0n)",
  "a memfd": "call('memfd_create', 0n, 0n) , 0",
  "a file in /tmp": "Deno.writeTextFileSync('/tmp/more', '')",
  "a thread":
    "new Promise((resolve) => { const w = new Worker('data:text/javascript,postMessage(1)', { type: 'module' }); w.onmessage = () => { w.terminate(); resolve(); }; })",
};

const PROGRAM = `
const MANAGER = ${Deno.pid};
const PROJECT = ${JSON.stringify(new URL("../../../", import.meta.url).pathname)};
const failIf = (bad) => { if (bad) throw new Error("nothing found"); };
const call = (name, ...args) => {
  const parameters = args.map(() => "u64");
  const { symbols } = Deno.dlopen("libc.so.6", { [name]: { parameters, result: "i32" } });
  const result = symbols[name](...args);
  if (result === 0 && name === "fork") symbols.exit?.(0);
  if (result < 0 && name !== "memfd_create") throw new Error(name + " returned " + result);
};
const results = {};
const attempt = async (name, act) => {
  try { await act(); results[name] = true; } catch (error) { results[name] = String(error.message); }
};
${
  Object.entries({ ...ATTEMPTS, ...NEEDED }).map(([name, source]) =>
    `await attempt(${JSON.stringify(name)}, () => ${source});`
  ).join("\n")
}
console.log(JSON.stringify(results));
Deno.exit(0);
`;

for (const tried of await triedRecipes()) {
  const { recipe } = tried;
  const ignore = tried.missing !== undefined;

  Deno.test({
    name: `${recipe}: native code reaches neither files, processes, network nor kernel${
      need(tried)
    }`,
    ignore,
    fn: async () => {
      const { stdout, stderr } = await runInside(recipe, PROGRAM);
      assert(stdout.startsWith("{"), stdout + stderr);
      const results = JSON.parse(stdout);
      const reached = Object.keys(ATTEMPTS).filter((name) => results[name] === true);
      assertEquals(reached, []);
      const lost = Object.keys(NEEDED).filter((name) => results[name] !== true);
      assertEquals(lost, [], stdout);
    },
  });

  Deno.test({
    name:
      `${recipe}: a lease is served, its killed executor is replaced, and its end leaves no process${
        need(tried)
      }`,
    ignore,
    fn: async () => {
      await using cluster = await startCluster({ sandbox: recipe, oversubscription: 2 });
      const client = await cluster.connect();
      const lease = await client.lease({ functions: await functionsPackage() });
      using call = lease.prepare("echo", { bytes: 64, resultBytes: 64 });
      for (let i = 0; i < 1000; i++) assertEquals(call.invokeSync(64), 64);
      // Executors ignore the signals that a terminal sends to all its processes.
      for (const pid of startedBy(Deno.pid).keys()) {
        for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) Deno.kill(pid, signal);
      }
      for (let i = 0; i < 1000; i++) assertEquals(call.invokeSync(64), 64);
      const [executor] = executorsOf(Deno.pid);
      assert(executor !== undefined, "an executor runs");
      const events = lease.status();
      const never = lease.invoke("never", new Uint8Array());
      never.catch(() => {});
      await lease.invoke("echo", new Uint8Array()); // the call before it has begun
      Deno.kill(executor!, "SIGKILL");
      await within(5000, "the loss", assertRejects(() => never, ExecutorLostError));
      await within(
        10_000,
        "recovery",
        (async () => {
          for await (const event of events) {
            // The call must not wait for the container engine, which reports the end later.
            if (event.type === "lost") assertStringIncludes(event.reason.message, "SIGKILL");
            if (event.type === "recovered") return;
          }
        })(),
      );
      assertEquals(await lease.invoke("echo", Uint8Array.of(5)), Uint8Array.of(5));
      const started = startedBy(Deno.pid);
      await lease.close();
      await areGone(started.keys());
      assertEquals(startedBy(Deno.pid).size, 0);
    },
  });

  Deno.test({
    name: `${recipe}: executors end when their manager is killed${need(tried)}`,
    ignore,
    fn: async () => {
      await using host = await ProcessHost.start({ sandbox: recipe });
      const client = await host.connect();
      const lease = await host.lease(client);
      assertEquals(await lease.invoke("echo", Uint8Array.of(5)), Uint8Array.of(5));
      const spinning = lease.invoke("spin", new Uint8Array());
      spinning.catch(() => {});
      assertEquals(executorsOf(host.node.pid).length, 1);
      const started = [...startedBy(host.node.pid).keys()];
      await host.node.kill();
      await areGone(started);
      await client.close();
      await spinning.catch(() => {});
    },
  });
}

/** Returns the running processes that a manager has started: executors and their sandboxes. */
function startedBy(manager: number): Map<number, string[]> {
  const all = [...Deno.readDirSync("/proc")].map(({ name }) => Number(name)).filter(Boolean);
  const found = new Map<number, string[]>();
  const add = (pid: number) => {
    if (found.has(pid)) return;
    found.set(pid, commandOf(pid));
    children(pid).forEach(add);
  };
  children(manager).forEach(add);
  // The parent of a container is not a descendant; its command holds the container's name.
  const names = [...found.values()].flat().filter((word) => /^rfaas-[0-9a-f-]{36}$/.test(word));
  for (const pid of all) if (commandOf(pid).some((word) => names.includes(word))) add(pid);
  return found;
}

function commandOf(pid: number): string[] {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/cmdline`).split("\0");
  } catch {
    return []; // the process has ended
  }
}

/** Returns the executors among them. */
function executorsOf(manager: number): number[] {
  return [...startedBy(manager)].filter(([, [program]]) => program === "/rfaas/deno")
    .map(([pid]) => pid);
}

/** Waits until these processes have ended. */
async function areGone(pids: Iterable<number>): Promise<void> {
  const left = () => [...pids].filter(isAlive);
  await until(() => left().length === 0, () => `none is left: ${left()}`, 5000);
}

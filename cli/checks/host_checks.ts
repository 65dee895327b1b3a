/** Checks what a host needs for rfaas. */

import { checkSharedMemory, createSharedMemory } from "../../ffi/shared_memory.ts";
import { allowedCores, keepOnCores } from "../../ffi/affinity.ts";
import { pathExists } from "../../ffi/kernel_file.ts";
import { openLibc } from "../../ffi/libc.ts";
import { MAX_THREADS } from "../../manager/executor/limits/thread_watch.ts";
import { openHierarchy } from "../../manager/executor/limits/cgroup_hierarchy.ts";
import { openSandbox } from "../../manager/executor/sandbox/open_sandbox.ts";
import { RECIPES } from "../../manager/executor/sandbox/recipes.ts";
import { denoEnvironment } from "../../runtime/child_environment.ts";
import { FOREIGN_CODE_LIMITS } from "../../runtime/policy.ts";
import { bundleModule } from "../../runtime/package/bundle.ts";
import { check, type HostCheck } from "./host_check.ts";
import { hostCores, hostMemoryBytes, maxOpenFiles, MIN_OPEN_FILES } from "../host.ts";
import { checkRdma } from "./rdma_checks.ts";
import { makeTemporaryFolder } from "../temporary_folder.ts";
import { sizeText } from "../quantity_text.ts";
import { greaterOrEqual, parse } from "@std/semver";

/** The oldest Deno that the tests run on. */
const MIN_DENO_VERSION = "2.9.6";
/** Shared memory of a small lease. */
const MIN_SHM_BYTES = 64 * 2 ** 20;
/** Half of it is lent: a lease of the usual size, with its slots and the runtime, twice. */
const MIN_MEMORY_BYTES = 2 ** 30;
/** With fewer cores, client and worker share one, and calls wait for the scheduler. */
const MIN_CORES = 2;

/** Runs all checks, in the order in which a first call would fail. */
export async function checkHost(): Promise<HostCheck[]> {
  const checks = [checkDeno(), await checkUnstable(), checkPlatform(), checkCores()];
  checks.push(checkMemory(), await checkReaper());
  const ffi = checkFfi();
  checks.push(ffi);
  if (ffi.ok) checks.push(checkOpenFiles());
  const memfd = ffi.ok ? checkMemfd() : undefined;
  if (memfd) checks.push(memfd);
  checks.push(
    await checkShm(memfd?.ok ?? false),
    await checkHugePages(),
    await checkBundler(),
  );
  if (ffi.ok) checks.push(await checkSandboxes(), checkCgroups(), checkLimits());
  if (ffi.ok) checks.push(...await checkRdma());
  return checks;
}

function checkDeno(): HostCheck {
  const { deno } = Deno.version;
  const ok = greaterOrEqual(parse(deno), parse(MIN_DENO_VERSION));
  return check("Deno", "required", ok, deno, `npx -y deno@${MIN_DENO_VERSION} --version`);
}

/** Workers of executors drop permissions, which needs a flag. In a process of its own, since its absence ends the process. */
async function checkUnstable(): Promise<HostCheck> {
  const code = "new Worker('data:text/javascript,close()', " +
    "{ type: 'module', deno: { permissions: 'none' } }).terminate()";
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-config", "--unstable-worker-options", code],
    clearEnv: true,
    env: denoEnvironment(),
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).output();
  const found = success ? "--unstable-worker-options works" : "--unstable-worker-options fails";
  return check(
    "worker permissions",
    "required",
    success,
    found,
    `npx -y deno@${MIN_DENO_VERSION} --version`,
  );
}

function checkPlatform(): HostCheck {
  const { os, arch, target } = Deno.build;
  const ok = os === "linux" && target.endsWith("gnu") && (arch === "x86_64" || arch === "aarch64");
  return check("system", "required", ok, target, "use Linux with glibc, on x86-64 or aarch64");
}

function checkCores(): HostCheck {
  const cores = hostCores();
  const fix = "use a host with at least 2 cores: a client and its worker both poll";
  return check("cores", "optional", cores >= MIN_CORES, `${cores}`, fix);
}

function checkMemory(): HostCheck {
  const bytes = hostMemoryBytes();
  const { total } = Deno.systemMemoryInfo();
  const found = bytes < total
    ? `${sizeText(bytes)}, the limit of the control group; the host has ${sizeText(total)}`
    : sizeText(bytes);
  const fix = "give the container more memory, such as podman run --memory 2g";
  return check("memory", "optional", bytes >= MIN_MEMORY_BYTES, found, fix);
}

function checkOpenFiles(): HostCheck {
  const libc = openLibc();
  const files = maxOpenFiles(libc);
  libc.close();
  const fix = "ulimit -n 65536; as a service: LimitNOFILE=65536";
  return check("open files", "required", files >= MIN_OPEN_FILES, `${files}`, fix);
}

/** Processes that end become children of process 1 if their parent has ended. It must take their exit status. */
async function checkReaper(): Promise<HostCheck> {
  const zombies = Deno.pid === 1 ? 0 : await zombiesOfFirstProcess();
  const found = Deno.pid === 1
    ? "this is process 1, which keeps the entries of ended processes"
    : zombies > 0
    ? `process 1 keeps the entries of ${zombies} ended processes`
    : "none is left over";
  const fix = "start the container with an init process: podman run --init";
  return check("ended processes", "optional", Deno.pid !== 1 && zombies === 0, found, fix);
}

async function zombiesOfFirstProcess(): Promise<number> {
  let zombies = 0;
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const text = await Deno.readTextFile(`/proc/${name}/stat`).catch(() => ""); // it may have ended
    if (/^ Z 1 /.test(text.slice(text.lastIndexOf(")") + 1))) zombies++;
  }
  return zombies;
}

function checkFfi(): HostCheck {
  try {
    openLibc().close();
    return check("foreign functions", "required", true, "allowed, libc.so.6 loads", "");
  } catch (error) {
    const fix = error instanceof Deno.errors.NotCapable
      ? "deno run --allow-ffi …"
      : "use a system with glibc";
    return check("foreign functions", "required", false, (error as Error).message, fix);
  }
}

function checkMemfd(): HostCheck {
  const libc = openLibc();
  let fd = -1;
  try {
    fd = createSharedMemory(libc, "rfaas-doctor", 4096, { folder: "/dev/shm/rfaas-doctor" });
    checkSharedMemory(libc, fd, 4096);
    return check("sealed memory", "required", true, "memfd with seals works", "");
  } catch (error) {
    const fix =
      "sysctl vm.memfd_noexec=0, and allow memfd_create in the container's seccomp filter";
    return check("sealed memory", "required", false, (error as Error).message, fix);
  } finally {
    if (fd >= 0) libc.c.close(fd);
    libc.close();
  }
}

/** Only without memfd is shared memory a file there. */
async function checkShm(hasMemfd: boolean): Promise<HostCheck> {
  const output = await new Deno.Command("df", { args: ["-B1", "--output=avail", "/dev/shm"] })
    .output().catch(() => undefined);
  const bytes = Number(new TextDecoder().decode(output?.stdout).split("\n")[1] ?? NaN);
  const free = Number.isNaN(bytes) ? "not found" : `${sizeText(bytes)} free`;
  const found = hasMemfd ? `${free}, not needed: memfd works` : free;
  const fix = "mount -o remount,size=1g /dev/shm (in a container: --shm-size=1g)";
  return check("/dev/shm", "optional", hasMemfd || bytes >= MIN_SHM_BYTES, found, fix);
}

/** Only reported: nothing needs huge pages, but with them an RDMA device stores fewer page addresses. */
async function checkHugePages(): Promise<HostCheck> {
  const read = (path: string) => Deno.readTextFile(path).catch(() => "");
  const total = /^HugePages_Total:\s+(\d+)/m.exec(await read("/proc/meminfo"))?.[1] ?? "none";
  const shared = await read("/sys/kernel/mm/transparent_hugepage/shmem_enabled");
  const found = `${total} reserved; in shared memory ${/\[(\w+)\]/.exec(shared)?.[1] ?? "never"}`;
  return check("huge pages", "optional", true, found, "");
}

/** Opens the control group of this process, as a node does. */
function checkCgroups(): HostCheck {
  const libc = openLibc();
  const hierarchy = openHierarchy(libc);
  const isHard = typeof hierarchy !== "string";
  libc.close();
  const found = isHard
    ? `hard, by control groups version ${hierarchy.version}`
    : `soft, by sampling the resident size: ${hierarchy}`;
  const fix = "rfaas service install executor-manager …, or for a try: " +
    `systemd-run ${Deno.uid() === 0 ? "" : "--user "}--scope --property Delegate=yes ` +
    "rfaas executor-manager …";
  return check("memory limits", "optional", isHard, found, fix);
}

/** What bounds the processes of executors besides memory. Keeping one on a core is tried. */
function checkLimits(): HostCheck {
  const libc = openLibc();
  let cores = "kept on one core if they need more";
  let ok = true;
  try {
    keepOnCores(libc, allowedCores(libc));
  } catch (error) {
    ok = false;
    cores = `cores are not bounded: ${(error as Error).message}`;
  } finally {
    libc.close();
  }
  const found = `${cores}; no writes to files, ${FOREIGN_CODE_LIMITS.descriptors} open files; ` +
    `${MAX_THREADS} threads, counted twice a second`;
  const fix = "allow sched_setaffinity in the container's seccomp filter";
  return check("executor limits", "optional", ok, found, fix);
}

/** Tries out the sandbox that nodes use by default, and lists the others. See docs/security.md. */
async function checkSandboxes(): Promise<HostCheck> {
  const libc = openLibc();
  const folder = await Deno.makeTempDir({ prefix: "rfaas-doctor-" });
  try {
    const { sandbox, missing } = await openSandbox(libc, "auto", folder);
    const names = Object.entries(RECIPES)
      .filter(([, { command }]) => pathExists(libc, command[0]!)).map(([name]) => name);
    const installed = names.length > 0 ? `installed: ${names.join(", ")}` : "none is installed";
    const found = sandbox
      ? `${sandbox.name} works, which is the default; ${installed}`
      : `${missing?.replace(/\.$/, "")}; ${installed}`;
    const fix = names.length === 0
      ? "apt-get install bubblewrap (Debian, Ubuntu) or dnf install bubblewrap (Fedora, RHEL)"
      : "allow user namespaces by sysctl: user.max_user_namespaces above 0, and " +
        "kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu); in a container they are rarely allowed";
    return check("sandboxes", "optional", sandbox !== undefined, found, fix);
  } finally {
    libc.close();
    await Deno.remove(folder, { recursive: true });
  }
}

async function checkBundler(): Promise<HostCheck> {
  const folder = await makeTemporaryFolder("rfaas-doctor-");
  try {
    await Deno.writeTextFile(`${folder}/one.ts`, "export const one: number = 1;\n");
    const bytes = await bundleModule(new URL(`file://${folder}/one.ts`));
    return check(
      "bundler",
      "required",
      true,
      `works, bundled one line into ${bytes.length} bytes`,
      "",
    );
  } catch (error) {
    const fix = "allow access to the npm registry once: deno bundle fetches esbuild from it";
    return check("bundler", "required", false, (error as Error).message, fix);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

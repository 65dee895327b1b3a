/** What a host needs for rfaas, looked at one by one. */

import { checkSharedMemory, createSharedMemory } from "../ffi/shared_memory.ts";
import { openLibc } from "../ffi/libc.ts";
import { openHierarchy } from "../manager/executor/limits/cgroup_hierarchy.ts";
import { RECIPES } from "../manager/executor/sandbox/recipes.ts";
import { bundleModule } from "../runtime/package/bundle.ts";
import { check, type HostCheck } from "./host_check.ts";
import { hostCores, hostMemoryBytes } from "./host.ts";
import { checkRdma } from "./rdma_checks.ts";
import { sizeText } from "./table.ts";

/** The oldest Deno that all this was tried on. */
const DENO = "2.9.6";
/** Room that a small lease takes in shared memory. */
const LITTLE_SHM_BYTES = 64 * 2 ** 20;
/** Cores below which client and worker share one, and calls wait for the scheduler. */
const LITTLE_CORES = 2;

/** Looks at everything, in the order in which it would fail. */
export async function checkHost(): Promise<HostCheck[]> {
  const checks = [checkDeno(), await checkUnstable(), checkPlatform(), checkCores()];
  const ffi = checkFfi();
  checks.push(ffi);
  if (ffi.ok) checks.push(checkMemfd());
  checks.push(
    await checkShm(),
    await checkHugePages(),
    await checkSandboxes(),
    await checkBundler(),
  );
  if (ffi.ok) checks.push(checkCgroups());
  if (ffi.ok) checks.push(...await checkRdma());
  return checks;
}

function checkDeno(): HostCheck {
  const number = (version: string) =>
    version.split(".").reduce((sum, part) => sum * 1000 + parseInt(part), 0);
  const { deno } = Deno.version;
  const fix = `npx -y deno@${DENO} --version`;
  return check("Deno", "needed", number(deno) >= number(DENO), deno, fix);
}

/** Executors' workers give permissions up, which needs a flag; asking for it wrongly would end this process. */
async function checkUnstable(): Promise<HostCheck> {
  const code = "new Worker('data:text/javascript,close()', " +
    "{ type: 'module', deno: { permissions: 'none' } }).terminate()";
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-config", "--unstable-worker-options", code],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).output();
  const found = success ? "--unstable-worker-options works" : "--unstable-worker-options fails";
  return check("worker permissions", "needed", success, found, `npx -y deno@${DENO} --version`);
}

function checkPlatform(): HostCheck {
  const { os, arch, target } = Deno.build;
  const ok = os === "linux" && target.endsWith("gnu") && (arch === "x86_64" || arch === "aarch64");
  return check("system", "needed", ok, target, "use Linux with glibc, on x86-64 or aarch64");
}

function checkCores(): HostCheck {
  const cores = hostCores();
  const found = `${cores}, ${sizeText(hostMemoryBytes())} of memory`;
  const fix = "use a host with 2 cores or more: a caller and its worker both poll";
  return check("cores", "better", cores >= LITTLE_CORES, found, fix);
}

function checkFfi(): HostCheck {
  try {
    openLibc().close();
    return check("foreign functions", "needed", true, "allowed, libc.so.6 loads", "");
  } catch (error) {
    const fix = error instanceof Deno.errors.NotCapable
      ? "deno run --allow-ffi …"
      : "use a system with glibc";
    return check("foreign functions", "needed", false, (error as Error).message, fix);
  }
}

function checkMemfd(): HostCheck {
  const libc = openLibc();
  let fd = -1;
  try {
    fd = createSharedMemory(libc, "rfaas-doctor", 4096, { folder: "/dev/shm/rfaas-doctor" });
    checkSharedMemory(libc, fd, 4096);
    return check("sealed memory", "needed", true, "memfd with seals works", "");
  } catch (error) {
    const fix =
      "sysctl vm.memfd_noexec=0, and allow memfd_create in the container's seccomp filter";
    return check("sealed memory", "needed", false, (error as Error).message, fix);
  } finally {
    if (fd >= 0) libc.c.close(fd);
    libc.close();
  }
}

async function checkShm(): Promise<HostCheck> {
  const output = await new Deno.Command("df", { args: ["-B1", "--output=avail", "/dev/shm"] })
    .output().catch(() => undefined);
  const bytes = Number(new TextDecoder().decode(output?.stdout).split("\n")[1] ?? NaN);
  const found = Number.isNaN(bytes) ? "not found" : `${sizeText(bytes)} free`;
  const fix = "mount -o remount,size=1g /dev/shm (in a container: --shm-size=1g)";
  return check("/dev/shm", "better", bytes >= LITTLE_SHM_BYTES, found, fix);
}

/** Told, not asked for: nothing here needs them, though a device then keeps fewer page addresses. */
async function checkHugePages(): Promise<HostCheck> {
  const read = (path: string) => Deno.readTextFile(path).catch(() => "");
  const total = /^HugePages_Total:\s+(\d+)/m.exec(await read("/proc/meminfo"))?.[1] ?? "none";
  const shared = await read("/sys/kernel/mm/transparent_hugepage/shmem_enabled");
  const found = `${total} reserved; in shared memory ${/\[(\w+)\]/.exec(shared)?.[1] ?? "never"}`;
  return check("huge pages", "better", true, found, "");
}

/** Tried as a node does it, on this process's own group. */
function checkCgroups(): HostCheck {
  const libc = openLibc();
  const hierarchy = openHierarchy(libc);
  const isHard = typeof hierarchy !== "string";
  libc.close();
  const found = isHard
    ? `hard, by control groups of version ${hierarchy.version}`
    : `soft, by looking at the resident size: ${hierarchy}`;
  const fix = "systemd-run --user --scope --property Delegate=yes rfaas executor-manager …";
  return check("limits of memory", "better", isHard, found, fix);
}

/** Which sandboxes there are; how to use one is in docs/security.md. */
async function checkSandboxes(): Promise<HostCheck> {
  const found: string[] = [];
  for (const [name, { command }] of Object.entries(RECIPES)) {
    const isThere = await Deno.stat(command[0]!).then(() => true, () => false);
    if (isThere) found.push(name);
  }
  const fix = "apt-get install bubblewrap, then executor-manager --sandbox bubblewrap";
  const what = found.join(", ") || "none";
  return check("sandboxes", "better", found.length > 0, what, fix);
}

async function checkBundler(): Promise<HostCheck> {
  const folder = await Deno.makeTempDir({ prefix: "rfaas-doctor-" });
  try {
    await Deno.writeTextFile(`${folder}/one.ts`, "export const one: number = 1;\n");
    const bytes = await bundleModule(new URL(`file://${folder}/one.ts`));
    return check("bundler", "needed", true, `works, ${bytes.length} bytes from one line`, "");
  } catch (error) {
    const fix = "allow the npm registry once: deno bundle fetches esbuild from there";
    return check("bundler", "needed", false, (error as Error).message, fix);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

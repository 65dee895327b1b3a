/** The image that the machine boots: a Debian kernel and the first programs. Built once, then cached. */

import { commandOutput } from "./command_output.ts";
import { BOOT_MODULES, moduleFiles, MORE_MODULES } from "./initramfs.ts";
import { updatePackageLists } from "./packages.ts";

/** The package that depends on the current kernel package. */
const KERNEL = "linux-image-amd64";
/** Age after which the files of a killed build are removed. */
const ABANDONED_MS = 3600_000;
/** The first bytes of an xz file. */
const XZ_MAGIC = 0xfd377a58;

/** The files to boot. */
export interface MachineImage {
  readonly kernel: string;
  readonly initramfs: string;
}

/** SHA-256 of the files of the image. */
type Sums = Record<string, string>;

/**
 * Returns the image for this system. Builds it if it is missing or damaged.
 *
 * @param cache The folder of images.
 * @param report Receives the progress, as a line of text.
 */
export async function machineImage(
  cache: string = defaultCache(),
  report: (line: string) => void = console.error,
): Promise<MachineImage> {
  const kernel = await kernelPackage();
  const busybox = await commandOutput(["dpkg-query", "--show", "busybox-static"]);
  const init = await Deno.readTextFile(new URL("guest/init.sh", import.meta.url));
  const parts = [kernel, busybox, init, ...BOOT_MODULES, "", ...MORE_MODULES];
  const key = (await sha256(new TextEncoder().encode(parts.join("\n")))).slice(0, 16);
  const folder = `${cache}/${key}`;
  if (!await isWhole(folder)) {
    report(`building a machine image with ${kernel}`);
    await build(cache, folder, kernel, init);
  }
  return { kernel: `${folder}/kernel`, initramfs: `${folder}/initramfs` };
}

/** Returns `${XDG_CACHE_HOME}/rfaas/vm`. */
function defaultCache(): string {
  const base = Deno.env.get("XDG_CACHE_HOME") || `${Deno.env.get("HOME") ?? "/tmp"}/.cache`;
  return `${base}/rfaas/vm`;
}

/** Returns name=version of the newest kernel in the mirrors. */
async function kernelPackage(): Promise<string> {
  const found = await newestKernel();
  if (found) return found;
  if (Deno.uid() === 0) await updatePackageLists();
  const updated = await newestKernel();
  if (updated) return updated;
  throw new Error(
    `Cannot find a kernel: no package ${KERNEL} in the lists, run: sudo apt-get update`,
  );
}

async function newestKernel(): Promise<string | undefined> {
  const text = await commandOutput(["apt-cache", "show", "--no-all-versions", KERNEL])
    .catch(() => "");
  const [, name, version] = text.match(/^Depends: (linux-image-\S+) \(= (\S+)\)/m) ?? [];
  return name && `${name}=${version}`;
}

/** Builds in a temporary folder and moves the result into place, so that two builds at once do no harm. */
async function build(cache: string, folder: string, kernel: string, init: string): Promise<void> {
  await Deno.mkdir(cache, { recursive: true });
  await removeAbandoned(cache);
  const work = await Deno.makeTempDir({ dir: cache, prefix: "new-" });
  try {
    await fetchPackage(kernel, work);
    await Deno.mkdir(`${work}/image`);
    await unpackKernel(work);
    await packInitramfs(work, init);
    const sums: Sums = {};
    for (const name of ["kernel", "initramfs"]) {
      sums[name] = await sha256(await Deno.readFile(`${work}/image/${name}`));
    }
    await Deno.writeTextFile(`${work}/image/sums.json`, JSON.stringify(sums));
    await moveInto(`${work}/image`, folder, `${work}/damaged`);
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

async function fetchPackage(kernel: string, work: string): Promise<void> {
  const download = () => commandOutput(["apt-get", "--quiet", "download", kernel], { cwd: work });
  try {
    await download();
  } catch (error) {
    // Old package lists name packages that the mirrors have removed.
    if (Deno.uid() !== 0) throw error;
    await updatePackageLists();
    await download();
  }
  await commandOutput(["sh", "-c", "dpkg-deb --extract linux-image-*.deb unpacked"], { cwd: work });
}

/**
 * Unpacks the kernel, which saves the emulator seconds at each boot. Its location: Documentation/x86/boot.rst of the
 * kernel (setup_sects at 0x1f1, payload_offset at 0x248).
 */
async function unpackKernel(work: string): Promise<void> {
  await commandOutput(["sh", "-c", "mv unpacked/boot/vmlinuz-* packed"], { cwd: work });
  const packed = new DataView((await Deno.readFile(`${work}/packed`)).buffer);
  const start = (packed.getUint8(0x1f1) + 1) * 512 + packed.getUint32(0x248, true);
  if (packed.getUint32(start) !== XZ_MAGIC) {
    // Qemu boots a packed kernel too.
    return await Deno.rename(`${work}/packed`, `${work}/image/kernel`);
  }
  const unpack = `tail --bytes=+${
    start + 1
  } packed | xz --decompress --single-stream >image/kernel`;
  await commandOutput(["sh", "-c", unpack], { cwd: work });
}

async function packInitramfs(work: string, init: string): Promise<void> {
  const root = `${work}/root`;
  for (const name of ["bin", "proc", "sys", "dev"]) {
    await Deno.mkdir(`${root}/${name}`, { recursive: true });
  }
  await Deno.copyFile("/bin/busybox", `${root}/bin/busybox`);
  await Deno.writeTextFile(`${root}/init`, init, { mode: 0o755 });
  await Deno.writeTextFile(`${root}/modules.boot`, BOOT_MODULES.join("\n"));
  await copyModules(`${work}/unpacked`, root);
  await commandOutput([
    "sh",
    "-c",
    "find . | cpio --create --quiet --format=newc >../image/initramfs",
  ], {
    cwd: root,
  });
}

async function copyModules(from: string, to: string): Promise<void> {
  const [release] = await Array.fromAsync(Deno.readDir(`${from}/lib/modules`), (it) => it.name);
  if (!release) throw new Error("Cannot find the kernel's modules: none in its package");
  await commandOutput(["depmod", "--basedir", from, release]);
  const folder = `lib/modules/${release}`;
  const dependencies = await Deno.readTextFile(`${from}/${folder}/modules.dep`);
  const files = moduleFiles(dependencies, [...BOOT_MODULES, ...MORE_MODULES]);
  const lists = ["modules.order", "modules.builtin", "modules.builtin.modinfo"];
  await Deno.mkdir(`${to}/${folder}`, { recursive: true });
  await commandOutput(["cp", "--parents", ...files, ...lists, `${to}/${folder}`], {
    cwd: `${from}/${folder}`,
  });
  await commandOutput(["depmod", "--basedir", to, release]);
}

/** Moves the image into place, unless another build was faster. */
async function moveInto(image: string, folder: string, aside: string): Promise<void> {
  if (await isWhole(folder)) return;
  await Deno.rename(folder, aside).catch(ignoreNotFound);
  await Deno.rename(image, folder).catch(async (error) => {
    if (!await isWhole(folder)) throw error;
  });
}

async function isWhole(folder: string): Promise<boolean> {
  try {
    const sums: Sums = JSON.parse(await Deno.readTextFile(`${folder}/sums.json`));
    for (const name of ["kernel", "initramfs"]) {
      if (sums[name] !== await sha256(await Deno.readFile(`${folder}/${name}`))) return false;
    }
    return true;
  } catch {
    return false;
  }
}

async function removeAbandoned(cache: string): Promise<void> {
  for await (const { name } of Deno.readDir(cache)) {
    if (!name.startsWith("new-")) continue;
    const { mtime } = await Deno.stat(`${cache}/${name}`).catch(() => ({ mtime: null }));
    if (mtime && Date.now() - mtime.getTime() > ABANDONED_MS) {
      await Deno.remove(`${cache}/${name}`, { recursive: true }).catch(ignoreNotFound);
    }
  }
}

function ignoreNotFound(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

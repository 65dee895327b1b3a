/** The system packages that the virtual machine and the tests in it need. */

import { commandOutput } from "./command_output.ts";

/** Names in Debian. */
export const PACKAGES: readonly string[] = [
  "qemu-system-x86", // the machine
  "busybox-static", // its first programs
  "cpio",
  "kmod",
  "xz-utils",
  "iproute2", // its network, and `rdma`
  "util-linux", // setpriv, prlimit
  "rdma-core", // verbs, their devices' libraries and their tools
  "ibverbs-providers",
  "libibverbs1",
  "librdmacm1",
  "ibverbs-utils",
  "rdmacm-utils",
  "perftest",
  "libibverbs-dev", // for the layout test
  "librdmacm-dev",
  "gcc",
  "libc6-dev",
];

/** How long to wait for another package manager that runs at the same time. */
const LOCK_SECONDS = 120;

/** Packages are missing and cannot be installed. */
export class MissingPackagesError extends Error {
  override readonly name = "MissingPackagesError";
}

/**
 * Installs those packages that are missing.
 *
 * @param packages Names in Debian.
 * @param report Receives the progress, as a line of text.
 * @throws {MissingPackagesError} If they cannot be installed; the message has the command to run.
 */
export async function installPackages(
  packages: readonly string[] = PACKAGES,
  report: (line: string) => void = console.error,
): Promise<void> {
  await requireDebian();
  const missing = await missingPackages(packages);
  if (missing.length === 0) return;
  if (Deno.uid() !== 0) {
    throw new MissingPackagesError(
      `Cannot install packages: not root, run: sudo apt-get update && ` +
        `sudo apt-get install --yes --no-install-recommends ${missing.join(" ")}`,
    );
  }
  report(`installing ${missing.join(" ")}`);
  await updatePackageLists();
  await apt("install", "--yes", "--no-install-recommends", ...missing);
}

/** Returns the packages that are not installed. */
async function missingPackages(packages: readonly string[]): Promise<string[]> {
  // dpkg-query fails if one of them is unknown to it, and still prints the others.
  const { stdout } = await new Deno.Command("dpkg-query", {
    args: ["--show", "--showformat=${db:Status-Status} ${Package}\\n", ...packages],
    stdin: "null",
    stderr: "null",
  }).output();
  const lines = new Set(new TextDecoder().decode(stdout).split("\n"));
  return packages.filter((name) => !lines.has(`installed ${name}`));
}

/** Fetches the package lists of the mirrors. Needs root. */
export async function updatePackageLists(): Promise<void> {
  await apt("update");
}

async function apt(...args: string[]): Promise<void> {
  await commandOutput(
    ["apt-get", "--quiet", "-o", `DPkg::Lock::Timeout=${LOCK_SECONDS}`, ...args],
    { env: { DEBIAN_FRONTEND: "noninteractive" } },
  );
}

async function requireDebian(): Promise<void> {
  if (Deno.build.os !== "linux" || Deno.build.arch !== "x86_64") {
    throw new MissingPackagesError(
      `Cannot prepare a virtual machine on ${Deno.build.os} ${Deno.build.arch}: ` +
        "it needs Linux on x86_64",
    );
  }
  try {
    await commandOutput(["apt-get", "--version"]);
    await commandOutput(["dpkg-query", "--version"]);
  } catch (cause) {
    throw new MissingPackagesError(
      "Cannot install packages: no apt-get, use Debian or a system derived from it",
      { cause },
    );
  }
}

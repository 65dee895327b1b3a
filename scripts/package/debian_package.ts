/** The package of Debian: the program in /opt/rfaas, its command with a manual page, a module file, and the documentation. */

import project from "../../deno.json" with { type: "json" };
import { commandOutput } from "../vm/command_output.ts";

/** The architecture, which the bundler has. */
const ARCHITECTURE = Deno.build.arch === "aarch64" ? "arm64" : "amd64";
const LINKS: Readonly<Record<string, string>> = {
  "usr/bin/rfaas": "/opt/rfaas/bin/rfaas",
  "usr/share/man/man1/rfaas.1.gz": "/opt/rfaas/share/man/man1/rfaas.1.gz",
  "usr/share/doc/rfaas/README.md": "/opt/rfaas/README.md",
  "usr/share/doc/rfaas/CHANGELOG.md": "/opt/rfaas/CHANGELOG.md",
  "usr/share/doc/rfaas/docs": "/opt/rfaas/docs",
  "usr/share/doc/rfaas/integrations": "/opt/rfaas/integrations",
};
const MANUAL = "usr/share/man/man1";
const MODULES = "usr/share/modules/modulefiles";
const COPYRIGHT = "usr/share/doc/rfaas/copyright";
/** The scripts that dpkg runs (`man deb-prerm`, `man deb-postrm`). */
const MAINTAINER_SCRIPTS = ["prerm", "postrm"];
/** The license of the bundler, which is a single file. */
const BUNDLER_LICENSE = `
The program in /opt/rfaas/cache is esbuild, Copyright (c) 2020 Evan Wallace, under the same license.
The packages in /opt/rfaas/node_modules and the files in /opt/rfaas/vendor have their own licenses.
`;

/**
 * Writes the package.
 *
 * @param program the folder of the program, which is moved.
 * @param folder receives the package.
 * @param seconds the modification time of all files, since 1970.
 * @returns its path.
 */
export async function writeDebianPackage(
  program: string,
  folder: string,
  seconds: string,
): Promise<string> {
  const tree = `${program}-debian`;
  for (const path of ["DEBIAN", "opt", "usr/bin", "usr/share/doc/rfaas", MANUAL, MODULES]) {
    await Deno.mkdir(`${tree}/${path}`, { recursive: true });
  }
  await Deno.rename(program, `${tree}/opt/rfaas`);
  for (const [path, target] of Object.entries(LINKS)) await Deno.symlink(target, `${tree}/${path}`);
  await Deno.copyFile(new URL("rfaas.modulefile", import.meta.url), `${tree}/${MODULES}/rfaas`);
  const license = await Deno.readTextFile(`${tree}/opt/rfaas/LICENSE`);
  await Deno.writeTextFile(`${tree}/${COPYRIGHT}`, license + BUNDLER_LICENSE);
  await Deno.writeTextFile(`${tree}/DEBIAN/control`, control(await kibibytes(tree)));
  for (const script of MAINTAINER_SCRIPTS) {
    await Deno.copyFile(new URL(`${script}.sh`, import.meta.url), `${tree}/DEBIAN/${script}`);
    await Deno.chmod(`${tree}/DEBIAN/${script}`, 0o755);
  }
  await commandOutput(["chmod", "-R", "u=rwX,go=rX", tree]);
  await commandOutput(
    ["find", tree, "-exec", "touch", "--no-dereference", `--date=@${seconds}`, "{}", "+"],
  );
  const path = `${folder}/rfaas_${project.version}_${ARCHITECTURE}.deb`;
  await commandOutput(["dpkg-deb", "--root-owner-group", "-Zgzip", "--build", tree, path], {
    env: { SOURCE_DATE_EPOCH: seconds },
  });
  return path;
}

/** The size of the files, which does not depend on the file system. */
async function kibibytes(tree: string): Promise<number> {
  const sizes = await commandOutput(["find", tree, "-type", "f", "-printf", "%s\n"]);
  return Math.ceil(sizes.split("\n").reduce((sum, size) => sum + Number(size), 0) / 1024);
}

/** Deno is in no release of Debian, so the package does not depend on it. */
function control(installedKibibytes: number): string {
  return `Package: rfaas
Version: ${project.version}
Architecture: ${ARCHITECTURE}
Maintainer: the rfaas authors
Section: net
Priority: optional
Installed-Size: ${installedKibibytes}
Depends: libc6
Recommends: bubblewrap
Suggests: environment-modules, ibverbs-providers, libibverbs1, librdmacm1
Description: functions on idle cores at the speed of memory
 rfaas leases idle cores of a cluster and calls functions there, over shared
 memory on one host and over RDMA between hosts. This package needs Deno
 ${Deno.version.deno}, and no npm registry.
`;
}

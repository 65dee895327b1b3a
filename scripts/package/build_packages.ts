/** Builds the packages from the checkout. The same commit gives the same bytes. */

import project from "../../deno.json" with { type: "json" };
import { commandOutput } from "../vm/command_output.ts";
import { writeArchive } from "./archive.ts";
import { addBundler } from "./bundler.ts";
import { changedFiles, commitSeconds } from "./checkout.ts";
import { writeDebianPackage } from "./debian_package.ts";
import { addNpmPackages, npmPackages } from "./npm_packages.ts";
import { addProgram } from "./program_files.ts";

export interface Packages {
  /** The path of the archive, for any Linux. */
  readonly archive: string;
  /** The path of the Debian package. */
  readonly debian: string;
  /** The number of files that differ from the last commit. */
  readonly changed: number;
}

/**
 * Builds both packages. Needs git, GNU tar, gzip and dpkg-deb.
 *
 * @param folder receives them. It is made if it does not exist.
 * @throws {Error} If a tool fails, or a download.
 */
export async function buildPackages(folder: string): Promise<Packages> {
  const { version } = project;
  await Deno.mkdir(folder, { recursive: true });
  const work = await Deno.makeTempDir({ prefix: "rfaas-package-" });
  try {
    // https://reproducible-builds.org/specs/source-date-epoch/
    const seconds = Deno.env.get("SOURCE_DATE_EPOCH") || await commitSeconds();
    const program = `${work}/rfaas-${version}`;
    const packages = await npmPackages();
    await addProgram(program, packages, seconds);
    await addNpmPackages(program, packages);
    await addBundler(program, work);
    await commandOutput(["chmod", "-R", "u=rwX,go=rX", program]);
    const archive = `${folder}/rfaas-${version}.tar.gz`;
    await writeArchive(program, archive, seconds);
    const debian = await writeDebianPackage(program, folder, seconds);
    return { archive, debian, changed: await changedFiles() };
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

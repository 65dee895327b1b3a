/** Whether the user of a service can read the files of the program. */

/** @throws {Error} If other users than root cannot read one of the files that a service needs. */
export function checkReadable(user: string, paths: readonly string[]): void {
  const path = paths.find((path) => !isReadableByAll(path));
  if (path === undefined) return;
  throw new Error(
    `Cannot install service: user ${user} cannot read ${path}: copy it to /usr/local or /opt, or use --user root`,
  );
}

/** Checks the modes of a file and of the folders above it; false if it does not exist. */
export function isReadableByAll(path: string): boolean {
  try {
    const real = Deno.realPathSync(path);
    if (!hasBits(real, 0o004)) return false;
    const folders = real.split("/").slice(1, -1);
    return folders.every((_, at) => hasBits(`/${folders.slice(0, at + 1).join("/")}`, 0o001));
  } catch {
    return false;
  }
}

function hasBits(path: string, bits: number): boolean {
  return ((Deno.statSync(path).mode ?? 0) & bits) === bits;
}

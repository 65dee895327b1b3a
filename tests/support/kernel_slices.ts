/** Does the kernel give threads turns of the length that they ask for? Linux 6.12 and later do. */
export function kernelHasSlices(): boolean {
  const [major, minor] = Deno.osRelease().split(".").map(Number) as [number, number];
  return major > 6 || (major === 6 && minor >= 12);
}

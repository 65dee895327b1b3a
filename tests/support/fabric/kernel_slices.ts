/** Whether the kernel honors the time slices that threads request: Linux 6.12 and later do. */
export function kernelHasSlices(): boolean {
  const [major, minor] = Deno.osRelease().split(".").map(Number) as [number, number];
  return major > 6 || (major === 6 && minor >= 12);
}

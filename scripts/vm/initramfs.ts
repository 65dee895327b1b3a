/** What the machine's kernel needs from its own modules. */

/** What is loaded at boot, in this order. */
export const BOOT_MODULES: readonly string[] = [
  "virtio_pci",
  "virtio_console", // the agent's line to the host
  "virtio_rng",
  "9pnet_virtio", // the host's files
  "9p",
  "overlay",
  "virtio_net", // the link
  "dummy", // an interface where there is no link
  "crc32_generic", // without it rdma_rxe reports "failed to add"
  "crc32c_generic",
  "rdma_rxe",
  "rdma_ucm", // the connection manager's device
  "ib_umad",
];

/** What tests may load with modprobe, to put faults in the way. */
export const MORE_MODULES: readonly string[] = [
  "veth",
  "sch_netem",
  "sch_tbf",
  "nft_compat",
  "nf_tables",
  "xt_statistic",
  "xt_tcpudp",
];

/**
 * @param dependencies the text of a modules.dep: lines of "path: path path", which depmod writes.
 * @param names modules as modprobe calls them.
 * @returns the files of these modules and of all that they depend on, each once.
 * @throws {Error} if there is no such module.
 */
export function moduleFiles(dependencies: string, names: readonly string[]): string[] {
  const lines = new Map<string, string[]>();
  for (const line of dependencies.split("\n")) {
    const [file, needed] = line.split(":");
    if (file && needed !== undefined) {
      lines.set(moduleName(file), [file, ...needed.split(" ").filter(Boolean)]);
    }
  }
  const files = names.flatMap((name) => {
    const found = lines.get(name);
    if (!found) throw new Error(`Cannot find the kernel module ${name}: not in modules.dep`);
    return found;
  });
  return [...new Set(files)];
}

/** A file may be named with dashes, and be compressed; the module never is. */
function moduleName(file: string): string {
  const base = file.slice(file.lastIndexOf("/") + 1);
  return base.slice(0, base.indexOf(".ko")).replaceAll("-", "_");
}

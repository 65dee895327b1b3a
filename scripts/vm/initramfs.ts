/** The modules that the machine's kernel needs. */

/** Loaded at boot, in this order. */
export const BOOT_MODULES: readonly string[] = [
  "virtio_pci",
  "virtio_console", // the agent's connection to the host
  "virtio_rng",
  "9pnet_virtio", // the host's files
  "9p",
  "overlay",
  "virtio_net", // the link
  "dummy", // the interface if there is no link
  "crc32_generic", // without it rdma_rxe reports "failed to add"
  "crc32c_generic",
  "rdma_rxe",
  "rdma_ucm", // the connection manager's device
  "ib_umad",
];

/** Modules that tests may load to cause faults. */
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
 * Returns the files of modules and of all their dependencies, each once.
 *
 * @param dependencies The text of modules.dep, as depmod writes it: lines of "path: path path".
 * @param names Names of modules, as modprobe takes them.
 * @throws {Error} If a module does not exist.
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

/** The name of the module in a file. The file may have dashes in its name and may be compressed. */
function moduleName(file: string): string {
  const base = file.slice(file.lastIndexOf("/") + 1);
  return base.slice(0, base.indexOf(".ko")).replaceAll("-", "_");
}

/** The command line of the emulator. */

import type { MachineImage } from "./image.ts";

/** The network card's name for QMP. */
export const LINK_DEVICE = "link";

/** What one machine is made of. */
export interface QemuSettings {
  readonly image: MachineImage;
  readonly name: string;
  /** Of the network interface under the RDMA device, with the prefix length. */
  readonly address: string;
  readonly mtu: number;
  readonly memoryMiB: number;
  readonly cpus: number;
  /** `tcg` runs everywhere; `kvm` where the hardware helps. */
  readonly accelerator: "tcg" | "kvm";
  /** Unix socket where we wait for its QMP. */
  readonly qmpPath: string;
  /** The cable, if there is one: its other end, or who waits for it. */
  readonly link?: { readonly path: string; readonly waits: boolean; readonly mac: string };
}

/** @returns the whole command. */
export function qemuCommand(settings: QemuSettings): [string, ...string[]] {
  const { image, accelerator, qmpPath } = settings;
  return [
    // Whatever happens to this process, the machine goes with it.
    "setpriv",
    "--pdeathsig=KILL",
    "qemu-system-x86_64",
    ...["-nodefaults", "-no-user-config", "-no-reboot"],
    ...["-display", "none"],
    ...["-accel", accelerator === "tcg" ? "tcg,thread=multi" : accelerator],
    ...["-cpu", "max", "-smp", `${settings.cpus}`, "-m", `${settings.memoryMiB}`],
    ...["-kernel", image.kernel, "-initrd", image.initramfs, "-append", kernelLine(settings)],
    "-virtfs",
    "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap",
    ...["-device", "virtio-rng-pci"],
    ...["-chardev", "file,id=console,path=/dev/stderr", "-serial", "chardev:console"],
    ...["-chardev", "stdio,id=agent,signal=off", "-device", "virtio-serial-pci"],
    ...["-device", "virtserialport,chardev=agent,name=agent"],
    ...["-chardev", `socket,id=qmp,path=${qmpPath}`, "-mon", "chardev=qmp,mode=control"],
    ...linkArguments(settings),
  ];
}

/** NAME=value reaches the first program as its environment. */
function kernelLine({ name, address, mtu }: QemuSettings): string {
  const environment = {
    START: new URL("guest/start.sh", import.meta.url).pathname,
    AGENT: new URL("guest/agent.ts", import.meta.url).pathname,
    DENO: Deno.execPath(),
    NAME: name,
    ADDRESS: address,
    MTU: `${mtu}`,
  };
  return [
    "console=ttyS0 quiet panic=-1 nokaslr mitigations=off",
    ...Object.entries(environment).map(([key, value]) => `${key}="${value}"`),
  ].join(" ");
}

function linkArguments({ link }: QemuSettings): string[] {
  if (!link) return [];
  const end = `server=${link.waits ? "on" : "off"},addr.type=unix,addr.path=${link.path}`;
  return [
    ...["-netdev", `stream,id=cable,${end}`],
    ...["-device", `virtio-net-pci,id=${LINK_DEVICE},netdev=cable,mac=${link.mac}`],
  ];
}

/** The command line of the emulator. */

import type { MachineImage } from "./image.ts";

/** The name of the network card in QMP. */
export const LINK_DEVICE = "link";

/**
 * The processor of an emulated machine. Each feature left out costs the emulator more than it saves the kernel: copying
 * by `rep movsb` goes byte by byte (erms), page tables get a fifth level (la57), and each copy from and to a program
 * ends a translated block twice (smap, smep, pku). Without them the same work takes a third less of this host's time.
 */
const EMULATED_CPU = "max,erms=off,la57=off,smap=off,smep=off,pku=off";
/**
 * The kernel distrusts an emulated TSC and would take the HPET, which is read under the emulator's one lock. On a busy
 * host its check of the timer fails ("8254 timer not connected"), and the boot hangs some seconds later.
 */
const EMULATED_CLOCK = "tsc=reliable no_timer_check";

/** The settings of one machine. */
export interface QemuSettings {
  readonly image: MachineImage;
  readonly name: string;
  /** The address of the network interface under the RDMA device, with the prefix length. */
  readonly address: string;
  readonly mtu: number;
  readonly memoryMiB: number;
  readonly cpus: number;
  /** `tcg` emulates, on any host; `kvm` needs support of the hardware. */
  readonly accelerator: "tcg" | "kvm";
  /** The Unix socket on which this process listens for QMP. */
  readonly qmpPath: string;
  /** The connection to another machine, if there is one. `waits` is set for the end that listens. */
  readonly link?: { readonly path: string; readonly waits: boolean; readonly mac: string };
}

/** Returns the command. */
export function qemuCommand(settings: QemuSettings): [string, ...string[]] {
  const { image, accelerator, qmpPath } = settings;
  const emulated = accelerator === "tcg";
  return [
    // The machine ends with this process, even if this process is killed.
    "setpriv",
    "--pdeathsig=KILL",
    "qemu-system-x86_64",
    ...["-nodefaults", "-no-user-config", "-no-reboot"],
    ...["-display", "none"],
    ...["-accel", emulated ? "tcg,thread=multi" : accelerator],
    ...[
      "-cpu",
      emulated ? EMULATED_CPU : "max",
      "-smp",
      `${settings.cpus}`,
      "-m",
      `${settings.memoryMiB}`,
    ],
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

/** The kernel passes NAME=value to the first program as its environment. */
function kernelLine({ name, address, mtu, accelerator }: QemuSettings): string {
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
    ...accelerator === "tcg" ? [EMULATED_CLOCK] : [],
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

import { assertEquals, assertThrows } from "@std/assert";
import { moduleFiles } from "../../scripts/vm/initramfs.ts";

const DEPENDENCIES = [
  "kernel/fs/9p/9p.ko: kernel/net/9p/9pnet.ko",
  "kernel/net/9p/9pnet.ko:",
  "kernel/drivers/char/hw_random/virtio-rng.ko.xz: kernel/drivers/virtio/virtio.ko.xz",
  "",
].join("\n");

Deno.test("`moduleFiles()` returns a module and its dependencies, each once", () => {
  assertEquals(moduleFiles(DEPENDENCIES, ["9p", "9pnet"]), [
    "kernel/fs/9p/9p.ko",
    "kernel/net/9p/9pnet.ko",
  ]);
});

Deno.test("`moduleFiles()` finds a module whose file has dashes and is compressed", () => {
  assertEquals(moduleFiles(DEPENDENCIES, ["virtio_rng"]), [
    "kernel/drivers/char/hw_random/virtio-rng.ko.xz",
    "kernel/drivers/virtio/virtio.ko.xz",
  ]);
});

Deno.test("`moduleFiles()` refuses a module that does not exist", () => {
  assertThrows(
    () => moduleFiles(DEPENDENCIES, ["siw"]),
    Error,
    "Cannot find the kernel module siw",
  );
});

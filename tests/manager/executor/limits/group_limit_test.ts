/** The memory limit of a container, in the files of several hosts and on this one. */

import { assertEquals } from "@std/assert";
import {
  makeKernelFolder,
  removeKernelFolder,
  writeKernelFile,
} from "../../../../ffi/kernel_file.ts";
import { openLibc } from "../../../../ffi/libc.ts";
import { CgroupBounds } from "../../../../manager/executor/limits/cgroup_bounds.ts";
import { openHierarchy } from "../../../../manager/executor/limits/cgroup_hierarchy.ts";
import { findLimit } from "../../../../manager/executor/limits/group_limit.ts";
import { until } from "../../../support/waiting.ts";

const MIB = 2 ** 20;
const V2 = "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
const V1 = "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
/** No limit, in version 1. */
const UNLIMITED = 9223372036854771712;

Deno.test("`findLimit()` finds the lowest limit of this process's group and those above", async (t) => {
  const stat = (limit: number) => `cache 0\nhierarchical_memory_limit ${limit}\nrss 0\n`;
  const hosts: Record<string, [files: Record<string, string>, limit: number]> = {
    "version 2, a container": [{
      "/proc/self/mountinfo": V2,
      "/proc/self/cgroup": "0::/\n",
      "/sys/fs/cgroup/memory.max": "734003200\n",
    }, 700 * MIB],
    "version 2, its own group without a limit, below one with a limit": [{
      "/proc/self/mountinfo": V2,
      "/proc/self/cgroup": "0::/a/b/c\n",
      "/sys/fs/cgroup/a/memory.max": "1048576\n",
      "/sys/fs/cgroup/a/b/memory.max": "2097152\n",
      "/sys/fs/cgroup/a/b/c/memory.max": "max\n",
    }, MIB],
    "version 2, without limits": [{
      "/proc/self/mountinfo": V2,
      "/proc/self/cgroup": "0::/a\n",
      "/sys/fs/cgroup/a/memory.max": "max\n",
    }, Infinity],
    "version 2, without the controller": [{
      "/proc/self/mountinfo": V2,
      "/proc/self/cgroup": "0::/a\n",
    }, Infinity],
    "version 1": [{
      "/proc/self/mountinfo": V1,
      "/proc/self/cgroup": "4:memory:/a\n",
      "/sys/fs/cgroup/memory/a/memory.stat": stat(700 * MIB),
    }, 700 * MIB],
    "version 1, a container": [{
      "/proc/self/mountinfo": V1.replace(" / ", " /docker/ab "),
      "/proc/self/cgroup": "4:memory:/docker/ab\n",
      "/sys/fs/cgroup/memory/memory.stat": stat(MIB),
    }, MIB],
    "version 1, without limits": [{
      "/proc/self/mountinfo": V1,
      "/proc/self/cgroup": "4:memory:/\n",
      "/sys/fs/cgroup/memory/memory.stat": stat(UNLIMITED),
    }, UNLIMITED],
    "no control groups": [{}, Infinity],
  };
  for (const [host, [files, limit]] of Object.entries(hosts)) {
    await t.step(host, () => assertEquals(findLimit((path) => files[path]), limit));
  }
});

const libc = openLibc();
const hierarchy = openHierarchy(libc);
const isMissing = typeof hierarchy === "string";
const need = isMissing ? " (needs control groups)" : "";
addEventListener("unload", () => libc.close());

/** A group below this process's own with a limit. */
async function withGroup(
  limitBytes: number,
  run: (group: { folder: string; version: 1 | 2 }) => Promise<void>,
): Promise<void> {
  if (typeof hierarchy === "string") return;
  const { version } = hierarchy;
  const folder = `${hierarchy.folder}/test-${crypto.randomUUID()}`;
  makeKernelFolder(libc, folder);
  try {
    const file = version === 1 ? "memory.limit_in_bytes" : "memory.max";
    writeKernelFile(libc, `${folder}/${file}`, `${limitBytes}`);
    if (version === 2) writeKernelFile(libc, `${folder}/cgroup.subtree_control`, "+memory");
    await run({ folder, version });
  } finally {
    await until(() => removeKernelFolder(libc, folder), () => "the group is empty");
  }
}

Deno.test({
  name: `a host's memory is the limit of the container${need}`,
  ignore: isMissing,
  fn: () =>
    withGroup(700 * MIB, async ({ folder }) => {
      makeKernelFolder(libc, `${folder}/inner`); // in version 2 the outer one may have no processes
      const host = new URL("../../../../cli/host.ts", import.meta.url).href;
      const code =
        `await import("node:fs").then((fs) => fs.writeFileSync("${folder}/inner/cgroup.procs", String(Deno.pid)));
        const { hostMemoryBytes } = await import("${host}");
        console.log(hostMemoryBytes());`;
      const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["eval", code] }).output();
      assertEquals(new TextDecoder().decode(stdout), `${700 * MIB}\n`);
      await until(() => removeKernelFolder(libc, `${folder}/inner`), () => "the group is empty");
    }),
});

for (
  const [ranOut, lease, outer] of [["lease", 250, 1000], ["host", 1000, 250]] as const
) {
  Deno.test({
    name: `\`ranOut()\` is ${ranOut} if a lease has ${lease} MiB and its host ${outer} MiB${need}`,
    ignore: isMissing,
    fn: () =>
      withGroup(outer * MIB, async (group) => {
        await using bounds = new CgroupBounds(libc, group);
        const code = `await Deno.stdin.read(new Uint8Array(1));
          const kept = [];
          for (let i = 0; i < 500; i++) kept.push(new Uint8Array(${MIB}).fill(1));
          console.log(kept.length);`;
        const child = new Deno.Command(Deno.execPath(), {
          args: ["eval", code],
          stdin: "piped",
          stdout: "null",
        }).spawn();
        const bound = await bounds.bound(child.pid);
        using _release = { [Symbol.dispose]: () => bound.release() };
        bound.set(lease * MIB);
        const writer = child.stdin.getWriter();
        await writer.write(new Uint8Array(1));
        const { signal } = await child.status;
        await writer.close().catch(() => {});
        assertEquals([signal, bound.ranOut()], ["SIGKILL", ranOut]);
      }),
  });
}

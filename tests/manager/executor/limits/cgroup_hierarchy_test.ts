/** The search for control groups in the files of several hosts, and the clean-up after a killed manager on this host. */

import { assert, assertEquals } from "@std/assert";
import { listKernelFolder, makeKernelFolder } from "../../../../ffi/kernel_file.ts";
import { openLibc } from "../../../../ffi/libc.ts";
import {
  findHierarchy,
  openHierarchy,
  sweepGroups,
} from "../../../../manager/executor/limits/cgroup_hierarchy.ts";

const V2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";
const V1 = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n" +
  "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory\n" +
  "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";
const DOCKER_V1 = "35 31 0:32 /docker/ab /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";

Deno.test("`findHierarchy()` finds this process's own group in version 1, 2, both and in a container", () => {
  const cases: [mountInfo: string, procCgroup: string, folder: string | undefined][] = [
    [V2, "0::/user.slice/a.scope\n", "/sys/fs/cgroup/user.slice/a.scope"],
    [V2, "0::/\n", "/sys/fs/cgroup"],
    [V1, "4:memory:/a/b\n0::/c\n", "/sys/fs/cgroup/memory/a/b"],
    [V1, "4:cpu,memory:/a\n", "/sys/fs/cgroup/memory/a"],
    [DOCKER_V1, "4:memory:/docker/ab/x\n", "/sys/fs/cgroup/memory/x"],
    [DOCKER_V1, "4:memory:/docker/ab\n", "/sys/fs/cgroup/memory"],
    [DOCKER_V1, "4:memory:/elsewhere\n", undefined],
    [V1, "0::/c\n", undefined],
    ["", "0::/c\n", undefined],
  ];
  for (const [mountInfo, procCgroup, folder] of cases) {
    const found = findHierarchy(mountInfo, procCgroup);
    if (folder === undefined) assert(typeof found === "string" && found !== "", `${found}`);
    else assertEquals(typeof found === "string" ? found : found.folder, folder);
  }
});

const libc = openLibc();
const hierarchy = openHierarchy(libc);
addEventListener("unload", () => libc.close());

Deno.test({
  name: `\`sweepGroups()\` removes the groups of killed managers, and none of running ones${
    typeof hierarchy === "string" ? " (needs control groups)" : ""
  }`,
  ignore: typeof hierarchy === "string",
  fn: async () => {
    if (typeof hierarchy === "string") return;
    const child = new Deno.Command("true").spawn();
    await child.status;
    const left = `rfaas-${child.pid}-left`;
    const mine = `rfaas-${Deno.pid}-mine`;
    for (const name of [left, mine]) makeKernelFolder(libc, `${hierarchy.folder}/${name}`);
    sweepGroups(libc, hierarchy);
    const names = listKernelFolder(libc, hierarchy.folder);
    Deno.removeSync(`${hierarchy.folder}/${mine}`);
    assert(names.includes(mine) && !names.includes(left), names.join());
  },
});

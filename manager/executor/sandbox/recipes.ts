/** The recipes that are part of rfaas. docs/security.md lists what each of them isolates, and where it was tested. */

import type { Recipe } from "./recipe.ts";

/** The names of {@linkcode RECIPES}; `none` means no sandbox of the operating system. */
export const recipeNames = ["none", "bubblewrap", "podman", "apptainer"] as const;
/** One of {@linkcode recipeNames}. */
export type RecipeName = (typeof recipeNames)[number];

/** The files by which names are resolved, for leases that may use the network. */
const NAME_SERVICE = ["/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf"];
/** What the RDMA libraries read. */
const RDMA_FILES = ["/etc/libibverbs.d", "/sys/class", "/sys/devices"];

/**
 * The recipes. All of them keep the host's network namespace: abstract Unix sockets, which pass on shared memory, belong to
 * it. The filter refuses other sockets instead.
 */
export const RECIPES: Readonly<Record<Exclude<RecipeName, "none">, Recipe>> = {
  bubblewrap: {
    command: [
      ...["/usr/bin/bwrap", "--die-with-parent", "--new-session"],
      ...["--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts"],
      ...["--unshare-cgroup-try", "--disable-userns", "--hostname", "rfaas", "--cap-drop", "ALL"],
      ...["--ro-bind", "/usr/lib", "/usr/lib", "--ro-bind-try", "/usr/lib64", "/usr/lib64"],
      ...["--ro-bind-try", "/lib", "/lib", "--ro-bind-try", "/lib64", "/lib64"],
      ...["--ro-bind-try", "/nix/store", "/nix/store"],
      ...["--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"],
      ...["--ro-bind", "{deno}", "/rfaas/deno", "--ro-bind", "{code}", "/rfaas/code"],
      ...["--bind", "{cache}", "/rfaas/cache"],
      ...["--proc", "/proc", "--dev", "/dev", "--size", "16777216", "--tmpfs", "/tmp"],
      ...["{rdma}", "{net}", "{readable}", "--remount-ro", "/", "--chdir", "/rfaas/code"],
      ...["--seccomp", "4", "--", "{executor}"],
    ],
    rdma: [
      ...["--dev-bind", "/dev/infiniband", "/dev/infiniband"],
      ...RDMA_FILES.flatMap((path) => ["--ro-bind-try", path, path]),
    ],
    net: NAME_SERVICE.flatMap((path) => ["--ro-bind-try", path, path]),
    readable: ["--ro-bind-try", "{path}", "{path}"],
  },
  podman: {
    command: [
      ...["/usr/bin/podman", "run", "--rm", "--interactive", "--name", "{id}"],
      ...["--label", "rfaas=executor", "--runtime", "runc", "--network", "host"],
      ...["--cap-drop", "all", "--security-opt", "no-new-privileges"],
      ...["--security-opt", "seccomp={seccomp}", "--read-only", "--preserve-fds", "2"],
      ...["--log-driver", "none", "--ulimit", "nofile={nofile}:{nofile}"],
      ...["--ulimit", "nproc={nproc}:{nproc}", "--ulimit", "memlock={memlock}:{memlock}"],
      ...["--cgroup-parent", "{cgroup}", "--workdir", "/rfaas/code", "--env-host"],
      ...["--volume", "/usr/lib:/usr/lib:ro", "--volume", "/lib:/lib:ro"],
      ...["--volume", "/lib64:/lib64:ro", "--tmpfs", "/tmp:size=16m"],
      ...["--volume", "/etc/ld.so.cache:/etc/ld.so.cache:ro"],
      ...["--volume", "{deno}:/rfaas/deno:ro", "--volume", "{code}:/rfaas/code:ro"],
      ...["--volume", "{cache}:/rfaas/cache"],
      ...["{rdma}", "{net}", "{readable}", "--rootfs", "{root}", "{executor}"],
    ],
    rdma: ["--device", "/dev/infiniband", "--volume", "/etc/libibverbs.d:/etc/libibverbs.d:ro"],
    readable: ["--volume", "{path}:{path}:ro"],
  },
  /** Written from Apptainer's documentation, never tested: Debian 12 has no Apptainer. */
  apptainer: {
    command: [
      ...["/usr/bin/apptainer", "--silent", "exec", "--containall", "--cleanenv", "--no-home"],
      ...["--no-privs", "--pid", "--ipc", "--uts", "--writable-tmpfs", "--pwd", "/rfaas/code"],
      ...["--security", "seccomp:{seccomp}", "--bind", "/usr/lib:/usr/lib:ro"],
      ...["--bind", "/lib64:/lib64:ro", "--bind", "/etc/ld.so.cache:/etc/ld.so.cache:ro"],
      ...["--bind", "{deno}:/rfaas/deno:ro", "--bind", "{code}:/rfaas/code:ro"],
      ...["--bind", "{cache}:/rfaas/cache"],
      ...["{rdma}", "{net}", "{readable}", "{root}", "{executor}"],
    ],
    rdma: ["--bind", "/dev/infiniband", "--bind", "/etc/libibverbs.d:/etc/libibverbs.d:ro"],
    net: ["--bind", "/etc/resolv.conf:/etc/resolv.conf:ro"],
    readable: ["--bind", "{path}:{path}:ro"],
  },
};

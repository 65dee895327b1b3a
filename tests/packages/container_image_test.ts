/**
 * The Containerfile: it is built on a base that `debootstrap` makes, since no registry of images is needed for that. Two
 * managers and a client then run in containers of the image.
 */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { existsSync } from "node:fs";
import { buildPackages } from "../../scripts/package/build_packages.ts";
import { commandOutput } from "../../scripts/vm/command_output.ts";
import { freePorts } from "../support/free_ports.ts";
import { until } from "../support/waiting.ts";

const RECIPES = new URL("../../integrations/containers/", import.meta.url);
/** Not among the packages that `deno task test` installs: the test takes two minutes, and downloads 60 MB. */
const TOOLS = ["buildah", "catatonit", "debootstrap", "podman", "runc"];
const missing = TOOLS.filter((tool) =>
  !["/usr/bin", "/usr/sbin"].some((folder) => existsSync(`${folder}/${tool}`))
);
const need = Deno.uid() === 0 && missing.length === 0
  ? ""
  : ` (needs root, ${TOOLS.slice(0, -1).join(", ")} and ${TOOLS.at(-1)})`;
const RELEASE = "trixie";
const STARTED_MS = 60_000;

/** A store of images of its own. The driver `vfs` works on every file system. */
class Containers implements AsyncDisposable {
  readonly #folder: string;
  readonly #limits: readonly string[];

  private constructor(folder: string, limits: readonly string[]) {
    this.#folder = folder;
    this.#limits = limits;
  }

  static async open(folder: string): Promise<Containers> {
    // Podman's own defaults may be above the limits of this process, which then cannot set them.
    const files = (await commandOutput(["sh", "-c", "ulimit -Hn"])).trim();
    const processes = (await Deno.readTextFile("/proc/sys/kernel/pid_max")).trim();
    const limits = [`nofile=${files}:${files}`, `nproc=${processes}:${processes}`];
    return new Containers(folder, limits.flatMap((limit) => ["--ulimit", limit]));
  }

  get #store(): string[] {
    const { root, runroot } = { root: `${this.#folder}/store`, runroot: `${this.#folder}/run` };
    return ["--root", root, "--runroot", runroot, "--storage-driver", "vfs"];
  }

  podman(...args: string[]): Promise<string> {
    return commandOutput(["podman", ...this.#store, ...args]);
  }

  build(folder: string): Promise<string> {
    // Without name spaces of its own, and from the base that is in the store.
    const options = ["--isolation", "chroot", "--pull=never", "--tag", "rfaas"];
    return commandOutput(["buildah", ...this.#store, "bud", ...options, folder]);
  }

  /** Runs the command of the image as README.md does, but for what this host needs. */
  run(options: string[], args: string[], input?: string): Promise<string> {
    const words = [
      ...["podman", ...this.#store, "--runtime", "runc", "--cgroup-manager", "cgroupfs"],
      ...["run", "--init", "--network", "host", "--rm", ...this.#limits, ...options],
      ...["rfaas", ...args],
    ] as [string, ...string[]];
    return commandOutput(words, input === undefined ? {} : { input: encoded(input) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.podman("rm", "--all", "--force", "--time", "1").catch(() => {});
    await this.podman("volume", "rm", "--all", "--force").catch(() => {});
  }
}

function encoded(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

Deno.test({
  name: `the image of the Containerfile runs both managers, and a client${need}`,
  ignore: need !== "",
  fn: async () => {
    await using opening = new AsyncDisposableStack();
    const folder = await Deno.makeTempDir({ dir: "/var/tmp", prefix: "rfaas-test-image-" });
    opening.defer(() => Deno.remove(folder, { recursive: true }));
    const containers = opening.use(await Containers.open(folder));

    const { debian } = await buildPackages(folder);
    const context = `${folder}/context`;
    await Deno.mkdir(context);
    await Deno.copyFile(debian, `${context}/rfaas.deb`);
    await Deno.copyFile(Deno.execPath(), `${context}/deno`);
    const recipe = await Deno.readTextFile(new URL("Containerfile", RECIPES));
    await Deno.writeTextFile(`${context}/Containerfile`, recipe);
    const [, base] = /^FROM (\S+)$/m.exec(recipe)!;
    await commandOutput(["debootstrap", "--variant=minbase", RELEASE, `${folder}/base`]);
    await commandOutput(["tar", "-C", `${folder}/base`, "-cf", `${folder}/base.tar`, "."]);
    await containers.podman("import", `${folder}/base.tar`, base!);
    await containers.build(context);

    const manager = `http://127.0.0.1:${freePorts(1)[0]}`;
    const volume = ["--volume", "rfaas-test-image:/var/lib/rfaas"];
    await containers.run(["--detach", ...volume], ["resource-manager", "--listen", manager]);
    const healthy = () =>
      fetch(`${manager}/v1/health`).then(async ({ ok, body }) => (await body?.cancel(), ok))
        .catch(() => false);
    await until(healthy, () => "the resource manager listens", STARTED_MS);
    const path = await containers.podman(
      ...["volume", "inspect", "--format", "{{.Mountpoint}}", "rfaas-test-image"],
    );
    const tokens = `${path.trim()}/.local/state/rfaas/resource-manager`;
    const as = (role: string) => {
      const token = Deno.readTextFileSync(`${tokens}/${role}.token`).trim();
      return ["--env", `RFAAS_MANAGER=${manager}`, "--env", `RFAAS_TOKEN=${token}`];
    };
    await containers.run(["--detach", ...as("node")], ["executor-manager", "--manager", manager]);
    const nodes = () => containers.run(as("operator"), ["nodes"]);
    await until(async () => (await nodes()).includes(" up "), () => "a node is up", STARTED_MS);

    await Deno.writeTextFile(
      `${folder}/functions.ts`,
      `export function shout(input: Uint8Array, output: Uint8Array): number {
        const text = new TextDecoder().decode(input).toUpperCase();
        return new TextEncoder().encodeInto(text, output).written;
      }`,
    );
    const functions = ["--volume", `${folder}/functions.ts:/srv/functions.ts:ro`];
    const called = await containers.run(
      [...as("client"), ...functions, "--interactive"],
      ["invoke", "shout", "--functions", "/srv/functions.ts", "--input", "-"],
      "hello",
    );
    assertEquals(called.trim(), "HELLO");
    assertStringIncludes(await containers.run([], []), "Usage: rfaas");
  },
});

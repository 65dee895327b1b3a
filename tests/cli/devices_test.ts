/** `rfaas devices`, compared with the kernel's /sys/class/infiniband. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { rfaas } from "../support/cluster/rfaas_command.ts";
import { anyFabric } from "../support/cluster/test_fabric.ts";

const SYS = "/sys/class/infiniband";

async function namesIn(folder: string): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(folder)).catch(() => []);
  return entries.map(({ name }) => name).sort();
}

/** The ports of the kernel, in the form that the command prints. */
async function kernelPorts() {
  const ports = [];
  for (const device of await namesIn(SYS)) {
    for (const port of await namesIn(`${SYS}/${device}/ports`)) {
      const read = async (name: string) =>
        (await Deno.readTextFile(`${SYS}/${device}/ports/${port}/${name}`)).trim();
      const state = (await read("state")).split(" ")[1]!;
      ports.push({ device, port: Number(port), state, linkLayer: await read("link_layer"), read });
    }
  }
  return ports;
}

Deno.test("rfaas devices --json prints the ports of the kernel", async () => {
  const { code, stdout, stderr } = await rfaas(["devices", "--json"]);
  const kernel = await kernelPorts();
  if (code !== 0) return assertStringIncludes(stderr, "rfaas: Cannot load lib");
  assertEquals(code, 0, stderr);
  const ports = JSON.parse(stdout);
  assertEquals(ports.length, kernel.length);
  for (const { device, port, state, linkLayer, read } of kernel) {
    // deno-lint-ignore no-explicit-any -- as it is read
    const found = ports.find((one: any) => one.device === device && one.port === port);
    assertEquals([found.state, found.linkLayer], [state, linkLayer]);
    assert(found.mtu >= 256 && found.maxQueueDepth > 0 && found.maxInlineBytes >= 0);
    for (const { index, gid, type } of found.gids) {
      const bytes = Uint8Array.fromHex((await read(`gids/${index}`)).replaceAll(":", ""));
      const mapped = gid.startsWith("::ffff:");
      if (mapped) assertEquals(gid, `::ffff:${bytes.subarray(12).join(".")}`);
      else assertEquals(new URL(`http://[${gid}]`).hostname, `[${gid}]`);
      assertEquals(type, await read(`gid_attrs/types/${index}`));
    }
    if (found.address === undefined) continue;
    const addresses = Deno.networkInterfaces().map(({ address }) => address);
    assert(addresses.includes(found.address), found.address);
    if (found.gid) assertEquals(found.gid.replace("::ffff:", ""), found.address);
  }
});

Deno.test(
  anyFabric("rfaas devices shows how to add a device, or how to lend over one"),
  async () => {
    const { code, stdout, stderr } = await rfaas(["devices"]);
    if (code !== 0) return assertStringIncludes(stderr, "apt-get install libibverbs1");
    const kernel = await kernelPorts();
    if (kernel.length === 0) {
      assertStringIncludes(
        stdout,
        "rdma link add rxe0 type rxe netdev eth0",
      );
    }
    for (const { device } of kernel) assertStringIncludes(stdout, device);
  },
);

/** Finding an address of this host that belongs to an RDMA port. */

import type { CmId } from "../../ffi/verbs/handles.ts";
import { idContext } from "../../ffi/verbs/objects.ts";
import { resolveSocketAddress } from "../../ffi/verbs/socket_address.ts";
import { FabricError } from "../errors.ts";
import type { ConnectionManager } from "./connection_manager.ts";

/**
 * The first address of this host that belongs to an RDMA device: binding an id to it sets the id's device (man
 * rdma_bind_addr).
 *
 * @throws {FabricError} code `unavailable` when there is none.
 * @throws {Deno.errors.NotCapable} without `--allow-sys=networkInterfaces`.
 */
export async function findRdmaHost(cm: ConnectionManager): Promise<string> {
  const tried: string[] = [];
  for (const { address, family } of Deno.networkInterfaces()) {
    if (address.startsWith("127.") || address === "::1" || address.startsWith("fe80:")) continue;
    const local = await resolveSocketAddress({ host: address, port: 0 }, { passive: true });
    const id: CmId = cm.create(() => {});
    const bound = cm.verbs.rdma.rdma_bind_addr(id, local) === 0 &&
      idContext(cm.verbs.memory, id) !== null;
    cm.destroy(id);
    if (bound) return address;
    tried.push(`${address} (${family})`);
  }
  throw new FabricError(
    `Cannot listen on RDMA: none of this host's addresses belongs to an RDMA device (${
      tried.join(", ") || "it has none"
    }); assign one to the device's interface: ip address add 10.0.0.1/24 dev eth0`,
    "unavailable",
  );
}

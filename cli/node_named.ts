/** Finds a node by its name. */

import type { NodeEntry } from "../runtime/http/manager_api.ts";
import type { ManagerClient } from "../runtime/http/manager_client.ts";

/** Returns the node, without reading the list of a large cluster; undefined if none has the name. */
export async function nodeNamed(
  manager: Pick<ManagerClient, "nodePage">,
  name: string,
): Promise<NodeEntry | undefined> {
  return (await manager.nodePage({ name })).nodes.find((node) => node.name === name);
}

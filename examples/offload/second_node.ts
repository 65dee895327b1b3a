/** A second node on this host, to which leases move when the first one drains. */

import { ChildManager } from "../../cli/children/child_manager.ts";
import type { LocalManagers } from "../../cli/children/local_managers.ts";
import { makeTemporaryFolder } from "../../cli/temporary_folder.ts";

/** Starts an executor manager that lends `cores` cores. */
export async function startSecondNode(
  { manager, resourceManager }: LocalManagers,
  cores: number,
  fabric: "shm" | "verbs",
): Promise<AsyncDisposable> {
  await using opening = new AsyncDisposableStack();
  const folder = await makeTemporaryFolder("rfaas-offload-");
  opening.defer(() => Deno.remove(folder, { recursive: true }));
  const { tokenFiles } = resourceManager.ready as { tokenFiles: { node: string } };
  opening.use(
    await ChildManager.start([
      "executor-manager",
      ...["--name", "second", "--cores", String(cores), "--fabric", fabric, "--pool-max", "0"],
      ...["--state", `${folder}/state`, "--manager", manager, "--token-file", tokenFiles.node],
      ...["--log-level", "warning"],
    ]),
  );
  return opening.move();
}

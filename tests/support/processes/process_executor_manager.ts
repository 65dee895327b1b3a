/** An executor manager in a process of its own, for tests that kill it. SIGTERM drains it like the command. */

import { ExecutorManager } from "../../../manager/executor/executor_manager.ts";
import { emit } from "./process_child.ts";

const { drainMs, ...options } = JSON.parse(Deno.args[0]!);
const manager = await ExecutorManager.start(options);
Deno.addSignalListener("SIGTERM", async () => {
  await manager.drain(drainMs);
  emit({ drained: true });
  await manager.close();
  Deno.exit(0);
});
emit({ node: manager.node, addresses: manager.addresses });

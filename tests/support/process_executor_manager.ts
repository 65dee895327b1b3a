/** An executor manager as a process of its own, for tests that kill it; SIGTERM drains it, as it does the command. */

import { ExecutorManager } from "../../manager/executor/executor_manager.ts";
import { say } from "./process_child.ts";

const { drainMs, ...options } = JSON.parse(Deno.args[0]!);
const manager = await ExecutorManager.start(options);
Deno.addSignalListener("SIGTERM", async () => {
  await manager.drain(drainMs);
  say({ drained: true });
  await manager.close();
  Deno.exit(0);
});
say({ node: manager.node, addresses: manager.addresses });

/** An executor manager as a process of its own, for tests that kill it. */

import { ExecutorManager } from "../../manager/executor/executor_manager.ts";
import { say } from "./process_child.ts";

const options = JSON.parse(Deno.args[0]!);
const manager = await ExecutorManager.start(options);
say({ node: manager.node, addresses: manager.addresses });

/** A resource manager in a process of its own, for tests that kill it. */

import { startResourceManager } from "../../../manager/resource/resource_manager.ts";
import { emit } from "./process_child.ts";

const options = JSON.parse(Deno.args[0]!);
const manager = await startResourceManager(options);
const token = (role: "client" | "node" | "operator") =>
  Deno.readTextFileSync(manager.tokenFiles[role]).trim();
emit({
  urls: manager.urls,
  client: token("client"),
  node: token("node"),
  operator: token("operator"),
});

/** grpc-js between two Node processes; see grpc_node.ts. */

import { bundleModule } from "../../runtime/package/bundle.ts";
import { Child } from "../child.ts";
import type { Contender } from "../contender.ts";
import { measuredBy } from "./measured_by.ts";
import { needProgram } from "./installed.ts";

/** @throws {UnavailableError} If Node is not installed. */
export async function grpcContender(perUs: number): Promise<Contender> {
  const command = await needProgram("node");
  const cleanUp = new AsyncDisposableStack();
  try {
    const folder = await Deno.makeTempDir({ prefix: "rfaas-bench-" });
    cleanUp.defer(() => Deno.remove(folder, { recursive: true }));
    const program = `${folder}/grpc_node.mjs`;
    await Deno.writeFile(program, await bundleModule(new URL("./grpc_node.ts", import.meta.url)));
    const server = cleanUp.use(await Child.start({ command, args: [program, "server"] }));
    const client = await Child.start({ command, args: [program, "client", server.ready] });
    cleanUp.use(client);
    return {
      path: "grpc-js",
      measure: measuredBy(client, perUs),
      [Symbol.asyncDispose]: () => cleanUp.disposeAsync(),
    };
  } catch (error) {
    await cleanUp.disposeAsync();
    throw error;
  }
}

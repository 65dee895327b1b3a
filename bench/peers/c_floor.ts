/** The floor in C, if there is a compiler: see ping_pong.c. */

import { Child } from "../child.ts";
import type { Contender } from "../contender.ts";
import { needProgram } from "./installed.ts";
import { measuredBy } from "./measured_by.ts";

/** @throws {UnavailableError} If there is no C compiler. */
export async function cFloorContender(maxBytes: number): Promise<Contender> {
  const compiler = await needProgram("cc");
  const cleanUp = new AsyncDisposableStack();
  try {
    const folder = await Deno.makeTempDir({ prefix: "rfaas-bench-" });
    cleanUp.defer(() => Deno.remove(folder, { recursive: true }));
    const command = `${folder}/ping_pong`;
    const source = new URL("./ping_pong.c", import.meta.url).pathname;
    const { success, stderr } = await new Deno.Command(compiler, {
      args: ["-O2", "-o", command, source],
    }).output();
    if (!success) {
      throw new Error(`Cannot compile ping_pong.c: ${new TextDecoder().decode(stderr)}`);
    }
    const child = cleanUp.use(await Child.start({ command, args: [String(maxBytes)] }));
    return {
      path: "ping-pong in C",
      measure: measuredBy(child, 1),
      [Symbol.asyncDispose]: () => cleanUp.disposeAsync(),
    };
  } catch (error) {
    await cleanUp.disposeAsync();
    throw error;
  }
}

/** A client whose calling thread ends without closing its lease, while its process goes on. */

import { connect } from "../../../runtime/client/client.ts";
import { emit } from "../processes/process_child.ts";
import type { ClientTask } from "../processes/process_host.ts";

const task: ClientTask = JSON.parse(Deno.args[0]!); // workers have the arguments of their process

if ("WorkerGlobalScope" in globalThis || task.mode === "main") await takeLease();
else await endThreads();

async function takeLease(): Promise<void> {
  const client = await connect(task);
  const lease = await client.lease({ functions: Deno.readFileSync(task.functions), ...task.lease });
  await lease.invoke("echo", new Uint8Array(64));
  emit({ lease: lease.id });
  // The message of its parent ends the thread from within.
  self.addEventListener("message", () => {
    if (task.mode === "close") self.close();
    else throw new Error("This thread fails");
  });
}

/** Ends the thread at each signal of the test, and starts another one. */
async function endThreads(): Promise<void> {
  for (;;) {
    const worker = new Worker(import.meta.url, { type: "module" });
    worker.onerror = (event) => event.preventDefault();
    await new Promise<void>((resolve) => {
      const onSignal = () => {
        Deno.removeSignalListener("SIGUSR1", onSignal);
        resolve();
      };
      Deno.addSignalListener("SIGUSR1", onSignal);
    });
    if (task.mode === "terminate") worker.terminate();
    else worker.postMessage("end");
  }
}

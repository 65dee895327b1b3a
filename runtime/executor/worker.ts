/**
 * The entry of a worker thread. It is bundled to one file and exports nothing: foreign code may import any module that
 * is loaded, and finds an empty one here. What this module can do lies in its closures.
 *
 * The thread listens first, with as little code as that takes. The rest is in the same file, but runs only while its
 * address travels: Deno loads some of its own modules when a program first touches timers and streams, in 5 to 15 ms.
 */

import { openLibc } from "../../ffi/libc.ts";
import { Fabrics } from "../../fabric/open.ts";
import { endReason } from "../protocol/end_reason.ts";
import type { WorkerEnd } from "./serve_lease.ts";
import type { WorkerReport, WorkerStart } from "./worker_task.ts";

const post: (port: MessagePort, message: WorkerReport) => void = Function.prototype.call.bind(
  MessagePort.prototype.postMessage,
);

addEventListener("message", async (event) => {
  const { port } = (event as MessageEvent<WorkerStart>).data;
  let end: WorkerEnd;
  try {
    const libc = openLibc(undefined, "lazy");
    const fabrics = new Fabrics();
    const listener = await fabrics.listen("shm");
    post(port, { address: listener.address });
    const { serveLease } = await import("./serve_lease.ts");
    end = await serveLease(port, { libc, fabrics, listener });
  } catch (error) {
    const text = error instanceof Error ? `${error.name}: ${error.message}` : "unknown failure";
    end = { ended: endReason("crashed", text) };
  }
  post(port, end);
}, { once: true });

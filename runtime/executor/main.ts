/**
 * The entry of an executor: the process of one worker of a lease.
 *
 * Its manager's address and a secret come as one line on standard input, so that neither shows in the process list. Its
 * one argument is what functions may do beyond computing, since a worker starts before anything is read. Everything else
 * goes through a control channel, which foreign code can't reach. Standard output belongs to the functions. The process
 * ends with its lease, with its manager, or with its worker: nothing else stops a thread that spins.
 */

import { cString, openLibc } from "../../ffi/libc.ts";
import { processTimeNs } from "../../ffi/process_time.ts";
import { openShm } from "../../fabric/shm/provider.ts";
import { ControlChannel, ControlError, controlOptions } from "../control/control_channel.ts";
import { fetchPieces } from "../control/package_pieces.ts";
import { LogRelay } from "../control/log_relay.ts";
import { type AllPermissions, NO_PERMISSIONS } from "../permissions.ts";
import { MAX_REASON_CHARACTERS } from "../policy.ts";
import { type EndReason, endReason } from "../protocol/end_reason.ts";
import { encodeManagerHello, ManagerRole } from "../protocol/manager_hello.ts";
import * as v from "../valibot.ts";
import { LeaseWorker } from "./lease_worker.ts";
import { type Started, type StartRequest, startRequestSchema } from "./start_request.ts";
import { WorkerThread } from "./worker_thread.ts";

/** Signals that a service manager or a batch system may send to all processes of a node at once. */
const LEFT_TO_MANAGER = ["SIGTERM", "SIGINT", "SIGHUP"] as const;
const PR_SET_PDEATHSIG = 1;
const SIGKILL = 9n;

/** The most bytes of the greeting: an address and a secret. */
const GREETING_BYTES = 4096;

/** Reads it at once: Deno loads modules of its own for a stream or a `Response`, in 5 ms. */
function readGreeting(): { manager: string; secret: string } {
  const bytes = new Uint8Array(GREETING_BYTES);
  let length = 0;
  for (let read; (read = Deno.stdin.readSync(bytes.subarray(length)));) length += read;
  return JSON.parse(new TextDecoder().decode(bytes.subarray(0, length)));
}

async function main(): Promise<void> {
  let leaving = false;
  let control: ControlChannel | undefined = undefined;
  let worker: LeaseWorker | undefined = undefined;
  let cpuTime = (): string | undefined => undefined;

  /** Reports the reason to the manager, with the slot of the call that caused it, and ends the process. */
  const leave = (reason: EndReason, slot?: number) => {
    if (leaving) return;
    leaving = true;
    worker?.countUsage();
    const message = reason.message.slice(0, MAX_REASON_CHARACTERS);
    control?.notify("ended", { reason: { ...reason, message }, slot, cpuNs: cpuTime() });
    Deno.exit(0);
  };
  // The manager receives them too, and lets calls finish. It decides when this process ends: by SIGKILL, if need be.
  for (const signal of LEFT_TO_MANAGER) Deno.addSignalListener(signal, () => {});
  const permissions: AllPermissions = { ...NO_PERMISSIONS, ...JSON.parse(Deno.args[0] ?? "{}") };
  const logs = new LogRelay((batch) => control!.request("log", batch));
  let workerIndex = 0;
  // It starts while this thread connects, or waits for a lease.
  const thread = new WorkerThread(
    permissions,
    (message) => leave(endReason("crashed", message)),
    (text, level) => logs.push({ lines: [{ worker: workerIndex, level, text }], dropped: 0 }),
  );
  const { manager, secret } = readGreeting();
  const libc = openLibc(undefined, "lazy");
  libc.c.chdir(cString("/")); // the working folder shows to functions; permissions for "." hold for the one before
  // The kernel ends this process with its manager, even if this thread is stopped.
  libc.c.prctl(PR_SET_PDEATHSIG, SIGKILL);
  cpuTime = () => processTimeNs(libc, 0)?.toString();
  const connection = await openShm().connect(manager, {
    ...controlOptions(0),
    privateData: encodeManagerHello(ManagerRole.EXECUTOR, secret),
  });
  worker = new LeaseWorker({
    libc,
    thread,
    addUsage: (counters, word, ns) => control!.add(counters, word, ns),
    logDropped: (dropped) => logs.push({ lines: [], dropped }),
    leave,
  });

  const start = async (request: StartRequest, fetch: () => Promise<Uint8Array<ArrayBuffer>>) => {
    workerIndex = request.worker;
    return { address: await worker!.start(request, fetch) } satisfies Started;
  };
  control = new ControlChannel(connection, {
    request: (type, body) => {
      if (type !== "start" && type !== "rehearse") {
        throw new ControlError(`Unknown request "${type}"`, "bad-request");
      }
      const request = v.parse(startRequestSchema, body);
      const fetch = () => fetchPieces(control!, request.package);
      return type === "start" ? start(request, fetch) : worker!.rehearse(request, fetch);
    },
    event: (type) => {
      if (type === "stop") worker!.stop(endReason("stopped", "stopped by its executor manager"));
    },
  });
  thread.shmAddress.then((address) => control!.notify("listening", { address }));
  await control.closed;
  Deno.exit(1); // without its manager an executor has no right to its cores
}

await main();

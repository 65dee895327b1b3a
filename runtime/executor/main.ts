/**
 * The entry of an executor: the process that serves one lease.
 *
 * Its manager's address and a secret come as one line on standard input, so that neither shows in the process list.
 * What functions may do beyond computing is its one argument, since a worker is started before anything is read.
 * Everything else goes through a control channel, which foreign code can't reach. Standard output is nobody's:
 * functions may write there. The process ends with its lease, with its manager, or with its first lost worker:
 * a thread that spins can't be stopped in any other way.
 */

import { keepOnCores } from "../../ffi/affinity.ts";
import { openCpu } from "../../ffi/cpu.ts";
import { openLibc } from "../../ffi/libc.ts";
import { processTimeNs } from "../../ffi/process_time.ts";
import { openShm } from "../../fabric/shm/provider.ts";
import { ControlChannel, ControlError, controlOptions } from "../control/control_channel.ts";
import { encodeManagerHello, ManagerRole } from "../protocol/manager_hello.ts";
import { packageKind } from "../package/package_kind.ts";
import { type AllPermissions, NO_PERMISSIONS } from "../permissions.ts";
import * as v from "../valibot.ts";
import { REHEARSED_START, type Started, StartRequest } from "./start_request.ts";
import { COUNT_EVERY_MS, UsageCounter } from "./usage_counter.ts";
import { LogRelay } from "../control/log_relay.ts";
import { LOG_LOOK_MS, MAX_REASON_CHARACTERS, REHEARSE_AFTER_MS } from "../policy.ts";
import { LOGS_DROPPED, STOP, watchWords } from "./watch_words.ts";
import { Watchdog } from "./watchdog.ts";
import { WorkerThread } from "./worker_thread.ts";

/** How long workers may take to stop by themselves. */
const STOP_MS = 500;
/** What a service manager or a batch system may send to all processes of a node at once. */
const LEFT_TO_MANAGER = ["SIGTERM", "SIGINT", "SIGHUP"] as const;
const PR_SET_PDEATHSIG = 1;
const SIGKILL = 9n;
const EFD_CLOEXEC_NONBLOCK = 0o2000000 | 0o4000;

async function readGreeting(): Promise<{ manager: string; secret: string }> {
  const text = await new Response(Deno.stdin.readable).text();
  return JSON.parse(text);
}

/** Runs once what a lease will need: code that has run is compiled, and now nobody waits for it. */
function rehearse(): void {
  v.parse(StartRequest, REHEARSED_START);
}

async function main(): Promise<void> {
  let leaving = false;
  let control: ControlChannel | undefined = undefined;
  let counter: UsageCounter | undefined = undefined;
  let cpuTime = (): string | undefined => undefined;

  /** Tells the manager why, lets the message go, and ends the process with all its threads. */
  const leave = (reason: string) => {
    if (leaving) return;
    leaving = true;
    counter?.count();
    control?.notify("ended", { reason: reason.slice(0, MAX_REASON_CHARACTERS), cpuNs: cpuTime() });
    Deno.exit(0);
  };
  // The manager gets them too, and lets calls finish. When this process ends is up to it: by SIGKILL, if need be.
  for (const signal of LEFT_TO_MANAGER) Deno.addSignalListener(signal, () => {});
  const permissions: AllPermissions = { ...NO_PERMISSIONS, ...JSON.parse(Deno.args[0] ?? "{}") };
  const logs = new LogRelay((batch) => control!.request("log", batch));
  const newThread = () =>
    new WorkerThread(
      permissions,
      (message) => leave(`crashed: ${message}`),
      (worker, text) => logs.push({ lines: [{ worker, text }], dropped: 0 }),
    );
  // Whatever the lease, it has a worker: its thread starts while this one connects, or waits for a lease.
  let spare: WorkerThread | undefined = newThread();
  const { manager, secret } = await readGreeting();
  const libc = openLibc();
  // The kernel ends this process with its manager, even one that is stopped and hears nothing.
  libc.c.prctl(PR_SET_PDEATHSIG, SIGKILL);
  cpuTime = () => processTimeNs(libc, 0)?.toString();
  const cpu = openCpu(libc);
  const fabric = openShm();
  const stopFd = libc.c.eventfd(0, EFD_CLOEXEC_NONBLOCK);
  const watches: Int32Array[] = [];
  let workersLeft = 0;
  /** Why its workers are to stop; empty while they are not. */
  let ending = "";

  const connection = await fabric.connect(manager, {
    ...controlOptions(0),
    privateData: encodeManagerHello(ManagerRole.EXECUTOR, secret),
  });

  const watchdog = new Watchdog(libc, leave);

  const start = async (body: unknown): Promise<Started> => {
    if (watches.length > 0) {
      throw new ControlError("Cannot start: this executor has a lease", "bad-request");
    }
    const request = v.parse(StartRequest, body);
    const source = await control!.fetch(request.package); // its manager has checked what it is
    if (packageKind(source) === "native" && !request.sandboxed) {
      throw new ControlError("Cannot start: native code runs in a sandbox alone", "native");
    }
    workersLeft = request.workers;
    if (request.pins) keepOnCores(libc, request.pins);
    watchdog.callUs = (request.callMs ?? Infinity) * 1000;
    const { counters } = request;
    counter = new UsageCounter(cpu.cycles, (word, ns) => control!.add(counters, word, ns));
    setInterval(() => counter!.count(), COUNT_EVERY_MS);
    if (request.logs) setInterval(tellDropped, LOG_LOOK_MS);
    const addresses = await Promise.all(
      Array.from({ length: request.workers }, (_, worker) => startWorker(worker, request, source)),
    );
    return { addresses };
  };

  let toldDropped = 0;
  const tellDropped = () => {
    const dropped = watches.reduce(
      (sum, words) => sum + (Atomics.load(words, LOGS_DROPPED) >>> 0),
      0,
    );
    if (dropped > toldDropped) logs.push({ lines: [], dropped: dropped - toldDropped });
    toldDropped = dropped;
  };

  const startWorker = async (
    worker: number,
    request: StartRequest,
    source: Uint8Array<ArrayBuffer>,
  ) => {
    const watch = new SharedArrayBuffer(4 * watchWords(request.depth));
    const words = new Int32Array(watch);
    watches.push(words);
    const thread = spare ?? newThread();
    spare = undefined;
    const address = await thread.serve({
      worker,
      workers: request.workers,
      place: request.places[worker] ?? worker,
      lease: request.lease,
      logs: request.logs,
      wasi: request.wasi,
      depth: request.depth,
      maxBytes: request.maxBytes,
      memoryBytes: Math.floor(request.memoryBytes / request.workers),
      hotMs: request.hotMs ?? Infinity,
      callMs: request.callMs ?? Infinity,
      listen: request.listen,
      secret: Uint8Array.fromHex(request.secret),
      source,
      watch,
      stopFd,
      ...(request.pins ? { pin: request.pins[worker]! } : {}),
      ...(request.coreWords ? { coreWords: request.coreWords } : {}),
    }, workerEnded);
    counter!.watch(words);
    watchdog.watch(words, request.depth);
    return address;
  };

  const workerEnded = (reason: string, orderly: boolean) => {
    // Workers of a lease end together: the client has gone, or the lease is over. Each may have to tidy up.
    workersLeft--;
    if (workersLeft === 0 || !orderly) leave(ending || reason);
    else if (ending === "") stop(reason);
  };

  const stop = (reason: string) => {
    ending ||= reason;
    for (const words of watches) Atomics.store(words, STOP, 1);
    libc.c.write(stopFd, new Uint8Array(new BigUint64Array([1n]).buffer), 8n);
    if (workersLeft === 0) leave(ending);
    setTimeout(() => leave(ending), STOP_MS);
  };

  control = new ControlChannel(connection, {
    request: (type, body) => {
      if (type !== "start") {
        throw new ControlError(`Cannot ${type}: an executor does not know how`, "bad-request");
      }
      return start(body);
    },
    notice: (type) => {
      if (type === "stop") stop("stopped");
    },
  });
  spare?.near.then((address) => control!.notify("listening", { address }));
  setTimeout(rehearse, REHEARSE_AFTER_MS);
  await control.closed;
  Deno.exit(1); // without its manager an executor has no right to its cores
}

await main();

/** Every number that sets policy on the road of a call, with its reason. Formats and sizes are in wire.ts. */

/**
 * Polls between two looks at the clock, the lease and the peer. A poll costs about 5 ns and a look at the clock 90
 * (FFI cost measured on Deno 2.9.6), so the look adds under 2 %, and a spin is never blind for more than about 10 µs.
 */
export const POLLS_PER_LOOK = 1024;

/**
 * The same over a network, where a poll is a call into a device's library of 40 ns and more. It also bounds how long a
 * spin keeps a core from the kernel, which must carry the message where the device is emulated (soft-RoCE).
 */
export const POLLS_PER_LOOK_NETWORK = 128;

/** How often a spin asks the kernel whether the peer lives: a system call of about 0.5 µs. */
export const PROBE_EVERY_MS = 1;

/**
 * A spin without an answer for this long yields the core between polls. Pollers may outnumber cores (two workers
 * and a client on two cores), and one that never yields makes the others wait for whole time slices of 3 ms and more.
 */
export const YIELD_AFTER_MS = 0.05;

/**
 * The same for a client that waits for a reply. A worker that it has just woken may sit behind it on the same core (the
 * kernel likes to put who is woken there), and then nothing comes before the client lets go. A call that takes longer
 * than this anyway loses nothing by a yield.
 */
export const CLIENT_YIELD_AFTER_MS = 0.01;

/**
 * A synchronous call without an answer for this long blocks in poll(2): to be woken takes some 20 µs, a tenth of what it
 * has waited, and the core is free meanwhile. A yield is not enough: it gives nothing to a worker that has had more than
 * its share, as one that spins has.
 */
export const CLIENT_SLEEP_AFTER_MS = 0.2;

/** How long such a call sleeps at most before it looks at its deadline and its lease again. */
export const CLIENT_SLEEP_MS = 10;

/**
 * A yield that took longer gave the core to somebody who needs it. Then a worker sleeps, however long it was to stay hot:
 * a spin that competes for its core uses up its share of it, and is at the end of the queue when it counts:
 * calls took 2 ms on two busy cores, where sleepers were woken within 0.2.
 */
export const SCARCE_MS = 0.1;

/**
 * How long a core that others wanted counts as scarce: then a worker sleeps after SCARCE_HOT_MS. To find out again costs
 * a time slice, 3 ms and more.
 */
export const SCARCE_FOR_MS = 1000;

/**
 * How long a worker polls after a call where cores are scarce, whatever its lease's hot time. It must be a multiple of
 * what a client that sleeps needs to wake and call again, 0.07 ms and more on a busy host: when both ends slept after
 * 0.05 ms, each slept when the other came, and calls of 0.5 us took 68 for as long as they went on.
 */
export const SCARCE_HOT_MS = 1;

/**
 * How long a worker's turns on a core are where it has to share it; the kernel's own are 3 ms, 0.1 the least. A worker
 * that is woken on the core of a client that spins takes over at once, in 6 µs; it was 50 and more before, since it had
 * used up its share by spinning, and came when the client had yielded often enough. A yield forfeits a turn, too.
 */
export const WORKER_SLICE_MS = 0.1;

/** Polls between two yields: 450 ns each where nobody else wants the core. */
export const POLLS_PER_YIELD = 64;

/** How long a sleeping worker sleeps at most before it beats its word. */
export const SLEEP_MS = 250;

/** How long the client's pump spins for an answer before it lets the event loop turn. */
export const PUMP_SPIN_MS = 0.05;

/** How long the pump may keep the event loop from turning while answers keep coming. */
export const PUMP_TURN_MS = 1;

/**
 * How long the pump goes on by setImmediate with nothing to do before it arms and sleeps: to be woken takes 20 to 50 µs.
 * At 2 ms a call to a sleeping worker took 2 ms on two busy cores, since the worker only ran when the client slept.
 */
export const PUMP_HOT_MS = 0.2;

/** How often the executor's main thread looks at the words of its workers. */
export const WATCH_EVERY_MS = 10;

/** A call may run over its deadline by this much before its executor is ended: replies just in time are common. */
export const OVERRUN_MS = 20;

/**
 * How long a client sends no call to a worker that has not answered by a deadline. The node ends the executor of such a
 * call within OVERRUN_MS, two looks of its watch and some milliseconds more; later it was only slow, or asynchronous.
 */
export const OVERDUE_MS = 100;

/**
 * A worker that neither runs a call nor beats for this long is dead. It beats every {@linkcode POLLS_PER_LOOK} polls,
 * and between them it yields: on a host with many more threads than cores that has taken over 1.5 s.
 */
export const SILENT_MS = 5000;

/**
 * How long a client waits to be told why a connection went, before it reports the loss as it saw it. The node tells
 * within milliseconds, but for containers: podman takes half a second and more to say how one has ended.
 */
export const VERDICT_MS = 2000;

/**
 * How long a lost lease may take to come back with a fresh executor before its waiting calls fail: longer than a node
 * waits for one to boot and to start its workers (manager/executor/executor_process.ts), so that its reason comes first.
 */
export const RECOVERY_MS = 30_000;

/** Calls of one lease that may wait for a free slot. */
export const MAX_WAITING_CALLS = 65_536;

/** How often a call of an idempotent function is tried in all. */
export const MAX_ATTEMPTS = 5;

/** The longest time that setTimeout takes: 31 bits of milliseconds, some 24 days. A longer deadline is none. */
export const MAX_TIMER_MS = 0x7fffffff;

/** Between two looks whether the calls on a node that is left have finished: a timer of it costs some microseconds. */
export const LEAVE_LOOK_MS = 2;

/**
 * When an executor without a lease runs what a lease needs for the first time, which takes some 10 ms: it waits in its
 * node's pool. One that was booted for a lease has that by then, or is no later for it.
 */
export const REHEARSE_AFTER_MS = 50;
/** How long a call that found all cores of its node busy waits for its next try; doubled up to the other each time. */
export const BUSY_PAUSE_MS = 1;
export const MAX_BUSY_PAUSE_MS = 4;

/**
 * What the functions of a lease may log in a second on a node: enough to follow what they do, too little to burden the
 * node, which carries each line from thread to thread and over its control channel. A worker has its share of it.
 */
export const LOG_LINES_PER_SECOND = 200;
export const LOG_CHARACTERS_PER_SECOND = 64 * 1024;
/** The longest line; the rest is cut. */
export const MAX_LOG_CHARACTERS = 2000;

/** The longest reason that an executor gives for its end; it may hold what a function threw, and travels in a message. */
export const MAX_REASON_CHARACTERS = 1000;

/** How often the executor's main thread looks how many lines were dropped. */
export const LOG_LOOK_MS = 100;

/** How often a worker that sleeps beside a pending call looks whether it was given up: a write wakes nobody. */
export const GIVEN_UP_LOOK_MS = 10;

/** How long `dispose` may take. */
export const DISPOSE_MS = 300;

/** How long the `finally` of a generator may take once its client has left it; then its executor is ended. */
export const STREAM_END_MS = 5000;

/** How long attaching to a worker may take: it loads the package meanwhile. */
export const ATTACH_MS = 10_000;

/**
 * How long a part that is lost is looked a place for. The resource manager takes a node that vanished for one that lends
 * for up to 3 s, and a node that comes back by itself needs some more.
 */
export const REPLACE_MS = 10_000;

/** Every number that sets policy in the path of a call, with its reason. Formats and sizes are in wire.ts. */

/**
 * Polls of a worker between two checks of the clock, the lease and the peer, and polls of a client before its first
 * check. A poll takes about 5 ns, so a spin misses nothing for more than about 10 µs. One hot call in 40 waits for a check,
 * and what that costs decides the 99th percentile (runtime/executor/worker/look_time.ts).
 */
export const POLLS_PER_LOOK = 1024;

/**
 * The same over a network, where a poll is a call into a device's library of 40 ns and more. It also bounds how long a
 * spin keeps a core from the kernel, which must carry the message if the device is emulated (soft-RoCE).
 */
export const POLLS_PER_LOOK_NETWORK = 128;

/** How often a spin checks through the kernel whether the peer lives: a system call of about 0.5 µs. */
export const PROBE_EVERY_MS = 1;

/**
 * A spin without a message for this long yields the core between polls. Pollers may outnumber cores (two workers and a
 * client on two cores), and one that never yields makes the others wait for whole time slices of 3 ms and more.
 */
export const YIELD_AFTER_MS = 0.05;

/**
 * The same for a client that waits for a reply. The kernel tends to put a worker on the core of the client that woke it,
 * and then no reply comes before the client yields. A call that takes longer than this loses nothing by a yield.
 */
export const CLIENT_YIELD_AFTER_MS = 0.01;

/**
 * A synchronous call without a reply for this long blocks in poll(2): a wake-up takes some 20 µs, a tenth of the time it
 * has waited, and the core is free meanwhile. A yield is not enough: it gives nothing to a worker that has used more
 * than its share, as one that spins has.
 */
export const CLIENT_SLEEP_AFTER_MS = 0.2;

/** How long such a call sleeps at most before it checks its deadline and its lease again. */
export const CLIENT_SLEEP_MS = 10;

/**
 * A yield that took longer gave the core to another thread that needs it. Then a worker sleeps, whatever its hot time: a
 * spin that competes for its core uses up its share, and is last in the queue when a call arrives. Calls took 2 ms on
 * two busy cores, where sleepers were woken within 0.2.
 */
export const SCARCE_MS = 0.1;

/**
 * How long a core that others needed counts as scarce: then a worker sleeps after SCARCE_HOT_MS. Another test for
 * scarcity costs a time slice, 3 ms and more.
 */
export const SCARCE_FOR_MS = 1000;

/**
 * How long a worker polls after a call while cores are scarce, whatever its lease's hot time. It must be a multiple of
 * the time in which a sleeping client wakes and calls again, 0.07 ms and more on a busy host: when both ends slept after
 * 0.05 ms, each slept when the other's message came, and calls of 0.5 µs took 68 throughout.
 */
export const SCARCE_HOT_MS = 1;

/**
 * The time slice of a worker on a core that it shares; the kernel's own are 3 ms, 0.1 is the minimum. A worker that is
 * woken on the core of a client that spins takes over within 6 µs. With the kernel's slices it took 50 and more, until
 * the client had yielded often enough: the worker had used up its share by spinning. A yield forfeits a slice, too.
 */
export const WORKER_SLICE_MS = 0.1;

/**
 * What the kernel allows an executor's process once foreign code may run in it. The process writes to no file: its shared
 * memory is mapped, and everything else goes through sockets and pipes. A crash must not leave a copy of its memory.
 */
export const FOREIGN_CODE_LIMITS = { fileBytes: 0, coreBytes: 0, descriptors: 1024 } as const;

/**
 * How often a worker that polls turns its event loop, for timers, reactions of promises and finalizers of functions, and
 * for weak references, whose targets stay until a turn ends. A turn takes 2 to 3 µs, under 0.1 % of this.
 */
export const TURN_EVERY_MS = 4;

/**
 * What a call counts as in the polls between two checks. Calls that follow each other without an empty poll may take
 * long: then at most a hundred of them run between two turns of the event loop.
 */
export const POLLS_PER_CALL = 10;

/** Polls between two yields: 450 ns each if no other thread needs the core. */
export const POLLS_PER_YIELD = 64;

/** How long a sleeping worker sleeps at most before it increments its beat. */
export const SLEEP_MS = 250;

/** How long the client's pump spins for a reply before it returns to the event loop. */
export const PUMP_SPIN_MS = 0.05;

/** How long the pump may hold up the event loop while replies keep coming. */
export const PUMP_TURN_MS = 1;

/**
 * How long the pump continues by setImmediate with nothing to do before it arms and sleeps: a wake-up takes 20 to 50 µs.
 * At 2 ms a call to a sleeping worker took 2 ms on two busy cores, since the worker only ran while the client slept.
 */
export const PUMP_HOT_MS = 0.2;

/** How often the executor's main thread reads the words of its workers. */
export const WATCH_EVERY_MS = 10;

/**
 * A longer time between two readings was a stall of the process or its host, and counts as this: functions had no core
 * either. It counts for something, since a process may have so small a share of its cores that all its times are long.
 */
export const STALL_MS = 100;

/** A call may run over its deadline by this much before its executor is ended: replies just in time are common. */
export const OVERRUN_MS = 20;

/**
 * How long a function may run on after its call was given up, or after its deadline if it is asynchronous, unless the
 * lease sets another time: then its worker is replaced. Functions that use their signal need a few milliseconds.
 */
export const GRACE_MS = 300;

/**
 * How much processor time the thread of a worker may use without an answer to its main thread, before it counts as held
 * by a loop. Elapsed time would end workers on a busy host, whose threads wait for a core for longer than this.
 */
export const ANSWER_MS = 100;

/** The same in elapsed time, for a function that blocks its thread: such a thread uses no processor time. */
export const BLOCKED_MS = 1000;

/**
 * How much longer than the grace period a client sends no call to a worker that has not replied to a call that was given
 * up. The node replaces the worker within that time. If the worker still lives then, it was only slow.
 */
export const OVERDUE_MS = 1000;

/**
 * A worker that neither runs a call nor increments its beat for this long is dead. The beat comes every
 * {@linkcode POLLS_PER_LOOK} polls, with yields between them: on a host with many more threads than cores that has taken
 * over 1.5 s.
 */
export const SILENT_MS = 5000;

/**
 * How long a client waits for the reason of a lost connection before it reports the loss without it. The node reports
 * within milliseconds, but for containers: podman takes half a second and more to return an exit status.
 */
export const VERDICT_MS = 2000;

/**
 * How long a lease may be without an executor before its waiting calls fail: longer than a node waits for one to boot and
 * to start its workers (manager/executor/executors/executor_process.ts), so that the node's reason comes first.
 */
export const RECOVERY_MS = 30_000;

/** Calls of one lease that may wait for a free slot. */
export const MAX_WAITING_CALLS = 65_536;

/**
 * How often a full queue is searched for calls that were given up. Refusing 4,500 calls took 100 s when each of them
 * searched it.
 */
export const DROP_EVERY_MS = 1000;

/** How often a call of an idempotent function is tried in all. */
export const MAX_ATTEMPTS = 5;

/** A call whose executor ended this often while it ran alone is given up: once may be a coincidence. */
export const MAX_LONE_LOSSES = 2;

/** How often it is checked whether a call that runs alone has ended, or may begin. */
export const LONE_LOOK_MS = 1;

/** The longest time that setTimeout takes: 31 bits of milliseconds, some 24 days. A longer deadline is none. */
export const MAX_TIMER_MS = 0x7fffffff;

/** The interval of the check whether the calls on a node that is left have finished: its timer takes some microseconds. */
export const LEAVE_LOOK_MS = 2;

/** The pause of a call that found all cores of its node busy; doubled with each attempt, up to the other. */
export const BUSY_PAUSE_MS = 1;
export const MAX_BUSY_PAUSE_MS = 4;

/**
 * What the functions of a lease may log in a second on a node: enough to follow their work, too little to burden the
 * node, which passes each line from thread to thread and over its control channel. Each worker has its share of it.
 */
export const LOG_LINES_PER_SECOND = 200;
export const LOG_CHARACTERS_PER_SECOND = 64 * 1024;
/** The longest line; the rest is cut. */
export const MAX_LOG_CHARACTERS = 2000;

/** The longest message of an end reason; it may hold what a function threw, and travels in a control message. */
export const MAX_REASON_CHARACTERS = 1000;

/** How often the executor's main thread checks how many lines were dropped. */
export const LOG_LOOK_MS = 100;

/**
 * How often a worker with pending calls checks whether their client gave them up: then their slots serve others. The
 * check takes some 3 ns a slot.
 */
export const GIVEN_UP_LOOK_MS = 1;

/** The same of a worker that sleeps, over a network: there the client's write wakes no thread. */
export const GIVEN_UP_SLEEP_MS = 10;

/**
 * The functions of a worker that may run on beside others after their calls were given up. From then on a call that is
 * given up keeps its slot until its function has returned, so a client cannot start functions without end.
 */
export const MAX_FORGOTTEN = 1024;

/** How long `dispose` may take. */
export const DISPOSE_MS = 300;

/** How long the `finally` of a generator may take once its client has left it; then its executor is ended. */
export const STREAM_END_MS = 5000;

/** How long attaching to a worker may take: it loads the package meanwhile, for which a lease may allow more. */
export const ATTACH_MS = 10_000;

/** The most that a lease may allow for loading its package. */
export const MAX_LOAD_MS = 600_000;

/**
 * How long to look for a replacement node for a lost part. The resource manager counts a lost node as up for as long as
 * 3 s, and a node that restarts needs some more.
 */
export const REPLACE_MS = 10_000;

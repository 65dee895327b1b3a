/** The numbers that set policy in the verbs fabric, with their reasons. */

/**
 * How long a device waits for an acknowledgement before it resends: 4.096 us times two to this power, 67 ms. A device
 * acknowledges within microseconds, one in software on a busy host within milliseconds.
 */
export const ACK_TIMEOUT = 14;

/** How often a device resends before it gives up (RETRY_EXC_ERR); 7 is the largest value of three bits. */
export const RETRIES = 7;

/**
 * How long the sender of a message that met no receive waits before it retries: code 20 of InfiniBand's table (vol. 1,
 * 9.7.5.2.8), 10.24 ms. The kernel's default is code 0, 655 ms.
 */
export const RECEIVER_NOT_READY_CODE = 20;
/** The time of that code, in milliseconds. */
export const RECEIVER_NOT_READY_STEP_MS = 10.24;

/** The most retries of a message that meets no receive; one more means "without a limit" to the device. */
export const MAX_RECEIVER_NOT_READY_RETRIES = 6;

/** Reads and atomics that may be in flight at once in each direction; devices allow 16 and more. */
export const READS_IN_FLIGHT = 16;

/** The most bytes of a message that a request itself carries, tried in this order until the device accepts one. */
export const INLINE_BYTES = [220, 128, 64, 0] as const;

/** The interval at which a connection checks that its peer still answers. */
export const KEEP_ALIVE_MS = 1000;

/** How long a disconnect waits for the requests posted before. */
export const FLUSH_MS = 250;

/** Connections that may wait to be accepted. */
export const BACKLOG = 128;

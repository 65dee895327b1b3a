/** Every number that sets policy in the verbs fabric, with its reason. */

/**
 * How long a device waits for an acknowledgement before it sends again: 4.096 us times two to this power, 67 ms. A
 * packet is acknowledged within microseconds by a device, and within milliseconds by one in software on a busy host.
 */
export const ACK_TIMEOUT = 14;

/** How often it sends again before it gives up (RETRY_EXC_ERR); 7 is the most that three bits hold. */
export const RETRIES = 7;

/**
 * What a receiver without a receive asks the sender to wait before it tries again: code 20 of InfiniBand's table (vol.
 * 1, 9.7.5.2.8), 10.24 ms. The kernel's own choice is code 0, 655 ms.
 */
export const RECEIVER_NOT_READY_CODE = 20;
export const RECEIVER_NOT_READY_STEP_MS = 10.24;

/** Tries of a message that meets no receive, at most; one more stands for "for ever" to the device. */
export const MAX_RECEIVER_NOT_READY_RETRIES = 6;

/** Reads and atomics that may be on their way at once, each way; devices grant 16 and more. */
export const READS_IN_FLIGHT = 16;

/** Bytes of a message that may travel in the request itself, where the device grants as much. */
export const INLINE_BYTES = [220, 128, 64, 0] as const;

/** How often an idle connection is asked whether the peer still answers. */
export const KEEP_ALIVE_MS = 1000;

/** How long the end of a connection waits for what was sent before. */
export const FLUSH_MS = 250;

/** Connections that may wait to be accepted. */
export const BACKLOG = 128;

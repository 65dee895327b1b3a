/** The numbers that set the policy of the store on etcd, each with its reason. */

/** The interval of the leader's writes that show that it runs. */
export const PULSE_EVERY_MS = 150;
/**
 * How long a leader may answer reads from its memory after the sending of its last acknowledged pulse. Shorter than
 * {@linkcode TAKE_OVER_AFTER_MS}, so that a new leader starts after the old one has stopped.
 */
export const PULSE_VALID_MS = 450;
/** How long the pulse must be unchanged, by the clock of the standby, before it takes the term: four missed pulses. */
export const TAKE_OVER_AFTER_MS = 600;
/**
 * How long a leader must have led to be given the usual time. One that is replaced before had too little, and its
 * successor gets twice as much: otherwise candidates that need longer for their first pulse, since they read many rows or
 * their hosts are busy, would replace each other forever.
 */
export const SETTLED_AFTER_MS = 3000;
/** The most time that a leader is given. */
export const MAX_TAKE_OVER_AFTER_MS = 9600;
/** How long after its begin a leader that was given more has the usual time again. */
export const USUAL_AFTER_MS = 60_000;
/** The interval at which a standby reads the term and the pulse. */
export const OBSERVE_EVERY_MS = 25;
/** How long a pulse or a look at it may take, before another member gets the next one. */
export const PULSE_TIMEOUT_MS = 250;
/** How long a write may take before it is sent again, to another member. */
export const WRITE_TIMEOUT_MS = 1000;
/** How long a request for a token may take. etcd computes on it for a tenth of a second. */
export const AUTHENTICATE_TIMEOUT_MS = 1000;
/** How long a page of rows may take. */
export const LIST_TIMEOUT_MS = 5000;
/** The shortest time between two reads by a standby of what was written since, where it has no watch. */
export const COPY_EVERY_MS = 250;
/** That time if the first one fails: without a leader of etcd, which takes 0.3 s, a read fails at once. */
export const COPY_AGAIN_MS = 50;
/** The pause after such a read as a multiple of its time: etcd looks at each row, so reads take 5 % of the time. */
export const COPY_PAUSE_FACTOR = 19;
/** The most of it: a read that took half a second or more has waited for a member that is slow or stopped. */
export const MAX_COPY_PAUSE_MS = 10_000;
/** How long the watch of a standby may bring nothing, also at its begin: a leader writes its pulse all the time. */
export const WATCH_SILENCE_MS = 2000;
/** How long a new leader waits for the watch to bring its own first write, before it reads what was written since. */
export const WATCH_WITHIN_MS = 250;
/** The pause before a failed request is sent again. */
export const RETRY_AFTER_MS = 20;
/** How long a change may wait for etcd: its client gives up after 5 s. */
export const CHANGE_TIMEOUT_MS = 4000;
/** How long a start waits for an etcd that does not respond. */
export const OPEN_TIMEOUT_MS = 10_000;
/** How long a close waits for changes that were requested before. */
export const CLOSE_TIMEOUT_MS = 2000;
/** The interval of compactions, and the age up to which old versions of rows are kept. */
export const COMPACT_EVERY_MS = 300_000;
/** The interval at which closed bills are moved to archives. */
export const ARCHIVE_EVERY_MS = 60_000;
/** The bills of one archive: with a group of {@linkcode FULL_GROUP_ROWS} they fit one transaction. */
export const BILLS_PER_ARCHIVE = 60;
/** The most changes in one commit. Requests are read and answered between commits. */
export const MAX_GROUP = 256;
/** The rows after which no further change joins a commit: half of etcd's limit, for the last change may write many. */
export const FULL_GROUP_ROWS = 64;
/** The most writes in one transaction. etcd accepts 128 (`--max-txn-ops`), and two are the store's own. */
export const MAX_WRITES = 126;
/** The most characters in one transaction. etcd accepts 1.5 MiB (`--max-request-bytes`). */
export const MAX_CHARACTERS = 1024 * 1024;

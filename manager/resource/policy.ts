/** The numbers that set the policy of the resource manager, each with its reason. */

/** The interval of heartbeats. Three missed ones are noticed within the few seconds for which a client waits. */
export const HEARTBEAT_MS = 1000;
/** A node that missed this many heartbeats is lost: one may be late, two may be a pause of the host. */
export const MISSED_HEARTBEATS = 3;
/** How long after its last heartbeat a node is lost. */
export const LOST_AFTER_MS = MISSED_HEARTBEATS * HEARTBEAT_MS;
/** The interval at which the resource manager measures how late its own event loop is. */
export const LOOP_TICK_MS = 250;
/**
 * The largest age of a node's last-seen time on disk. After a restart all nodes count as just seen, so this matters only
 * for the clock, which never shows an earlier time than the state.
 */
export const KEEP_SEEN_MS = 30_000;
/**
 * How long a new key is announced to nodes before it signs. Each node that is up has sent a heartbeat by then, even if
 * one response was lost.
 */
export const KEY_LEARN_MS = (MISSED_HEARTBEATS + 2) * HEARTBEAT_MS;
/** The most keys at a time: a node tries all of them for a grant that names none of them. */
export const MAX_KEYS = 8;
/**
 * The candidates of a lease that fits on one node: enough that one refusal needs no second request. With two, leases of
 * a burst were refused if one of the nodes was broken, since the other was full by then.
 */
export const CANDIDATES_PER_LEASE = 3;
/**
 * How long nothing is reserved for a client after cores were reserved for it and not claimed, as a multiple of that
 * time. So a client that never claims keeps cores from others for a sixth of the time at most.
 */
export const UNRESERVED_FACTOR = 5;
/** The longest such time, for a client that ended with many requests in flight. */
export const MAX_UNRESERVED_MS = 60_000;
/** The most candidates of a lease that is split over nodes: each costs up to 2 KB in the response, and eight a signature. */
export const MAX_OFFERS = 64;
/** How often later requests may pass a waiting one: enough to fill gaps with small leases. */
export const MAX_PASSED = 16;
/** How long a request waits until no later one may pass it. */
export const MAX_PASSED_MS = 5000;
/**
 * How long a grant counts as a hold of its cores in the usage of an account, before nodes report any: as long as their
 * reports take.
 */
export const GRANT_COUNTS_AS_MS = 1000;
/** For how many half-lives a start counts earlier bills: what is left of older usage is a sixty-fourth. */
export const COUNTED_HALF_LIVES = 6;
/** In how many slices a start reads the bills of one half-life. Of a day's with 100,000 bills, each has 3,000. */
export const USAGE_SLICES_PER_HALF_LIFE = 32;
/** The default half-life of usage: a day. Leases take minutes, so a client with a busy day is a usual one two days later. */
export const USAGE_HALF_LIFE_MS = 24 * 3_600_000;
/** How often one request preempts leases: a node may be lost, or drain, before they have left. */
export const MAX_PREEMPTIONS = 3;
/** How long after its grace period a preempted lease is gone, and the request served: heartbeats, and executors that end. */
export const PREEMPTED_WITHIN_MS = 5000;
/** The pause after no lease was found to preempt. A choice among 10,000 leases takes milliseconds. */
export const PREEMPT_AGAIN_MS = 500;
/** How many looks at nodes that leases leave pass in one turn of the event loop. A choice of leases takes a turn. */
export const LOOKS_PER_TURN = 32;
/** The most waiting lease requests, as a share of all requests in flight. The rest is for clients that release leases. */
export const MAX_WAITING_SHARE = 0.25;
/**
 * The most nodes that wait for notifications, as a share of all requests in flight. Other nodes rely on their heartbeats.
 */
export const MAX_NOTIFICATIONS_SHARE = 0.5;
/** The most requests that wait until a node is free, of usual requests in flight, and their share of them. */
export const MAX_RECLAIMS_SHARE = 0.25;
export const MAX_RECLAIMS = 1024;
/**
 * How long after a claim a heartbeat may be written that does not list it yet. It covers the error of a node's estimate of
 * this manager's clock, and heartbeats without `writtenMs`.
 */
export const UNLISTED_GRACE_MS = 3000;
/** The interval of the sweep for expired leases, which covers times without requests. */
export const SWEEP_EVERY_MS = 500;
/** The interval of the check whether the files of the state are still there. */
export const CHECK_STATE_MS = 1000;
/** The interval of writes of reported bills, all at once, since a flush to disk costs more than rows do. */
export const WRITE_BILLS_EVERY_MS = 1000;
/** The interval at which the cores that nodes have to lend are added up. */
export const COUNT_LENT_EVERY_MS = 1000;
/** The most time that one look counts for: after a longer pause, what nodes had to lend meanwhile is not known. */
export const MAX_LENT_LOOK_MS = 5000;
/** The interval at which the sum is written. A resource manager that is killed loses as much. */
export const WRITE_LENT_EVERY_MS = 30_000;
/** How long ended leases are kept, so that another release of one succeeds. */
export const KEEP_ENDED_MS = 3_600_000;
/** The largest body of a request. */
export const MAX_BODY_BYTES = 1024 * 1024;
/** How long the body of a request may take to arrive. */
export const BODY_TIMEOUT_MS = 10_000;
/** How long the head of a request, or a TLS handshake, may take: as long as a body, though it needs one packet only. */
export const HEAD_TIMEOUT_MS = 10_000;
/** How long a connection may be idle: twice as long as the library keeps one, so that the client is the one to close it. */
export const IDLE_TIMEOUT_MS = 60_000;
/**
 * Connections at an address for each request in flight. A node has one that waits for notifications and one that is idle
 * between heartbeats, and clients connect and disconnect.
 */
export const CONNECTIONS_PER_REQUEST = 2;
/** Open files that connections may not use: for the state and for Deno itself. */
export const RESERVED_FILES = 100;
/** Connections at an address that the kernel holds until they are accepted: a burst of nodes that reconnect. */
export const MAX_BACKLOG = 511;
/** How long a client may take to read a complete response. The kernel buffers a usual one whole. */
export const RESPONSE_READ_MS = 10_000;
/** The interval of the check for a new certificate, which is issued weeks before the old one expires. */
export const READ_CERTIFICATE_EVERY_MS = 60_000;
/**
 * Requests a second without a valid token, from all clients together. Health checks and typing errors need few, and a
 * flood of them must not slow down requests with a token.
 */
export const UNAUTHENTICATED_PER_SECOND = 100;
/**
 * Requests a second with one node token, which all nodes may share. A thousand nodes that send heartbeats and report
 * leases as fast as they can be granted need half of it. A node that runs wild leaves time for others.
 */
export const NODE_REQUESTS_PER_SECOND = 8000;
/** Requests a second with one operator token: people and batch systems need few. */
export const OPERATOR_REQUESTS_PER_SECOND = 1000;
/**
 * The most requests in flight. Each may hold a body of {@linkcode MAX_BODY_BYTES} for {@linkcode BODY_TIMEOUT_MS}, and
 * 1,000 nodes that send heartbeats at the same moment must fit.
 */
export const MAX_REQUESTS_AT_ONCE = 4096;
/** How many requests for something new pass in one turn of the event loop: some 10 ms of work. */
export const GATE_PER_TURN = 32;
/** How many of them a page of a list counts as. */
export const PAGE_COST = 16;
/** The most requests for something new that wait for their turn, as a share of all requests in flight: a thousand. */
export const MAX_GATE_SHARE = 0.25;
/** How long such a request may wait. Then it is refused, with a time to retry, before its client gives up after 5 s. */
export const MAX_GATE_WAIT_MS = 3000;
/** The share of all requests in flight that is left to those that keep a node or a lease alive, or end one. */
export const KEEP_ALIVE_SHARE = 0.1;
/**
 * How long a standby keeps a request until another resource manager leads: longer than an election takes. Of three
 * addresses, a client gives each a third of its 5 s.
 */
export const HOLD_MS = 1500;
/**
 * The pause before a request that a leader has refused is sent to it again: it ends, which another leader follows, or it
 * has taken the term and reads the rows.
 */
export const FORWARD_AGAIN_MS = 100;
/** How long a close waits for requests in flight. */
export const CLOSE_TIMEOUT_MS = 3000;
/** How long a close then waits until the responses are read, before it cuts the connections. */
export const RESPONSE_TIMEOUT_MS = 1000;
/** How long a session of the dashboard lasts: a working day, after which its text in a browser is of no use. */
export const SESSION_MS = 12 * 3_600_000;
/** The most sessions of one token at a time, and the most links: a person has a few browsers. */
export const MAX_SESSIONS_EACH = 32;
/** How long a one-time link to the dashboard can be used: until a person has found it in the terminal. */
export const LINK_MS = 3_600_000;
/** The interval at which the dashboard shows changes. It costs up to 30 ms with 10,000 leases, while a page is open. */
export const SHOW_EVERY_MS = 1000;
/** The most open pages of the dashboard. Each has a connection and the text of a second's changes. */
export const MAX_VIEWERS = 64;
/** Of how many leases the dashboard has the steps of the start: those that started last. */
export const MAX_KEPT_STARTS = 20_000;
/** The minutes whose starts of leases are counted: an hour, a column of the dashboard's heat map each. */
export const SHOWN_START_MINUTES = 60;
/** The most waiting requests that the dashboard lists; all of them are counted. */
export const MAX_SHOWN_WAITING = 100;
/** The most leases whose rows are read for one update: a row costs some 10 us, and others follow a second later. */
export const MAX_NEW_SHOWN = 1000;
/** The last events about leases that are kept: of 5,000 leases, some 2 MB of memory. */
export const KEPT_LEASE_EVENTS = 16_384;
/** The last events about nodes, tokens and keys that are kept, however many leases are taken. */
export const KEPT_CLUSTER_EVENTS = 4096;
/** How long after an event about refused requests others of the client, refused for the same reason, are only counted. */
export const REFUSED_AGAIN_MS = 10_000;
/** The most such events that each sweep records: with many clients, they fill the kept events in half an hour. */
export const MAX_REFUSED_EVENTS = 5;
/** The most pairs of a client and a reason that are counted at a time: as many clients as a large cluster has. */
export const MAX_REFUSED_AT_ONCE = 4096;
/** The events in one row of a shared store: a new leader reads all rows, and a commit writes the last one again. */
export const EVENTS_PER_BLOCK = 16;
/** The interval at which requests that wait for events look for them: people do not notice it, and it bounds the load. */
export const FOLLOW_EVERY_MS = 200;
/** The most requests that wait for events, and the most of one token: each command or page that follows has one. */
export const MAX_FOLLOWERS = 256;
export const MAX_FOLLOWERS_EACH = 64;
/** The share of all requests in flight that may wait for events: with few, fewer than {@linkcode MAX_FOLLOWERS}. */
export const MAX_FOLLOWERS_SHARE = 0.125;

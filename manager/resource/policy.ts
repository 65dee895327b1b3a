/** The numbers that set the resource manager's policy, each with its reason. */

/** How often a node beats. Three missed beats are then noticed within the few seconds a client waits. */
export const heartbeatMs = 1000;
/** A node that missed so many heartbeats is lost: one may be late, two may be a pause of the host. */
export const missedHeartbeats = 3;
/**
 * How old the time at which a node was last seen may be on disk: after a restart all nodes count as just seen, so
 * this is only for the clock, which never shows less than the state tells of.
 */
export const keepSeenMs = 30_000;
/**
 * How long before it signs a new key is told to nodes: each that is up has beaten by then, and one beat's answer may have
 * been lost.
 */
export const keyLearnMs = (missedHeartbeats + 2) * heartbeatMs;
/** How many keys there may be: a node tries each for a grant that names none of them. */
export const maxKeys = 8;
/** How many nodes a lease is offered: enough that one refusal needs no second request. */
export const candidatesPerLease = 3;
/** How many nodes a lease is offered at most that no single node has room for: each costs a signature and 600 bytes. */
export const maxOffers = 64;
/** Requests of one client that may wait for room: enough for a program with many threads, and no client fills the queue. */
export const maxWaitingOfClient = 64;
/** How often one who waits for room is passed by those who came later: enough to fill gaps with small leases. */
export const maxPassed = 16;
/** How long one waits for room until it is not passed any more, whether it was or not. */
export const maxPassedMs = 5000;
/** Requests that may wait for room, as a share of those that may be under way: the rest is for who ends a lease. */
export const maxWaitingShare = 0.25;
/** Nodes that may wait for orders, as a share of the requests that may be under way; the others have their heartbeats. */
export const maxOrdersShare = 0.5;
/**
 * How long after a claim a heartbeat may still not list it: the beat may have been written before the
 * claim, and been on its way since.
 */
export const unlistedGraceMs = 3000;
/** How often leases that ran out are looked for when nobody asks for anything. */
export const sweepEveryMs = 500;
/** How often what nodes told of bills is written: all of it at once, since a flush to disk costs more than rows do. */
export const writeBillsEveryMs = 1000;
/** How long ended leases stay known, so that ending them again is answered as a success. */
export const keepEndedMs = 3_600_000;
/** The largest body of a request. */
export const maxBodyBytes = 1024 * 1024;
/** How long a request's body may take to arrive. */
export const bodyTimeoutMs = 10_000;
/** How long a request's head may take, and a TLS handshake: as a body, though one packet is enough for it. */
export const headTimeoutMs = 10_000;
/** The longest head of a request: ours have some 300 bytes, and a proxy adds its own. */
export const maxHeadBytes = 16 * 1024;
/** The most headers of a request. */
export const maxHeaderLines = 100;
/** How long a connection may be idle: twice as long as our own client keeps one, so that the client is the one to close it. */
export const idleTimeoutMs = 60_000;
/** How often connections are looked at whose time for a head is up. */
export const checkConnectionsMs = 1000;
/**
 * Connections at an address for each request that may be under way: a node has one that waits for orders and one that
 * is idle between heartbeats, and clients come and go.
 */
export const connectionsPerRequest = 2;
/** Open files that are kept from connections: for the state and for Deno itself. */
export const reservedFiles = 100;
/** Connections at an address that the kernel holds until they are accepted: a burst of nodes that come again. */
export const maxBacklog = 511;
/** How long who asked may take to read its answer, once it is complete: kernels hold the usual ones whole. */
export const answerReadMs = 10_000;
/** How often the certificate's files are looked at: a new one comes weeks before the old one ends. */
export const readCertificateEveryMs = 60_000;
/**
 * Requests a second without a good token, from all who ask together: health checks and slips of the pen need few, and a
 * flood of them shall not keep the process from those who have a token.
 */
export const unauthenticatedPerSecond = 100;
/**
 * Requests a second with one node token, which all nodes may share: a thousand that beat and tell of leases as fast as
 * they can be granted need half of it, and a node that has run wild leaves time for others.
 */
export const nodeRequestsPerSecond = 8000;
/** Requests a second with one operator token: people and batch systems ask for little, a program that has run wild for more. */
export const operatorRequestsPerSecond = 1000;
/**
 * Requests under way at a time: each may hold a body of {@linkcode maxBodyBytes} for {@linkcode bodyTimeoutMs}, and
 * 1,000 nodes that all beat in the same moment must fit.
 */
export const maxRequestsAtOnce = 4096;
/** How long closing waits for requests under way. */
export const closeTimeoutMs = 3000;
/** How long closing then waits for their answers to be read, before it cuts the connections. */
export const answerTimeoutMs = 1000;

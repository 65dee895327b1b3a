/**
 * The resource manager: knows the nodes, signs grants, keeps the leases. It is never on the way of a
 * call.
 */
import project from "../../deno.json" with { type: "json" };
import type { Prices } from "../../runtime/http/bill_api.ts";
import { getLogger } from "../log.ts";
import { BillBook } from "./bills.ts";
import { Certificate } from "./certificate.ts";
import { steadyClock } from "./clock.ts";
import type { ConnectionLimits } from "./http_server.ts";
import { InFlight } from "./in_flight.ts";
import { KeyRing } from "./key_ring.ts";
import { LeaseBook } from "./lease_book.ts";
import { LeaseQueue } from "./lease_queue.ts";
import { listenAt, type Listening, type SocketMode } from "./listen.ts";
import { NodeBook } from "./node_book.ts";
import { NodeOrders } from "./node_orders.ts";
import {
  answerReadMs,
  answerTimeoutMs,
  bodyTimeoutMs,
  connectionsPerRequest,
  headTimeoutMs,
  idleTimeoutMs,
  maxBodyBytes,
  maxOrdersShare,
  maxRequestsAtOnce,
  maxWaitingShare,
  nodeRequestsPerSecond,
  operatorRequestsPerSecond,
  readCertificateEveryMs,
  sweepEveryMs,
  unauthenticatedPerSecond,
  writeBillsEveryMs,
} from "./policy.ts";
import { connectionsEach } from "./open_files.ts";
import { checkPlacement, type Placement } from "./placement.ts";
import { createRoutes } from "./routes.ts";
import { SqliteStore } from "./sqlite_store.ts";
import { StateDir } from "../state_dir.ts";
import type { Quota, Store } from "./store.ts";
import { TokenBook } from "./token_book.ts";
import type { TlsFiles } from "./tls_files.ts";
import { openTokenFiles, type TokenFiles } from "./tokens.ts";

/** What a resource manager needs to start. */
export interface ResourceManagerOptions {
  /** Where to listen: `http://HOST:PORT` (port 0: any free one), `https://HOST:PORT` and `unix:/path`. */
  readonly listen: readonly string[];
  /** The files of the certificate with its chain, and of its private key, both PEM, for `https:` addresses. */
  readonly tls?: TlsFiles;
  /** The mode of Unix sockets. With 0o660 the process's group may connect as well. @default 0o600 */
  readonly socketMode?: SocketMode;
  /** The folder of its state; created with mode 0700. One process at a time. */
  readonly stateDir: string;
  /**
   * Milliseconds since 1970, never backwards. For tests.
   * @default a clock that starts at the host's time and does not jump with it
   */
  readonly clock?: () => number;
  /** Which of the nodes that have room a lease is offered first: placement.ts has the names. @default "spread" */
  readonly placement?: Placement;
  /** What a client may have whose token says nothing else. @default no limits */
  readonly quota?: Quota;
  /** Requests a second without a good token, from all who ask together. @default 100 */
  readonly unauthenticatedPerSecond?: number;
  /** Requests a second with one node token, which many nodes may share. @default 8000 */
  readonly nodeRequestsPerSecond?: number;
  /** Requests a second with one operator token. @default 1000 */
  readonly operatorRequestsPerSecond?: number;
  /** Requests that may be under way at a time. @default 4096 */
  readonly maxRequestsAtOnce?: number;
  /** What bills are reckoned with. @default all is free */
  readonly prices?: Prices;
  /** How long a request's body may take, in milliseconds. @default 10000 */
  readonly bodyTimeoutMs?: number;
  /** What connections may cost, for tests. @default as policy.ts says */
  readonly connections?: Partial<ConnectionLimits>;
}

/** A running resource manager. */
export interface ResourceManager extends AsyncDisposable {
  /** Where it listens, in the order asked for. */
  readonly urls: string[];
  /** The private files that hold the first token of each role. */
  readonly tokenFiles: TokenFiles;
  /**
   * Reads the files of the certificate again, as it does each minute by itself. What can't be used is logged, and the
   * certificate stays as it is.
   */
  reloadCertificate(): Promise<void>;
  /** Answers what is under way, then lets go of everything. May be called twice. */
  close(): Promise<void>;
}

/**
 * Starts a resource manager. Needs permission to read and write the state folder and the sockets'
 * folders, to listen (`--allow-net`, also for Unix sockets), and `--allow-sys` for those (umask has no name of its own there).
 *
 * @throws {TypeError} if there is no such placement.
 * @throws {AddressUnavailable} if it can't listen at one of the addresses.
 * @throws {StateUnavailable} if another one uses the folder, or a newer version wrote it.
 */
export async function startResourceManager(
  options: ResourceManagerOptions,
): Promise<ResourceManager> {
  const log = getLogger(["rfaas", "resource-manager"]);
  const atOnce = options.maxRequestsAtOnce ?? maxRequestsAtOnce;
  const inFlight = new InFlight(atOnce);
  const giveUp = new AbortController();
  const servers: Listening[] = [];
  let sweeper: ReturnType<typeof setInterval> | undefined;
  let sweeping: Promise<void> = Promise.resolve();
  const placement = checkPlacement(options.placement ?? "spread");
  let billWriter: ReturnType<typeof setInterval> | undefined;
  let certificateReader: ReturnType<typeof setInterval> | undefined;
  let bills: BillBook | undefined;
  let queue: LeaseQueue | undefined;
  let orders: NodeOrders | undefined;
  const stateDir = await StateDir.open(options.stateDir, "resource manager");
  let store: Store | undefined;

  const release = async () => {
    clearInterval(sweeper);
    clearInterval(billWriter);
    clearInterval(certificateReader);
    await queue?.close();
    orders?.close();
    await inFlight.drain();
    const overdue = setTimeout(() => giveUp.abort(), answerTimeoutMs);
    await Promise.all(servers.map((server) => server.drain()));
    clearTimeout(overdue);
    await sweeping;
    await bills?.flush().catch((error) => log.error("Bills were not written: {error}", { error }));
    store?.close();
    stateDir.close();
  };

  try {
    const opened = store = new SqliteStore(`${stateDir.path}/state.sqlite`);
    const clock = options.clock ?? steadyClock(await store.transact((tx) => tx.latestMs()));
    await store.transact((tx) => tx.nodes().forEach(({ id }) => tx.sawNode(id, clock())));
    const tokenFiles = await openTokenFiles(store, stateDir.path, clock());
    const keys = await KeyRing.open(store, clock);
    queue = new LeaseQueue(clock, Math.floor(atOnce * maxWaitingShare));
    orders = new NodeOrders(clock(), Math.floor(atOnce * maxOrdersShare));
    const context = { store: opened, clock, keys, log, queue, orders };
    const leases = new LeaseBook(context, placement);
    const billBook = bills = new BillBook(context, options.prices ?? {});
    const routes = createRoutes({
      bills: billBook,
      nodes: new NodeBook(context),
      keys,
      leases,
      tokens: await TokenBook.open({
        store,
        clock,
        files: tokenFiles,
        log,
        orders,
        perSecond: {
          node: options.nodeRequestsPerSecond ?? nodeRequestsPerSecond,
          operator: options.operatorRequestsPerSecond ?? operatorRequestsPerSecond,
        },
        ...(options.quota === undefined ? {} : { standardQuota: options.quota }),
      }),
      version: project.version,
      bodyLimits: { bytes: maxBodyBytes, timeoutMs: options.bodyTimeoutMs ?? bodyTimeoutMs },
      unauthenticatedPerSecond: options.unauthenticatedPerSecond ?? unauthenticatedPerSecond,
      clock,
      log,
    });
    const handler = inFlight.counted((request) => routes.fetch(request));
    const certificate = options.tls && await Certificate.open(options.tls, log);
    const bodyLimitMs = options.bodyTimeoutMs ?? bodyTimeoutMs;
    const listenOptions = {
      socketMode: options.socketMode ?? 0o600,
      signal: giveUp.signal,
      limits: {
        ...await connectionsEach(atOnce * connectionsPerRequest, options.listen.length, log),
        headTimeoutMs,
        idleTimeoutMs,
        bodyTimeoutMs: bodyLimitMs,
        answerReadMs,
        ...options.connections,
      },
    };
    for (const address of options.listen) {
      const tls = certificate && { tls: certificate.pair };
      const server = await listenAt(address, handler, { ...listenOptions, ...tls });
      servers.push(server);
      certificate?.onChange(server.useCertificate);
    }
    const reloadCertificate = () => certificate?.reload() ?? Promise.resolve();
    certificateReader = certificate && setInterval(reloadCertificate, readCertificateEveryMs);
    sweeper = setInterval(() => {
      sweeping = leases.sweep().then(() => keys.settle()).catch((error) =>
        log.error("Sweep failed: {error}", { error })
      );
    }, sweepEveryMs);
    billWriter = setInterval(() => {
      billBook.flush().catch((error) => log.error("Bills were not written: {error}", { error }));
    }, writeBillsEveryMs);
    const urls = servers.map(({ url }) => url);
    log.info("Resource manager listens at {urls}", { urls });
    let closing: Promise<void> | undefined;
    const close = () => closing ??= release();
    return { urls, tokenFiles, reloadCertificate, close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await release();
    throw error;
  }
}

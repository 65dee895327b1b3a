/** The resource manager: it registers nodes, grants leases and keeps bills. No call passes through it. */
import { getLogger } from "../log.ts";
import { MetricsEndpoint, type MetricsOptions } from "../metrics/metrics_endpoint.ts";
import { StateDir } from "../state_dir.ts";
import { type TokenFiles, tokenFilesIn } from "./books/tokens.ts";
import { Candidate } from "./candidate.ts";
import { unavailable } from "./http/forwarding.ts";
import { HttpListeners, type HttpOptions } from "./http/http_listeners.ts";
import type { Handler } from "../http/http_server.ts";
import {
  beginLeadership,
  bodyLimitsOf,
  type Leadership,
  type LeadershipOptions,
  NO_FIGURES,
} from "./leadership.ts";
import { checkPlacement } from "./leases/placement.ts";
import { LoopWatch } from "./loop_watch.ts";
import { RESOURCE_METRICS } from "./metrics/resource_metrics.ts";
import { PeriodicTasks } from "./periodic_tasks.ts";
import { READ_CERTIFICATE_EVERY_MS } from "./policy.ts";
import { isShared, openSharedStore, openStore, type StoreOptions } from "./store/open_store.ts";
import { Standby } from "./standby.ts";
import type { Store } from "./store/store.ts";

/** The options of a resource manager. */
export interface ResourceManagerOptions extends HttpOptions, LeadershipOptions {
  /** The folder of the state. Created with mode 0700. One process at a time may use it. */
  readonly stateDir: string;
  /** Where the rows are kept. @default the file state.sqlite in the state folder */
  readonly store?: StoreOptions;
  /** Certificates in PEM form to trust for a leader at `https:`, to which a standby forwards requests. */
  readonly caCert?: string;
  /** Opens a store that is not shared, in place of the options in `store`. For tests. */
  readonly openStore?: (stateDir: string) => Store | Promise<Store>;
  /** Where metrics are served for Prometheus. @default nowhere */
  readonly metrics?: MetricsOptions;
}

/** A running resource manager. */
export interface ResourceManager extends AsyncDisposable {
  /** Its addresses, in the order of the options. */
  readonly urls: string[];
  /** The address of its metrics, without the path; undefined if they are not served. */
  readonly metricsUrl: string | undefined;
  /** The private files with the first token of each role. */
  readonly tokenFiles: TokenFiles;
  /**
   * Reads the files of the certificate again, as happens every minute. If the new certificate cannot be used, logs the
   * reason and keeps the current one.
   */
  reloadCertificate(): Promise<void>;
  /** Finishes the requests in flight, then releases everything. May be called twice. */
  close(): Promise<void>;
}

/**
 * Starts a resource manager. Needs permission to read and write the state folder and the folders of Unix sockets, to
 * listen (`--allow-net`, also for Unix sockets), and `--allow-sys` for Unix sockets, since umask has no permission of its
 * own.
 *
 * @throws {TypeError} if the placement is unknown.
 * @throws {AddressUnavailableError} if it cannot listen at one of the addresses.
 * @throws {CertificateUnavailableError} if the certificate cannot be used.
 * @throws {StateUnavailableError} if another process uses the state folder, a newer version wrote it, or the store does
 * not respond.
 */
export async function startResourceManager(
  options: ResourceManagerOptions,
): Promise<ResourceManager> {
  const log = getLogger(["rfaas", "resource-manager"]);
  checkPlacement(options.placement ?? "spread");
  // Disposes of everything in reverse order, unless the start succeeds.
  await using cleanup = new AsyncDisposableStack();
  const stateDir = cleanup.use(await StateDir.open(options.stateDir, "resource manager"));
  for (const file of stateDir.restricted) log.warn(RESTRICTED, { file });
  const watch = cleanup.use(new LoopWatch());
  const metrics = cleanup.use(await MetricsEndpoint.open(RESOURCE_METRICS, options.metrics, log));
  const { observe } = metrics;
  const begin = (store: Store) =>
    beginLeadership(store, stateDir.path, { ...options, observe }, watch, log);
  let handler: Handler = () => unavailable("not-leader", "no resource manager leads", undefined);
  let leadership: () => Leadership | undefined;
  const listeners = new HttpListeners(options, (request) => handler(request), log);
  if (options.openStore === undefined && isShared(options.store)) {
    cleanup.defer(() => listeners.drain());
    await listeners.open();
    const url = listeners.urls.find(isReachable);
    if (url === undefined) log.warn(UNREACHABLE, { urls: listeners.urls });
    const { caCert } = options;
    const bodyLimits = bodyLimitsOf(options);
    const standby = cleanup.use(new Standby({ ownUrl: url, caCert, bodyLimits }));
    handler = standby.handler;
    const open = await openSharedStore(stateDir.path, options.store, url);
    const candidate = cleanup.use(await Candidate.begin({ open, begin, standby, log }));
    handler = candidate.handler;
    leadership = () => candidate.leadership;
  } else {
    const open = options.openStore ?? ((path) => openStore(path, options.store));
    const store = await open(stateDir.path);
    cleanup.defer(() => store.close());
    const only = cleanup.use(await begin(store));
    handler = only.handler;
    leadership = () => only;
    cleanup.defer(() => listeners.drain());
    cleanup.defer(() => only.stopWaiting());
    await listeners.open();
  }
  await metrics.serve(async () => ({
    ...await leadership()?.figures() ?? NO_FIGURES,
    requestsInFlight: listeners.inFlight.size,
    overloads: listeners.inFlight.overloads,
  }));

  const tasks = cleanup.use(new PeriodicTasks(log));
  const reloadCertificate = () => listeners.reloadCertificate();
  tasks.every(READ_CERTIFICATE_EVERY_MS, "Certificate not read: {error}", reloadCertificate);

  const { urls } = listeners;
  log.info("Resource manager listens at {urls}", { urls });
  const resources = cleanup.move();
  let closing: Promise<void> | undefined;
  const close = () => closing ??= resources.disposeAsync();
  return {
    urls,
    metricsUrl: metrics.url,
    tokenFiles: tokenFilesIn(stateDir.path),
    reloadCertificate,
    close,
    [Symbol.asyncDispose]: close,
  };
}

const UNREACHABLE =
  "Clients of standbys are not forwarded to this resource manager: it listens at " +
  "no address that names this host, but at {urls}";

/** Whether other hosts reach an address: that of all interfaces is another host's own there. */
function isReachable(url: string): boolean {
  return url.startsWith("http") && !["0.0.0.0", "[::]"].includes(new URL(url).hostname);
}

const RESTRICTED =
  "State file was open to other users, its mode is set back: {file}. If there are others, rotate the keys and tokens";

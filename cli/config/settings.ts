/**
 * All settings of the managers, a line each: the path in the file, the schema, what it does. From this table come the
 * check of the file, its published schema, the environment's variables, and what `rfaas config show` prints.
 *
 * To add one: write its line here, use it where the command hands it on (`settings.get("its.path")`), run
 * `deno run -A cli.ts config schema > docs/config.schema.json`, and name it in docs/configuration.md.
 */

import { placementNames } from "../../manager/resource/placement.ts";
import {
  bodyTimeoutMs,
  maxRequestsAtOnce,
  nodeRequestsPerSecond,
  operatorRequestsPerSecond,
  unauthenticatedPerSecond,
} from "../../manager/resource/policy.ts";
import { DEFAULT_POOL } from "../../manager/executor/executor_pool.ts";
import { memoryBoundNames } from "../../manager/executor/limits/memory_bounds.ts";
import { DEFAULT_CACHE_BYTES } from "../../manager/executor/package_cache.ts";
import { recipeNames } from "../../manager/executor/sandbox/recipes.ts";
import { MAX_CALL_MS } from "../../runtime/executor/start_request.ts";
import { maxLeaseSeconds, plainName } from "../../runtime/http/manager_api.ts";
import * as v from "../../runtime/valibot.ts";
import { hostCores, hostMemoryBytes, hostNodeName } from "../host.ts";
import { defaultStateDir } from "../state_home.ts";
import { rdmaPort } from "./device_address.ts";
import { price, setting, size, text, whole } from "./setting.ts";

export const SETTINGS = {
  "resourceManager.listen": setting(v.pipe(v.array(text), v.minLength(1)), {
    does: "Where it listens: http://HOST:PORT, https://HOST:PORT or unix:/PATH.",
    flag: "--listen",
    standard: ["http://127.0.0.1:7400"],
  }),
  "resourceManager.state": setting(text, {
    does: "The folder of state and tokens.",
    flag: "--state",
    standard: () => defaultStateDir("resource-manager"),
    standardIs: "below XDG_STATE_HOME",
  }),
  "resourceManager.socketMode": setting(v.picklist(["0600", "0660"]), {
    does: "Who may connect to Unix sockets: 0600 the owner, 0660 the group of the process as well.",
    flag: "--socket-mode",
    standard: "0600",
  }),
  "resourceManager.tls.certificate": setting(text, {
    does: "The file of the certificate and its chain (PEM), for addresses that begin with https.",
    flag: "--tls-cert",
  }),
  "resourceManager.tls.key": setting(text, {
    does: "The file of the certificate's private key (PEM).",
    flag: "--tls-key",
  }),
  "resourceManager.placement": setting(v.picklist(placementNames), {
    does: "Which of the nodes that have room a lease is offered first: spread the emptiest, pack " +
      "the fullest, random-of-two the emptier of two that are drawn.",
    flag: "--placement",
    standard: "spread",
  }),
  "resourceManager.quota.workers": setting(whole(0), {
    does: "Workers that a client may have at a time, where its token does not say.",
  }),
  "resourceManager.quota.memory": setting(size, {
    does: "Memory that a client may have at a time, where its token does not say.",
  }),
  "resourceManager.quota.leases": setting(whole(0), {
    does: "Leases that a client may have at a time, where its token does not say.",
  }),
  "resourceManager.quota.seconds": setting(whole(1, maxLeaseSeconds), {
    does: "The longest term of a client's lease in seconds, where its token does not say.",
  }),
  "resourceManager.quota.requestsPerSecond": setting(whole(1), {
    does: "Requests that a client may make over time, where its token does not say.",
  }),
  "resourceManager.limits.unauthenticatedPerSecond": setting(whole(1), {
    does: "Requests a second without a good token, from all who ask together.",
    standard: unauthenticatedPerSecond,
  }),
  "resourceManager.limits.nodePerSecond": setting(whole(1), {
    does: "Requests a second with one node token, which many nodes may share.",
    standard: nodeRequestsPerSecond,
  }),
  "resourceManager.limits.operatorPerSecond": setting(whole(1), {
    does: "Requests a second with one operator token.",
    standard: operatorRequestsPerSecond,
  }),
  "resourceManager.limits.requestsAtOnce": setting(whole(1), {
    does: "Requests that may be under way at a time.",
    standard: maxRequestsAtOnce,
  }),
  "resourceManager.limits.bodySeconds": setting(whole(1, 3600), {
    does: "How long the body of a request may take to arrive, in seconds.",
    standard: bodyTimeoutMs / 1000,
  }),

  "resourceManager.prices.coreSecond": setting(price, {
    does: "The price of a worker's core for a second, from admission to the lease's end.",
  }),
  "resourceManager.prices.gibSecond": setting(price, {
    does: "The price of a GiB of memory for a second, from admission to the lease's end.",
  }),
  "resourceManager.prices.computeSecond": setting(price, {
    does: "The price of a second that functions compute.",
  }),
  "resourceManager.prices.pollSecond": setting(price, {
    does: "The price of a second that a worker waits for calls awake.",
  }),

  "executorManager.manager": setting(text, {
    does: "The resource manager: http://HOST:PORT, https://HOST:PORT or unix:/PATH.",
    flag: "--manager",
    variable: "RFAAS_MANAGER",
  }),
  "executorManager.tokenFile": setting(text, {
    does: "The file of the node token; without it RFAAS_TOKEN holds the token.",
    flag: "--token-file",
  }),
  "executorManager.caCert": setting(text, {
    does: "The file of certificates (PEM) that an https manager may be known by.",
    flag: "--ca-cert",
    variable: "RFAAS_CA_CERT",
  }),
  "executorManager.name": setting(plainName, {
    does: "What the node is called.",
    flag: "--name",
    standard: hostNodeName,
    standardIs: "the host's name",
  }),
  "executorManager.cores": setting(whole(1, 4096), {
    does: "Cores to lend.",
    flag: "--cores",
    standard: hostCores,
    standardIs: "all",
  }),
  "executorManager.oversubscription": setting(v.pipe(v.number(), v.minValue(1), v.maxValue(64)), {
    does: "Workers that may be leased for each core; above 1 a call is run when a core is free.",
    flag: "--oversubscription",
    standard: 1,
  }),
  "executorManager.memory": setting(size, {
    does: "Memory to lend.",
    flag: "--memory",
    standard: () => Math.floor(hostMemoryBytes() / 2),
    standardIs: "half of the host's",
  }),
  "executorManager.fabric": setting(v.picklist(["auto", "shm", "verbs"]), {
    does: "shm: this host alone; verbs: over RDMA as well, or it does not start; auto: over RDMA " +
      "where there is a device.",
    flag: "--fabric",
    standard: "auto",
  }),
  "executorManager.fabricAddress": setting(text, {
    does: "HOST or HOST:PORT, the IP address of the RDMA port to listen at; the first that is " +
      "found if it is not given.",
    flag: "--fabric-address",
  }),
  "executorManager.devices": setting(v.array(rdmaPort), {
    does: "RDMA ports as `rfaas devices --json` prints them: it listens at the first that is " +
      "active and has an address, unless fabricAddress is given or fabric is shm.",
  }),
  "executorManager.drainSeconds": setting(whole(0, 86_400), {
    does: "Seconds that clients have to move elsewhere after SIGTERM or Ctrl-C.",
    flag: "--drain-seconds",
    standard: 10,
  }),
  "executorManager.sandbox.recipe": setting(v.picklist(recipeNames), {
    does: "The operating system's sandbox around each executor: none, bubblewrap, podman or " +
      "apptainer.",
    flag: "--sandbox",
    standard: "none",
  }),
  "executorManager.sandbox.command": setting(v.pipe(v.array(text), v.minLength(1)), {
    does: "The words of a command of your own in place of the recipe's, with {executor} for the " +
      "executor's own command; docs/security.md tells all places.",
  }),
  "executorManager.sandbox.rdma": setting(v.array(text), {
    does: "Words for {rdma} in sandbox.command, put in where the node listens on RDMA.",
    standard: [],
  }),
  "executorManager.sandbox.net": setting(v.array(text), {
    does: "Words for {net} in sandbox.command, put in where a lease may use the network.",
    standard: [],
  }),
  "executorManager.sandbox.readable": setting(v.array(text), {
    does: "Words for {readable} in sandbox.command, put in for each {path} that a lease may read.",
    standard: [],
  }),
  "executorManager.native": setting(v.boolean(), {
    does: "Whether packages may be shared libraries; sandbox.recipe must not be none then.",
    flag: "--native",
    standard: false,
  }),
  "executorManager.permissions.net": setting(v.array(text), {
    does: "Hosts that functions may connect to if their lease asks for it: HOST:PORT, HOST, or *.",
    standard: [],
  }),
  "executorManager.permissions.read": setting(v.array(text), {
    does: "Files and folders that functions may read if their lease asks for it; absolute paths.",
    standard: [],
  }),
  "executorManager.permissions.env": setting(v.array(text), {
    does:
      "Variables of this process that functions may read if their lease asks for it; *: all but RFAAS_….",
    standard: [],
  }),
  "executorManager.limits.callSeconds": setting(whole(1, MAX_CALL_MS / 1000), {
    does: "The longest that a call may take, in seconds, whatever its deadline.",
  }),
  "executorManager.limits.cpuSeconds": setting(whole(1), {
    does: "The processor time of a lease, in seconds; one that took more is ended.",
  }),
  "executorManager.pinCores": setting(v.boolean(), {
    does: "Whether each worker keeps to a core of its own; not with oversubscription.",
    standard: false,
  }),
  "executorManager.limits.memory": setting(v.picklist(memoryBoundNames), {
    does:
      "Who keeps the memory of leases: auto is the kernel by control groups where they can be " +
      "had, soft the manager by looking.",
    standard: "auto",
  }),
  "executorManager.packageCache": setting(size, {
    does: "Function packages that are kept on disk, the least recently used are dropped first.",
    standard: DEFAULT_CACHE_BYTES,
  }),
  "executorManager.pool.initial": setting(whole(0, 256), {
    does: "Executors that are booted at the start and wait for leases; pool.max at most.",
    standard: DEFAULT_POOL.initial,
  }),
  "executorManager.pool.min": setting(whole(0, 256), {
    does: "Executors that are kept waiting for leases, however long none comes; pool.max at most.",
    flag: "--pool-min",
    standard: DEFAULT_POOL.min,
  }),
  "executorManager.pool.max": setting(whole(0, 256), {
    does: "Executors that wait for leases at most, 50 MB each; 0 boots each for its lease.",
    flag: "--pool-max",
    standard: DEFAULT_POOL.max,
  }),
  "executorManager.pool.idleSeconds": setting(whole(1, 86_400), {
    does: "Seconds without a lease after which those above pool.min are ended.",
    standard: DEFAULT_POOL.idleMs / 1000,
  }),
  "executorManager.pool.increment": setting(whole(0, 256), {
    does: "How many more are kept waiting after a lease has found none.",
    standard: DEFAULT_POOL.increment,
  }),
  "executorManager.state": setting(text, {
    does: "The folder of the executor's code and of function packages, one for each manager.",
    flag: "--state",
    // A home is often one for all hosts of a cluster.
    standard: () => `${defaultStateDir("executor-manager")}/${hostNodeName()}`,
    standardIs: "below XDG_STATE_HOME, by the host's name",
  }),
} as const;

/** The path of a setting. */
export type SettingPath = keyof typeof SETTINGS;
/** What a setting is read as. */
export type SettingValue<P extends SettingPath> = v.InferOutput<(typeof SETTINGS)[P]["schema"]>;
/** The first word of a path: one for each manager. */
export type Section = SettingPath extends `${infer S}.${string}` ? S : never;

/** The paths of a section, in the table's order. */
export function pathsOf(section: Section): SettingPath[] {
  return (Object.keys(SETTINGS) as SettingPath[]).filter((path) => path.startsWith(`${section}.`));
}

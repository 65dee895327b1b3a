/**
 * All settings of the managers, one entry each: the path in the file, the schema, the description. The check of the file,
 * its published schema, the environment variables and the output of `rfaas config show` come from this table.
 *
 * To add one: write its entry here, use it in the command (`settings.get("its.path")`), run
 * `deno run -A cli.ts config schema > docs/config.schema.json`, and add it to docs/configuration.md.
 */

import { placementNames } from "../../manager/resource/leases/placement.ts";
import {
  BODY_TIMEOUT_MS,
  MAX_REQUESTS_AT_ONCE,
  NODE_REQUESTS_PER_SECOND,
  OPERATOR_REQUESTS_PER_SECOND,
  UNAUTHENTICATED_PER_SECOND,
  USAGE_HALF_LIFE_MS,
} from "../../manager/resource/policy.ts";
import { DEFAULT_POOL } from "../../manager/executor/executors/executor_pool.ts";
import { memoryBoundNames } from "../../manager/executor/limits/memory_bounds.ts";
import { DEFAULT_CACHE_BYTES } from "../../manager/executor/leases/package_cache.ts";
import { recipeNames } from "../../manager/executor/sandbox/recipes.ts";
import { MAX_CALL_MS } from "../../runtime/executor/start_request.ts";
import { MAX_TERM_MS, plainName } from "../../runtime/http/manager_api.ts";
import * as v from "../../runtime/valibot.ts";
import { hostCores, hostMemoryBytes, hostNodeName } from "../host.ts";
import { defaultStateDir } from "../state_home.ts";
import { rdmaPort } from "./device_address.ts";
import { classes, integer, price, setting, size, text } from "./setting.ts";

export const SETTINGS = {
  "resourceManager.listen": setting(v.pipe(v.array(text), v.minLength(1)), {
    description: "Addresses to listen at: http://HOST:PORT, https://HOST:PORT or unix:/PATH.",
    flag: "--listen",
    default: ["http://127.0.0.1:7400"],
  }),
  "resourceManager.state": setting(text, {
    description: "Folder for the state and the tokens.",
    flag: "--state",
    default: () => defaultStateDir("resource-manager"),
    defaultText: "below XDG_STATE_HOME",
  }),
  "resourceManager.store.address": setting(text, {
    description:
      "Where the rows are kept: sqlite:PATH, or etcd://HOST:PORT,HOST:PORT/PREFIX for several " +
      "resource managers. By default state.sqlite in the state folder.",
    flag: "--store",
  }),
  "resourceManager.store.caCertificate": setting(text, {
    description: "Certificates (PEM) to trust for etcd, which then uses TLS.",
    flag: "--store-ca-cert",
  }),
  "resourceManager.store.certificate": setting(text, {
    description: "Certificate (PEM) that etcd requires.",
    flag: "--store-cert",
  }),
  "resourceManager.store.key": setting(text, {
    description: "Private key of that certificate (PEM).",
    flag: "--store-key",
  }),
  "resourceManager.store.user": setting(text, {
    description: "User of etcd.",
    flag: "--store-user",
  }),
  "resourceManager.store.passwordFile": setting(text, {
    description: "File with the password of that user.",
    flag: "--store-password-file",
  }),
  "resourceManager.socketMode": setting(v.picklist(["0600", "0660"]), {
    description: "Access to Unix sockets: 0600 the owner only, 0660 the group of the process " +
      "too.",
    flag: "--socket-mode",
    default: "0600",
  }),
  "resourceManager.tls.certificate": setting(text, {
    description: "File with the certificate and its chain (PEM), for https addresses.",
    flag: "--tls-cert",
  }),
  "resourceManager.tls.key": setting(text, {
    description: "File with the certificate's private key (PEM).",
    flag: "--tls-key",
  }),
  "resourceManager.metrics.listen": setting(text, {
    description: "Address to serve metrics at, for Prometheus: http://HOST:PORT or unix:/PATH.",
    flag: "--metrics-listen",
  }),
  "resourceManager.metrics.tokenFile": setting(text, {
    description: "File with the token that a request for metrics needs.",
    flag: "--metrics-token-file",
  }),
  "resourceManager.placement": setting(v.picklist(placementNames), {
    description:
      "Order in which nodes with enough capacity are offered to a lease: spread the emptiest " +
      "first, pack the fullest first, random-of-two the emptier of two random ones.",
    flag: "--placement",
    default: "spread",
  }),
  "resourceManager.quota.workers": setting(integer(0), {
    description: "Maximum number of workers of a client, if its token has no limit.",
  }),
  "resourceManager.quota.memory": setting(size, {
    description: "Maximum memory of a client, if its token has no limit.",
  }),
  "resourceManager.quota.leases": setting(integer(0), {
    description: "Maximum number of leases of a client, if its token has no limit.",
  }),
  "resourceManager.quota.termSeconds": setting(integer(1, MAX_TERM_MS / 1000), {
    description: "Longest term of a client's lease in seconds, if its token has no limit.",
  }),
  "resourceManager.quota.requestsPerSecond": setting(integer(1), {
    description: "Requests per second of a client on average, if its token has no limit.",
  }),
  "resourceManager.classes": setting(classes, {
    description:
      "Classes that tokens of clients may name, each with its priority (waiting requests of a higher " +
      "one are served first) and its share: within a priority, the account is first that has used " +
      "least for its share. Leases of lower priorities leave for a class that preempts, within the " +
      "grace period of their own class. Tokens without a class are of the class default.",
  }),
  "resourceManager.usageHalfLifeHours": setting(v.pipe(v.number(), v.minValue(0.01)), {
    description: "Time after which usage counts half, in hours, where there are classes.",
    default: USAGE_HALF_LIFE_MS / 3_600_000,
  }),
  "resourceManager.limits.unauthenticatedPerSecond": setting(integer(1), {
    description: "Requests per second without a valid token, from all hosts together.",
    default: UNAUTHENTICATED_PER_SECOND,
  }),
  "resourceManager.limits.nodePerSecond": setting(integer(1), {
    description: "Requests per second with one node token, which many nodes may share.",
    default: NODE_REQUESTS_PER_SECOND,
  }),
  "resourceManager.limits.operatorPerSecond": setting(integer(1), {
    description: "Requests per second with one operator token.",
    default: OPERATOR_REQUESTS_PER_SECOND,
  }),
  "resourceManager.limits.requestsAtOnce": setting(integer(1), {
    description: "Maximum number of requests in flight.",
    default: MAX_REQUESTS_AT_ONCE,
  }),
  "resourceManager.limits.bodySeconds": setting(integer(1, 3600), {
    description: "Timeout for the body of a request, in seconds.",
    default: BODY_TIMEOUT_MS / 1000,
  }),

  "resourceManager.prices.coreSecond": setting(price, {
    description: "Price of one core for a second, from admission to the end of the lease.",
  }),
  "resourceManager.prices.gibSecond": setting(price, {
    description: "Price of 1 GiB of memory for a second, from admission to the end of the lease.",
  }),
  "resourceManager.prices.computeSecond": setting(price, {
    description: "Price of a second in which functions compute.",
  }),
  "resourceManager.prices.pollSecond": setting(price, {
    description: "Price of a second in which a worker polls for calls.",
  }),

  "executorManager.manager": setting(text, {
    description:
      "Resource manager: http://HOST:PORT, https://HOST:PORT or unix:/PATH. Of several, all with commas between them.",
    flag: "--manager",
    variable: "RFAAS_MANAGER",
  }),
  "executorManager.tokenFile": setting(text, {
    description: "File with the node token. If it is not set, the token is in RFAAS_TOKEN.",
    flag: "--token-file",
  }),
  "executorManager.caCert": setting(text, {
    description: "File with certificates (PEM) to trust for an https manager.",
    flag: "--ca-cert",
    variable: "RFAAS_CA_CERT",
  }),
  "executorManager.name": setting(plainName, {
    description: "Name of the node.",
    flag: "--name",
    default: hostNodeName,
    defaultText: "the host's name",
  }),
  "executorManager.cores": setting(integer(1, 4096), {
    description: "Number of cores to lend.",
    flag: "--cores",
    default: hostCores,
    defaultText: "all",
  }),
  "executorManager.oversubscription": setting(v.pipe(v.number(), v.minValue(1), v.maxValue(64)), {
    description: "Workers per core. Above 1, a call runs as soon as a core is free.",
    flag: "--oversubscription",
    default: 1,
  }),
  "executorManager.memory": setting(size, {
    description: "Memory to lend.",
    flag: "--memory",
    default: () => Math.floor(hostMemoryBytes() / 2),
    defaultText: "half of the host's memory",
  }),
  "executorManager.fabric": setting(v.picklist(["auto", "shm", "verbs"]), {
    description:
      "shm: shared memory, for clients on this host; verbs: RDMA too, and the manager does " +
      "not start without it; auto: RDMA too if there is a device.",
    flag: "--fabric",
    default: "auto",
  }),
  "executorManager.fabricAddress": setting(text, {
    description:
      "IP address of the RDMA port to listen at: HOST or HOST:PORT. By default the first one " +
      "found.",
    flag: "--fabric-address",
  }),
  "executorManager.devices": setting(v.array(rdmaPort), {
    description:
      "RDMA ports, in the form that `rfaas devices --json` prints. The manager listens at the " +
      "first one that is active and has an address, unless fabricAddress is set or fabric is " +
      "shm.",
  }),
  "executorManager.drainedBy": setting(plainName, {
    description:
      "Program that drains the node from its start until that program lends it, such as slurm.",
    flag: "--drained-by",
  }),
  "executorManager.drainSeconds": setting(integer(0, 86_400), {
    description:
      "Grace period for leases to move to other nodes after SIGTERM or Ctrl-C, in seconds.",
    flag: "--drain-seconds",
    default: 10,
  }),
  "executorManager.sandbox.recipe": setting(v.picklist(["auto", ...recipeNames]), {
    description:
      "Operating-system sandbox around each executor: bubblewrap, podman, apptainer or none; " +
      "auto is bubblewrap if the host can start it.",
    flag: "--sandbox",
    default: "auto",
  }),
  "executorManager.sandbox.command": setting(v.pipe(v.array(text), v.minLength(1)), {
    description:
      "Arguments of a custom sandbox command in place of the recipe's, with {executor} for " +
      "the command of the executor. docs/security.md lists all placeholders.",
  }),
  "executorManager.sandbox.rdma": setting(v.array(text), {
    description: "Arguments for {rdma} in sandbox.command, used if the node listens on RDMA.",
    default: [],
  }),
  "executorManager.sandbox.net": setting(v.array(text), {
    description: "Arguments for {net} in sandbox.command, used if a lease may use the network.",
    default: [],
  }),
  "executorManager.sandbox.readable": setting(v.array(text), {
    description:
      "Arguments for {readable} in sandbox.command, used for each {path} that a lease may " +
      "read.",
    default: [],
  }),
  "executorManager.native": setting(v.boolean(), {
    description:
      "Whether function packages may be shared libraries. Needs a sandbox.recipe other than " +
      "none.",
    flag: "--native",
    default: false,
  }),
  "executorManager.permissions.net": setting(v.array(text), {
    description:
      "Hosts that functions may connect to if their lease requests it: HOST:PORT, HOST, or * " +
      "for all.",
    default: [],
  }),
  "executorManager.permissions.read": setting(v.array(text), {
    description:
      "Files and folders that functions may read if their lease requests it, as absolute " +
      "paths.",
    default: [],
  }),
  "executorManager.permissions.env": setting(v.array(text), {
    description:
      "Environment variables of this process that functions may read if their lease requests " +
      "it; * for all but RFAAS_….",
    default: [],
  }),
  "executorManager.limits.callSeconds": setting(integer(1, MAX_CALL_MS / 1000), {
    description: "Longest duration of a call in seconds, regardless of its deadline.",
  }),
  "executorManager.limits.cpuSeconds": setting(integer(1), {
    description: "Processor time of a lease in seconds. A lease that exceeds it ends.",
  }),
  "executorManager.pinCores": setting(v.boolean(), {
    description: "Whether each worker is pinned to a core of its own. Not with oversubscription.",
    default: false,
  }),
  "executorManager.limits.memory": setting(v.picklist(memoryBoundNames), {
    description:
      "How the memory of leases is limited: auto by control groups if they are available, " +
      "soft by sampling.",
    default: "auto",
  }),
  "executorManager.packageCache": setting(size, {
    description:
      "Size of the cache of function packages on disk. The least recently used packages are " +
      "removed first.",
    default: DEFAULT_CACHE_BYTES,
  }),
  "executorManager.pool.initial": setting(integer(0, 256), {
    description: "Number of idle executors to boot at the start, at most pool.max.",
    default: DEFAULT_POOL.initial,
  }),
  "executorManager.pool.min": setting(integer(0, 256), {
    description:
      "Number of idle executors to keep ready for leases at all times, at most pool.max.",
    flag: "--pool-min",
    default: DEFAULT_POOL.min,
  }),
  "executorManager.pool.max": setting(integer(0, 256), {
    description:
      "Maximum number of idle executors, 50 MB each. With 0, one is booted for each worker of a lease.",
    flag: "--pool-max",
    default: DEFAULT_POOL.max,
  }),
  "executorManager.pool.idleSeconds": setting(integer(1, 86_400), {
    description: "Seconds without a new lease after which idle executors above pool.min end.",
    default: DEFAULT_POOL.idleMs / 1000,
  }),
  "executorManager.pool.increment": setting(integer(0, 256), {
    description: "Number of idle executors to add after a lease that found none.",
    default: DEFAULT_POOL.increment,
  }),
  "executorManager.metrics.listen": setting(text, {
    description: "Address to serve metrics at, for Prometheus: http://HOST:PORT or unix:/PATH.",
    flag: "--metrics-listen",
  }),
  "executorManager.metrics.tokenFile": setting(text, {
    description: "File with the token that a request for metrics needs.",
    flag: "--metrics-token-file",
  }),
  "executorManager.state": setting(text, {
    description:
      "Folder for the executor's code and function packages. Each manager needs its own.",
    flag: "--state",
    // The hosts of a cluster often share one home.
    default: () => `${defaultStateDir("executor-manager")}/${hostNodeName()}`,
    defaultText: "below XDG_STATE_HOME, by host name",
  }),
} as const;

/** The path of a setting. */
export type SettingPath = keyof typeof SETTINGS;
/** The type of a setting's value. */
export type SettingValue<P extends SettingPath> = v.InferOutput<(typeof SETTINGS)[P]["schema"]>;
/** The first part of a path: one per manager. */
export type Section = SettingPath extends `${infer S}.${string}` ? S : never;

/** Returns the paths of a section, in the order of the table. */
export function pathsOf(section: Section): SettingPath[] {
  return (Object.keys(SETTINGS) as SettingPath[]).filter((path) => path.startsWith(`${section}.`));
}

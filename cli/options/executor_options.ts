/** From the settings to the options of the executor manager. */

import type { ExecutorManagerOptions } from "../../manager/executor/executor_manager.ts";
import type { SandboxChoice } from "../../manager/executor/sandbox/os_sandbox.ts";
import { readCaCert } from "../../runtime/http/ca_cert.ts";
import { deviceAddress } from "../config/device_address.ts";
import type { EffectiveSettings } from "../config/effective_settings.ts";
import { metricsOf } from "./metrics_options.ts";
import { readToken } from "./token.ts";

/** @throws {TypeError} If a setting is wrong or missing, or a file cannot be read. */
export async function executorOptions(
  settings: EffectiveSettings,
): Promise<ExecutorManagerOptions> {
  const url = settings.get("executorManager.manager");
  if (!url) throw new TypeError("Cannot lend this host: use --manager or RFAAS_MANAGER");
  const caCert = settings.get("executorManager.caCert");
  const drainedBy = settings.get("executorManager.drainedBy");
  return {
    manager: {
      url,
      token: await readToken(settings.get("executorManager.tokenFile")),
      ...(caCert === undefined ? {} : { caCert: await readCaCert(caCert) }),
    },
    name: settings.require("executorManager.name"),
    cores: settings.require("executorManager.cores"),
    oversubscription: settings.require("executorManager.oversubscription"),
    memoryBytes: settings.require("executorManager.memory"),
    ...(drainedBy === undefined ? {} : { drainedBy }),
    ...fabricOf(settings),
    sandbox: sandboxOf(settings),
    cacheBytes: settings.require("executorManager.packageCache"),
    permissions: {
      net: settings.require("executorManager.permissions.net"),
      read: settings.require("executorManager.permissions.read"),
      env: settings.require("executorManager.permissions.env"),
    },
    limits: limitsOf(settings),
    pinCores: settings.require("executorManager.pinCores"),
    memoryBounds: settings.require("executorManager.limits.memory"),
    native: settings.require("executorManager.native"),
    pool: {
      initial: settings.require("executorManager.pool.initial"),
      min: settings.require("executorManager.pool.min"),
      max: settings.require("executorManager.pool.max"),
      idleMs: settings.require("executorManager.pool.idleSeconds") * 1000,
      increment: settings.require("executorManager.pool.increment"),
    },
    stateDir: settings.require("executorManager.state"),
    ...await metricsOf(settings, "executorManager"),
  };
}

function fabricOf(
  settings: EffectiveSettings,
): Pick<ExecutorManagerOptions, "fabric" | "fabricAddress"> {
  const fabric = settings.require("executorManager.fabric");
  const devices = fabric === "shm" ? undefined : settings.get("executorManager.devices");
  const fabricAddress = settings.get("executorManager.fabricAddress") ??
    (devices && deviceAddress(devices));
  return { fabric, ...(fabricAddress === undefined ? {} : { fabricAddress }) };
}

function sandboxOf(settings: EffectiveSettings): SandboxChoice | "auto" {
  const command = settings.get("executorManager.sandbox.command");
  if (command === undefined) return settings.require("executorManager.sandbox.recipe");
  return {
    command,
    rdma: settings.require("executorManager.sandbox.rdma"),
    net: settings.require("executorManager.sandbox.net"),
    readable: settings.require("executorManager.sandbox.readable"),
  };
}

function limitsOf(settings: EffectiveSettings): ExecutorManagerOptions["limits"] & object {
  const callSeconds = settings.get("executorManager.limits.callSeconds");
  const cpuSeconds = settings.get("executorManager.limits.cpuSeconds");
  return {
    ...(callSeconds === undefined ? {} : { callMs: callSeconds * 1000 }),
    ...(cpuSeconds === undefined ? {} : { cpuSeconds }),
  };
}

/** From the settings to the options of the resource manager. */

import type { ResourceManagerOptions } from "../../manager/resource/resource_manager.ts";
import type { Quota } from "../../manager/resource/store/store.ts";
import { environmentCaCert } from "../../runtime/http/ca_cert.ts";
import type { Prices } from "../../runtime/http/bill_api.ts";
import type { EffectiveSettings } from "../config/effective_settings.ts";
import { definedOf, storeOf } from "./store_options.ts";
import { metricsOf } from "./metrics_options.ts";

/** @throws {TypeError} If a setting is wrong or missing, or a file cannot be read. */
export async function resourceOptions(
  settings: EffectiveSettings,
): Promise<ResourceManagerOptions> {
  return {
    listen: settings.require("resourceManager.listen"),
    stateDir: settings.require("resourceManager.state"),
    store: storeOf(settings),
    socketMode: settings.require("resourceManager.socketMode") === "0660" ? 0o660 : 0o600,
    placement: settings.require("resourceManager.placement"),
    quota: quotaOf(settings),
    usageHalfLifeMs: settings.require("resourceManager.usageHalfLifeHours") * 3_600_000,
    ...definedOf({ classes: settings.get("resourceManager.classes") }),
    unauthenticatedPerSecond: settings.require("resourceManager.limits.unauthenticatedPerSecond"),
    nodeRequestsPerSecond: settings.require("resourceManager.limits.nodePerSecond"),
    operatorRequestsPerSecond: settings.require("resourceManager.limits.operatorPerSecond"),
    maxRequestsAtOnce: settings.require("resourceManager.limits.requestsAtOnce"),
    bodyTimeoutMs: settings.require("resourceManager.limits.bodySeconds") * 1000,
    prices: pricesOf(settings),
    ...tlsOf(settings),
    ...definedOf({ caCert: await environmentCaCert() }),
    ...await metricsOf(settings, "resourceManager"),
  };
}

function quotaOf(settings: EffectiveSettings): Quota {
  const termSeconds = settings.get("resourceManager.quota.termSeconds");
  return definedOf({
    workers: settings.get("resourceManager.quota.workers"),
    memoryBytes: settings.get("resourceManager.quota.memory"),
    leases: settings.get("resourceManager.quota.leases"),
    termMs: termSeconds === undefined ? undefined : termSeconds * 1000,
    requestsPerSecond: settings.get("resourceManager.quota.requestsPerSecond"),
  });
}

function pricesOf(settings: EffectiveSettings): Prices {
  return definedOf({
    coreSecond: settings.get("resourceManager.prices.coreSecond"),
    gibSecond: settings.get("resourceManager.prices.gibSecond"),
    computeSecond: settings.get("resourceManager.prices.computeSecond"),
    pollSecond: settings.get("resourceManager.prices.pollSecond"),
  });
}

function tlsOf(settings: EffectiveSettings): Pick<ResourceManagerOptions, "tls"> {
  const certFile = settings.get("resourceManager.tls.certificate");
  const keyFile = settings.get("resourceManager.tls.key");
  if (certFile === undefined && keyFile === undefined) return {};
  if (certFile === undefined || keyFile === undefined) {
    throw new TypeError("Cannot use TLS: both --tls-cert and --tls-key are needed");
  }
  return { tls: { certFile, keyFile } };
}

/** `rfaas resource-manager`: knows the nodes, signs grants. */

import { type Command, Option } from "commander";
import { placementNames } from "../manager/resource/placement.ts";
import type { Prices } from "../runtime/http/bill_api.ts";
import type { Quota } from "../manager/resource/store.ts";
import {
  type ResourceManagerOptions,
  startResourceManager,
} from "../manager/resource/resource_manager.ts";
import { configOption } from "./config/config_option.ts";
import { EffectiveSettings } from "./config/effective_settings.ts";
import { Ending } from "./ending.ts";
import { logToStderr } from "./logging.ts";
import { type CommonOptions, newCommand, untilStdinEnds } from "./new_command.ts";

interface Options extends CommonOptions {
  config?: string;
  listen?: string[];
  state?: string;
  socketMode?: string;
  placement?: string;
  tlsCert?: string;
  tlsKey?: string;
  json?: true;
  untilStdinEnds?: true;
}

export function resourceManagerCommand(): Command {
  return newCommand(
    "resource-manager",
    "Run the resource manager: it knows the nodes and signs what clients are granted.",
    `$ rfaas resource-manager --listen http://127.0.0.1:7400 --listen unix:/run/rfaas/manager.sock
    $ export RFAAS_MANAGER=http://127.0.0.1:7400
    $ export RFAAS_TOKEN=$(cat ~/.local/state/rfaas/resource-manager/client.token)`,
  )
    .alias("manager")
    .addOption(configOption())
    .option(
      "--listen <url>",
      "http://HOST:PORT, https://HOST:PORT or unix:/PATH; may be given again (default: http://127.0.0.1:7400)",
      (url: string, before: string[] = []) => [...before, url],
    )
    .option("--state <folder>", "where state and tokens are kept (default: below XDG_STATE_HOME)")
    .addOption(
      new Option("--socket-mode <mode>", "who may connect to Unix sockets: the owner, or its group")
        .choices(["0600", "0660"]),
    )
    .addOption(
      new Option("--placement <name>", "which nodes are offered first (default: spread)")
        .choices(placementNames),
    )
    .option("--tls-cert <file>", "the certificate and its chain for https, PEM")
    .option("--tls-key <file>", "the certificate's private key, PEM")
    .option("--json", "print where it listens and its token files as one line of JSON")
    .addOption(untilStdinEnds())
    .action(runResourceManager);
}

async function runResourceManager(options: Options): Promise<void> {
  using ending = new Ending();
  if (options.untilStdinEnds) ending.followStdin();
  await using _log = await logToStderr(options.logLevel);
  const settings = await EffectiveSettings.load({
    flags: options,
    sections: ["resourceManager"],
    config: options.config,
  });
  await using manager = await startResourceManager({
    listen: settings.require("resourceManager.listen"),
    stateDir: settings.require("resourceManager.state"),
    socketMode: settings.require("resourceManager.socketMode") === "0660" ? 0o660 : 0o600,
    placement: settings.require("resourceManager.placement"),
    quota: quotaOf(settings),
    unauthenticatedPerSecond: settings.require("resourceManager.limits.unauthenticatedPerSecond"),
    nodeRequestsPerSecond: settings.require("resourceManager.limits.nodePerSecond"),
    operatorRequestsPerSecond: settings.require("resourceManager.limits.operatorPerSecond"),
    maxRequestsAtOnce: settings.require("resourceManager.limits.requestsAtOnce"),
    bodyTimeoutMs: settings.require("resourceManager.limits.bodySeconds") * 1000,
    prices: pricesOf(settings),
    ...tlsOf(settings),
  });
  const hasCertificate = settings.get("resourceManager.tls.certificate") !== undefined;
  if (!hasCertificate) ending.followTerminal();
  using _hangup = hasCertificate ? onHangup(() => manager.reloadCertificate()) : undefined;
  const { urls, tokenFiles } = manager;
  if (options.json) {
    console.log(JSON.stringify({ urls, tokenFiles }));
  } else {
    console.log(`The resource manager listens at ${urls.join(" and ")}`);
    console.log("Tokens, each readable by you alone:");
    console.log(`  for operators  ${tokenFiles.operator}`);
    console.log(`  for nodes      ${tokenFiles.node}`);
    console.log(`  for clients    ${tokenFiles.client}`);
    console.log("Ctrl-C ends it.");
  }
  await ending.asked;
}

/** Calls this at each SIGHUP, which by itself would end the process. */
function onHangup(reload: () => void): Disposable {
  Deno.addSignalListener("SIGHUP", reload);
  return { [Symbol.dispose]: () => Deno.removeSignalListener("SIGHUP", reload) };
}

function quotaOf(settings: EffectiveSettings): Quota {
  const quota = {
    workers: settings.get("resourceManager.quota.workers"),
    memoryBytes: settings.get("resourceManager.quota.memory"),
    leases: settings.get("resourceManager.quota.leases"),
    seconds: settings.get("resourceManager.quota.seconds"),
    requestsPerSecond: settings.get("resourceManager.quota.requestsPerSecond"),
  };
  return Object.fromEntries(Object.entries(quota).filter(([, limit]) => limit !== undefined));
}

function pricesOf(settings: EffectiveSettings): Prices {
  const prices = {
    coreSecond: settings.get("resourceManager.prices.coreSecond"),
    gibSecond: settings.get("resourceManager.prices.gibSecond"),
    computeSecond: settings.get("resourceManager.prices.computeSecond"),
    pollSecond: settings.get("resourceManager.prices.pollSecond"),
  };
  return Object.fromEntries(Object.entries(prices).filter(([, price]) => price !== undefined));
}

function tlsOf(settings: EffectiveSettings): Pick<ResourceManagerOptions, "tls"> {
  const certFile = settings.get("resourceManager.tls.certificate");
  const keyFile = settings.get("resourceManager.tls.key");
  if (certFile === undefined && keyFile === undefined) return {};
  if (certFile === undefined || keyFile === undefined) {
    throw new TypeError("Cannot use TLS: give both --tls-cert and --tls-key");
  }
  return { tls: { certFile, keyFile } };
}

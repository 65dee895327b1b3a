/** `rfaas resource-manager`: grants leases on the nodes of a cluster. */

import { type Command, Option } from "commander";
import { placementNames } from "../../manager/resource/leases/placement.ts";
import { startResourceManager } from "../../manager/resource/resource_manager.ts";
import { configOption } from "../config/config_option.ts";
import { EffectiveSettings } from "../config/effective_settings.ts";
import { jsonText } from "../json_text.ts";
import { logToStderr } from "../logging.ts";
import { addMetricsOptions, metricsText } from "../options/metrics_options.ts";
import { resourceOptions } from "../options/resource_options.ts";
import { addStoreOptions, type StoreFlags } from "../options/store_options.ts";
import { ServiceNotifier } from "../service/service_notifier.ts";
import { ShutdownSignal } from "../shutdown_signal.ts";
import { removedAtEnd } from "../temporary_folder.ts";
import { type CommonOptions, newCommand, removeState, untilStdinEnds } from "./new_command.ts";

interface Options extends CommonOptions, StoreFlags {
  config?: string;
  listen?: string[];
  state?: string;
  socketMode?: string;
  placement?: string;
  tlsCert?: string;
  tlsKey?: string;
  metricsListen?: string;
  metricsTokenFile?: string;
  json?: true;
  untilStdinEnds?: true;
  removeState?: true;
}

export function resourceManagerCommand(): Command {
  const command = newCommand(
    "resource-manager",
    "Run the resource manager, which grants leases on the nodes of a cluster.",
    `$ rfaas resource-manager --listen http://127.0.0.1:7400 --listen unix:/run/rfaas/manager.sock
    $ export RFAAS_MANAGER=http://127.0.0.1:7400
    $ export RFAAS_TOKEN=$(cat ~/.local/state/rfaas/resource-manager/client.token)`,
  )
    .alias("manager")
    .addOption(configOption())
    .option(
      "--listen <url>",
      "Address to listen at: http://HOST:PORT, https://HOST:PORT or unix:/PATH; may be repeated " +
        "(default: http://127.0.0.1:7400)",
      (url: string, before: string[] = []) => [...before, url],
    )
    .option(
      "--state <folder>",
      "Folder for the state and the tokens (default: below XDG_STATE_HOME)",
    )
    .addOption(
      new Option(
        "--socket-mode <mode>",
        "Access to Unix sockets: 0600 the owner, 0660 the group too (default: 0600)",
      ).choices(["0600", "0660"]),
    )
    .addOption(
      new Option(
        "--placement <name>",
        "Order in which nodes are offered to a lease (default: spread)",
      ).choices(placementNames),
    )
    .option("--tls-cert <file>", "Certificate and its chain (PEM), for https")
    .option("--tls-key <file>", "Private key of the certificate (PEM)");
  return addMetricsOptions(addStoreOptions(command))
    .option("--json", "Print the addresses and the token files as one line of JSON")
    .addOption(untilStdinEnds())
    .addOption(removeState())
    .action(runResourceManager);
}

async function runResourceManager(options: Options): Promise<void> {
  using shutdown = new ShutdownSignal();
  if (options.untilStdinEnds) shutdown.followStdin();
  await using _log = await logToStderr(options.logLevel);
  const settings = await EffectiveSettings.load({
    flags: options,
    sections: ["resourceManager"],
    config: options.config,
  });
  const managerOptions = await resourceOptions(settings);
  await using _state = options.removeState ? removedAtEnd(managerOptions.stateDir) : undefined;
  using service = ServiceNotifier.fromEnvironment();
  await using manager = await startResourceManager(managerOptions);
  const hasCertificate = managerOptions.tls !== undefined;
  if (!hasCertificate) shutdown.followTerminal();
  using _hangup = hasCertificate ? onHangup(() => manager.reloadCertificate()) : undefined;
  const { urls, tokenFiles, metricsUrl: metrics } = manager;
  if (options.json) {
    console.log(jsonText({ urls, tokenFiles, metrics }));
  } else {
    console.log(`The resource manager listens at ${urls.join(" and ")}`);
    if (metrics !== undefined) console.log(metricsText(metrics));
    console.log("Token files, readable only by their owner:");
    console.log(`  operator  ${tokenFiles.operator}`);
    console.log(`  node      ${tokenFiles.node}`);
    console.log(`  client    ${tokenFiles.client}`);
    if (service === undefined) console.log("Press Ctrl-C to end.");
  }
  service?.ready(`Listening at ${urls.join(" and ")}`);
  await shutdown.requested;
  service?.stopping("The last requests are answered");
}

/** Calls `reload` at each SIGHUP, which otherwise ends the process. */
function onHangup(reload: () => void): Disposable {
  Deno.addSignalListener("SIGHUP", reload);
  return { [Symbol.dispose]: () => Deno.removeSignalListener("SIGHUP", reload) };
}

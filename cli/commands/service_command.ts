/** `rfaas service`: the managers of this host as services of systemd. */

import { Argument, type Command, InvalidArgumentError } from "commander";
import { EffectiveSettings } from "../config/effective_settings.ts";
import { ownCommand, ownFiles } from "../own_command.ts";
import { checkReadable } from "../service/readable_by_all.ts";
import { ServiceFolder } from "../service/service_folder.ts";
import {
  literal,
  type ServiceName,
  SERVICES,
  SLICE,
  sliceText,
  stateFolder,
  unitName,
  unitText,
} from "../service/unit_text.ts";
import { servicePlaces } from "../service/service_places.ts";
import { table } from "../table.ts";
import { type ManagerFlags, parseFlags } from "./manager_flags.ts";
import { type CommonOptions, newCommand } from "./new_command.ts";

interface InstallOptions extends CommonOptions {
  user: string;
  root?: string;
  dryRun?: true;
}

export function serviceCommand(): Command {
  return newCommand(
    "service",
    "Run the managers of this host as services of systemd.",
    "$ rfaas service status",
  )
    .enablePositionalOptions()
    .helpCommand("help [command]", "Show help for a command")
    .addCommand(installCommand())
    .addCommand(statusCommand())
    .addCommand(uninstallCommand());
}

function installCommand(): Command {
  return newCommand(
    "install",
    "Install a manager as a service and start it: of the system for root, of the user for others.",
    `$ rfaas service install resource-manager --listen http://10.0.0.1:7400
    $ rfaas service install executor-manager --config /etc/rfaas/rfaas.json`,
  )
    .option("--user <name>", "User that a service of the system runs as", userName, "rfaas")
    .option("--root <folder>", "Write below this folder and start nothing, to build a package")
    .option("--dry-run", "Print the units")
    .addArgument(new Argument("<manager>", "Manager to install").choices(SERVICES))
    .argument("[flags...]", "Flags of that manager")
    .allowUnknownOption()
    .passThroughOptions()
    .action(install);
}

async function install(
  service: ServiceName,
  args: readonly string[],
  { user, root, dryRun }: InstallOptions,
): Promise<void> {
  const units = ServiceFolder.find(root);
  const texts = await unitTexts(service, args, units.isSystem ? user : undefined);
  if (dryRun) {
    return console.log([...texts].map(([unit, text]) => `# ${unit}\n${text}`).join("").trimEnd());
  }
  // The files below another root belong to that system.
  if (units.isSystem && root === undefined) await checkUser(user);
  await units.control("--version"); // before anything is written: does this host have systemd?
  for (const [unit, text] of texts) {
    await units.write(unit, text);
    console.log(`Wrote ${units.folder}/${unit}`);
  }
  const unit = unitName(service);
  const when = units.isSystem ? "with the system" : "when its user logs in";
  if (!units.runs) {
    await units.control("enable", unit);
    return console.log(`${unit} starts ${when}`);
  }
  await units.control("daemon-reload");
  await units.control("enable", unit);
  await units.control("restart", unit); // settles when the manager is ready
  console.log(`${unit} runs, and starts ${when}`);
}

/** The form of names and numbers of users (`man systemd.exec`, "User="). */
function userName(text: string): string {
  if (/^([A-Za-z_][\w.@-]*|\d+)$/.test(text)) return text;
  throw new InvalidArgumentError("expected the name of a user");
}

/** The texts of the units by their names. */
async function unitTexts(
  service: ServiceName,
  args: readonly string[],
  user: string | undefined,
): Promise<Map<string, string>> {
  const flags = parseFlags(service, args);
  checkPaths(flags);
  const { config } = flags.flags as { config?: string };
  const settings = await EffectiveSettings.load({ ...flags, config, environment: false });
  const isExecutor = service === "executor-manager";
  const hasState = settings.isSet(`${isExecutor ? "executorManager" : "resourceManager"}.state`);
  const text = unitText({
    service,
    command: [
      ...[...ownCommand(), service, ...args].map(literal),
      ...user === undefined || hasState ? [] : ["--state", stateFolder(service)],
    ],
    user,
    drainSeconds: isExecutor ? settings.require("executorManager.drainSeconds") : 0,
    ...servicePlaces(service, settings, user !== undefined && !isExecutor),
  });
  return new Map([[unitName(service), text], ...isExecutor ? [[SLICE, sliceText()] as const] : []]);
}

/** The service runs in another folder. @throws {TypeError} If a path is relative. */
function checkPaths({ paths }: ManagerFlags): void {
  for (const [flag, path] of paths) {
    if (path.startsWith("/")) continue;
    throw new TypeError(
      `Cannot install service: expected an absolute path in ${flag}, got "${path}"`,
    );
  }
}

/** @throws {Error} If there is no such user, or it cannot read the program. */
async function checkUser(user: string): Promise<void> {
  // A directory service may have the user.
  const { success } = await new Deno.Command("getent", { args: ["passwd", user] }).output();
  if (!success) {
    throw new Error(
      `Cannot install service: there is no user ${user}: create it with ` +
        `useradd --system --home-dir /var/lib/rfaas --shell /usr/sbin/nologin ${user}`,
    );
  }
  if (user !== "root") checkReadable(user, ownFiles());
}

function statusCommand(): Command {
  return newCommand("status", "Show the services of this host.", "$ rfaas service status")
    .action(async () => {
      const units = ServiceFolder.find();
      const installed = SERVICES.map(unitName).filter((unit) => units.has(unit));
      if (installed.length === 0) return console.log(`No service is installed in ${units.folder}`);
      const rows = await Promise.all(installed.map(async (unit) => {
        const properties = ["ActiveState", "UnitFileState", "StatusText"];
        const shown = await units.control("show", `--property=${properties}`, unit);
        const values = new Map(shown.split("\n").map((line) => splitAt(line, "=")));
        return [unit, ...properties.map((name) => values.get(name) ?? "")];
      }));
      console.log(table(["SERVICE", "STATE", "AT BOOT", "STATUS"], rows));
    });
}

function splitAt(line: string, separator: string): [string, string] {
  const at = line.indexOf(separator);
  return [line.slice(0, at), line.slice(at + 1)];
}

function uninstallCommand(): Command {
  return newCommand(
    "uninstall",
    "Stop a manager and remove its service. Its state and its configuration stay.",
    "$ rfaas service uninstall executor-manager",
  )
    .addArgument(new Argument("<manager>", "Manager to remove").choices(SERVICES))
    .option("--root <folder>", "Remove below this folder, and stop nothing")
    .action(async (service: ServiceName, { root }: { root?: string }) => {
      const units = ServiceFolder.find(root);
      const unit = unitName(service);
      if (!units.has(unit)) {
        throw new Error(`Cannot uninstall ${service}: there is no unit ${units.folder}/${unit}`);
      }
      await units.control("disable", ...units.runs ? ["--now"] : [], unit);
      await units.remove(unit);
      if (service === "executor-manager" && units.has(SLICE)) await units.remove(SLICE);
      if (units.runs) await units.control("daemon-reload");
      console.log(`Removed ${unit}`);
    });
}

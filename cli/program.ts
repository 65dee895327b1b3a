/** The program with all commands. */

import type { Command } from "commander";
import { billCommand } from "./commands/bill_command.ts";
import { benchCommand } from "./commands/bench_command.ts";
import { configCommand } from "./commands/config_command.ts";
import { demoCommand } from "./commands/demo_command.ts";
import { devicesCommand } from "./commands/devices_command.ts";
import { doctorCommand } from "./commands/doctor_command.ts";
import { drainCommand, lendCommand, removeCommand } from "./commands/drain_command.ts";
import { eventsCommand } from "./commands/events_command.ts";
import { executorManagerCommand } from "./commands/executor_manager_command.ts";
import { invokeCommand } from "./commands/invoke_command.ts";
import { keysCommand } from "./commands/keys_command.ts";
import { leasesCommand, queueCommand } from "./commands/leases_command.ts";
import { managersCommand } from "./commands/managers_command.ts";
import { nodesCommand } from "./commands/nodes_command.ts";
import { reportCommand } from "./report/report_command.ts";
import { resourceManagerCommand } from "./commands/resource_manager_command.ts";
import { serviceCommand } from "./commands/service_command.ts";
import { slurmCommand } from "./commands/slurm_command.ts";
import { storeCommand } from "./commands/store_command.ts";
import { tokenCommand } from "./commands/token_command.ts";
import { topCommand } from "./commands/top_command.ts";
import { upCommand } from "./commands/up_command.ts";
import { versionCommand } from "./commands/version_command.ts";
import { newProgram } from "./new_program.ts";

/** Makes the program; {@linkcode newProgram} describes it. */
export function createProgram(): Command {
  return newProgram([
    upCommand(),
    invokeCommand(),
    nodesCommand(),
    drainCommand(),
    lendCommand(),
    removeCommand(),
    leasesCommand(),
    queueCommand(),
    topCommand(),
    billCommand(),
    reportCommand(),
    eventsCommand(),
    tokenCommand(),
    keysCommand(),
    managersCommand(),
    storeCommand(),
    slurmCommand(),
    resourceManagerCommand(),
    executorManagerCommand(),
    serviceCommand(),
    configCommand(),
    doctorCommand(),
    devicesCommand(),
    demoCommand(),
    benchCommand(),
    versionCommand(),
  ]);
}

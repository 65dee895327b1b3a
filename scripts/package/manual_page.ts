/** The manual page of the command, from the help texts of its commands (`man 7 man` has the macros). */

import { type Command, Help, type Option } from "commander";

/** Options of every command, which have a section of their own. */
const COMMON = ["help", "log-level"];

const DESCRIPTION = `.SH DESCRIPTION
rfaas leases idle cores of a cluster and calls functions there, over shared memory on one host and
over RDMA between hosts. The documentation is below the folder of the program, which is /opt/rfaas
in a Debian package: docs/operations/installation.md leads to the first call of a cluster.
.SH OPTIONS OF EVERY COMMAND
.TP
\\fB\\-h\\fR, \\fB\\-\\-help\\fR
Show help, with an example.
.TP
\\fB\\-\\-log\\-level\\fR \\fIlevel\\fR
Lowest level to log to standard error: debug, info, warning, error or fatal.
`;

const END = `.SH EXIT STATUS
0 success, 1 failure, 2 usage error.
.SH ENVIRONMENT
.TP
.B RFAAS_MANAGER
Address of the resource manager; of several, all with commas between them.
.TP
.B RFAAS_TOKEN
Token of the client, operator or node.
.TP
.B RFAAS_CA_CERT
File with certificates (PEM) to trust for an https manager.
.TP
.B RFAAS_CONFIG
Configuration file of the managers.
.TP
.B RFAAS_DENO
Deno that runs the command, in place of /usr/local/bin/deno or the first one on the PATH.
.SH FILES
.TP
.I /etc/rfaas/rfaas.json
Configuration of the managers, if a service names it.
.TP
.I /var/lib/rfaas
State of the services, with the token files of the resource manager.
.TP
.I ~/.local/state/rfaas
State of managers that are started by hand.
`;

/**
 * Writes the page.
 *
 * @param program all commands.
 * @param version of the program.
 * @param seconds the date of the page, since 1970.
 */
export function manualPage(program: Command, version: string, seconds: string): string {
  const date = new Date(Number(seconds) * 1000).toISOString().slice(0, 10);
  const sections = program.commands.flatMap((command) => [
    section(command),
    ...command.commands.map((nested) => section(nested)),
  ]);
  return `.TH RFAAS 1 ${date} "rfaas ${version}" "User Commands"
.SH NAME
rfaas \\- functions on idle cores at the speed of memory
.SH SYNOPSIS
.B rfaas
.I command
[options]
${DESCRIPTION}.SH COMMANDS
${sections.join("")}${END}`;
}

function section(command: Command): string {
  const help = new Help();
  const terms = [
    ...help.visibleArguments(command).map((argument) =>
      [help.argumentTerm(argument), help.argumentDescription(argument)] as const
    ),
    ...help.visibleOptions(command).filter((option) => !isCommon(option)).map((option) =>
      [help.optionTerm(option), help.optionDescription(option)] as const
    ),
  ];
  const items = terms.map(([term, text]) => `.TP\n.B ${escape(term)}\n${line(text)}`);
  return `.SS ${escape(help.commandUsage(command))}\n${line(command.description())}${
    items.join("")
  }`;
}

function isCommon(option: Option): boolean {
  return COMMON.includes(option.name());
}

/** A text as a line, which no macro begins. */
function line(text: string): string {
  return `${escape(text).replace(/^(?=[.'])/, "\\&")}\n`;
}

function escape(text: string): string {
  return text.replaceAll("\\", "\\e").replaceAll("-", "\\-").replaceAll(/\s+/g, " ");
}

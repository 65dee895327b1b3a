/** The nodes as Slurm sees them. */

import { slurmOutput } from "./slurm_output.ts";

/** A node of Slurm. */
export interface SlurmNode {
  readonly name: string;
  /** Its state, such as `idle`, `allocated` or `down*`. */
  readonly state: string;
  readonly cpus: number;
  /** The processors that jobs have. */
  readonly allocatedCpus: number;
}

/** All partitions, a line a node and partition: name, state, processors allocated/idle/other/total. */
const ARGUMENTS = ["--all", "--noheader", "--Node", "--format=%N|%T|%C"];
const LINE = /^([^|\s]+)\|([^|]+)\|(\d+)\/\d+\/\d+\/(\d+)$/;

/** States in which no job has a node or will have it before its Prolog runs. */
const LENDABLE = new Set(["idle", "planned", "reserved"]);
/** States in which jobs have some or all processors, and others are free. */
const SHAREABLE = new Set(["mixed", "allocated"]);

/**
 * Runs `sinfo`.
 *
 * @throws {Error} If slurmctld does not respond, or the output is not as expected.
 */
export async function readSlurmNodes(sinfo = "sinfo"): Promise<SlurmNode[]> {
  return parseSlurmNodes(await slurmOutput("list the nodes of Slurm", sinfo, ...ARGUMENTS));
}

/** Reads the output of `sinfo`: one line for each partition of a node. @throws {Error} If a line is not as expected. */
export function parseSlurmNodes(output: string): SlurmNode[] {
  const nodes = new Map<string, SlurmNode>();
  for (const line of output.split("\n").filter((each) => each !== "")) {
    const [, name, state, allocated, cpus] = LINE.exec(line) ?? [];
    if (name === undefined) throw new Error(`Cannot read the output of sinfo: "${line}"`);
    nodes.set(name, { name, state: state!, cpus: Number(cpus), allocatedCpus: Number(allocated) });
  }
  return [...nodes.values()];
}

/**
 * Whether a node may be lent: no job has it, and Slurm would start one there, after its Prolog. A mark at the end of a
 * state, such as `idle~` for a node that is switched off, excludes it.
 */
export function isLendable({ state }: SlurmNode): boolean {
  return LENDABLE.has(state);
}

/** Whether jobs have a node whose other processors may be lent. */
export function isShareable({ state }: SlurmNode): boolean {
  return SHAREABLE.has(state);
}

/** Pilot jobs: preemptible jobs of Slurm whose step is an executor manager. */

/** What a pilot job runs. */
export interface Pilot {
  /** The program with its first arguments. */
  readonly program: readonly string[];
  readonly manager: string;
  /** The path of a node's token on each node. */
  readonly tokenFile: string;
  /** The time that leases have to move when the job is preempted. */
  readonly graceSeconds: number;
}

/**
 * Takes name, cores and memory of the node from the variables of its job. A fifth of the memory is for the manager. A
 * job that has all memory of its node has no variable with it, and a folder of the host that submitted the job may be
 * missing on the node.
 */
const STEP = `[ -w "\${TMPDIR:-/tmp}" ] || TMPDIR=/tmp
folder=$(mktemp -d -t "rfaas-$SLURM_JOB_ID.XXXXXXXX") || exit
mib=\${SLURM_MEM_PER_NODE:-$((\${SLURM_MEM_PER_CPU:-0} * SLURM_CPUS_ON_NODE))}
[ "$mib" -le 0 ] || set -- "$@" --memory "$((mib * 4 / 5))MiB"
exec "$@" --cores "$SLURM_CPUS_ON_NODE" --state "$folder/state" --remove-state --name "$SLURMD_NODENAME`;

/**
 * One task on each node, whatever the number of tasks that the job counts its processors by. A task has all of these:
 * since Slurm 22.05 a step does not inherit `--cpus-per-task`, and would be bound to one. It has the variables of the
 * job also where `sbatch` exports none.
 */
const SRUN = 'srun --nodes="$SLURM_JOB_NUM_NODES" --ntasks="$SLURM_JOB_NUM_NODES" ' +
  "--ntasks-per-node=1 --cpu-bind=none --export=ALL";

/** Variables of a job that `sbatch` would pass on to the jobs that it submits, whose steps they contradict. */
const OF_JOB = /^(SLURM|SRUN)_(?!(CONF|CLUSTERS|JWT)$)/;

/**
 * Returns the command that submits a pilot job.
 *
 * @param flags of `sbatch`, after those that a pilot job needs.
 * @param variables of this process, which may be in a job itself.
 */
export function pilotCommandLine(
  pilot: Pilot,
  flags: readonly string[],
  variables: Record<string, string>,
): string[] {
  const { program, manager, tokenFile, graceSeconds } = pilot;
  const command = [
    ...program,
    "executor-manager",
    ...["--manager", manager, "--token-file", tokenFile],
    ...["--drain-seconds", `${graceSeconds}`],
  ];
  // Another pilot job may be on the same node unless the job has the node for itself.
  const step = `${STEP}${flags.includes("--exclusive") ? "" : "-$SLURM_JOB_ID"}"`;
  const words = ["/bin/sh", "-c", step, "pilot", ...command].map(shellQuoted).join(" ");
  const inherited = variables.SLURM_JOB_ID === undefined
    ? []
    : Object.keys(variables).filter((name) => OF_JOB.test(name)).sort();
  return [
    ...inherited.length === 0 ? [] : ["env", ...inherited.map((name) => `--unset=${name}`)],
    "sbatch",
    ...["--job-name=rfaas", "--requeue", "--open-mode=append"],
    ...["--nodes=1", "--ntasks=1"],
    ...flags,
    `--wrap=exec ${SRUN} ${words}`,
  ];
}

/** A word of a shell that stands for the text. */
export function shellQuoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

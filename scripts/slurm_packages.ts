/** The system packages with Slurm, for the tests of its hooks. */

/** Names in Debian. */
export const SLURM_PACKAGES: readonly string[] = ["munge", "slurmctld", "slurmd", "slurm-client"];

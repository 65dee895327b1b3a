/** The system packages that put executors into a sandbox, which the tests of it need. */

/** Debian's names. Apptainer is not in Debian 12. */
export const SANDBOX_PACKAGES: readonly string[] = ["bubblewrap", "podman", "runc"];

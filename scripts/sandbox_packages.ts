/** The system packages with sandboxes for executors, for the sandbox tests. */

/** Names in Debian. Debian 12 has no Apptainer. */
export const SANDBOX_PACKAGES: readonly string[] = ["bubblewrap", "podman", "runc"];

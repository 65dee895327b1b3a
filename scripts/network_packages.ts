/** The system packages for the tests of networks that are cut. */

/** Names in Debian. */
export const NETWORK_PACKAGES: readonly string[] = ["iproute2", "iptables", "util-linux"];

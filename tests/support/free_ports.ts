/** Ports for servers of tests, and for addresses where no process listens. */

/**
 * Below the ports that Linux gives to connections and to listeners at port 0 (`man 7 ip`, ip_local_port_range): those of
 * the tests beside this one could take a port of theirs between its choice and its use.
 */
const RANGE = { from: 10_000, to: 32_000 };

/** Returns ports at which no process listens. */
export function freePorts(count: number): number[] {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = RANGE.from + Math.floor(Math.random() * (RANGE.to - RANGE.from));
    if (isFree(port)) ports.add(port);
  }
  return [...ports];
}

function isFree(port: number): boolean {
  try {
    Deno.listen({ hostname: "127.0.0.1", port }).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return false;
    throw error;
  }
}

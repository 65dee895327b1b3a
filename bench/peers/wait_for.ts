/** How long a server may take to listen. */
const LIMIT_MS = 10_000;
const EVERY_MS = 20;

/** Tries until it works. @throws what the last try threw, as the cause. */
export async function waitFor<T>(what: string, attempt: () => Promise<T>): Promise<T> {
  const untilMs = performance.now() + LIMIT_MS;
  for (;;) {
    try {
      return await attempt();
    } catch (cause) {
      if (performance.now() > untilMs) {
        throw new Error(`Cannot reach ${what} within ${LIMIT_MS} ms`, { cause });
      }
    }
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
}

/** A client for `https:` on this host, whose requests pass no proxy. */

/** Names of this host. */
const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/** Whether an address, with its brackets, is this host itself. */
export function isLoopback(hostname: string): boolean {
  return LOOPBACK.test(hostname);
}

/**
 * Makes a client that reaches a host whatever HTTPS_PROXY names. Deno 2.9.6 reads NO_PROXY when it makes a client, so the
 * host is in it for so long. Without the permission for that, a proxy transports encrypted bytes.
 */
export function createDirectClient(
  options: Deno.CreateHttpClientOptions,
  host: string,
): Deno.HttpClient {
  const variable = "NO_PROXY";
  const names = [variable, variable.toLowerCase()];
  const isAllowed = names.every((name) =>
    Deno.permissions.querySync({ name: "env", variable: name }).state === "granted"
  );
  if (!isAllowed) return Deno.createHttpClient(options);
  const [before, lower] = names.map((name) => Deno.env.get(name));
  Deno.env.set(variable, [before ?? lower ?? "", host.replace(/^\[|\]$/g, "")].join());
  try {
    return Deno.createHttpClient(options);
  } finally {
    if (before === undefined) Deno.env.delete(variable);
    else Deno.env.set(variable, before);
  }
}

/**
 * The environment of processes that rfaas starts: the variables on a list and nothing else. Variables that are meant for
 * the parent change its children in unexpected ways: `NODE_OPTIONS=--inspect` opens the same port again,
 * `DENO_SERVE_ADDRESS` moves a server, `FORCE_COLOR` and `DENO_LOG` change what is printed, and with `LD_LIBRARY_PATH` Deno
 * refuses to start a child unless it may start every program.
 */

/** Variables by which `deno bundle` finds its cache, the packages that it downloads, and the way to them. */
const DENO_VARIABLES = [
  "PATH",
  "HOME",
  "XDG_CACHE_HOME",
  "DENO_DIR",
  "TMPDIR",
  "DENO_AUTH_TOKENS",
  "DENO_CERT",
  "DENO_TLS_CA_STORE",
  "NODE_EXTRA_CA_CERTS",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "NPM_CONFIG_REGISTRY",
  "NPM_CONFIG_USERCONFIG",
  "JSR_URL",
  "ALL_PROXY",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
  "all_proxy",
  "http_proxy",
  "https_proxy",
  "no_proxy",
] as const;

/** Folders, which a child resolves from its own working folder. */
const FOLDERS: ReadonlySet<string> = new Set(["DENO_DIR", "TMPDIR"]);

/** The environment of `deno bundle`, and of managers with the other variables that they read. */
export function denoEnvironment(more: readonly string[] = []): Record<string, string> {
  return childEnvironment([...DENO_VARIABLES, ...more]);
}

/**
 * An environment for `Deno.Command`, with `clearEnv`.
 *
 * @param names variables that the child receives, as far as they are set and this program may read them.
 */
export function childEnvironment(names: readonly string[]): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const variable of names) {
    if (Deno.permissions.querySync({ name: "env", variable }).state !== "granted") continue;
    const value = Deno.env.get(variable);
    if (value === undefined) continue;
    const isRelative = FOLDERS.has(variable) && value !== "" && !value.startsWith("/");
    environment[variable] = isRelative ? `${Deno.cwd()}/${value}` : value;
  }
  return { ...environment, DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" };
}

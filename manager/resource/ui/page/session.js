/**
 * The session of this tab. The text of a session is kept until the tab is closed, in storage of this origin alone; the
 * text of a token is never kept.
 */

/** @typedef {{ session: string, role: "operator" | "client", name: string, untilMs: number, version: string }} Session */

const KEY = "rfaas-session";

/** A response that refuses, or that did not arrive. */
export class RequestError extends Error {
  /** @param {string} message @param {number} status 0 if there was no response */
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/** @returns {Session | undefined} */
export function keptSession() {
  try {
    const text = sessionStorage.getItem(KEY);
    return text === null ? undefined : JSON.parse(text);
  } catch {
    return undefined; // the browser allows no storage
  }
}

/** @param {Session | undefined} session */
function keep(session) {
  try {
    if (session === undefined) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, JSON.stringify(session));
  } catch {
    // The session ends with the page.
  }
}

/**
 * Begins a session by a token.
 *
 * @param {string} token
 * @returns {Promise<Session>}
 */
export async function signIn(token) {
  const session = await request("POST", "session", { secret: token });
  keep(session);
  return session;
}

/**
 * Begins a session by the one-time link with which the page was opened, if there is one. The code leaves the address at
 * once, so that no history has it.
 *
 * @returns {Promise<Session | undefined>}
 */
export async function signInByLink() {
  const code = location.hash.slice(1);
  if (!code.startsWith("rfaas_link_")) return undefined;
  history.replaceState(null, "", location.pathname);
  const session = await request("POST", "session/link", { body: { code } });
  keep(session);
  return session;
}

/** Forgets the session, and ends it. @param {Session} session */
export async function signOut({ session }) {
  keep(undefined);
  await request("POST", "session/end", { secret: session, body: { session } }).catch(() => {});
}

/** Forgets a session that is over. */
export function forgetSession() {
  keep(undefined);
}

/**
 * Sends a request to the resource manager.
 *
 * @param {string} method
 * @param {string} path relative to the page
 * @param {{ secret?: string, body?: unknown, signal?: AbortSignal }} [options]
 * @returns {Promise<any>} the body of the response
 */
export async function request(method, path, { secret, body, signal } = {}) {
  /** @type {Record<string, string>} */
  const headers = {};
  if (secret !== undefined) headers["authorization"] = `Bearer ${secret}`;
  if (body !== undefined) headers["content-type"] = "application/json";
  const init = {
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
  };
  let response;
  try {
    response = await fetch(path, { method, headers, cache: "no-store", ...init });
  } catch {
    throw new RequestError("The resource manager does not respond", 0);
  }
  if (response.ok) return response.status === 204 ? undefined : await response.json();
  throw await refusalOf(response);
}

/** @param {Response} response @returns {Promise<RequestError>} */
export async function refusalOf(response) {
  const { error } = await response.json().catch(() => ({}));
  const message = error?.message ?? `The resource manager responded with status ${response.status}`;
  return new RequestError(message, response.status);
}

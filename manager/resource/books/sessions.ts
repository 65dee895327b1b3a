/**
 * Sessions of the dashboard and one-time links to it. A browser keeps the text of a session in place of a token: it has
 * an end, and a restart of the resource manager ends it too, since this memory alone holds it.
 */
import { toBase64Url } from "../../../runtime/grant/grant_key.ts";
import { LINK_MS, MAX_SESSIONS_EACH, SESSION_MS } from "../policy.ts";
import { hashToken } from "./tokens.ts";

/** Texts that stand for tokens for a time. The oldest ones of a token end when it has too many. */
class StandIns {
  readonly #clock: () => number;
  readonly #prefix: string;
  readonly #lastMs: number;
  /** By the hash of the text, in the order of their ends. */
  readonly #all = new Map<string, { readonly token: string; readonly untilMs: number }>();

  constructor(clock: () => number, prefix: string, lastMs: number) {
    this.#clock = clock;
    this.#prefix = prefix;
    this.#lastMs = lastMs;
  }

  /** @param token the hash of the token. */
  create(token: string): { text: string; untilMs: number } {
    const nowMs = this.#clock();
    const own: string[] = [];
    for (const [hash, each] of this.#all) {
      if (each.untilMs <= nowMs) this.#all.delete(hash);
      else if (each.token === token) own.push(hash);
    }
    for (const hash of own.slice(0, own.length + 1 - MAX_SESSIONS_EACH)) this.#all.delete(hash);
    const text = `${this.#prefix}_${toBase64Url(crypto.getRandomValues(new Uint8Array(32)))}`;
    const untilMs = nowMs + this.#lastMs;
    this.#all.set(hashToken(text), { token, untilMs });
    return { text, untilMs };
  }

  /** The hash of the token for which a text stands, by the hash of the text. */
  find(hash: string): string | undefined {
    const found = this.#all.get(hash);
    return found !== undefined && found.untilMs > this.#clock() ? found.token : undefined;
  }

  delete(hash: string): void {
    this.#all.delete(hash);
  }
}

/** The sessions and links of all tokens. A token is given by its hash. */
export class Sessions {
  readonly #sessions: StandIns;
  readonly #links: StandIns;

  constructor(clock: () => number) {
    this.#sessions = new StandIns(clock, "rfaas_session", SESSION_MS);
    this.#links = new StandIns(clock, "rfaas_link", LINK_MS);
  }

  /** Begins a session for a token. @returns its text and its end. */
  begin(token: string): { session: string; untilMs: number } {
    const { text, untilMs } = this.#sessions.create(token);
    return { session: text, untilMs };
  }

  /** The token of a session, by the hash of its text. */
  tokenOf(hash: string): string | undefined {
    return this.#sessions.find(hash);
  }

  /** Ends a session. May be repeated. */
  end(session: string): void {
    this.#sessions.delete(hashToken(session));
  }

  /** Creates a link for a token. @returns its code. */
  createLink(token: string): string {
    return this.#links.create(token).text;
  }

  /** Uses a link, which no other request can use again. @returns its token. */
  useLink(code: string): string | undefined {
    const hash = hashToken(code);
    const token = this.#links.find(hash);
    this.#links.delete(hash);
    return token;
  }
}

/** The tokens: each request looks one up, operators create and revoke them. */
import type * as api from "../../../runtime/http/manager_api.ts";
import { MAX_PAGE_ENTRIES } from "../../../runtime/http/page_api.ts";
import type { Classes } from "../leases/classes.ts";
import { endLease } from "../leases/end_lease.ts";
import { byToken, recordEvent } from "../record_event.ts";
import { RateLimit } from "../rate_limit.ts";
import { notFound, quoted, RefusalError } from "../refusal.ts";
import type { Quota, TokenRow } from "../store/store.ts";
import type { BookContext } from "./book_context.ts";
import { type CheckedPage, pageOf } from "./page_query.ts";
import { Sessions } from "./sessions.ts";
import { createTokenText, hashToken, type TokenFiles } from "./tokens.ts";

/** What the token book needs. */
export interface TokenBookContext
  extends Pick<BookContext, "store" | "clock" | "log" | "notifications"> {
  /** The files of the first tokens. A file is removed when its token is revoked. */
  readonly files: TokenFiles;
  /** The rate of requests with one token of these roles. */
  readonly perSecond: Readonly<Record<"node" | "operator", number>>;
  /** The default of each limit that a client's token leaves out. */
  readonly standardQuota?: Quota;
  /** The classes that a client may have. */
  readonly classes: Classes;
}

/** A token in use. */
interface ActiveToken {
  readonly token: TokenRow;
  /** Missing if its requests are not limited. */
  readonly rate: RateLimit | undefined;
}

/** The tokens as requests and operators see them. */
export class TokenBook {
  readonly #context: TokenBookContext;
  /** All tokens, by hash, so that no request reads the store. This process is the only writer of tokens. */
  readonly #active = new Map<string, ActiveToken>();
  /** What stands for a token in a browser. */
  readonly #sessions: Sessions;

  private constructor(context: TokenBookContext) {
    this.#context = context;
    this.#sessions = new Sessions(context.clock);
  }

  /** Reads the tokens of the store. */
  static async open(context: TokenBookContext): Promise<TokenBook> {
    const book = new TokenBook(context);
    const nowMs = context.clock();
    for (const token of await context.store.transact((tx) => tx.tokens())) {
      book.#activate(token, nowMs);
    }
    return book;
  }

  /**
   * Finds the token of a request, or that of its session, with the quota in force. The hash is the key, so the time of a
   * look-up reveals nothing about any token.
   *
   * @param authorization the value of the `Authorization` header.
   * @throws {RefusalError} 429 if the token exceeds its rate.
   */
  find(authorization: string | undefined): TokenRow | undefined {
    const hash = hashOf(authorization);
    if (hash === undefined) return undefined;
    const found = this.#active.get(hash) ?? this.#active.get(this.#sessions.tokenOf(hash) ?? "");
    found?.rate?.take(this.#context.clock(), `${found.token.role} ${found.token.name}`);
    return found?.token;
  }

  /** Whether the secret of a request is a session, which stands for its token. */
  isSession(authorization: string | undefined): boolean {
    const hash = hashOf(authorization);
    return hash !== undefined && !this.#active.has(hash) &&
      this.#sessions.tokenOf(hash) !== undefined;
  }

  /**
   * Checks a token again, to be called after a wait such as for a body.
   *
   * @throws {RefusalError} 401 if the token was revoked meanwhile.
   */
  assertActive(caller: TokenRow): void {
    if (!this.#active.has(caller.hash)) throw unauthorized();
  }

  /** Begins a session of the dashboard for a token. */
  beginSession({ hash }: TokenRow): { session: string; untilMs: number } {
    return this.#sessions.begin(hash);
  }

  /** Ends a session. May be repeated. */
  endSession(session: string): void {
    this.#sessions.end(session);
  }

  /** Creates a link to the dashboard that stands for a token, once. @returns its code. */
  createLink({ hash }: TokenRow): string {
    return this.#sessions.createLink(hash);
  }

  /**
   * Uses a link.
   *
   * @returns the token for which it stands.
   * @throws {RefusalError} 401 if it was used before, its time is over, or its token was revoked.
   */
  useLink(code: string): TokenRow {
    const found = this.#active.get(this.#sessions.useLink(code) ?? "");
    if (found !== undefined) return found.token;
    const state = "the link was used before, or its time is over";
    throw new RefusalError(401, "unauthorized", `Cannot begin session: ${state}`);
  }

  /**
   * Creates a token. Its text is in the response and nowhere else.
   *
   * @throws {RefusalError} 409 `exists` if the name is taken, 400 if another role than `client` is to get a quota, an
   * account or a class, or the configuration does not name the class.
   */
  async create(
    caller: TokenRow,
    { role, name, quota, account, class: inClass }: api.TokenRequest,
  ): Promise<api.TokenResponse> {
    if (quota !== undefined && role !== "client") {
      const state = `a quota applies to the role client, not to ${role}`;
      throw new RefusalError(400, "bad-request", `Cannot create token: ${state}`);
    }
    if (account !== undefined && role !== "client") {
      const state = `an account applies to the role client, not to ${role}`;
      throw new RefusalError(400, "bad-request", `Cannot create token: ${state}`);
    }
    if (inClass !== undefined) this.#checkClass(role, inClass);
    const token = createTokenText(role);
    const hash = hashToken(token);
    const row: TokenRow = {
      hash,
      role,
      name,
      ...(quota === undefined ? {} : { quota }),
      ...(account === undefined ? {} : { account }),
      ...(inClass === undefined ? {} : { class: inClass }),
    };
    const nowMs = this.#context.clock();
    // The names of the first tokens stay reserved, since the next start creates a revoked one again.
    const isReserved = Object.hasOwn(this.#context.files, name);
    await this.#context.store.transact((tx) => {
      if (isReserved || tx.tokens().some((other) => other.name === name)) {
        throw new RefusalError(409, "exists", `Cannot create token: the name ${name} is taken`);
      }
      tx.replaceToken(row, nowMs);
      const message = [
        `role ${role}`,
        ...account === undefined ? [] : [`account ${account}`],
        ...inClass === undefined ? [] : [`class ${inClass}`],
      ].join(", ");
      recordEvent(tx, "token-created", nowMs, byToken(caller), { token: name, message });
    });
    this.#activate(row, nowMs);
    this.#context.log.info("Token {name} with role {role} created by {by}", {
      name,
      role,
      by: caller.name,
    });
    return { token, role, name };
  }

  /** A page of the tokens without their texts, by name. */
  list(
    { after = "", limit = MAX_PAGE_ENTRIES }: CheckedPage<string> = {},
  ): Promise<api.TokenList> {
    const nowMs = this.#context.clock();
    return this.#context.store.transact((tx) => {
      const rows = tx.pageOfTokens(after, limit + 1);
      const { page, ...next } = pageOf(rows, limit, ({ name }) => name);
      const tokens = page.map(({ role, name, createdMs, quota = {}, account, class: inClass }) => ({
        role,
        name,
        createdMs,
        quota,
        ...(account === undefined ? {} : { account }),
        ...(inClass === undefined ? {} : { class: inClass }),
      }));
      return { nowMs, tokens, ...next };
    });
  }

  /**
   * Revokes a token from this moment on, and ends the leases of its client.
   *
   * @throws {RefusalError} 404 if there is no token of this name, 409 `in-use` if it is the caller's own.
   */
  async revoke(caller: TokenRow, name: string): Promise<void> {
    const { store, clock, files, notifications, log } = this.#context;
    const rows = await store.transact((tx) => tx.tokens());
    const token = rows.find((row) => row.name === name);
    if (token === undefined) throw notFound("token", name);
    if (token.hash === caller.hash) {
      throw new RefusalError(409, "in-use", "Cannot revoke token: this request uses it");
    }
    // Two operators may revoke each other: the first one wins.
    this.assertActive(caller);
    // This comes first: later requests are refused, and the changes of earlier ones run before those below.
    this.#active.delete(token.hash);
    try {
      // The file goes before the row: the next start would accept the token of a file that is left behind.
      if (token.name === token.role) await removeFile(files[token.role]);
      const nowMs = clock();
      const serving = await store.transact((tx) => {
        tx.deleteToken(token.hash);
        const actor = byToken(caller);
        const message = `role ${token.role}`;
        recordEvent(tx, "token-revoked", nowMs, actor, { token: name, message });
        if (token.role !== "client") return [];
        return tx.runningLeases()
          .filter(({ client }) => client === name)
          .flatMap((lease) => endLease(tx, lease, { reason: "token-revoked", nowMs, actor }));
      });
      for (const node of new Set(serving)) notifications.notify(node);
    } catch (error) {
      this.#activate(token, clock());
      throw error;
    }
    log.info("Token {name} with role {role} revoked by {by}", {
      name,
      role: token.role,
      by: caller.name,
    });
  }

  #checkClass(role: TokenRow["role"], name: string): void {
    const { classes } = this.#context;
    if (role === "client" && classes.has(name)) return;
    const state = role === "client"
      ? `there is no class ${quoted(name)}, only ${classes.names.join(", ")}`
      : `a class applies to the role client, not to ${role}`;
    throw new RefusalError(400, "bad-request", `Cannot create token: ${state}`);
  }

  #activate(row: TokenRow, nowMs: number): void {
    const { standardQuota, perSecond: limits } = this.#context;
    const token = row.role === "client"
      ? { ...row, quota: { ...standardQuota, ...row.quota } }
      : row;
    const perSecond = row.role === "client" ? token.quota?.requestsPerSecond : limits[row.role];
    const rate = perSecond === undefined ? undefined : new RateLimit(perSecond, nowMs);
    this.#active.set(row.hash, { token, rate });
  }
}

/** The refusal of a request without a valid token. */
export function unauthorized(): RefusalError {
  const state = "it carries no known token";
  return new RefusalError(401, "unauthorized", `Cannot accept request: ${state}`);
}

async function removeFile(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** The hash of the secret in the header of a request. */
function hashOf(authorization: string | undefined): string | undefined {
  const text = /^Bearer ([\x21-\x7e]{1,256})$/i.exec(authorization ?? "")?.[1];
  return text === undefined ? undefined : hashToken(text);
}

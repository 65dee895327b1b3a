/** The tokens: looked up at each request, made and revoked by operators. */
import type * as api from "../../runtime/http/manager_api.ts";
import type { Logger } from "../log.ts";
import { endLease } from "./ending.ts";
import type { NodeOrders } from "./node_orders.ts";
import { RateLimit } from "./rate_limit.ts";
import { notFound, Refusal } from "./refusal.ts";
import type { Quota, Store, TokenRow } from "./store.ts";
import { createTokenText, hashToken, type TokenFiles } from "./tokens.ts";

/** What the book works on. */
export interface TokenBookContext {
  readonly store: Store;
  readonly clock: () => number;
  readonly log: Logger;
  /** Who hears at once of leases that end with their token. */
  readonly orders?: NodeOrders;
  /** The files of the first tokens, which are gone once their token is revoked. */
  readonly files: TokenFiles;
  /** Requests a second with one token of these roles. */
  readonly perSecond: Readonly<Record<"node" | "operator", number>>;
  /** What holds for clients whose token says nothing else. */
  readonly standardQuota?: Quota;
}

/** A token in use. */
interface Known {
  readonly token: TokenRow;
  /** Missing where requests are not limited. */
  readonly rate: RateLimit | undefined;
}

/** Tokens as requests and operators see them. */
export class TokenBook {
  readonly #context: TokenBookContext;
  /** All tokens, by hash: a request costs no look-up in the store, whatever it shows. This process alone writes them. */
  readonly #known = new Map<string, Known>();

  private constructor(context: TokenBookContext) {
    this.#context = context;
  }

  /** Reads the tokens of the store. */
  static async open(context: TokenBookContext): Promise<TokenBook> {
    const book = new TokenBook(context);
    for (const token of await context.store.transact((tx) => tx.tokens())) book.#know(token);
    return book;
  }

  /**
   * Whose token this is, with the quota in force. The look-up goes by hash, so its time tells nothing about any
   * token.
   *
   * @param authorization the header of that name, or undefined.
   * @throws {Refusal} 429 if it is used more often than its quota allows.
   */
  find(authorization: string | undefined): TokenRow | undefined {
    const text = /^Bearer ([\x21-\x7e]{1,256})$/i.exec(authorization ?? "")?.[1];
    if (text === undefined) return undefined;
    const known = this.#known.get(hashToken(text));
    known?.rate?.take(this.#nowMs, `${known.token.role} ${known.token.name}`);
    return known?.token;
  }

  /**
   * To be asked after a wait, such as for a body: a token may have been revoked meanwhile.
   *
   * @throws {Refusal} 401 if it was.
   */
  assertHeld(caller: TokenRow): void {
    if (!this.#known.has(caller.hash)) throw unauthorized();
  }

  /**
   * Makes a token. Its text is in the answer and nowhere else.
   *
   * @throws {Refusal} 409 `exists` if there is one of this name, 400 if only clients have what is asked for.
   */
  async create(asked: api.TokenRequest): Promise<api.TokenCreated> {
    const { role, name, quota } = asked;
    if (quota !== undefined && role !== "client") {
      const state = `a quota is for clients, not for the role ${role}`;
      throw new Refusal(400, "bad-request", `Cannot create token: ${state}`);
    }
    const token = createTokenText(role);
    const hash = hashToken(token);
    const row: TokenRow = { hash, role, name, ...(quota === undefined ? {} : { quota }) };
    await this.#context.store.transact((tx) => {
      // The names of the first tokens stay theirs: a revoked one is made anew at the next start.
      if (
        Object.hasOwn(this.#context.files, name) || tx.tokens().some((other) => other.name === name)
      ) {
        throw new Refusal(409, "exists", `Cannot create token: there is one named ${name}`);
      }
      tx.replaceToken(row, this.#nowMs);
    });
    this.#know(row);
    this.#context.log.info("Token {name} of role {role} made", { name, role });
    return { token, role, name };
  }

  /** All tokens without their texts, by name. */
  list(): Promise<api.TokenList> {
    return this.#context.store.transact((tx) => ({
      nowMs: this.#nowMs,
      tokens: tx.tokens().map(({ role, name, createdMs, quota = {} }) => ({
        role,
        name,
        createdMs,
        quota,
      })),
    }));
  }

  /**
   * Makes a token void from this moment on, and ends the leases that were taken with it.
   *
   * @throws {Refusal} 404 if there is none of this name, 409 `in-use` if it is the one that asks.
   */
  async revoke(caller: TokenRow, name: string): Promise<void> {
    const { store, files } = this.#context;
    const rows = await store.transact((tx) => tx.tokens());
    const token = rows.find((row) => row.name === name);
    if (token === undefined) throw notFound("token", name);
    if (token.hash === caller.hash) {
      throw new Refusal(409, "in-use", "Cannot revoke token: it is the one that asks");
    }
    // Two operators that revoke each other: the first wins.
    this.assertHeld(caller);
    // First of all: who asks from here on is refused, and who asked before is in the queue before what follows.
    this.#known.delete(token.hash);
    try {
      // Before the row goes: a file that stayed behind would make its token valid at the next start.
      if (token.name === token.role) await removeFile(files[token.role]);
      const serving = await store.transact((tx) => {
        tx.deleteToken(token.hash);
        if (token.role !== "client") return [];
        return tx.runningLeases()
          .filter(({ client }) => client === name)
          .flatMap((lease) => endLease(tx, lease, "token-revoked", this.#nowMs));
      });
      for (const node of new Set(serving)) this.#context.orders?.tell(node);
    } catch (error) {
      this.#know(token);
      throw error;
    }
    this.#context.log.info("Token {name} of role {role} revoked by {by}", {
      name,
      role: token.role,
      by: caller.name,
    });
  }

  #know(row: TokenRow): void {
    const { standardQuota, perSecond: limits } = this.#context;
    const token = row.role === "client"
      ? { ...row, quota: { ...standardQuota, ...row.quota } }
      : row;
    const perSecond = row.role === "client" ? token.quota?.requestsPerSecond : limits[row.role];
    const rate = perSecond === undefined ? undefined : new RateLimit(perSecond, this.#nowMs);
    this.#known.set(row.hash, { token, rate });
  }

  get #nowMs(): number {
    return this.#context.clock();
  }
}

/** The answer to a request that shows no good token. */
export function unauthorized(): Refusal {
  const state = "it carries no token that is known";
  return new Refusal(401, "unauthorized", `Cannot accept request: ${state}`);
}

async function removeFile(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

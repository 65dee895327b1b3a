/** The tables of tokens and keys in SQLite. */
import type { SqliteStatements } from "./sqlite_statements.ts";
import type { KeyRow, Quota, StoredToken, Transaction } from "../store.ts";

const TOKEN_COLUMNS = "hash, role, name, created_ms AS createdMs, quota, account, class";

/** A token as SQLite holds it, with its quota in one text. */
type TokenText = Omit<StoredToken, "quota" | "account" | "class"> & {
  quota: string;
  account: string | null;
  class: string | null;
};

/** Prepares the statements on tokens. */
export function sqliteTokens(
  db: SqliteStatements,
): Pick<Transaction, "token" | "replaceToken" | "tokens" | "pageOfTokens" | "deleteToken"> {
  const one = db.readOne<TokenText>(`SELECT ${TOKEN_COLUMNS} FROM tokens WHERE hash = ?`);
  const all = db.readAll<TokenText>(`SELECT ${TOKEN_COLUMNS} FROM tokens ORDER BY name, role`);
  const page = db.readAll<TokenText>(
    `SELECT ${TOKEN_COLUMNS} FROM tokens WHERE name > ? ORDER BY name, role LIMIT ?`,
  );
  const drop = db.write("DELETE FROM tokens WHERE role = ? AND name = ?");
  const put = db.write("INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?, ?)");
  return {
    token: (hash) => {
      const row = one(hash);
      return row === undefined ? undefined : readToken(row);
    },
    replaceToken: (
      { hash, role, name, quota = {}, account = null, class: inClass = null },
      nowMs,
    ) => {
      drop(role, name);
      put(hash, role, name, nowMs, JSON.stringify(quota), account, inClass);
    },
    tokens: () => all().map(readToken),
    pageOfTokens: (after, limit) => page(after, limit).map(readToken),
    deleteToken: db.write("DELETE FROM tokens WHERE hash = ?"),
  };
}

/** Prepares the statements on keys. */
export function sqliteKeys(
  db: SqliteStatements,
): Pick<Transaction, "keys" | "putKey" | "deleteKey"> {
  const put = db.write(`INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET drop_ms = excluded.drop_ms`);
  return {
    keys: db.readAll<KeyRow>(
      `SELECT id, public_key AS publicKey, private_pkcs8 AS privatePkcs8, created_ms AS createdMs,
       signs_from_ms AS signsFromMs, drop_ms AS dropMs FROM keys ORDER BY signs_from_ms DESC, id`,
    ),
    putKey: ({ id, publicKey, privatePkcs8, createdMs, signsFromMs, dropMs }) =>
      put(id, publicKey, privatePkcs8, createdMs, signsFromMs, dropMs),
    deleteKey: db.write("DELETE FROM keys WHERE id = ?"),
  };
}

function readToken({ account, class: inClass, ...row }: TokenText): StoredToken {
  return {
    ...row,
    quota: JSON.parse(row.quota) as Quota,
    ...(account === null ? {} : { account }),
    ...(inClass === null ? {} : { class: inClass }),
  };
}

/** 128 random bits as 32 hex digits: an id of a lease or a node that nobody can guess. */
export function randomId(): string {
  return crypto.getRandomValues(new Uint8Array(16)).toHex();
}

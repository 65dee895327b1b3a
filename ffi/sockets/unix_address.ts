/** Addresses of Unix sockets. */

/** The family of Unix sockets. */
export const AF_UNIX = 1;
/** The longest path or abstract name: sun_path without the zero byte after the one, or before the other. */
const MAX_BYTES = 107;

/**
 * A struct sockaddr_un.
 *
 * @param path of a file; one that begins with `@` is a name in the abstract namespace.
 * @throws {RangeError} when the path or the name is empty or too long.
 */
export function unixAddress(path: string): Uint8Array<ArrayBuffer> {
  const isAbstract = path.startsWith("@");
  const bytes = new TextEncoder().encode(isAbstract ? path.slice(1) : path);
  if (bytes.length === 0 || bytes.length > MAX_BYTES) {
    throw new RangeError(
      `Cannot use socket ${
        JSON.stringify(path)
      }: expected 1 to ${MAX_BYTES} bytes, got ${bytes.length}`,
    );
  }
  const address = new Uint8Array(3 + bytes.length);
  address[0] = AF_UNIX;
  address.set(bytes, isAbstract ? 3 : 2);
  return address;
}

/** Where a command takes its token from: a private file, or the environment. Never an argument, which anyone sees. */

/**
 * Reads a token: from the file, else from RFAAS_TOKEN.
 *
 * @throws {TypeError} if there is none.
 */
export async function readToken(file: string | undefined): Promise<string> {
  if (file !== undefined) {
    let text: string;
    try {
      text = await Deno.readTextFile(file);
    } catch (cause) {
      throw new TypeError(`Cannot read token file ${file}`, { cause });
    }
    const token = text.trim();
    if (token === "") throw new TypeError(`Cannot read token file ${file}: it is empty`);
    return token;
  }
  const token = Deno.env.get("RFAAS_TOKEN");
  if (!token) throw new TypeError("Cannot go on without a token: give --token-file or RFAAS_TOKEN");
  return token;
}

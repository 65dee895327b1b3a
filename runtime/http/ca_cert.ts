/** The certificates that a client trusts besides those of the public authorities. */

/**
 * Reads the file that RFAAS_CA_CERT names.
 *
 * @returns Its text; `undefined` when the variable is not set, or this program has no permission to read it.
 * @throws {TypeError} When the file is missing, unreadable, or has no certificate in PEM form.
 */
export async function environmentCaCert(): Promise<string | undefined> {
  const variable = "RFAAS_CA_CERT";
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  const file = state === "granted" ? Deno.env.get(variable) : undefined;
  return file ? await readCaCert(file) : undefined;
}

/**
 * Reads a file of certificates in PEM form.
 *
 * @returns Its text.
 * @throws {TypeError} When the file is missing, unreadable, or has no certificate in PEM form. The message names it.
 */
export async function readCaCert(file: string): Promise<string> {
  let text: string;
  try {
    text = await Deno.readTextFile(file);
  } catch (cause) {
    throw new TypeError(`Cannot read certificate ${file}`, { cause });
  }
  if (!text.includes("-----BEGIN CERTIFICATE-----")) {
    throw new TypeError(`Cannot use certificate ${file}: it has no certificate in PEM form`);
  }
  return text;
}

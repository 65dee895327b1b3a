/** The certificate by which a resource manager is known whose own one no public authority has signed. */

/**
 * The text of the file that RFAAS_CA_CERT names; undefined if the variable is not set or may not be read.
 *
 * @throws {TypeError} if there is no such file, or it can't be read.
 */
export async function environmentCaCert(): Promise<string | undefined> {
  const variable = "RFAAS_CA_CERT";
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  const file = state === "granted" ? Deno.env.get(variable) : undefined;
  return file ? await readCaCert(file) : undefined;
}

/**
 * The text of a file of certificates in PEM form.
 *
 * @throws {TypeError} that names the file.
 */
export async function readCaCert(file: string): Promise<string> {
  let text: string;
  try {
    text = await Deno.readTextFile(file);
  } catch (cause) {
    throw new TypeError(`Cannot read certificate ${file}`, { cause });
  }
  if (!text.includes("-----BEGIN CERTIFICATE-----")) {
    throw new TypeError(`Cannot use certificate ${file}: it holds none in PEM form`);
  }
  return text;
}

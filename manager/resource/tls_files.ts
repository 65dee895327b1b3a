/** The certificate of the HTTP interface. */
import { CertificateUnavailable } from "./start_errors.ts";

/** Where the certificate with its chain and its private key lie, both PEM. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** Reads both. @throws {CertificateUnavailable} that names the file. */
export async function readTlsFiles(files: TlsFiles): Promise<{ cert: string; key: string }> {
  const [cert, key] = await Promise.all([
    readPem(files.certFile, "certificate", /-----BEGIN CERTIFICATE-----/),
    readPem(files.keyFile, "private key", /-----BEGIN ([A-Z]+ )?PRIVATE KEY-----/),
  ]);
  return { cert, key };
}

async function readPem(file: string, what: string, begin: RegExp): Promise<string> {
  let text: string;
  try {
    text = await Deno.readTextFile(file);
  } catch (cause) {
    throw new CertificateUnavailable(`Cannot read ${what} ${file}`, { cause });
  }
  if (!begin.test(text)) {
    throw new CertificateUnavailable(`Cannot use ${what} ${file}: it holds none in PEM form`);
  }
  return text;
}

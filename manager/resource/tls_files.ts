/** The certificate of the HTTP interface. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { CertificateUnavailable } from "./start_errors.ts";

/** Where the certificate with its chain and its private key lie, both PEM. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** What they hold. */
export interface PemPair {
  readonly cert: string;
  readonly key: string;
}

/**
 * Reads both, and sees that one belongs to the other: the server would take any and then fail each handshake.
 *
 * @throws {CertificateUnavailable} that names the file.
 */
export async function readTlsFiles(files: TlsFiles): Promise<PemPair> {
  const { certFile, keyFile } = files;
  const [cert, key] = await Promise.all([
    readPem(certFile, "certificate", /-----BEGIN CERTIFICATE-----/),
    readPem(keyFile, "private key", /-----BEGIN ([A-Z]+ )?PRIVATE KEY-----/),
  ]);
  const certificate = parse(`certificate ${certFile}`, () => new X509Certificate(cert));
  const privateKey = parse(`private key ${keyFile}`, () => createPrivateKey(key));
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new CertificateUnavailable(
      `Cannot use private key ${keyFile}: it does not belong to the certificate ${certFile}`,
    );
  }
  return { cert, key };
}

function parse<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    const state = cause instanceof Error ? cause.message : String(cause);
    throw new CertificateUnavailable(`Cannot use ${what}: ${state}`, { cause });
  }
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

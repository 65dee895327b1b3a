/** The files of the HTTP interface's certificate. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { RfaasError } from "../../../runtime/errors.ts";
import type { PemPair } from "../../http/http_server.ts";

/** The certificate or its key cannot be read, or is malformed. */
export class CertificateUnavailableError extends RfaasError {
  override name = "CertificateUnavailableError";
}

/** The paths of the certificate with its chain, and of its private key, both in PEM form. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/**
 * Reads both files, and checks that the key belongs to the certificate. The server would accept any key and then fail
 * each handshake.
 *
 * @throws {CertificateUnavailableError} with the path of the file.
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
    throw new CertificateUnavailableError(
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
    throw new CertificateUnavailableError(`Cannot use ${what}: ${state}`, { cause });
  }
}

async function readPem(file: string, what: string, begin: RegExp): Promise<string> {
  let text: string;
  try {
    text = await Deno.readTextFile(file);
  } catch (cause) {
    throw new CertificateUnavailableError(`Cannot read ${what} ${file}`, { cause });
  }
  if (!begin.test(text)) {
    throw new CertificateUnavailableError(
      `Cannot use ${what} ${file}: it has no ${what} in PEM form`,
    );
  }
  return text;
}

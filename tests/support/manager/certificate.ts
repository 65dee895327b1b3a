/** Self-signed certificates for tests, made by openssl. */

/** The paths of the files. */
export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** Makes a self-signed certificate for 127.0.0.1 in a folder. */
export async function makeCertificate(
  folder: string,
  name = "manager",
  subject = "/CN=rfaas test",
): Promise<CertificateFiles> {
  const certFile = `${folder}/${name}.crt`;
  const keyFile = `${folder}/${name}.key`;
  const { success, stderr } = await new Deno.Command("openssl", {
    args: [
      ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2".split(" "),
      ...["-subj", subject, "-addext", "subjectAltName=IP:127.0.0.1"],
      // rustls rejects an authority's certificate as a server certificate.
      ...["-addext", "basicConstraints=critical,CA:FALSE"],
      ...["-out", certFile, "-keyout", keyFile],
    ],
    stdin: "null",
  }).output();
  if (!success) throw new Error(`Cannot make certificate: ${new TextDecoder().decode(stderr)}`);
  return { certFile, keyFile };
}

/** Whether this host has openssl. */
export async function hasOpenssl(): Promise<boolean> {
  try {
    return (await new Deno.Command("openssl", { args: ["version"] }).output()).success;
  } catch {
    return false;
  }
}

/** A certificate of its own for each test, by openssl. */

/** Where the files are. */
export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** Makes a self-signed certificate of 127.0.0.1 in a folder. */
export async function makeCertificate(folder: string, name = "manager"): Promise<CertificateFiles> {
  const certFile = `${folder}/${name}.crt`;
  const keyFile = `${folder}/${name}.key`;
  const { success, stderr } = await new Deno.Command("openssl", {
    args: [
      ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2".split(" "),
      ...["-subj", "/CN=rfaas test", "-addext", "subjectAltName=IP:127.0.0.1"],
      // rustls takes no certificate of an authority for a server's own.
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

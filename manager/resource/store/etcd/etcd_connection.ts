/** From the options of a store on etcd to a connection: reads and checks the files. */
import { isLoopback } from "../../../../runtime/http/direct_client.ts";
import { readCaCert } from "../../../../runtime/http/ca_cert.ts";
import type { EtcdConnection } from "./etcd_gateway.ts";

/** How the connection to etcd is protected. */
export interface EtcdAccess {
  /** The certificates of authorities to trust, in PEM form. With this file, the connections use TLS. */
  readonly caFile?: string;
  /** The certificate of the resource manager, and its private key, if etcd requires one. */
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly user?: string;
  /** The file with the password of the user. */
  readonly passwordFile?: string;
}

/**
 * Reads the files.
 *
 * @param members HOST:PORT of each member.
 * @throws {TypeError} if a file cannot be read, an option is missing, or the password would travel unencrypted.
 */
export async function etcdConnection(
  members: readonly string[],
  { caFile, certFile, keyFile, user, passwordFile }: EtcdAccess,
): Promise<EtcdConnection> {
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new TypeError("Cannot use store: both --store-cert and --store-key are needed");
  }
  if ((user === undefined) !== (passwordFile === undefined)) {
    throw new TypeError("Cannot use store: both --store-user and --store-password-file are needed");
  }
  if (caFile === undefined && certFile !== undefined) {
    throw new TypeError("Cannot use store: --store-cert needs TLS, set --store-ca-cert");
  }
  const remote = members.find((member) => !isLoopback(new URL(`http://${member}`).hostname));
  if (caFile === undefined && user !== undefined && remote !== undefined) {
    throw new TypeError(
      `Cannot use store: the password would travel to ${remote} unencrypted, set --store-ca-cert`,
    );
  }
  const read = (file: string, what: string) =>
    Deno.readTextFile(file).catch((cause) => {
      throw new TypeError(`Cannot read ${what} ${file}`, { cause });
    });
  return {
    members,
    ...(caFile === undefined ? {} : { caCert: await readCaCert(caFile) }),
    ...(certFile === undefined || keyFile === undefined ? {} : {
      certificate: {
        cert: await read(certFile, "certificate"),
        key: await read(keyFile, "key"),
      },
    }),
    ...(user === undefined || passwordFile === undefined ? {} : {
      user: { name: user, password: (await read(passwordFile, "password file")).trim() },
    }),
  };
}

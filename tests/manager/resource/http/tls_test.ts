import { assert, assertEquals, assertRejects } from "@std/assert";
import { startResourceManager } from "../../../../manager/resource/resource_manager.ts";
import { AddressUnavailableError } from "../../../../manager/http/listen.ts";
import { CertificateUnavailableError } from "../../../../manager/resource/http/tls_files.ts";
import { ManagerUnreachableError } from "../../../../runtime/errors.ts";
import { ManagerClient } from "../../../../runtime/http/manager_client.ts";
import { hasOpenssl, makeCertificate } from "../../../support/manager/certificate.ts";
import { rfaas, startRfaas } from "../../../support/cluster/rfaas_command.ts";
import { until } from "../../../support/waiting.ts";
import {
  ResourceManagerProcess,
  withFolder,
} from "../../../support/processes/resource_manager_process.ts";

const ignore = !await hasOpenssl();
const listen = ["https://127.0.0.1:0"];

Deno.test({
  name: "over https a client accepts the certificate of the manager and no other",
  ignore,
  fn: () =>
    withFolder(async (folder) => {
      const tls = await makeCertificate(folder);
      const other = await makeCertificate(folder, "other");
      const stateDir = `${folder}/state`;
      await using manager = await startResourceManager({ listen, stateDir, tls });
      const url = manager.urls[0]!;
      assert(/^https:\/\/127\.0\.0\.1:\d+$/.test(url), url);
      const token = Deno.readTextFileSync(manager.tokenFiles.client).trim();
      const caCert = await Deno.readTextFile(tls.certFile);
      using client = new ManagerClient({ url, token, caCert });
      assertEquals((await client.nodes()).nodes, []);

      const wrong = [
        { url, token },
        { url, token, caCert: await Deno.readTextFile(other.certFile) },
        // A name that is not in the certificate.
        { url: url.replace("127.0.0.1", "localhost"), token, caCert },
        // No TLS at all.
        { url: url.replace("https:", "http:"), token },
      ];
      for (const address of wrong) {
        using stranger = new ManagerClient(address);
        await assertRejects(() => stranger.nodes(), ManagerUnreachableError);
      }
      assertEquals((await client.nodes()).nodes, []);
    }),
});

Deno.test({
  name: "a start with an unusable certificate fails with its path",
  ignore,
  fn: () =>
    withFolder(async (folder) => {
      const { certFile, keyFile } = await makeCertificate(folder);
      const other = await makeCertificate(folder, "other");
      const start = (tls?: { certFile: string; keyFile: string }) =>
        startResourceManager({
          listen,
          stateDir: `${folder}/state`,
          ...(tls === undefined ? {} : { tls }),
        });
      const missing = `${folder}/none`;
      const cases = [
        [{ certFile: missing, keyFile }, `Cannot read certificate ${missing}`],
        [{ certFile, keyFile: missing }, `Cannot read private key ${missing}`],
        [{ certFile: keyFile, keyFile }, `Cannot use certificate ${keyFile}: it has no`],
        [{ certFile, keyFile: certFile }, `Cannot use private key ${certFile}: it has no`],
      ] as const;
      for (const [tls, message] of cases) {
        await assertRejects(() => start(tls), CertificateUnavailableError, message);
      }
      const mismatch = { certFile, keyFile: other.keyFile };
      await assertRejects(() => start(mismatch), CertificateUnavailableError, "does not belong to");
      await assertRejects(() => start(), AddressUnavailableError, "https needs a certificate");
    }),
});

Deno.test({
  name: "managers and clients on the command line work over https",
  ignore,
  fn: () =>
    withFolder(async (folder) => {
      const { certFile, keyFile } = await makeCertificate(folder);
      const flags = ["--listen", listen[0]!, "--tls-cert", certFile, "--tls-key", keyFile];
      const state = ["--state", `${folder}/manager`];
      await using manager = await startRfaas(["resource-manager", ...flags, ...state]);
      const [url] = manager.ready.urls;
      const { node, client } = manager.ready.tokenFiles;
      const args = ["--manager", url, "--token-file", node, "--ca-cert", certFile, "--cores", "1"];
      await using _node = await startRfaas([
        ...["executor-manager", "--fabric", "shm", "--state", `${folder}/node`],
        ...args,
      ]);
      const env = {
        RFAAS_MANAGER: url,
        RFAAS_TOKEN: Deno.readTextFileSync(client).trim(),
        RFAAS_CA_CERT: certFile,
      };
      const functions =
        new URL("../../../support/functions/functions.ts", import.meta.url).pathname;
      const call = ["invoke", "echo", "--functions", functions, "--input", "-"];
      const called = await rfaas(call, { env, input: "hello" });
      assertEquals(called, { code: 0, stdout: "hello", stderr: "" });
      const blind = await rfaas(["nodes"], { env: { ...env, RFAAS_CA_CERT: "" } });
      assertEquals(blind.code, 1);
      const { code } = await rfaas(["resource-manager", "--tls-cert", certFile, ...state]);
      assertEquals(code, 1);
    }),
});

Deno.test({
  name: "after SIGHUP a new certificate is used, and an unusable one is logged",
  ignore,
  fn: () =>
    withFolder(async (folder) => {
      const { certFile, keyFile } = await makeCertificate(folder);
      const fresh = await makeCertificate(folder, "fresh");
      const flags = ["--listen", listen[0]!, "--tls-cert", certFile, "--tls-key", keyFile];
      await using manager = await ResourceManagerProcess.start(`${folder}/state`, { args: flags });
      await until(() => /https:\/\/\S+:\d+/.test(manager.log), () => manager.log);
      const url = /https:\/\/127\.0\.0\.1:\d+/.exec(manager.log)![0];
      const isTrustedBy = async (caCert: string) => {
        using client = new ManagerClient({ url, token: manager.token("client"), caCert });
        return await client.nodes().then(() => true, (error) => {
          if (error instanceof ManagerUnreachableError) return false;
          throw error;
        });
      };
      const before = await Deno.readTextFile(certFile);
      const after = await Deno.readTextFile(fresh.certFile);
      using kept = new ManagerClient({ url, token: manager.token("client"), caCert: before });
      await kept.nodes();
      assertEquals([await isTrustedBy(before), await isTrustedBy(after)], [true, false]);

      // The certificate is replaced, and its key is not yet.
      await Deno.rename(fresh.certFile, certFile);
      for (let round = 0; round < 2; round++) manager.signal("SIGHUP");
      const logged = /The certificate is unchanged.*does not belong to/;
      await until(() => logged.test(manager.log), () => manager.log);
      assertEquals([await isTrustedBy(before), await isTrustedBy(after)], [true, false]);

      await Deno.rename(fresh.keyFile, keyFile);
      manager.signal("SIGHUP");
      await until(() => manager.log.includes("use the new certificate"), () => manager.log);
      assertEquals([await isTrustedBy(before), await isTrustedBy(after)], [false, true]);
      await kept.nodes(); // its connection stays open

      await Deno.writeTextFile(certFile, "-----BEGIN CERTIFICATE-----\nxx\n");
      manager.signal("SIGHUP");
      await until(() => manager.log.includes("Cannot use certificate"), () => manager.log);
      assertEquals(await isTrustedBy(after), true);
      assertEquals(
        manager.log.match(/The certificate is unchanged/g)?.length,
        2,
        "one log line for each fault",
      );
    }),
});

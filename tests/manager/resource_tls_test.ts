import { assert, assertEquals, assertRejects } from "@std/assert";
import { startResourceManager } from "../../manager/resource/resource_manager.ts";
import { AddressUnavailable, CertificateUnavailable } from "../../manager/resource/start_errors.ts";
import { ManagerUnreachable } from "../../runtime/errors.ts";
import { ManagerClient } from "../../runtime/http/manager_client.ts";
import { hasOpenssl, makeCertificate } from "../support/certificate.ts";
import { rfaas, startRfaas } from "../cli/rfaas.ts";
import { until } from "../support/process_table.ts";
import { ResourceManagerProcess } from "../support/resource_manager_process.ts";

const ignore = !await hasOpenssl();
const listen = ["https://127.0.0.1:0"];

async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "rfaas-test-" });
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test({
  name: "over https a manager is known by its certificate, and by no other",
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
        // The certificate is for another name than this.
        { url: url.replace("127.0.0.1", "localhost"), token, caCert },
        // No TLS at all.
        { url: url.replace("https:", "http:"), token },
      ];
      for (const address of wrong) {
        using stranger = new ManagerClient(address);
        await assertRejects(() => stranger.nodes(), ManagerUnreachable);
      }
      assertEquals((await client.nodes()).nodes, []);
    }),
});

Deno.test({
  name: "a certificate that can't be used is named",
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
        [{ certFile: keyFile, keyFile }, `Cannot use certificate ${keyFile}: it holds none`],
        [{ certFile, keyFile: certFile }, `Cannot use private key ${certFile}: it holds none`],
      ] as const;
      for (const [tls, words] of cases) {
        await assertRejects(() => start(tls), CertificateUnavailable, words);
      }
      const mismatch = { certFile, keyFile: other.keyFile };
      await assertRejects(() => start(mismatch), CertificateUnavailable, "does not belong to");
      await assertRejects(() => start(), AddressUnavailable, "https needs a certificate");
    }),
});

Deno.test({
  name: "managers and clients work over https from the command line to a call",
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
      const functions = new URL("../support/functions.ts", import.meta.url).pathname;
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
  name:
    "a new certificate is shown after SIGHUP, and one that can't be used is not, and is told of",
  ignore,
  fn: () =>
    withFolder(async (folder) => {
      const { certFile, keyFile } = await makeCertificate(folder);
      const fresh = await makeCertificate(folder, "fresh");
      const flags = ["--listen", listen[0]!, "--tls-cert", certFile, "--tls-key", keyFile];
      await using manager = await ResourceManagerProcess.start(`${folder}/state`, { args: flags });
      await until(() => /https:\/\/\S+:\d+/.test(manager.log), () => manager.log);
      const url = /https:\/\/127\.0\.0\.1:\d+/.exec(manager.log)![0];
      const isKnownBy = async (caCert: string) => {
        using client = new ManagerClient({ url, token: manager.token("client"), caCert });
        return await client.nodes().then(() => true, (error) => {
          if (error instanceof ManagerUnreachable) return false;
          throw error;
        });
      };
      const before = await Deno.readTextFile(certFile);
      const after = await Deno.readTextFile(fresh.certFile);
      using kept = new ManagerClient({ url, token: manager.token("client"), caCert: before });
      await kept.nodes();
      assertEquals([await isKnownBy(before), await isKnownBy(after)], [true, false]);

      // Half of a change: the certificate is there, its key is not.
      await Deno.rename(fresh.certFile, certFile);
      for (let round = 0; round < 2; round++) manager.signal("SIGHUP");
      const told = /The certificate stays as it was.*does not belong to/;
      await until(() => told.test(manager.log), () => manager.log);
      assertEquals([await isKnownBy(before), await isKnownBy(after)], [true, false]);

      await Deno.rename(fresh.keyFile, keyFile);
      manager.signal("SIGHUP");
      await until(() => manager.log.includes("is new and is shown"), () => manager.log);
      assertEquals([await isKnownBy(before), await isKnownBy(after)], [false, true]);
      await kept.nodes(); // its connection goes on

      await Deno.writeTextFile(certFile, "-----BEGIN CERTIFICATE-----\nxx\n");
      manager.signal("SIGHUP");
      await until(() => manager.log.includes("Cannot use certificate"), () => manager.log);
      assertEquals(await isKnownBy(after), true);
      assertEquals(manager.log.match(/stays as it was/g)?.length, 2, "told once for each fault");
    }),
});

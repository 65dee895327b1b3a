/** `rfaas service`: units that systemd accepts, and managers that report to it. */

import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { isReadableByAll } from "../../../cli/service/readable_by_all.ts";
import { literal, unitText } from "../../../cli/service/unit_text.ts";
import { rfaas, spawnRfaas } from "../../support/cluster/rfaas_command.ts";
import { DatagramReceiver } from "../../support/datagram_receiver.ts";
import { limitMs } from "../../support/time_factor.ts";

const UNITS = "etc/systemd/system";
/** `systemd-analyze security` rates units from 0, the best, to 10. */
const MOST_EXPOSED = 3.5;

const hasSystemd = ["systemctl", "systemd-analyze"].every((program) => {
  try {
    return Deno.statSync(`/usr/bin/${program}`).isFile;
  } catch {
    return false;
  }
});

/** A test that reads units as systemd does, which need not run. */
function unitTest(name: string, fn: () => Promise<void>): void {
  const need = hasSystemd ? "" : " (needs systemd)";
  Deno.test({ name: `${name}${need}`, ignore: !hasSystemd, fn });
}

async function analyze(...args: string[]): Promise<{ code: number; text: string }> {
  const { code, stdout, stderr } = await new Deno.Command("systemd-analyze", { args }).output();
  const decoder = new TextDecoder();
  return { code, text: decoder.decode(stdout) + decoder.decode(stderr) };
}

/** Whether the unit starts with the system. */
async function isEnabled(root: string, unit: string): Promise<boolean> {
  const args = [`--root=${root}`, "is-enabled", unit];
  const { stdout } = await new Deno.Command("systemctl", { args }).output();
  return new TextDecoder().decode(stdout).trim() === "enabled";
}

async function withFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "rfaas-test-" });
  try {
    await run(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

unitTest(
  "rfaas service install writes units that systemd accepts, and uninstall removes them",
  async () => {
    await withFolder(async (root) => {
      const flags = {
        "resource-manager": ["--listen", "http://127.0.0.1:7400"],
        "executor-manager": ["--name", `a "b" 100% $HOME`, "--drain-seconds", "30"],
      };
      for (const [manager, args] of Object.entries(flags)) {
        const { code, stdout, stderr } = await rfaas([
          ...["service", "install", "--root", root],
          manager,
          ...args,
        ]);
        assertEquals({ code, stderr }, { code: 0, stderr: "" });
        const unit = `rfaas-${manager}.service`;
        assertMatch(stdout, new RegExp(`Wrote ${root}/${UNITS}/${unit}`));
        assertEquals(await analyze("verify", `${root}/${UNITS}/${unit}`), { code: 0, text: "" });
        assertEquals(await isEnabled(root, unit), true);
      }
      const executor = await Deno.readTextFile(`${root}/${UNITS}/rfaas-executor-manager.service`);
      assertMatch(
        executor,
        /--name "a \\"b\\" 100%% \$\$HOME" --drain-seconds 30 --state %S\/rfaas/,
      );
      assertMatch(executor, /^TimeoutStopSec=45$/m);
      const security = await analyze(
        ...["security", "--offline=true"],
        `${root}/${UNITS}/rfaas-resource-manager.service`,
      );
      const [, exposure] = /Overall exposure level for \S+: ([\d.]+)/.exec(security.text)!;
      assert(Number(exposure) <= MOST_EXPOSED, `the exposure is ${exposure}`);
      for (const manager of Object.keys(flags)) {
        assertEquals((await rfaas(["service", "uninstall", "--root", root, manager])).code, 0);
        assertEquals(await isEnabled(root, `rfaas-${manager}.service`), false);
      }
      const left = await Array.fromAsync(Deno.readDir(`${root}/${UNITS}`));
      assertEquals(left.filter(({ isFile }) => isFile), []);
      const again = await rfaas(["service", "uninstall", "--root", root, "executor-manager"]);
      assertEquals(again.code, 1);
      assertMatch(again.stderr, /Cannot uninstall executor-manager: there is no unit /);
    });
  },
);

Deno.test("rfaas service install writes nothing on a host without systemd", async () => {
  await withFolder(async (root) => {
    const { code, stderr } = await rfaas(
      ["service", "install", "--root", root, "resource-manager"],
      { env: { PATH: root } },
    );
    assertEquals({ code, stderr }, {
      code: 1,
      stderr: "rfaas: Cannot use systemd: there is no systemctl on this host\n",
    });
    assertEquals(await Array.fromAsync(Deno.readDir(root)), []);
  });
});

Deno.test("rfaas service install refuses what would fail only when the service starts", async () => {
  const refusal = async (...args: string[]) => {
    const { code, stderr } = await rfaas(["service", "install", "--dry-run", ...args]);
    assertEquals(code === 0, false);
    return stderr;
  };
  assertMatch(
    await refusal("executor-manager", "--token-file", "node.token"),
    /expected an absolute path in --token-file, got "node.token"/,
  );
  assertMatch(
    await refusal("executor-manager", "--config", "/nowhere/rfaas.json"),
    /Cannot use configuration \/nowhere\/rfaas.json/,
  );
  assertMatch(
    await refusal("resource-manager", "--listen", "unix:socket"),
    /expected an absolute path, got "socket"/,
  );
  await withFolder(async (folder) => {
    const config = `${folder}/rfaas.json`;
    const tls = { certificate: "cert.pem", key: "/key.pem" };
    await Deno.writeTextFile(config, JSON.stringify({ resourceManager: { tls } }));
    assertMatch(
      await refusal("resource-manager", "--config", config),
      /expected an absolute path, got "cert.pem"/,
    );
  });
  assertMatch(
    await refusal("--user", "rfaas\nExecStartPre=/bin/true", "resource-manager"),
    /expected the name of a user/,
  );
  assertMatch(
    await refusal("resource-manager", "--listen", "unix:/tmp/socket"),
    /expected a path outside of \/tmp, got "\/tmp\/socket"/,
  );
  assertMatch(await refusal("executor-manager", "--cores", "none"), /--cores/);
  assertMatch(await refusal("gateway"), /Allowed choices are resource-manager, executor-manager/);
  assertMatch(await refusal("resource-manager", "--listen", "a\nb"), /has a control character/);
});

unitTest(
  "the service of a resource manager may write in the folders of its settings alone",
  async () => {
    await withFolder(async (folder) => {
      const config = `${folder}/rfaas.json`;
      await Deno.writeTextFile(config, `{ "resourceManager": { "state": "/srv/a $b %c" } }`);
      const linesOf = async (...args: string[]) => {
        const { code, stdout } = await rfaas(
          ["service", "install", "--root", folder, "--dry-run", "resource-manager", ...args],
          { env: { RFAAS_RESOURCE_MANAGER_STATE: "/not/in/the/service" } },
        );
        assertEquals(code, 0);
        const [, own] = / resource-manager (.*)$/m.exec(stdout)!;
        return [own, ...["ReadWritePaths", "RuntimeDirectory"].map(valueIn(stdout))];
      };
      const own = "--state %S/rfaas/resource-manager";
      assertEquals(await linesOf("--log-level", "error"), [
        `--log-level error ${own}`,
        undefined,
        undefined,
      ]);
      const configured = `--config ${config}`;
      assertEquals(await linesOf("--config", config), [
        configured,
        '"-/srv/a $b %%c"',
        undefined,
      ]);
      const flags = ["--listen", "unix:/run/rfaas/socket", "--store", "sqlite:/srv/db/file"];
      // /run is empty after each start of the host.
      assertEquals(await linesOf(...flags), [`${flags.join(" ")} ${own}`, "-/srv/db", "rfaas"]);
      // A unit with such a line is one that systemd accepts.
      await rfaas(["service", "install", "--root", folder, "resource-manager", "--config", config]);
      const unit = `${folder}/${UNITS}/rfaas-resource-manager.service`;
      assertMatch(await Deno.readTextFile(unit), /^ReadWritePaths="-/m);
      assertEquals(await analyze("verify", unit), { code: 0, text: "" });
    });
  },
);

unitTest(
  "a service may make Unix sockets below /run, and listen at a port below 1024",
  async () => {
    await withFolder(async (root) => {
      const install = (manager: string, ...flags: string[]) =>
        rfaas(["service", "install", "--root", root, manager, ...flags]);
      await install("resource-manager", "--listen", "https://10.0.0.1");
      await install("executor-manager", "--metrics-listen", "unix:/run/rfaas/metrics");
      for (
        const [name, key, value] of [
          ["rfaas-resource-manager.service", "AmbientCapabilities", "CAP_NET_BIND_SERVICE"],
          ["rfaas-resource-manager.service", "CapabilityBoundingSet", "CAP_NET_BIND_SERVICE"],
          ["rfaas-executor-manager.service", "RuntimeDirectory", "rfaas"],
        ] as const
      ) {
        const unit = `${root}/${UNITS}/${name}`;
        assertEquals(valueIn(await Deno.readTextFile(unit))(key), value);
        assertEquals(await analyze("verify", unit), { code: 0, text: "" });
      }
      await install("resource-manager", "--listen", "https://10.0.0.1:7443");
      const unit = await Deno.readTextFile(`${root}/${UNITS}/rfaas-resource-manager.service`);
      assertEquals(["AmbientCapabilities", "CapabilityBoundingSet"].map(valueIn(unit)), [
        undefined,
        "",
      ]);
    });
  },
);

/** The values of a unit's settings by their names. */
function valueIn(unit: string): (key: string) => string | undefined {
  return (key) => new RegExp(`^${key}=(.*)$`, "m").exec(unit)?.[1];
}

Deno.test("`unitText()` has no user and no folders of the system in a user's own unit", () => {
  const options = {
    service: "executor-manager",
    command: ["deno"],
    drainSeconds: 10,
    writes: [],
    runtime: ["rfaas"],
    listensLow: false,
  } as const;
  for (const user of ["rfaas", "root"]) { // two services may have different users
    const valueOf = valueIn(unitText({ ...options, user }));
    assertEquals(valueOf("Environment"), `DENO_DIR=%C/${valueOf("CacheDirectory")}`);
    assertEquals(valueOf("CacheDirectory"), `rfaas/deno-${user}`);
  }
  const text = unitText({ ...options, user: undefined });
  assertMatch(text, /^WantedBy=default.target$/m);
  assertEquals(/^(User|StateDirectory|RuntimeDirectory|LimitMEMLOCK)=/m.test(text), false);
  assertThrows(() => unitText({ ...options, user: undefined, command: ["a\0"] }), TypeError);
  assertEquals(literal("100%S"), "100%%S");
});

Deno.test("`isReadableByAll()` checks the file and each folder above it", async () => {
  await withFolder(async (folder) => {
    await Deno.mkdir(`${folder}/open`);
    const file = `${folder}/open/deno`;
    await Deno.writeTextFile(file, "", { mode: 0o644 });
    for (const mode of [0o700, 0o755]) {
      await Deno.chmod(folder, mode);
      assertEquals(isReadableByAll(file), mode === 0o755);
    }
    await Deno.chmod(file, 0o600);
    assertEquals([isReadableByAll(file), isReadableByAll(`${file}x`)], [false, false]);
  });
});

/** A manager that this test starts as systemd does. */
async function startService(folder: string, args: readonly string[], status: RegExp) {
  const socket = `${folder}/${args[0]}`;
  const systemd = new DatagramReceiver(socket);
  const limit = limitMs(60_000);
  const env = { NOTIFY_SOCKET: socket, WATCHDOG_USEC: "200000", XDG_STATE_HOME: folder };
  const child = spawnRfaas(args, { env });
  const output = child.output();
  const ready = await systemd.next(limit);
  assertMatch(ready, /^READY=1\n/);
  assertMatch(ready, status);
  assertEquals(await systemd.next(limit), "WATCHDOG=1");
  // Read all the time, as systemd does: a full queue takes no message.
  const last = (async () => {
    let message = "";
    do message = await systemd.next(limit); while (message === "WATCHDOG=1");
    return message;
  })();
  const stop = async () => {
    child.kill("SIGTERM");
    assertMatch(await last, /^STOPPING=1\n/);
    const { code, stderr } = await output;
    assertEquals({ code, stderr: new TextDecoder().decode(stderr) }, { code: 0, stderr: "" });
    systemd[Symbol.dispose]();
  };
  return { ready, stop };
}

Deno.test("both managers report to systemd that they are ready, alive and ending", async () => {
  await withFolder(async (folder) => {
    const manager = await startService(folder, [
      ...["resource-manager", "--listen", "http://127.0.0.1:0"],
    ], /^STATUS=Listening at http/m);
    const [url = ""] = /http:\S+/.exec(manager.ready)!;
    const node = await startService(folder, [
      ...[
        "executor-manager",
        "--manager",
        url,
        "--name",
        "n1",
        "--cores",
        "1",
        "--memory",
        "256MiB",
      ],
      ...["--token-file", `${folder}/rfaas/resource-manager/node.token`, "--fabric", "shm"],
      ...["--pool-max", "0", "--sandbox", "none", "--log-level", "error"],
    ], /^STATUS=Node n1 has 1 cores to lend$/m);
    await node.stop();
    await manager.stop();
  });
});

import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import {
  BootError,
  BootTimeoutError,
  CommandTimeoutError,
  MachineEndedError,
} from "../../scripts/vm/errors.ts";
import { bootMachine } from "../../scripts/vm/machine.ts";

Deno.test("`bootMachine()` boots a machine with an RDMA device", async (t) => {
  await using machine = await bootMachine({ name: "lone", address: "10.78.0.5/24", mtu: 4200 });
  const output = async (command: string) => {
    const { code, stdout, stderr } = await machine.run(["sh", "-c", command]);
    assertEquals(code, 0, stderr);
    return stdout.trim();
  };

  await t.step("its port is active, with the requested MTU", async () => {
    assertMatch(await output("ibv_devinfo -d rxe0"), /PORT_ACTIVE[^]*active_mtu:\s+4096/);
    assertStringIncludes(await output("ip -4 addr"), "10.78.0.5/24");
  });
  await t.step(
    "it has its own name, this host's clock, and no limit of locked memory",
    async () => {
      assertEquals(await output("uname -n; ulimit -l"), "lone\nunlimited");
      const seconds = Number(await output("date +%s"));
      assertEquals(Math.abs(seconds - Date.now() / 1000) < 10, true, `${seconds}`);
    },
  );
  await t.step("`run()` passes input, output, errors and exit status unchanged", async () => {
    const result = await machine.run(["sh", "-c", "cat; echo oops >&2; exit 3"], { input: "in\n" });
    assertEquals(result, { code: 3, signal: null, stdout: "in\n", stderr: "oops\n" });
  });
  await t.step("`spawn()` passes binary output of 3 MB whole", async () => {
    const command = "head -c 3000000 /dev/urandom | tee /dev/stderr | sha256sum >/tmp/sum";
    const process = machine.spawn(["sh", "-c", command]);
    await process.stdout.cancel();
    const bytes = await new Response(process.stderr).bytes();
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
    await process.status;
    assertStringIncludes(await output("cat /tmp/sum"), digest);
  });
  await t.step("`run()` uses this folder, the given environment and the time factor", async () => {
    const { stdout } = await machine.run(
      ["sh", "-c", 'pwd; echo "$X"; echo "$RFAAS_TIME_FACTOR"'],
      {
        env: { X: "a b" },
      },
    );
    assertEquals(stdout, `${Deno.cwd()}\na b\n${machine.factor.toFixed(1)}\n`);
    assertEquals(machine.factor > 1, true);
  });
  await t.step("files written there do not appear on this host", async () => {
    const path = `/var/tmp/rfaas-${crypto.randomUUID()}`;
    assertEquals(await output(`echo there >${path}; cat ${path}`), "there");
    await assertRejects(() => Deno.stat(path), Deno.errors.NotFound);
  });
  await t.step(
    "commands run concurrently, and a signal reaches all processes of a command",
    async () => {
      const waiting = machine.spawn(["sh", "-c", "sleep 1000 & echo $!; wait"]);
      const { value } = await waiting.stdout.values().next();
      const child = new TextDecoder().decode(value).trim();
      assertEquals(await output(`kill -0 ${child} && echo lives`), "lives");
      await waiting.kill("SIGTERM");
      assertEquals(await waiting.status, { code: 143, signal: "SIGTERM" });
      assertEquals((await machine.run(["kill", "-0", child])).code, 1);
    },
  );
  await t.step("a limit of locked memory applies to a user without privileges", async () => {
    const user = ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups"] as const;
    const { stdout } = await machine.run(
      ["prlimit", "--memlock=65536", ...user, "sh", "-c", "id -u; ulimit -l"],
    );
    assertEquals(stdout, "1000\n64\n");
  });
  await t.step("`run()` kills a command at its timeout and throws", async () => {
    await assertRejects(
      () => machine.run(["sleep", "1001"], { timeoutMs: 500 }),
      CommandTimeoutError,
      "Cannot finish sleep 1001: still running after 500 ms",
    );
    await output(
      "for i in 1 2 3 4 5 6 7 8 9; do pgrep -xf 'sleep 1001' || exit 0; sleep 0.2; done; exit 1",
    );
  });
  await t.step("`run()` throws with the name of a missing program", async () => {
    await assertRejects(
      () => machine.run(["no-such-program"]),
      Error,
      "Cannot start no-such-program",
    );
  });
  await t.step("`kill()` ends the machine and all pending commands at once", async () => {
    const pending = machine.run(["sleep", "1000"]);
    const rejected = assertRejects(() => pending, MachineEndedError, "has ended: killed");
    await machine.kill();
    await rejected;
    await assertRejects(() => Deno.stat(`/proc/${machine.pid}`), Deno.errors.NotFound);
    await assertRejects(() => machine.run(["true"]), MachineEndedError);
  });
});

Deno.test("`bootMachine()` ends a machine that does not boot in time", async () => {
  const error = await assertRejects(() => bootMachine({ bootTimeoutMs: 300 }), BootTimeoutError);
  assertMatch(error.message, /^Cannot boot one: .* not booted after 300 ms, processors at [ER]IP=/); // EIP: in its firmware
});

Deno.test("`bootMachine()` throws with the last console output of a machine that fails", async () => {
  const error = await assertRejects(() => bootMachine({ address: "nowhere" }), BootError);
  assertMatch(error.message, /Its console:\nip: RTNETLINK answers/);
});

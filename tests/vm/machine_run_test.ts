import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { BootError, CommandTimeoutError, MachineEndedError } from "../../scripts/vm/errors.ts";
import { bootMachine } from "../../scripts/vm/machine.ts";

Deno.test("bootMachine() gives a machine with an RDMA device", async (t) => {
  await using machine = await bootMachine({ name: "lone", address: "10.78.0.5/24", mtu: 4200 });
  const output = async (command: string) => {
    const { code, stdout, stderr } = await machine.run(["sh", "-c", command]);
    assertEquals(code, 0, stderr);
    return stdout.trim();
  };

  await t.step("with a port that is active, at the MTU that was asked for", async () => {
    assertMatch(await output("ibv_devinfo -d rxe0"), /PORT_ACTIVE[^]*active_mtu:\s+4096/);
    assertStringIncludes(await output("ip -4 addr"), "10.78.0.5/24");
  });
  await t.step("with its own name, this host's clock, and memory that may be locked", async () => {
    assertEquals(await output("uname -n; ulimit -l"), "lone\nunlimited");
    const seconds = Number(await output("date +%s"));
    assertEquals(Math.abs(seconds - Date.now() / 1000) < 10, true, `${seconds}`);
  });
  await t.step("run() gives output, errors, exit status and input as they are", async () => {
    const result = await machine.run(["sh", "-c", "cat; echo oops >&2; exit 3"], { input: "in\n" });
    assertEquals(result, { code: 3, signal: null, stdout: "in\n", stderr: "oops\n" });
  });
  await t.step("output of any bytes and any length arrives whole", async () => {
    const command = "head -c 3000000 /dev/urandom | tee /dev/stderr | sha256sum >/tmp/sum";
    const process = machine.spawn(["sh", "-c", command]);
    await process.stdout.cancel();
    const bytes = await new Response(process.stderr).bytes();
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
    await process.status;
    assertStringIncludes(await output("cat /tmp/sum"), digest);
  });
  await t.step("runs in this folder, with this environment and the factor", async () => {
    const { stdout } = await machine.run(
      ["sh", "-c", 'pwd; echo "$X"; echo "$RFAAS_TIME_FACTOR"'],
      {
        env: { X: "a b" },
      },
    );
    assertEquals(stdout, `${Deno.cwd()}\na b\n${machine.factor.toFixed(1)}\n`);
    assertEquals(machine.factor > 1, true);
  });
  await t.step("what it writes does not reach this host", async () => {
    const path = `/var/tmp/rfaas-${crypto.randomUUID()}`;
    assertEquals(await output(`echo there >${path}; cat ${path}`), "there");
    await assertRejects(() => Deno.stat(path), Deno.errors.NotFound);
  });
  await t.step("commands run at the same time, and a signal reaches all of a command", async () => {
    const waiting = machine.spawn(["sh", "-c", "sleep 1000 & echo $!; wait"]);
    const { value } = await waiting.stdout.values().next();
    const child = new TextDecoder().decode(value).trim();
    assertEquals(await output(`kill -0 ${child} && echo lives`), "lives");
    await waiting.kill("SIGTERM");
    assertEquals(await waiting.status, { code: 143, signal: "SIGTERM" });
    assertEquals((await machine.run(["kill", "-0", child])).code, 1);
  });
  await t.step("a user with little memory to lock is held to it", async () => {
    const user = ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups"] as const;
    const { stdout } = await machine.run(
      ["prlimit", "--memlock=65536", ...user, "sh", "-c", "id -u; ulimit -l"],
    );
    assertEquals(stdout, "1000\n64\n");
  });
  await t.step("run() kills what takes too long, and says so", async () => {
    await assertRejects(
      () => machine.run(["sleep", "1001"], { timeoutMs: 500 }),
      CommandTimeoutError,
      "Cannot wait for sleep 1001: not at its end after 500 ms",
    );
    await output(
      "for i in 1 2 3 4 5 6 7 8 9; do pgrep -xf 'sleep 1001' || exit 0; sleep 0.2; done; exit 1",
    );
  });
  await t.step("run() names a program that is not there", async () => {
    await assertRejects(
      () => machine.run(["no-such-program"]),
      Error,
      "Cannot start no-such-program",
    );
  });
  await t.step("kill() ends it, and whatever is pending, at once", async () => {
    const pending = machine.run(["sleep", "1000"]);
    const rejected = assertRejects(() => pending, MachineEndedError, "has ended: killed");
    await machine.kill();
    await rejected;
    await assertRejects(() => Deno.stat(`/proc/${machine.pid}`), Deno.errors.NotFound);
    await assertRejects(() => machine.run(["true"]), MachineEndedError);
  });
});

Deno.test("bootMachine() ends a machine that does not come up in time", async () => {
  await assertRejects(
    () => bootMachine({ bootTimeoutMs: 300 }),
    BootError,
    "Cannot boot one: The machine one has ended: not up after 300 ms",
  );
});

Deno.test("bootMachine() says what a machine that fails has written last", async () => {
  const error = await assertRejects(() => bootMachine({ address: "nowhere" }), BootError);
  assertMatch(error.message, /Its console:\nip: RTNETLINK answers/);
});

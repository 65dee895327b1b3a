/** Sockets of another user, at either end. Root is needed to change the user; perl is part of Debian's base. */

import { assert, assertEquals } from "@std/assert";
import { openShm } from "../../../fabric/shm/provider.ts";
import { assertRejectsCode, connectPair } from "../conformance/pair.ts";

const PERL = "/usr/bin/perl";
const OTHER_UID = 65534;

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

const ignore = Deno.uid() !== 0 || !isFile(PERL);

const SOCKET = "use Socket; $|=1; socket(S,AF_UNIX,SOCK_SEQPACKET,0) or die; " +
  '$a=pack("S a*",AF_UNIX,"\\0rfaas/$ARGV[0]"); ';

/** A perl process of another user. */
function runAsOther(program: string, name: string): Deno.ChildProcess {
  return new Deno.Command(PERL, {
    args: ["-e", SOCKET + program, name],
    uid: OTHER_UID,
    gid: OTHER_UID,
    cwd: "/",
    stdout: "piped",
  }).spawn();
}

Deno.test({
  name: "shm: `connect()` to a name that another user has bound is refused (needs root and perl)",
  ignore,
  fn: async () => {
    await using provider = openShm();
    const name = crypto.randomUUID();
    await using process = runAsOther(
      'bind(S,$a) or die; listen(S,8) or die; print "ready\\n"; sleep 20',
      name,
    );
    const lines = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
    assertEquals((await lines.read()).value, "ready\n");
    const error = await assertRejectsCode(
      () => provider.connect(`shm:${name}`, { arenaBytes: 64 }),
      "peer",
    );
    assert(
      error.message.includes(`user ${OTHER_UID} and this process to user ${Deno.uid()}`),
      error.message,
    );
    await assertRejectsCode(() => provider.listen(`shm:${name}`), "address");
    process.kill("SIGKILL");
    await lines.cancel();
  },
});

Deno.test({
  name:
    "shm: a listener closes a connection of another user and serves its own user (needs root and perl)",
  ignore,
  fn: async () => {
    await using provider = openShm();
    using listener = await provider.listen();
    const process = runAsOther(
      // It sends nothing. The listener closes its end before a hello is overdue, so the user is the reason.
      'connect(S,$a) or die; alarm 1; recv(S,$b,9,0); print length($b) ? "received" : "closed"',
      listener.address.slice("shm:".length),
    );
    assertEquals(new TextDecoder().decode((await process.output()).stdout), "closed");
    const connecting = provider.connect(listener.address, { arenaBytes: 64 });
    using b = await (await listener.accept())!.accept({ arenaBytes: 64 });
    using a = await connecting;
    assertEquals([a.state, b.state], ["connected", "connected"]);
    await using _other = await connectPair(openShm);
  },
});

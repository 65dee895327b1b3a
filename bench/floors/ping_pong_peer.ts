/**
 * The other process of the ping-pong: connects to the address in its argument, and returns each message with as many
 * bytes as the number of the message.
 *
 * @module
 */
import { openVerbs } from "../../fabric/verbs/provider.ts";
import { PING_PONG_OPTIONS, PingPong } from "./ping_pong.ts";

if (import.meta.main) {
  await using fabric = openVerbs();
  using connection = await fabric.connect(Deno.args[0]!, PING_PONG_OPTIONS);
  const pingPong = await PingPong.begin(connection);
  const line = new Uint8Array(64);
  // A line has the number of rounds that follow. Between lines the process sleeps.
  for (let length = 0; (length = Deno.stdin.readSync(line) ?? 0) > 0;) {
    const rounds = Number(new TextDecoder().decode(line.subarray(0, length)));
    for (let i = 0; i < rounds; i++) {
      const bytes = pingPong.receive();
      pingPong.send(bytes, bytes);
    }
  }
}

/** docs/protocol.md, compared with the code: versions, statuses of calls, refusals and end reasons. */

import { assertEquals } from "@std/assert";
import { HANDSHAKE_VERSION } from "../../../fabric/shm/handshake.ts";
import { AttachRefusal, encodeAttach } from "../../../runtime/protocol/attach.ts";
import { END_CODES, executorReasonSchema } from "../../../runtime/protocol/end_reason.ts";
import { encodeManagerHello, ManagerRole } from "../../../runtime/protocol/manager_hello.ts";
import { CallStatus } from "../../../runtime/protocol/wire.ts";
import * as v from "../../../runtime/valibot.ts";

const text = await Deno.readTextFile(new URL("../../../docs/protocol.md", import.meta.url));
/** The text without line breaks, which a sentence may contain. */
const prose = text.replaceAll(/\s+/g, " ");

/** The rows of the table whose first column has this title, each as its cells. */
function table(title: string): string[][] {
  const lines = text.split("\n");
  const rows = lines.slice(lines.findIndex((line) => line.startsWith(`| ${title} `)) + 2);
  return rows.slice(0, rows.findIndex((line) => !line.startsWith("|")))
    .map((line) => line.slice(1, -1).split("|").map((cell) => cell.trim()));
}

/** The version in private data, which is the word after the magic. */
function versionOf(data: Uint8Array): number {
  return new DataView(data.buffer).getUint16(4, true);
}

Deno.test("docs/protocol.md has the version of each part", () => {
  const attach = versionOf(encodeAttach(0, new Uint8Array(16)));
  const manager = versionOf(encodeManagerHello(ManagerRole.CLIENT));
  const versions = table("part").map(([, version]) => Number(version));
  assertEquals(versions, [HANDSHAKE_VERSION, attach, manager]);
  const inPrivateData = [...prose.matchAll(/`(rf\w+)` \(\w+\), u16 version \((\d+)\)/g)];
  assertEquals(inPrivateData.map(([, magic, version]) => [magic, Number(version)]), [
    ["rfwk", attach],
    ["rfmg", manager],
  ]);
  assertEquals(table("offset")[1], ["4", "u16", "version", String(HANDSHAKE_VERSION)]);
});

Deno.test("docs/protocol.md has the statuses of calls, and the refusals of a worker", () => {
  const statuses = table("status").filter(([, name]) => name !== "reserved");
  assertEquals(
    statuses.map(([number, name]) => [/\w+/.exec(name!)![0], Number(number)]),
    Object.entries(CallStatus),
  );
  const [, refusals = ""] = /A rejection carries one byte: (.*?)\./.exec(prose)!;
  assertEquals(
    refusals.split(", ").map((refusal) => Number(refusal[0])),
    Object.values(AttachRefusal),
  );
});

Deno.test("docs/protocol.md has the end reasons, and those that an executor may report", () => {
  const rows = table("code").filter(([, , reporters]) => reporters !== undefined);
  const codes = rows.map(([code]) => code!.replaceAll("`", ""));
  assertEquals(codes, [...END_CODES]);
  const accepted = codes.filter((code) => {
    const reason = v.parse(executorReasonSchema, { code, message: "", limit: "memory" });
    return reason.code === code && code !== "other";
  });
  assertEquals(accepted, codes.slice(0, 9));
});

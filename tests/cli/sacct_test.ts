import { assertEquals, assertMatch } from "@std/assert";
import { sacctText } from "../../cli/sacct_text.ts";
import { type Bill, RESERVED_EPOCH } from "../../runtime/http/bill_api.ts";
import { rfaas } from "../support/cluster/rfaas_command.ts";

const bill = (fields: Partial<Bill>): Bill => ({
  lease: "a".repeat(32),
  node: "1".repeat(32),
  epoch: 1,
  client: "ada",
  workers: 2,
  memoryBytes: 3 * 2 ** 29,
  sinceMs: Date.parse("2026-11-01T12:00:00.400"),
  untilMs: 0,
  heldNs: `${90_000_000_000}`,
  computeNs: "0",
  pollNs: "0",
  ...fields,
});

Deno.test("`sacctText()` has one line for each lease, with all its nodes", () => {
  const bills = [
    bill({}),
    bill({ node: "2".repeat(32), workers: 1, heldNs: `${100_000_000_000}` }),
    bill({ lease: "b".repeat(32), client: "bob", memoryBytes: 1 }),
  ];
  assertEquals(sacctText(bills, new Set(["b".repeat(32)])).split("\n"), [
    "JobID|User|Account|Partition|State|AllocCPUS|ReqMem|AllocNodes|Submit|Start|End|ExitCode|CPUTimeRAW",
    `${"a".repeat(32)}|ada|ada|rfaas|COMPLETED|3|3072M|2|` +
    "2026-11-01T12:00:00|2026-11-01T12:00:00|2026-11-01T12:01:40|0:0|280",
    `${"b".repeat(32)}|bob|bob|rfaas|RUNNING|2|1M|1|` +
    "2026-11-01T12:00:00|2026-11-01T12:00:00|Unknown|0:0|180",
  ]);
});

Deno.test("`sacctText()` has the account of the bills of a lease", () => {
  const bills = [
    bill({ account: "physics" }),
    bill({ account: "physics", node: "2".repeat(32) }),
    bill({ lease: "b".repeat(32) }),
  ];
  const [, ...lines] = sacctText(bills, new Set()).split("\n");
  assertEquals(lines.map((line) => line.split("|").slice(1, 3)), [
    ["ada", "physics"],
    ["ada", "ada"],
  ]);
});

Deno.test("`sacctText()` without bills has the columns alone", () => {
  assertEquals(sacctText([], new Set()).split("\n").length, 1);
});

Deno.test("`sacctText()` sums all nodes of a lease that has changed on one of them", () => {
  const bills = [
    bill({ untilMs: 10 }), // its node was lost
    bill({ node: "2".repeat(32), untilMs: 30 }),
    bill({ lease: "b".repeat(32), untilMs: 10 }),
  ];
  const [, line, ...more] = sacctText(bills, new Set(), 20).split("\n");
  assertEquals(more, []);
  assertMatch(line!, /^a{32}\|.*\|4\|3072M\|2\|.*\|360$/);
});

Deno.test("`sacctText()` does not count what was reserved and not claimed as a part", () => {
  const reserved = bill({ epoch: RESERVED_EPOCH, heldNs: `${1_000_000_000}` });
  const other = bill({ node: "2".repeat(32) });
  const lines = sacctText([reserved, other, { ...reserved, lease: "b".repeat(32) }], new Set());
  const [, ...rows] = lines.split("\n").map((line) => line.split("|"));
  const cells = rows.map((row) => [4, 5, 7, 12].map((column) => row[column]));
  assertEquals(cells, [["COMPLETED", "2", "1", "182"], ["CANCELLED", "2", "1", "2"]]);
});

Deno.test("rfaas bill --format sacct reads the running leases before the bills", async () => {
  const requests: string[] = [];
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, ({ url }) => {
    const { pathname, search } = new URL(url);
    requests.push(pathname + search);
    const list = pathname === "/v1/leases" ? { leases: [] } : { prices: {}, bills: [] };
    return Response.json({ nowMs: 1, ...list });
  });
  const { code, stderr } = await rfaas(
    ["bill", "--format", "sacct", "--since", "2026-11-01", "--client", "ada"],
    { env: { RFAAS_MANAGER: `http://127.0.0.1:${server.addr.port}`, RFAAS_TOKEN: "token" } },
  );
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  // A lease that ends in between is RUNNING, and has its last bill the next time.
  assertEquals(requests, ["/v1/leases", "/v1/bills?client=ada"]);
});

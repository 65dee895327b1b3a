import { assert, assertEquals } from "@std/assert";
import { ShareController } from "../../../examples/offload/share_controller.ts";
import { testFabric } from "../../support/cluster/test_fabric.ts";

/** A machine with an RDMA device in software is slow. */
const SIZE = { shm: ["--size", "8", "--ranks", "2"], verbs: ["--size", "4", "--ranks", "1"] };

Deno.test("the offloading example computes the same while its node drains", async () => {
  const out = await Deno.makeTempDir({ prefix: "rfaas-test-" });
  try {
    const program = new URL("../../../examples/offload/offload.ts", import.meta.url);
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--allow-all", "--quiet", program.href, ...SIZE[testFabric()]]
        .concat(["--fabric", testFabric(), "--json", "--out", out]),
      stdin: "null",
    }).output();
    const text = new TextDecoder().decode(stdout);
    assertEquals(code, 0, text + new TextDecoder().decode(stderr));
    const { right, difference, reasons } = JSON.parse(text.trimEnd().split("\n").at(-1)!);
    assertEquals(right, true);
    assert(difference <= 1e-10);
    assert(reasons.length > 0, "no share was lost");
    assertEquals([...Deno.readDirSync(out)].map(({ name }) => name), ["iterations.svg"]);
  } finally {
    await Deno.remove(out, { recursive: true });
  }
});

/** Lets a controller run against hosts of constant speed. @returns the share after some iterations. */
function settle(rows: number, ownRowMs: number, leasedRowMs: number, callMs: number) {
  const controller = new ShareController(rows);
  for (let i = 0; i < 200; i++) {
    const leasedRows = controller.share;
    const ownRows = rows - leasedRows;
    const ownMs = ownRows * ownRowMs;
    const leasedMs = leasedRows * leasedRowMs;
    const wholeMs = Math.max(ownMs, leasedRows > 0 ? leasedMs + callMs : 0);
    controller.add({ ownRows, ownMs, leasedRows, leasedMs, wholeMs });
  }
  return controller;
}

Deno.test("`ShareController` finds the share with which both ends finish at once", () => {
  for (const [own, leased] of [[0.01, 0.01], [0.01, 0.03], [0.02, 0.005]] as const) {
    const { share } = settle(1000, own, leased, 0.5);
    const [ownMs, leasedMs] = [(1000 - share) * own, share * leased + 0.5];
    assert(Math.abs(ownMs - leasedMs) < 0.1 * ownMs, `${share} rows: ${ownMs} and ${leasedMs} ms`);
  }
});

Deno.test("`ShareController` offloads nothing where a call takes longer than all rows", () => {
  const controller = settle(100, 0.001, 0.001, 5);
  assert(controller.share <= 8); // 0, or a probe
  assertEquals(controller.breakEvenRows, 5000);
});

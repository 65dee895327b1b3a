import { assert, assertEquals, assertMatch } from "@std/assert";
import { rfaas } from "../support/cluster/rfaas_command.ts";

Deno.test("rfaas demo --json prints its figures, writes its pictures, and passes its fault checks", async () => {
  const folder = await Deno.makeTempDir({ prefix: "rfaas-test-" });
  try {
    const { code, stdout, stderr } = await rfaas(
      ["demo", "--", "--quick", "--json", "--fabric", "shm", "--out", `${folder}/out`],
      { env: { TMPDIR: folder } },
    );
    assertEquals(code, 0, stdout + stderr);
    const figures = JSON.parse(stdout.trimEnd().split("\n").at(-1)!);
    const { echo, floor, thumbnails, faults, seconds } = figures;
    assertEquals(Object.keys(figures), [
      "fabric",
      "echo",
      "floor",
      "thumbnails",
      "faults",
      "seconds",
    ]);
    assertEquals(figures.fabric, "shm");
    assertEquals(Object.keys(echo), ["calls", "p50_us", "p99_us", "p999_us"]);
    assert(echo.p50_us > 0 && echo.p50_us <= echo.p99_us && echo.p99_us <= echo.p999_us);
    assert(floor.p50_us > 0);
    assertEquals([thumbnails.images, thumbnails.ok], [3, 3]);
    assertEquals(faults, { deadline: true, throw: true, killed_executor: true });
    assert(seconds > 0 && seconds < 60);
    assertMatch(stdout, new RegExp(`pictures: .*${folder}/out`));
    const written = [...Deno.readDirSync(`${folder}/out`)].map(({ name }) => name);
    assertEquals(written.length, 5);
    assert(written.includes("contact-sheet.jpg") && written.includes("latency.svg"));
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["out"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

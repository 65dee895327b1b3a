import { assertEquals, assertRejects } from "@std/assert";
import { readPrivateToken } from "../../../cli/options/token.ts";

Deno.test("`readPrivateToken()` refuses a file that others can read, or own", async () => {
  const file = await Deno.makeTempFile({ prefix: "rfaas-test-" });
  try {
    await Deno.writeTextFile(file, "secret\n");
    await Deno.chmod(file, 0o600);
    assertEquals(await readPrivateToken(file), "secret");
    for (const mode of [0o640, 0o604, 0o620]) {
      await Deno.chmod(file, mode);
      await assertRejects(() => readPrivateToken(file), TypeError, `its mode 0${mode.toString(8)}`);
    }
    await Deno.chmod(file, 0o600);
    if (Deno.uid() === 0) {
      await Deno.chown(file, 1234, null);
      await assertRejects(() => readPrivateToken(file), TypeError, "it belongs to user 1234");
    }
  } finally {
    await Deno.remove(file);
  }
});

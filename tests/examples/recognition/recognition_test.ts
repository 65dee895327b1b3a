import { assert, assertEquals, assertThrows } from "@std/assert";
import { CLASSES } from "../../../examples/recognition/classifier.ts";
import { recognize, recognizeAfresh } from "../../../examples/recognition/functions.ts";
import { runExample } from "../../support/functions/run_example.ts";

const PHOTOS = new URL("../../../examples/demo/photos/", import.meta.url);
const photo = (name: string) => Deno.readFileSync(new URL(name, PHOTOS));

Deno.test("the recognition example finds the same bytes on a lease as in its thread", async () => {
  const { figures, files } = await runExample("recognition", "--size", "1", "--lease");
  assertEquals(figures.checks, [
    { name: "1 local thread", same: 1 },
    { name: "lease, 2 workers", same: 1 },
    { name: "lease, 2 workers, weights decoded at each call", same: 1 },
  ]);
  assertEquals(files, ["speedup.svg"]);
});

Deno.test("`recognize()` returns the probabilities of the model", () => {
  const output = new Uint8Array(4 * CLASSES.length);
  assertEquals(recognize(photo("friends.jpg"), output), output.length);
  // What the model gives for the picture as nsfwjs prepares it: its smaller side is not cropped.
  const right = [0.003456, 0.000032, 0.98288, 0.000429, 0.013203];
  new Float32Array(output.buffer).forEach((value, i) =>
    assert(Math.abs(value - right[i]!) < 1e-4, `${CLASSES[i]}: ${value} for ${right[i]}`)
  );
});

Deno.test("`recognizeAfresh()` returns the bytes of `recognize()`", () => {
  const [one, other] = [new Uint8Array(20), new Uint8Array(20)];
  recognize(photo("friends.jpg"), one);
  assertEquals(recognizeAfresh(photo("friends.jpg"), other), 20);
  assertEquals(other, one);
});

Deno.test("`recognize()` refuses bytes that are no JPEG", () => {
  assertThrows(
    () => recognize(new Uint8Array(8), new Uint8Array(20)),
    TypeError,
    "do not begin with FF D8",
  );
});

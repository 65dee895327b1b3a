import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { callFindings, callTable } from "../../../examples/image_recognition/call_times.ts";
import { differenceOf, showsAll } from "../../../examples/image_recognition/check_objects.ts";
import { CLASSES } from "../../../examples/image_recognition/classes.ts";
import {
  type FoundObject,
  readObjects,
  writeObjects,
} from "../../../examples/image_recognition/objects.ts";
import { PHOTOS, readPhotos } from "../../../examples/image_recognition/photos.ts";
import { recognizedPicture } from "../../../examples/image_recognition/recognized_picture.ts";
import { fit, toPicture } from "../../../examples/image_recognition/square.ts";

const CAT: FoundObject = { name: "cat", score: 0.5, box: [0.1, 0.2, 0.3, 0.4] };
const DOG: FoundObject = { name: "dog", score: 0.4, box: [0.5, 0, 0.5, 1] };

Deno.test("`fit()` centers a picture in the square, and `toPicture()` reverses it", () => {
  const place = fit(1000, 500, 512);
  assertEquals(place, { left: 0, top: 128, width: 512, height: 256 });
  const box = toPicture(place, [128, 192, 256, 320]);
  assertEquals(box, [0.25, 0.25, 0.25, 0.5]);
  assertEquals(toPicture(place, [-9, 0, 600, 512]), [0, 0, 1, 1]); // stays inside of the picture
  assertEquals(fit(1, 3000, 512), { left: 255, top: 0, width: 1, height: 512 });
});

Deno.test("objects are read as they were written, and must fit into the output", () => {
  const output = new Uint8Array(200);
  const length = writeObjects([CAT, DOG], output);
  assertEquals(readObjects(output.subarray(0, length)), [CAT, DOG]);
  assertThrows(() => writeObjects([CAT, DOG], output.subarray(0, 20)), RangeError, "20 bytes");
});

Deno.test("`differenceOf()` finds other classes, scores and places", () => {
  assertEquals(differenceOf([CAT, DOG], [CAT, DOG]), 0);
  assertEquals(differenceOf([CAT], [CAT, DOG]), Infinity);
  assertEquals(differenceOf([CAT], [{ ...CAT, name: "dog" }]), Infinity);
  assertAlmostEquals(differenceOf([CAT], [{ ...CAT, score: 0.7 }]), 0.2);
  assertAlmostEquals(differenceOf([CAT], [{ ...CAT, box: [0.1, 0.2, 0.3, 0.9] }]), 0.5);
});

Deno.test("`showsAll()` requires each class of the photograph", () => {
  const photo = { name: "a", shows: ["cat", "dog"] };
  assertEquals([[CAT, DOG], [DOG], []].map((found) => showsAll(photo, found)), [
    true,
    false,
    false,
  ]);
});

Deno.test("the photographs show classes of the model", async () => {
  assertEquals(CLASSES.length, 80);
  assertEquals(new Set(CLASSES).size, 80);
  for (const { shows } of PHOTOS) assert(shows.every((shown) => CLASSES.includes(shown)));
  const { bytes } = (await readPhotos(PHOTOS.length)).at(-1)!;
  assertEquals([...bytes.subarray(0, 2)], [0xff, 0xd8]);
});

Deno.test("`recognizedPicture()` frames and names each object, and loads nothing", async () => {
  const [photo] = await readPhotos(1);
  const svg = recognizedPicture([{ bytes: photo!.bytes, objects: [CAT, DOG] }]);
  assert(svg.includes(">cat 50 %</text>") && svg.includes(">dog 40 %</text>"));
  assert(svg.indexOf(">dog") < svg.indexOf(">cat"), "the surest is not above the others");
  // 451 by 300 pixels become 400 by 266, in the middle of the cell.
  assert(svg.includes('<rect x="40.0" y="120.2" width="120.0" height="106.4" fill="none"'), svg);
  assertEquals(svg.match(/href="(?!data:)/), null);
});

Deno.test("`callFindings()` compares a lease with this thread, and with the model at each call", () => {
  const calls = [
    { name: "1 local thread", kind: "thread", anew: false, us: [100_000, 200_000, 300_000] },
    { name: "lease, 2 workers", kind: "lease", anew: false, us: [210_000, 220_000, 230_000] },
    { name: "anew", kind: "lease", anew: true, us: [250_000, 330_000, 400_000] },
  ] as const;
  const [loading, call] = callFindings(calls);
  assert(loading!.includes("110 ms a call more (50 %)"), loading);
  assert(call!.includes("1.10 times as long"), call);
  assertEquals(callFindings(calls.slice(0, 2)), []);
  assertEquals(callTable(calls).split("\n").length, 4);
  assert(/1 local thread +100 ms +200 ms +300 ms +300 ms/.test(callTable(calls)));
});

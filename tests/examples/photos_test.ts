import { assert, assertEquals } from "@std/assert";
import { jpegSize } from "../../examples/demo/jpeg.ts";

const folder = new URL("../../examples/demo/photos/", import.meta.url);

/** Licences that allow to pass on and to change, by the names that CREDITS.md uses. */
const freeLicences = ["CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-SA-3.0", "CC0-1.0"];

function namesOfPhotos(): string[] {
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
  return names.filter((name) => name !== "CREDITS.md").sort();
}

/** The table of CREDITS.md: file, title and author, package, licence. */
function credits(): string[][] {
  const lines = Deno.readTextFileSync(new URL("CREDITS.md", folder)).split("\n");
  return lines.filter((line) => /^\| \S+\.jpg /.test(line)).map((line) =>
    line.split("|").slice(1, -1).map((cell) => cell.trim())
  );
}

Deno.test("photos are at least 12, each of a megapixel, and 6 MB at most in all", () => {
  const names = namesOfPhotos();
  assert(names.length >= 12, `${names.length} photos`);
  let total = 0;
  for (const name of names) {
    assert(name.endsWith(".jpg"), name);
    const bytes = Deno.readFileSync(new URL(name, folder));
    const { width, height } = jpegSize(bytes);
    assert(width * height >= 1e6, `${name} has ${width} by ${height} pixels`);
    total += bytes.length;
  }
  assert(total <= 6e6, `${total} bytes`);
});

Deno.test("photos are each credited with author, package and a free licence", () => {
  const rows = credits();
  assertEquals(rows.map(([file]) => file).sort(), namesOfPhotos());
  const text = Deno.readTextFileSync(new URL("CREDITS.md", folder));
  for (const [file, work, from, licence] of rows) {
    assert(/^".+" by .+/.test(work ?? ""), `${file}: ${work}`);
    assert(from?.startsWith("lomiri-wallpapers-"), `${file}: ${from}`);
    assert(freeLicences.includes(licence ?? ""), `${file}: ${licence}`);
    assert(text.includes(`- ${licence}: <https://creativecommons.org/`), `text of ${licence}`);
  }
});

import { assert, assertEquals } from "@std/assert";
import { jpegSize } from "../../examples/demo/jpeg.ts";

const folder = new URL("../../examples/demo/photos/", import.meta.url);

/** Licenses that allow to pass on and to change, by the names that CREDITS.md uses. */
const freeLicenses = ["CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-SA-3.0", "CC0-1.0"];

function namesOfPhotos(): string[] {
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
  return names.filter((name) => name !== "CREDITS.md").sort();
}

/** The table of CREDITS.md: file, title and author, package, license. */
function credits(): string[][] {
  const lines = Deno.readTextFileSync(new URL("CREDITS.md", folder)).split("\n");
  return lines.filter((line) => /^\| \S+\.jpg /.test(line)).map((line) =>
    line.split("|").slice(1, -1).map((cell) => cell.trim())
  );
}

Deno.test("the photographs are at least 12, of a megapixel each, with at most 6 MB in total", () => {
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

Deno.test("the photographs are credited with author, package and a free license", () => {
  const rows = credits();
  assertEquals(rows.map(([file]) => file).sort(), namesOfPhotos());
  const text = Deno.readTextFileSync(new URL("CREDITS.md", folder));
  for (const [file, work, from, license] of rows) {
    assert(/^".+" by .+/.test(work ?? ""), `${file}: ${work}`);
    assert(from?.startsWith("lomiri-wallpapers-"), `${file}: ${from}`);
    assert(freeLicenses.includes(license ?? ""), `${file}: ${license}`);
    assert(text.includes(`- ${license}: <https://creativecommons.org/`), `text of ${license}`);
  }
});

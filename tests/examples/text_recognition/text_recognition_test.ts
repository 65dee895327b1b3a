import { assertEquals } from "@std/assert";
import { CARDS } from "../../../examples/text_recognition/cards.ts";
import { showsText } from "../../../examples/text_recognition/check_text.ts";
import { countsUpTo } from "../../../examples/text_recognition/options.ts";
import { runExample } from "../../support/functions/run_example.ts";

Deno.test("the text recognition example reads the cards alike in each way", async () => {
  const { figures, files } = await runExample("text_recognition", "--size", "1", "--reload");
  const names = ["1 local thread", "2 local threads", "lease, 2 workers", "HTTP, 2 processes"];
  assertEquals(
    figures.checks,
    [...names, ...names.map((name) => `${name}, model at each call`)]
      .map((name) => ({ name, right: 1, same: 1 })),
  );
  assertEquals(figures.rows.map(({ ms }: { ms: number[] }) => ms.length), [8]);
  assertEquals(files, ["speedup.svg"]);
});

Deno.test("`showsText()` compares each line, but for spaces", () => {
  const card = { name: "a", lines: ["Austen, Jane", "Emma. London 1815"] };
  const texts = [
    "Austen, Jane\nEmma.London 1815",
    "Austen, Jane\nEmma. London 1816",
    "Austen, Jane Emma. London 1815",
    "Austen, Jane",
    "",
  ];
  assertEquals(texts.map((text) => showsText(card, text)), [true, false, false, false, false]);
});

Deno.test("`countsUpTo()` of text recognition ends with the size, and has a half of four cards or more", () => {
  assertEquals([CARDS.length, 4, 2, 1].map(countsUpTo), [[4, 8], [2, 4], [2], [1]]);
});

/** The language of this project, and of text that breaks each rule. */

import { assertEquals } from "@std/assert";
import * as language from "./support/rules/language_rules.ts";
import type { Rule } from "./support/rules/architecture_rules.ts";
import { readTree } from "./support/rules/source_tree.ts";

const project = await readTree(new URL("..", import.meta.url));
const DOC = "docs/glossary.md";
const TEST = "tests/docs/sample_test.ts";

/** Each rule, with text that breaks it and what the rule returns. */
const RULES: Record<string, [Rule, files: Record<string, string>, breaches: string[]]> = {
  textAvoidsBannedWords: [
    language.textAvoidsBannedWords,
    {
      [DOC]:
        "The worker sends its reply.\nThe worker tells the client.\nThe operator who waits\nwho waits",
      "LICENSE": "told",
    },
    [
      'docs/glossary.md:2 "tells": processes do not talk or think; use: send, report, notify, show',
      'docs/glossary.md:4 "who": no noun stands before it; ' +
      "use: name the subject: the client, a worker that sleeps",
    ],
  ],
  errorMessagesReadAlike: [
    language.errorMessagesReadAlike,
    {
      [TEST]: "new TypeError(`Cannot read ${path}: no such file`);" +
        'new Error("It can\'t be read"); new RangeError("Cannot read it.");',
    },
    [`${TEST} contracts: It can't be read`, `${TEST} ends with a full stop: Cannot read it.`],
  ],
  testNamesReadAlike: [
    language.testNamesReadAlike,
    {
      [TEST]: [
        'Deno.test("`read()` returns the text (needs root)", () => {});',
        'Deno.test({ name: "what is read has an end", fn() {} });',
        'Deno.test("read() returns the text", () => {});',
        'Deno.test("a reader (needs root) reads", () => {});',
        'Deno.test("a reader reads.", () => {});',
      ].join("\n"),
    },
    [
      `${TEST} does not begin with its subject: what is read has an end`,
      `${TEST} names a function outside of backticks: read() returns the text`,
      `${TEST} does not end with its need: a reader (needs root) reads`,
      `${TEST} ends with a full stop: a reader reads.`,
    ],
  ],
};

for (const [name, [rule, files, breaches]] of Object.entries(RULES)) {
  Deno.test(`\`${name}\` holds for this project`, () => {
    assertEquals(rule(project), []);
  });
  Deno.test(`\`${name}\` finds text that breaks it`, () => {
    assertEquals(rule(new Map(Object.entries(files))), breaches);
  });
}

Deno.test("each exception of the language rules is needed", () => {
  assertEquals(language.unusedExceptions(project), []);
});

Deno.test("each banned word is found in its own example", () => {
  for (const { pattern, example } of language.BANNED_WORDS) {
    assertEquals(pattern.test(example), true, `${pattern} is not found in "${example}"`);
  }
});

/** The language of documentation, comments, messages and test names. Each rule returns one line a breach. */

import type { Rule } from "./architecture_rules.ts";
import { modulesOf, type SourceTree } from "./source_tree.ts";

/** A word or an idiom that does not read at first sight, and what to write instead. */
export interface BannedWord {
  /** Matched against each line. */
  readonly pattern: RegExp;
  /** A sentence with it. */
  readonly example: string;
  readonly reason: string;
  readonly use: string;
}

/** A place where a banned word is the right one. */
export interface Exception {
  /** A file. */
  readonly path: string;
  /** The part of a line that is excepted; empty for the whole file. */
  readonly text: string;
  readonly reason: string;
}

/** Nouns of persons, after which "who" has an antecedent. */
const PERSON =
  "(?:authors?|developers?|newcomers?|operators?|owners?|people|person|readers?|users?|anyone)";

const TALK = "processes do not talk or think";
const TERM = "a field term exists";

/** In the order in which a line is searched. */
export const BANNED_WORDS: readonly BannedWord[] = [
  {
    pattern: /\b(tells?|told|telling)\b/i,
    example: "The node tells its clients",
    reason: TALK,
    use: "send, report, notify, show",
  },
  {
    pattern: /\b(hears?|heard|hearing)\b/i,
    example: "no client has heard of it",
    reason: TALK,
    use: "receive, learn",
  },
  {
    pattern: /\b(says?|said|saying)\b/i,
    example: "its reply says why",
    reason: TALK,
    use: "state, report, show, read",
  },
  {
    pattern: /\b(asks?|asked|asking|askers?)\b/i,
    example: "the keeper asks again",
    reason: TALK,
    use: "request, query, poll",
  },
  {
    pattern: /\b(know|knows|knew)\b/i,
    example: "the manager knows all nodes",
    reason: TALK,
    use: "have, hold, see, detect",
  },
  {
    pattern: /\b(wants?|wanted|wanting)\b/i,
    example: "a core that a worker wants",
    reason: TALK,
    use: "need, request",
  },
  {
    pattern: /\bnews\b/i,
    example: "there is news",
    reason: TALK,
    use: "event, update, notification",
  },
  {
    pattern: /\b(without a word|last words|words? of its own)\b/i,
    example: "it ended without a word",
    reason: "word is a unit of memory",
    use: "message, report",
  },
  {
    pattern: new RegExp(`(?<!\\b${PERSON},? )\\bwho\\b`, "i"),
    example: "the slot of who waits",
    reason: "no noun stands before it",
    use: "name the subject: the client, a worker that sleeps",
  },
  {
    pattern: /\b(whoever|whomever)\b/i,
    example: "whoever holds the lease",
    reason: "names no subject",
    use: "any client that …",
  },
  {
    pattern: /\b(somebody|someone|nobody|everybody|anybody|no one)\b/i,
    example: "nobody polls it",
    reason: "processes are not persons",
    use: "name the subject: no client, any process",
  },
  {
    pattern: /\brooms?\b/i,
    example: "there is no room for it",
    reason: TERM,
    use: "capacity, buffer, space, slot; layer for a folder",
  },
  {
    pattern: /\b(gives?|given|gave|giving)( \S+){0,3} back\b/i,
    example: "it gives the lease back",
    reason: TERM,
    use: "release, drain, return",
  },
  {
    pattern: /\b(takes?|taken|took|taking)( \S+){0,3} back\b/i,
    example: "a node is taken back",
    reason: TERM,
    use: "drain, revoke, undo",
  },
  {
    pattern: /\b(in vain|for want of)\b/i,
    example: "a look in vain",
    reason: "archaic",
    use: "an empty poll, without a result, for lack of",
  },
  {
    pattern: /\b(roads?|doors?|lets? in|lets? go)\b/i,
    example: "the road of a call",
    reason: "a picture where a field term exists",
    use: "path, listener, accept, release",
  },
  {
    pattern: /\bat the (latest|earliest)\b/i,
    example: "closed in a second at the latest",
    reason: "an inversion",
    use: "within, no later than, not before",
  },
  {
    pattern: /\bby (itself|themselves)\b/i,
    example: "it ends by itself",
    reason: "padding",
    use: "automatically, alone, separately",
  },
  {
    pattern: /\b(was|were) seen to\b/i,
    example: "it was seen to hang",
    reason: "a comment does not relate history",
    use: "the fact, in the present",
  },
  {
    pattern: /\bin the mean ?time\b/i,
    example: "in the mean time it polls",
    reason: "archaic",
    use: "meanwhile, until then",
  },
  {
    pattern: /\b(notice periods?|patience)\b/i,
    example: "its notice period ends",
    reason: "docs/glossary.md has another term",
    use: "grace period",
  },
  {
    pattern:
      /\b(Tenancy|HeldLease|HeldPart|NodeHold|NodeOrders|NodeDoors|WorkerCrew|LeaselessClients|LeaseLife)\b/i,
    example: "a NodeHold is closed",
    reason: "docs/glossary.md has another name",
    use: "the name there",
  },
  {
    pattern: /\b(for ever|the same to (it|them|all|each))\b/i,
    example: "it waits for ever",
    reason: "not American English",
    use: "forever, the same for",
  },
  {
    pattern:
      /\b#?(tell|told|hear|heard|say|said|ask|asked|giveBack|takeBack)[A-Z]\w*|[a-z](Told|Heard|Asked|News|Room|GivenBack|TakenBack)\b/,
    example: "tellClients() runs when it is askedMs old",
    reason: "names of code are prose as well",
    use: "notify, receive, request, event, capacity, released",
  },
];

/** One by one, each with its reason. */
export const EXCEPTIONS: readonly Exception[] = [
  {
    path: "cli/service/unit_text.ts",
    text: "Wants:",
    reason: "a setting of systemd",
  },
  ...["tests/support/rules/language_rules.ts", "tests/language_test.ts"].map((path) => ({
    path,
    text: "",
    reason: "holds the banned words themselves",
  })),
];

/** No file has a banned word, except for the exceptions. */
export const textAvoidsBannedWords: Rule = (tree) =>
  textPaths(tree).flatMap((path) =>
    tree.get(path)!.split("\n").flatMap((line, at) => {
      const text = withoutExceptions(path, line);
      return BANNED_WORDS.flatMap(({ pattern, reason, use }) => {
        const found = pattern.exec(text);
        return found ? [`${path}:${at + 1} "${found[0]}": ${reason}; use: ${use}`] : [];
      });
    })
  );

/** @returns exceptions that except nothing any more. */
export function unusedExceptions(tree: SourceTree): string[] {
  return EXCEPTIONS.filter(({ path, text }) => !tree.get(path)?.includes(text))
    .map(({ path, text }) => `${path}: "${text}"`);
}

function textPaths(tree: SourceTree): string[] {
  return [...tree.keys()].filter((path) =>
    /\.(ts|md|sh|c|as)$|\.schema\.json$/.test(path) && !isExcepted(path)
  );
}

function isExcepted(path: string): boolean {
  return EXCEPTIONS.some((exception) => exception.path === path && exception.text === "");
}

function withoutExceptions(path: string, line: string): string {
  const here = EXCEPTIONS.filter((exception) => exception.path === path);
  return here.reduce((rest, { text }) => rest.replaceAll(text, ""), line);
}

const MESSAGE = /\bnew \w*(?:Error|Refusal)\(\s*(["`])((?:\\.|(?!\1)[^\\])*)\1/g;

/** "Cannot <do> <what>: <state>": no contraction, no full stop at the end. */
export const errorMessagesReadAlike: Rule = (tree) =>
  modulesOf(tree).filter((path) => !isExcepted(path)).flatMap((path) =>
    [...tree.get(path)!.matchAll(MESSAGE)].flatMap(([, , message = ""]) => {
      if (/\b(\w+n't|it's|that's|\w+'(re|ll|ve))\b/.test(message)) {
        return [`${path} contracts: ${message}`];
      }
      return /[^.]\.$/.test(message) ? [`${path} ends with a full stop: ${message}`] : [];
    })
  );

const TEST_NAME =
  /\bDeno\.test\(\s*(?:\{\s*(?:\.\.\.\w+,\s*)?name:\s*)?(["`])((?:\\.|(?!\1)[^\\])*)\1/g;
/** Names of tests are lines in a report. */
const MAX_TEST_NAME = 120;

/** "`symbol()` does X", or "a subject does X (needs root)". */
export const testNamesReadAlike: Rule = (tree) =>
  modulesOf(tree).filter((path) => path.startsWith("tests/") && !isExcepted(path)).flatMap((path) =>
    [...tree.get(path)!.matchAll(TEST_NAME)].flatMap(([, , raw = ""]) => {
      const name = raw.replaceAll("\\`", "`").replaceAll(/\$\{[^}]*\}/g, "");
      const problem = name.endsWith(".")
        ? "ends with a full stop"
        : name.length > MAX_TEST_NAME
        ? `has more than ${MAX_TEST_NAME} characters`
        : /^(what|who|it|they|that|there|then|when|if)\b/i.test(name)
        ? "does not begin with its subject"
        : /\w\(\)/.test(name.replaceAll(/`[^`]*`/g, ""))
        ? "names a function outside of backticks"
        : /\(needs/.test(name) && !/ \(needs [^()]+\)$/.test(name)
        ? "does not end with its need"
        : undefined;
      return problem ? [`${path} ${problem}: ${name}`] : [];
    })
  );

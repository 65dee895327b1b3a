/** docs/http.md, compared with the routes: its headings, its examples, and what these do. */
import { assert, assertEquals } from "@std/assert";
import { describeApi } from "../../../../manager/resource/http/openapi.ts";
import { ROUTES } from "../../../../manager/resource/http/routes/routes.ts";
import { SCHEMA_VERSION } from "../../../../manager/resource/store/sqlite/sqlite_schema.ts";
import { EVENT_KINDS } from "../../../../runtime/http/event_api.ts";
import * as v from "../../../../runtime/valibot.ts";
import { codeBlocksOf } from "../../../support/docs/code_blocks.ts";
import { TestManager } from "../../../support/manager/test_manager.ts";

const PAGE = new URL("../../../../docs/http.md", import.meta.url);

/** The section of one route. */
interface Section {
  readonly roles: readonly string[];
  /** The example of a request, as a command line. */
  readonly command: string;
  /** The example of a response. */
  readonly response: unknown;
}

const text = await Deno.readTextFile(PAGE);
const sections = new Map(
  text.split(/^(?=##)/m).flatMap((section): [string, Section][] => {
    const heading = /^### `(.*?)`(?: \((.*)\))?\n/.exec(section);
    if (heading === null) return [];
    const blocks = codeBlocksOf("docs/http.md", section);
    const response = blocks.find(({ language }) => language === "json")?.text;
    return [[heading[1]!, {
      roles: heading[2]?.split(", ") ?? [],
      command: blocks.find(({ language }) => language === "sh")?.text ?? "",
      response: response === undefined ? undefined : JSON.parse(response),
    }]];
  }),
);

function assertMatches(schema: v.GenericSchema, value: unknown, what: string): void {
  const checked = v.safeParse(schema, value);
  assert(checked.success, `${what}: ${JSON.stringify(checked.issues?.[0]?.message)}`);
}

Deno.test("docs/http.md has a section and a table row for each route, and the version of the state", () => {
  assertEquals([...sections.keys()].sort(), Object.keys(ROUTES).sort());
  for (const [route, { roles }] of sections) assertEquals(roles, ROUTES[route]!.roles, route);
  const rows = [...text.matchAll(/^\| \[`(.*?)`\]\(#\S+\) +\| (.*?) *\|/gm)];
  assertEquals(
    rows.map(([, route, roles]) => [route, roles]).sort(),
    Object.entries(ROUTES).map(([route, { roles }]) => [route, roles.join(", ")]).sort(),
  );
  assert(text.includes(`now **${SCHEMA_VERSION}**`), `the schema version is ${SCHEMA_VERSION}`);
});

Deno.test("docs/http.md has a table row for each event", () => {
  const [, rows = ""] = /^\| event +\| meaning +\|\n(.*?)\n\n/ms.exec(text) ?? [];
  const listed = [...rows.matchAll(/^\| (`.*?`) +\|/gm)].flatMap(([, cell]) => codesOf(cell!));
  assertEquals(listed, [...EVENT_KINDS]);
});

Deno.test("docs/http.md lists the errors by status, with each code of the routes", () => {
  const [errors = ""] = text.split(/^(?=## )/m).filter((part) => part.startsWith("## Errors"));
  const rows = [...errors.matchAll(/^\| (\d{3}) +\| (.*?) *\|/gm)];
  const statuses = rows.map(([, status]) => Number(status));
  assertEquals(statuses, statuses.toSorted((a, b) => a - b));
  const listed = rows.flatMap(([, status, codes]) => codesOf(codes!).map((c) => `${status} ${c}`));
  const { paths } = describeApi("0.0.0") as unknown as { paths: Paths };
  const used = Object.values(paths).flatMap((methods) =>
    Object.values(methods).flatMap(({ responses }) =>
      Object.entries(responses).flatMap(([status, { description }]) =>
        Number(status) < 400 ? [] : codesOf(description).map((code) => `${status} ${code}`)
      )
    )
  );
  const missing = [...new Set(used)].filter((error) => !listed.includes(error));
  assertEquals(missing, []);
});

Deno.test("the responses in docs/http.md match the schemas of their routes", () => {
  for (const [route, { response }] of sections) {
    const [, schema] = ROUTES[route]!.response;
    if (route === "GET /v1/openapi.json") continue; // too long for the page
    assertEquals(response === undefined, schema === null, `${route}: its example`);
    if (schema !== null) assertMatches(schema, response, route);
  }
});

Deno.test({
  name: "the examples in docs/http.md succeed, with responses as described (needs curl)",
  ignore: !await hasCurl(),
  fn: async () => {
    for (const [route, { command }] of sections) {
      await using test = await TestManager.start();
      const { node, epoch } = await test.register("n1", { cores: 16, memoryBytes: 2 ** 36 });
      const request = { workers: 2, memoryBytes: 2 ** 29, termMs: 60_000 };
      const { lease } = await test.client.takeLease(request);
      await test.node.reportLease(node, lease, { epoch, state: "claimed", workers: 2 });
      const { code, stdout, stderr } = await new Deno.Command("bash", {
        args: ["-c", command.replace("curl ", "curl -w '\\n%{http_code}' ")],
        env: {
          MANAGER: test.url,
          OPERATOR_TOKEN: test.token("operator"),
          NODE_TOKEN: test.token("node"),
          CLIENT_TOKEN: test.token("client"),
          NODE_ID: node,
          LEASE: lease,
        },
      }).output();
      const printed = new TextDecoder().decode(stdout);
      const what = `${route}: ${printed} ${new TextDecoder().decode(stderr)}`;
      const [status, schema] = ROUTES[route]!.response;
      assertEquals([code, printed.slice(-4)], [0, `\n${status}`], what);
      const body = printed.slice(0, -4);
      if (schema === null) assertEquals(body, "", what);
      else assertMatches(schema, JSON.parse(body), what);
    }
  },
});

/** The part of the OpenAPI description that has the errors. */
type Paths = Record<
  string,
  Record<string, { responses: Record<string, { description: string }> }>
>;

/** The codes in a text: the first words in backticks, up to a colon. */
function codesOf(description: string): string[] {
  return description.split("; ").flatMap((part) =>
    [...part.split(":")[0]!.matchAll(/`([a-z-]+)`/g)].map(([, code]) => code!)
  );
}

async function hasCurl(): Promise<boolean> {
  try {
    return (await new Deno.Command("curl", { args: ["--version"], stdout: "null" }).output())
      .success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** The configuration file: read, checked, and its published schema. */

import { type JsonSchema, jsonSchemaOf } from "../../manager/json_schema.ts";
import * as v from "../../runtime/valibot.ts";
import type { Setting } from "./setting.ts";
import { SETTINGS } from "./settings.ts";

/** Objects within objects, settings at the ends. */
interface Tree {
  [key: string]: Tree | Setting;
}

/** How many faults of a file are told at once. */
const MAX_FAULTS = 5;

/**
 * Reads a file and checks all of it. The values are as they stand in the file, by path.
 *
 * @throws {TypeError} that names the file, and the path of each field that is wrong.
 */
export async function readConfigFile(file: string): Promise<Map<string, unknown>> {
  const cannot = (why: string, options?: ErrorOptions) =>
    new TypeError(`Cannot use configuration ${file}: ${why}`, options);
  let content: string;
  try {
    content = await Deno.readTextFile(file);
  } catch (cause) {
    throw cannot(
      cause instanceof Deno.errors.NotFound ? "there is no such file" : "it can't be read",
      {
        cause,
      },
    );
  }
  let json: unknown;
  try {
    json = JSON.parse(content);
  } catch (error) {
    throw cannot(`it is not JSON: ${(error as Error).message}`);
  }
  const checked = v.safeParse(schemaOf(settingsTree(), true), json);
  if (!checked.success) {
    throw cannot(checked.issues.slice(0, MAX_FAULTS).map(faultText).join("; "));
  }
  const values = new Map<string, unknown>();
  for (const path of Object.keys(SETTINGS)) {
    const value = path.split(".").reduce<unknown>((at, key) => Object(at)[key], json);
    if (value !== undefined) values.set(path, value);
  }
  return values;
}

/** What is wrong with one field: its path, what was expected, what stands there. */
export function faultText(issue: v.GenericIssue): string {
  const path = v.getDotPath(issue) ?? "the file";
  if (issue.type === "strict_object" && issue.expected === "never") return `${path}: unknown key`;
  const expected = issue.message.startsWith("Invalid ")
    ? `expected ${issue.expected ?? issue.type}`
    : issue.message;
  return `${path}: ${expected}, got ${shown(issue.input)}`;
}

/** The published schema: docs/config.schema.json. */
export function configJsonSchema(): JsonSchema {
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "The configuration of rfaas",
    ...jsonSchemaOfTree(settingsTree()),
  };
}

function settingsTree(): Tree {
  const root: Tree = {};
  for (const [path, setting] of Object.entries(SETTINGS)) {
    const keys = path.split(".");
    const last = keys.pop()!;
    const at = keys.reduce((tree, key) => (tree[key] ??= {}) as Tree, root);
    at[last] = setting;
  }
  return root;
}

function isSetting(node: Tree | Setting): node is Setting {
  return "schema" in node && "does" in node;
}

/** Each field may be left out; one that is not known is refused, since it is most often a slip of the pen. */
function schemaOf(tree: Tree, isRoot = false): v.GenericSchema {
  const entries = Object.entries(tree).map(([key, node]) => [
    key,
    v.exactOptional(isSetting(node) ? node.schema : schemaOf(node)),
  ]);
  // Editors find the published schema by this key.
  if (isRoot) entries.push(["$schema", v.exactOptional(v.string())]);
  return v.pipe(
    // An array would pass for an object without fields.
    v.custom((given) => !Array.isArray(given), "expected an object"),
    v.strictObject(Object.fromEntries(entries)),
  );
}

function jsonSchemaOfTree(tree: Tree): JsonSchema {
  const properties = Object.entries(tree).map(([key, node]) => [
    key,
    isSetting(node) ? jsonSchemaOfSetting(node) : jsonSchemaOfTree(node),
  ]);
  return {
    type: "object",
    properties: Object.fromEntries(properties),
    additionalProperties: false,
  };
}

function jsonSchemaOfSetting({ schema, does, standard, standardIs }: Setting): JsonSchema {
  const description = standardIs === undefined ? does : `${does} Default: ${standardIs}.`;
  const fixed = standard === undefined || typeof standard === "function"
    ? {}
    : { default: standard };
  return { description, ...jsonSchemaOf(schema), ...fixed };
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

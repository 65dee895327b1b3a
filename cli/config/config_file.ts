/** The configuration file and its published schema. */

import { type JsonSchema, jsonSchemaOf } from "../../manager/json_schema.ts";
import * as v from "../../runtime/valibot.ts";
import type { Setting } from "./setting.ts";
import { SETTINGS } from "./settings.ts";

/** The nested objects of the file, with settings as the leaves. */
interface Tree {
  [key: string]: Tree | Setting;
}

/** Faults of a file that one error lists at most. */
const MAX_FAULTS = 5;

/**
 * Reads a file and checks all of it.
 *
 * @returns The values as they are in the file, by path.
 * @throws {TypeError} With the file, and the path of each wrong field.
 */
export async function readConfigFile(file: string): Promise<Map<string, unknown>> {
  const cannot = (why: string, options?: ErrorOptions) =>
    new TypeError(`Cannot use configuration ${file}: ${why}`, options);
  let content: string;
  try {
    content = await Deno.readTextFile(file);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) throw cannot("there is no such file");
    throw cannot("cannot read the file", { cause });
  }
  let json: unknown;
  try {
    json = JSON.parse(content.replace(/^\ufeff/, "")); // some editors begin a file with a byte order mark
  } catch (error) {
    throw cannot(`not valid JSON: ${(error as Error).message}`);
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

/** Describes one fault: the path of the field, what was expected, and the value. */
export function faultText(issue: v.GenericIssue): string {
  const path = v.getDotPath(issue) ?? "the file";
  if (issue.type === "strict_object" && issue.expected === "never") return `${path}: unknown key`;
  const expected = issue.message.startsWith("Invalid ")
    ? `expected ${issue.expected ?? issue.type}`
    : issue.message;
  return `${path}: ${expected}, got ${abbreviate(issue.input)}`;
}

/** The published schema: docs/config.schema.json. */
export function configJsonSchema(): JsonSchema {
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "Configuration of rfaas",
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
  return "schema" in node && "description" in node;
}

/** Each field is optional. An unknown field is refused: it is most often a typing error. */
function schemaOf(tree: Tree, isRoot = false): v.GenericSchema {
  const entries = Object.entries(tree).map(([key, node]) => [
    key,
    v.exactOptional(isSetting(node) ? node.schema : schemaOf(node)),
  ]);
  // Editors find the published schema by this key.
  if (isRoot) entries.push(["$schema", v.exactOptional(v.string())]);
  return v.pipe(
    // valibot takes an array for an object without fields.
    v.custom((value) => !Array.isArray(value), "expected an object"),
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

function jsonSchemaOfSetting(setting: Setting): JsonSchema {
  const { schema, defaultText } = setting;
  const description = defaultText === undefined
    ? setting.description
    : `${setting.description} Default: ${defaultText}.`;
  const fixedDefault = setting.default === undefined || typeof setting.default === "function"
    ? {}
    : { default: setting.default };
  return { description, ...jsonSchemaOf(schema), ...fixedDefault };
}

function abbreviate(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

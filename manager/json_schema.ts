/** JSON Schema from the schemas that check input. This is the only file that names the version of the converter. */
// deno-lint-ignore no-import-prefix -- an import map does not apply to apps that import a manager
import { toJsonSchema } from "npm:@valibot/to-json-schema@1.8.0";
import type { GenericSchema } from "../runtime/valibot.ts";

/** A JSON Schema of draft 2020-12, without `$schema`. */
export type JsonSchema = Record<string, unknown>;

/** Converts the input of a schema. The result of a `transform` is left out. */
export function jsonSchemaOf(schema: GenericSchema): JsonSchema {
  const { $schema: _, ...converted } = toJsonSchema(schema, {
    target: "draft-2020-12",
    typeMode: "input",
  });
  return converted;
}

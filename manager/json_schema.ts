/** JSON Schema from the schemas that check: the version of the converter stands here and nowhere else. */
// deno-lint-ignore no-import-prefix -- the import map does not reach who imports a manager elsewhere
import { toJsonSchema } from "npm:@valibot/to-json-schema@1.8.0";
import type { GenericSchema } from "../runtime/valibot.ts";

/** A JSON Schema of draft 2020-12, without `$schema`. */
export type JsonSchema = Record<string, unknown>;

/** What a schema takes; what it makes of that by `transform` is left out. */
export function jsonSchemaOf(schema: GenericSchema): JsonSchema {
  const { $schema: _, ...converted } = toJsonSchema(schema, {
    target: "draft-2020-12",
    typeMode: "input",
  });
  return converted;
}

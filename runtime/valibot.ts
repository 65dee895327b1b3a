/**
 * The parts of valibot that rfaas uses. Modules in the graph of mod.ts can't use an import map, so this file alone has the
 * version.
 */
// @ts-types="../vendor/valibot.d.ts"
export {
  array,
  boolean,
  check,
  custom,
  exactOptional,
  flatten,
  type GenericIssue,
  type GenericSchema,
  getDotPath,
  type InferOutput,
  integer,
  literal,
  looseObject,
  maxLength,
  maxValue,
  minLength,
  minValue,
  nullable,
  number,
  object,
  optional,
  parse,
  picklist,
  pipe,
  rawTransform,
  readonly,
  regex,
  safeParse,
  strictObject,
  string,
  transform,
  union,
} from "../vendor/valibot.js";

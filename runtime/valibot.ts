/**
 * The parts of valibot that rfaas uses, named in one place: modules in the graph of mod.ts can't lean
 * on an import map, so the version stands here and nowhere else.
 */
export {
  array,
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
  regex,
  safeParse,
  strictObject,
  string,
  transform,
  union,
} from "npm:valibot@1.5.0";

/** Options of {@linkcode parseArgs}. */
export interface ParseOptions<
  Flag extends string = never,
  Text extends string = never,
  List extends Text = never,
> {
  /** Names of the options that take no value; `false` where they are not given. */
  boolean?: readonly Flag[];
  /** Names of the options that take a text; an empty one where the value is missing. */
  string?: readonly Text[];
  /** Those of `string` that may be given several times. */
  collect?: readonly List[];
  /** Short names, by the name that they stand for. */
  alias?: { readonly [Name in Flag | Text]?: string };
  /**
   * Whether all arguments from the first that is no option on go to `_`, as they are.
   *
   * @default {false}
   */
  stopEarly?: boolean;
  /**
   * Called with each option that is not declared, and with each argument that is no option: the
   * latter without `key`. What it returns `false` for is left out.
   */
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

/** Result of {@linkcode parseArgs}. */
export type ParsedArgs<Flag extends string, Text extends string, List extends Text> =
  & { [Name in Flag]: boolean }
  & { [Name in Exclude<Text, List>]?: string }
  & { [Name in List]: string[] }
  & {
    /** The arguments that are no options; numbers where they look like one. */
    _: (string | number)[];
  };

/** Parses the arguments of a program. It refuses nothing: that is for `unknown` to do. */
export function parseArgs<
  const Flag extends string = never,
  const Text extends string = never,
  const List extends Text = never,
>(args: readonly string[], options?: ParseOptions<Flag, Text, List>): ParsedArgs<Flag, Text, List>;

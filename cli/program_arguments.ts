/** Checks of the arguments of the programs outside the `rfaas` command, which parse them by `parseArgs()`. */

/** The exit status for arguments that are wrong. */
const USAGE_STATUS = 2;

/** What is wrong with the arguments of a program. */
export class UsageError extends Error {
  override name = "UsageError";
}

/**
 * Reads arguments. Ends the process if they are wrong: one line on standard error, and status 2.
 *
 * @param program The name of the program, which begins the line.
 */
export function readArguments<T>(program: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`${program}: ${error.message}\nTry --help`);
    Deno.exit(USAGE_STATUS);
  }
}

/** Prints the help text and ends the process. */
export function printHelp(text: string): never {
  console.log(text.trim());
  Deno.exit(0);
}

/**
 * For `unknown` of `parseArgs()`: keeps arguments that are not options.
 *
 * @throws {UsageError} If the argument is an option.
 */
export function refuseUnknown(argument: string, key?: string): true {
  if (key !== undefined) throw new UsageError(`unknown option '${argument.split("=")[0]}'`);
  return true;
}

/** @throws {UsageError} If there are arguments that are not options. */
export function refuseArguments(rest: readonly unknown[]): void {
  if (rest.length > 0) throw new UsageError(`too many arguments: ${rest.join(" ")}`);
}

/** Returns the value of an option. @throws {UsageError} If the value is missing or empty. */
export function textOption<T extends string | undefined>(name: string, text: T): T {
  if (text === "") throw new UsageError(`option '--${name}' needs a value`);
  return text;
}

/** Returns the value of an option. @throws {UsageError} If it is none of the choices. */
export function choiceOption<T extends string>(
  name: string,
  text: string,
  choices: readonly T[],
): T {
  const choice = choices.find((each) => each === textOption(name, text));
  if (choice === undefined) {
    throw new UsageError(`option '--${name}' expects ${choices.join(" or ")}, not '${text}'`);
  }
  return choice;
}

/** Returns an integer. @throws {UsageError} If the value is not an integer from `min` to `max`. */
export function integerOption(
  name: string,
  text: string,
  min: number,
  max = Number.MAX_SAFE_INTEGER,
): number {
  const value = Number(textOption(name, text));
  if (!/^\d+$/.test(text) || !(value >= min && value <= max)) {
    const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
    throw new UsageError(`option '--${name}' expects an integer ${range}, not '${text}'`);
  }
  return value;
}

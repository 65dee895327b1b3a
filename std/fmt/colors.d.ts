/** The functions return their text unchanged if the environment variable `NO_COLOR` is set. */

/** Makes a text bold. */
export function bold(str: string): string;

/** Makes a text cyan. */
export function cyan(str: string): string;

/** Makes a text dim. */
export function dim(str: string): string;

/** Makes a text green. */
export function green(str: string): string;

/** Swaps the colors of a text and its background. */
export function inverse(str: string): string;

/** Makes a text red. */
export function red(str: string): string;

/** Makes a text yellow. */
export function yellow(str: string): string;

/** JSON on its way to a terminal or a program. */

/** One line of JSON in ASCII: other characters by their numbers, since a terminal acts on some of them. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value).replaceAll(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

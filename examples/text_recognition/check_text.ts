/** Compares recognized texts with those that the cards show. */

import type { Card } from "./cards.ts";

/**
 * Whether a text is that of the card, but for spaces: the model was trained on Chinese mostly, and leaves out the space
 * after a full stop.
 */
export function showsText({ lines }: Card, text: string): boolean {
  const read = text.split("\n");
  return read.length === lines.length && read.every((line, i) => bare(line) === bare(lines[i]!));
}

function bare(line: string): string {
  return line.replaceAll(" ", "");
}

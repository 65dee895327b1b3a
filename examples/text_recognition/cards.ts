/** The cards that are read, and the text that each of them shows. */

export interface Card {
  readonly name: string;
  /** From the top, as the card shows them. */
  readonly lines: readonly string[];
}

/** Cards of a catalog of old books. draw_cards.ts draws them. */
export const CARDS: readonly Card[] = [
  { name: "austen", lines: ["Austen, Jane", "Emma. London 1815"] },
  { name: "carroll", lines: ["Carroll, Lewis", "Sylvie and Bruno. 1889"] },
  { name: "darwin", lines: ["Darwin, Charles", "Journal of Researches"] },
  { name: "euler", lines: ["Euler, Leonhard", "Opuscula. Berlin 1746"] },
  { name: "galilei", lines: ["Galilei, Galileo", "Sidereus Nuncius 1610"] },
  { name: "kepler", lines: ["Kepler, Johannes", "Harmonices Mundi 1619"] },
  { name: "newton", lines: ["Newton, Isaac", "Opticks. London 1704"] },
  { name: "shelley", lines: ["Shelley, Mary", "Frankenstein. 1818"] },
];

/** The JPEG file of a card. */
export async function readCard({ name }: Card): Promise<Uint8Array<ArrayBuffer>> {
  return await Deno.readFile(new URL(`./cards/${name}.jpg`, import.meta.url));
}

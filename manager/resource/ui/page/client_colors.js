/** A color for each client: the same one as long as the page is open. */

const COLORS = 8;
/** @type {Map<string, number>} */
const seen = new Map();

/** The class of a client's color. Clients get the colors in turn. @param {string} client */
export function colorOf(client) {
  let color = seen.get(client);
  if (color === undefined) {
    color = seen.size % COLORS;
    seen.set(client, color);
  }
  return `client-${color}`;
}

/** Draws the temperatures in a furnace as an SVG: its six faces, unfolded. */

import { FACES } from "./furnace.ts";

/** The place of each face in a grid of 4 x 3: the floor in the middle, the ceiling at the right. */
const PLACES: Record<typeof FACES[number], readonly [column: number, row: number]> = {
  front: [1, 0],
  left: [0, 1],
  floor: [1, 1],
  right: [2, 1],
  ceiling: [3, 1],
  back: [1, 2],
};
/** From cold to hot; lightness grows as well, for color-blind readers. */
const COLORS = [[12, 8, 38], [96, 19, 110], [203, 65, 73], [251, 155, 6], [252, 255, 164]];
/** In pixels. */
const FACE = 220;
const MARGIN = 36;
const SCALE = { width: 320, height: 14 };

/** @param kelvin the temperature of each patch, in the order of {@linkcode FACES}. */
export function furnacePicture(side: number, kelvin: Float64Array): string {
  const [min, max] = [Math.min(...kelvin), Math.max(...kelvin)];
  const color = (value: number) => colorAt((value - min) / (max - min || 1));
  const cell = FACE / side;
  const faces = FACES.map((name, face) => {
    const [left, top] = [MARGIN + PLACES[name][0] * FACE, 96 + PLACES[name][1] * FACE];
    const patches = Array.from(kelvin.subarray(face * side * side, (face + 1) * side * side), (
      value,
      i,
    ) => {
      const [column, row] = placeOf(name, side, i);
      return `<rect x="${(column * cell).toFixed(2)}" y="${(row * cell).toFixed(2)}" width="${
        (cell + 0.4).toFixed(2)
      }" height="${(cell + 0.4).toFixed(2)}" fill="${color(value)}"/>`;
    });
    return `<g transform="translate(${left} ${top})">${patches.join("")}
<rect width="${FACE}" height="${FACE}" fill="none" stroke="#ffffff" stroke-width="2"/>
<text x="8" y="20" fill="#ffffff" stroke="#000000" stroke-width="3" paint-order="stroke">${name}</text></g>`;
  });
  const [width, height] = [2 * MARGIN + 4 * FACE, 96 + 3 * FACE + 40];
  const stops = COLORS.map((_, i) =>
    `<stop offset="${i / (COLORS.length - 1)}" stop-color="${colorAt(i / (COLORS.length - 1))}"/>`
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, 'DejaVu Sans', sans-serif" font-size="14">
<rect width="${width}" height="${height}" fill="#ffffff"/>
<text x="${MARGIN}" y="36" font-size="20" font-weight="bold" fill="#333333">Temperatures in a furnace, unfolded</text>
<text x="${MARGIN}" y="60" fill="#666666">Two elements at the ceiling heat a cold plate on the floor. The insulated walls pass on the heat.</text>
${faces.join("\n")}
<defs><linearGradient id="heat">${stops.join("")}</linearGradient></defs>
<g transform="translate(${width - MARGIN - SCALE.width} ${height - 60})">
<rect width="${SCALE.width}" height="${SCALE.height}" fill="url(#heat)"/>
<text y="34" fill="#333333">${min.toFixed(0)} K</text>
<text x="${SCALE.width}" y="34" text-anchor="end" fill="#333333">${max.toFixed(0)} K</text></g>
</svg>
`;
}

/** Turns a face so that its edge to the floor lies at the floor in the picture. */
function placeOf(face: typeof FACES[number], side: number, i: number): [number, number] {
  const [u, v] = [i % side, Math.floor(i / side)];
  if (face === "left") return [side - 1 - v, u]; // u runs along y, v upwards
  if (face === "right") return [v, u];
  if (face === "front") return [u, side - 1 - v];
  if (face === "ceiling") return [side - 1 - u, v];
  return [u, v];
}

function colorAt(share: number): string {
  const at = Math.min(Math.max(share, 0), 1) * (COLORS.length - 1);
  const low = Math.min(Math.floor(at), COLORS.length - 2);
  const mixed = COLORS[low]!.map((value, i) =>
    Math.round(value + (COLORS[low + 1]![i]! - value) * (at - low))
  );
  return `rgb(${mixed.join(" ")})`;
}

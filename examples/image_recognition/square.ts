/** Fits a picture into the square that the model receives, with its aspect ratio kept: a stretched cat looks like a dog. */

/** The place of a picture in the square, in pixels of the square. */
export interface Fitted {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** Centers a picture in a square. The rest is black. */
export function fit(width: number, height: number, side: number): Fitted {
  const scale = side / Math.max(width, height);
  const fitted = {
    width: Math.max(1, Math.round(width * scale)),
    height: Math.max(1, Math.round(height * scale)),
  };
  return {
    ...fitted,
    left: Math.floor((side - fitted.width) / 2),
    top: Math.floor((side - fitted.height) / 2),
  };
}

/** The edges of a box in the square as parts of the picture, inside of which they stay. */
export function toPicture(
  { left, top, width, height }: Fitted,
  [x1, y1, x2, y2]: readonly [x1: number, y1: number, x2: number, y2: number],
): [left: number, top: number, width: number, height: number] {
  const part = (value: number) => Math.min(1, Math.max(0, value));
  const [fromX, toX] = [part((x1 - left) / width), part((x2 - left) / width)];
  const [fromY, toY] = [part((y1 - top) / height), part((y2 - top) / height)];
  return [fromX, fromY, toX - fromX, toY - fromY];
}

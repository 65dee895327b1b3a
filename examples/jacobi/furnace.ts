/**
 * Heat in a furnace: a cube whose walls exchange heat by radiation. Two heating elements hang below the ceiling, a cold
 * plate lies on the floor, and insulated walls pass on what they receive. Each of the six faces has `side` by `side`
 * patches, and each patch sees those of all other faces: the matrix is dense.
 *
 * With J, the radiation that leaves each patch (radiosity, W/m²), a patch of known temperature has
 * J = e σ T⁴ + (1 - e) Σ F J, and an insulated one J = Σ F J. So J = constants + matrix J, which is one Jacobi step, and
 * the solution of (1 - matrix) J = constants.
 *
 * @module
 */

/** The constant of Stefan and Boltzmann, in W/(m² K⁴). */
const SIGMA = 5.670374419e-8;

/** A linear system, as the steps of Jacobi need it. */
export interface FurnaceSystem {
  readonly side: number;
  /** Unknowns: six faces. */
  readonly n: number;
  /** For each row its constant and its n coefficients, one row after the other. */
  readonly rows: Float64Array;
}

/** The faces, in the order of the patches. */
export const FACES = ["floor", "ceiling", "left", "right", "front", "back"] as const;

interface Patch {
  readonly face: number;
  readonly center: readonly [number, number, number];
  readonly normal: readonly [number, number, number];
}

/** Returns the system of a furnace with `side` by `side` patches on each face. */
export function furnace(side: number): FurnaceSystem {
  const patches = patchesOf(side);
  const n = patches.length;
  const rows = new Float64Array(n * (n + 1));
  for (const [i, patch] of patches.entries()) {
    const { emissivity, kelvin } = surfaceOf(patch);
    const row = rows.subarray(i * (n + 1), (i + 1) * (n + 1));
    row[0] = emissivity * SIGMA * kelvin ** 4;
    let sum = 0;
    for (const [j, other] of patches.entries()) sum += row[j + 1] = seen(patch, other);
    // All heat arrives somewhere: the factors of a patch in a closed space have the sum 1.
    for (let j = 1; j <= n; j++) row[j]! *= (1 - emissivity) / sum;
  }
  return { side, n, rows };
}

/** The temperatures in kelvin of insulated patches, which emit what they receive; those of the others are given. */
export function temperatures({ side }: FurnaceSystem, radiosity: Float64Array): Float64Array {
  const patches = patchesOf(side);
  return radiosity.map((value, i) => {
    const { emissivity, kelvin } = surfaceOf(patches[i]!);
    return emissivity > 0 ? kelvin : (value / SIGMA) ** 0.25;
  });
}

/** An insulated patch counts as one that reflects everything. */
function surfaceOf({ face, center: [x, y] }: Patch): { emissivity: number; kelvin: number } {
  if (FACES[face] === "floor") return { emissivity: 0.6, kelvin: 300 };
  const isElement = FACES[face] === "ceiling" && Math.abs(y - 0.5) < 0.34 &&
    (Math.abs(x - 0.25) < 0.13 || Math.abs(x - 0.75) < 0.13);
  return isElement ? { emissivity: 0.9, kelvin: 1300 } : { emissivity: 0, kelvin: 0 };
}

/** The share of the radiation of a small patch that reaches another one, but for the area, which is the same for all. */
function seen(from: Patch, to: Patch): number {
  if (from.face === to.face) return 0; // flat
  const way = to.center.map((value, axis) => value - from.center[axis]!);
  const square = way.reduce((sum, value) => sum + value * value, 0);
  const leaving = way.reduce((sum, value, axis) => sum + value * from.normal[axis]!, 0);
  const arriving = way.reduce((sum, value, axis) => sum - value * to.normal[axis]!, 0);
  return leaving * arriving / (Math.PI * square * square);
}

function patchesOf(side: number): Patch[] {
  const at = (index: number) => (index + 0.5) / side;
  return FACES.flatMap((_, face) =>
    Array.from({ length: side * side }, (_, i): Patch => {
      const [u, v] = [at(i % side), at(Math.floor(i / side))];
      const end = face % 2; // of its axis
      const inward = end === 0 ? 1 : -1;
      if (face < 2) return { face, center: [u, v, end], normal: [0, 0, inward] };
      if (face < 4) return { face, center: [end, u, v], normal: [inward, 0, 0] };
      return { face, center: [u, end, v], normal: [0, inward, 0] };
    })
  );
}

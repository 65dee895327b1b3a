/** The paths of the paper's rows, as they are measured and as the charts read them. */

/** A part of a group: `podman, cold: boot`. */
export interface PartPath {
  readonly group: string;
  readonly part: string;
}

export function partPath({ group, part }: PartPath): string {
  return `${group}: ${part}`;
}

export function readPartPath(path: string): PartPath {
  const at = path.lastIndexOf(": ");
  return { group: path.slice(0, at), part: path.slice(at + 2) };
}

/** A call on some workers at a time: `echo of 1 KiB, 3 workers`. */
export interface ParallelPath {
  readonly name: string;
  readonly workers: number;
}

export function parallelPath({ name, workers }: ParallelPath): string {
  return `${name}, ${workers} ${workers === 1 ? "worker" : "workers"}`;
}

export function readParallelPath(path: string): ParallelPath {
  const [, name = "", workers] = /^(.*), (\d+) workers?$/.exec(path)!;
  return { name, workers: Number(workers) };
}

/** A program of one size in one way: `Jacobi in TypeScript, 864 unknowns: lease, 1 worker`. */
export interface SpeedupPath {
  /** The problem and the language of its kernel. */
  readonly problem: string;
  readonly language: string;
  readonly size: number;
  readonly unit: string;
  readonly way: string;
}

export function speedupPath({ problem, language, size, unit, way }: SpeedupPath): string {
  return `${problem} in ${language}, ${size} ${unit}: ${way}`;
}

export function readSpeedupPath(path: string): SpeedupPath {
  const [, problem = "", language = "", size, unit = "", way = ""] =
    /^(.*) in (\w+), (\d+) (\w+): (.*)$/.exec(path)!;
  return { problem, language, size: Number(size), unit, way };
}

/** Recognition in one way: `rfaas`, or `rfaas, model at each call`. */
export function recognitionPath(way: string, anew: boolean): string {
  return anew ? `${way}, model at each call` : way;
}

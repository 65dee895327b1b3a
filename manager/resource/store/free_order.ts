/** The nodes by their free cores, in memory. A grant takes the first ones, so it does not read them all. */
import type { NodeLoad } from "./store.ts";

/**
 * A list of nodes that is sorted again whenever the free cores of one change: those with the most free cores first, and of
 * those with as many by name.
 */
export class FreeOrder<Load extends NodeLoad> {
  readonly #all: () => Iterable<Load>;
  /** Made on demand. */
  #sorted: Load[] | undefined;

  /** @param all returns all nodes. Each has a name of its own. */
  constructor(all: () => Iterable<Load>) {
    this.#all = all;
  }

  /** The list. Valid until the next change. */
  list(): readonly Load[] {
    return this.#sorted ??= [...this.#all()].sort(compare);
  }

  /** Discards the list: a node was added, renamed or removed. */
  reset(): void {
    this.#sorted = undefined;
  }

  /** Changes one node in place, whose name stays. */
  change(load: Load, change: () => void): void {
    const sorted = this.#sorted;
    const before = freeCores(load);
    const at = sorted === undefined ? 0 : placeOf(sorted, load);
    change();
    if (sorted === undefined || freeCores(load) === before) return;
    sorted.splice(at, 1);
    sorted.splice(placeOf(sorted, load), 0, load);
  }
}

/** The free cores of a node. Negative if its capacity was reduced. */
export function freeCores({ node, allocated }: NodeLoad): number {
  return node.cores - allocated.workers;
}

function compare(a: NodeLoad, b: NodeLoad): number {
  return freeCores(b) - freeCores(a) || (a.node.name < b.node.name ? -1 : 1);
}

/** The index of the first node that is not before `load`: its own, if the list has it. */
function placeOf(sorted: readonly NodeLoad[], load: NodeLoad): number {
  let from = 0;
  let to = sorted.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    const other = sorted[middle]!;
    if (other !== load && compare(other, load) < 0) from = middle + 1;
    else to = middle;
  }
  return from;
}

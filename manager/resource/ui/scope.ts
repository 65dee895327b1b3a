/** What one group of viewers may see of the cluster, and what of it changed. */
import { START_BOUNDS_MS } from "../books/start_counts.ts";
import { MAX_SHOWN_WAITING, SHOWN_START_MINUTES } from "../policy.ts";
import type { TokenRow } from "../store/store.ts";
import type { Moment, NodeMoment, PartMoment } from "./cluster_reader.ts";
import type {
  ShownChange,
  ShownLease,
  ShownNode,
  ShownParts,
  ShownStarts,
} from "./shown_cluster.ts";

/** The name of the scope of operators, which no client can have: names have no spaces. */
const OPERATORS = " operators";

/** What is the same in each message, without the end of the object. */
const STARTS = JSON.stringify(
  {
    boundsMs: START_BOUNDS_MS,
    minutes: SHOWN_START_MINUTES,
  } satisfies Omit<ShownStarts, "columns">,
).slice(0, -1);

/** Operators see everything; the tokens of one client see what is its own, and the totals. */
export function scopeNameOf({ role, name }: Pick<TokenRow, "role" | "name">): string {
  return role === "operator" ? OPERATORS : name;
}

/** The changes for viewers that may see the same. Rows are kept as texts: these are compared, and sent. */
export class Scope {
  readonly #sees: (client: string) => boolean;
  #moment: Moment | undefined;
  #nodes = new Map<string, string>();
  #leases = new Map<number, string>();
  /** By minute. */
  #starts = new Map<number, string>();
  /** The leases of these texts, which are other objects once they have changed. */
  #shownLeases = new Map<number, ShownLease>();
  #change = "";
  #whole: string | undefined;

  constructor(name: string) {
    this.#sees = name === OPERATORS ? () => true : (client) => client === name;
  }

  /** What changed at the last update, as JSON. */
  get change(): string {
    return this.#change;
  }

  /** Everything, as JSON. */
  get whole(): string {
    return this.#whole ??= this.#text(
      true,
      [...this.#nodes.values()],
      [...this.#leases.values()],
      [],
      [],
      [...this.#starts.values()],
    );
  }

  update(moment: Moment): void {
    this.#moment = moment;
    this.#whole = undefined;
    const nodes = new Map<string, string>();
    const leases = new Map<number, string>();
    const shownLeases = new Map<number, ShownLease>();
    const starts = new Map(moment.starts.map((each) => [each.minute, JSON.stringify(each)]));
    for (const node of moment.nodes) {
      nodes.set(node.node, JSON.stringify(this.#shown(node)));
      for (const { lease } of node.parts) {
        if (lease === undefined || leases.has(lease.key) || !this.#sees(lease.client)) continue;
        const isSame = this.#shownLeases.get(lease.key) === lease;
        leases.set(lease.key, isSame ? this.#leases.get(lease.key)! : JSON.stringify(lease));
        shownLeases.set(lease.key, lease);
      }
    }
    this.#change = this.#text(
      false,
      changed(this.#nodes, nodes),
      changed(this.#leases, leases),
      [...this.#nodes.keys()].filter((id) => !nodes.has(id)),
      [...this.#leases.keys()].filter((key) => !leases.has(key)),
      changed(this.#starts, starts),
    );
    this.#nodes = nodes;
    this.#leases = leases;
    this.#starts = starts;
    this.#shownLeases = shownLeases;
  }

  #text(
    whole: boolean,
    nodes: readonly string[],
    leases: readonly string[],
    goneNodes: readonly string[],
    goneLeases: readonly number[],
    columns: readonly string[],
  ): string {
    const { nowMs, totals, waiting } = this.#moment!;
    const rest: Omit<ShownChange, "nodes" | "leases" | "starts"> = {
      whole,
      nowMs,
      totals,
      waiting: waiting.filter(({ client }) => this.#sees(client)).slice(0, MAX_SHOWN_WAITING),
      goneNodes,
      goneLeases,
    };
    const starts = `${STARTS},"columns":[${columns}]}`;
    const lists = `"nodes":[${nodes}],"leases":[${leases}],"starts":${starts}`;
    return `${JSON.stringify(rest).slice(0, -1)},${lists}}`;
  }

  #shown(node: NodeMoment): ShownNode {
    return { ...node, parts: this.#parts(node) };
  }

  #parts({ parts, allocatedCores }: NodeMoment): ShownParts {
    const own = parts.filter(({ lease }) => lease !== undefined && this.#sees(lease.client));
    const numbers = own.flatMap(numbersOf);
    const others = own.reduce((left, { workers }) => left - workers, allocatedCores);
    return others > 0 ? [...numbers, 0, others, 1, 0, 0, -1] : numbers;
  }
}

function numbersOf({ lease, workers, claimed, compute, poll, calls = -1 }: PartMoment): number[] {
  const hundredths = (cores: number) => Math.min(100, Math.round(cores / workers * 100));
  return [
    lease!.key,
    workers,
    claimed ? 1 : 0,
    hundredths(compute),
    hundredths(poll),
    Math.round(calls),
  ];
}

function changed<K>(before: ReadonlyMap<K, string>, now: ReadonlyMap<K, string>): string[] {
  return [...now].flatMap(([key, text]) => before.get(key) === text ? [] : [text]);
}

/** The classes of clients, as the configuration names them: which waiting requests are served first. */
import { DEFAULT_GRACE_MS } from "../../../runtime/http/node_api.ts";
import type { TokenRow } from "../store/store.ts";

/** The class of tokens that name none, or one that the configuration does not name any more. */
export const DEFAULT_CLASS = "default";

/** What the configuration states about a class. */
export interface ClassOptions {
  /** Requests of a class with a higher one are served first. @default 0 */
  readonly priority?: number;
  /** What an account may use before others of its priority are served first, relative to the shares of their classes. @default 1 */
  readonly share?: number;
  /** Whether leases of lower priorities have to leave for its waiting requests. @default {false} */
  readonly preempts?: boolean;
  /** How long its own leases have to move to other nodes when they are preempted, in seconds. @default 10 */
  readonly graceSeconds?: number;
}

/** A class of clients. */
export interface RequestClass {
  readonly name: string;
  readonly priority: number;
  readonly share: number;
  readonly preempts: boolean;
  readonly graceMs: number;
}

/** All classes. There is always the default one, also where the configuration names none. */
export class Classes {
  readonly #byName = new Map<string, RequestClass>([[DEFAULT_CLASS, classOf(DEFAULT_CLASS, {})]]);
  /** Whether the configuration names any class. Otherwise no output has classes. */
  readonly areNamed: boolean;

  /** @param named the classes of the configuration, by name. */
  constructor(named: Readonly<Record<string, ClassOptions>> = {}) {
    const entries = Object.entries(named);
    this.areNamed = entries.length > 0;
    for (const [name, options] of entries) this.#byName.set(name, classOf(name, options));
  }

  /** Their names, the highest priority first. */
  get names(): string[] {
    return [...this.#byName.values()]
      .sort((a, b) => b.priority - a.priority || (a.name < b.name ? -1 : 1))
      .map(({ name }) => name);
  }

  /** Whether any of them preempts others. */
  get havePreemption(): boolean {
    return this.#byName.values().some(({ preempts }) => preempts);
  }

  has(name: string): boolean {
    return this.#byName.has(name);
  }

  /** The class of a client. */
  of({ class: name = DEFAULT_CLASS }: Pick<TokenRow, "class">): RequestClass {
    return this.#byName.get(name) ?? this.#byName.get(DEFAULT_CLASS)!;
  }
}

function classOf(name: string, options: ClassOptions): RequestClass {
  const { priority = 0, share = 1, preempts = false, graceSeconds } = options;
  const graceMs = graceSeconds === undefined ? DEFAULT_GRACE_MS : graceSeconds * 1000;
  return { name, priority, share, preempts, graceMs };
}

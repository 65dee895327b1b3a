/** The parts of Preact that the page uses. */

/** A description of an element. */
export interface VNode {
  readonly type: unknown;
}

/** What a component may return, and what an element may contain. */
export type Child = VNode | string | number | boolean | null | undefined | readonly Child[];

export function h(type: unknown, props: unknown, ...children: Child[]): VNode;
export function render(node: Child, parent: unknown): void;
export function useState<T>(first: T | (() => T)): [T, (next: T | ((before: T) => T)) => void];
export function useEffect(effect: () => void | (() => void), inputs?: readonly unknown[]): void;
export function useLayoutEffect(
  effect: () => void | (() => void),
  inputs?: readonly unknown[],
): void;
export function useRef<T>(first: T): { current: T };

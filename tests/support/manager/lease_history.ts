/**
 * What clients observed of leases. A lease runs from its grant to its end, once, so one order of all requests explains
 * the observations of a lease exactly if none that it runs began after one of its end had ended.
 */

/** An observation: the response to a request, and the times of both. */
export interface LeaseEvent {
  readonly lease: string;
  /** `granted` and `renewed`: it runs. `released` and `over`: it has ended. */
  readonly kind: "granted" | "renewed" | "released" | "over";
  /** The name of the request for the lease. */
  readonly request?: string;
  readonly startMs: number;
  readonly endMs: number;
}

/** The observations of all clients. */
export class LeaseHistory {
  readonly events: LeaseEvent[] = [];

  /** Records the response to a request. */
  async observe<T>(
    send: () => Promise<T>,
    read: (response: T) => Pick<LeaseEvent, "lease" | "kind" | "request">,
  ): Promise<T> {
    const startMs = performance.now();
    const response = await send();
    this.events.push({ ...read(response), startMs, endMs: performance.now() });
    return response;
  }
}

/** The pairs of observations that no order of the requests explains. */
export function contradictionsOf(events: readonly LeaseEvent[]): string[] {
  const leaseOf = new Map<string, string>();
  const found: string[] = [];
  for (const { kind, request, lease } of events) {
    if (kind !== "granted" || request === undefined) continue;
    const first = leaseOf.get(request) ?? lease;
    leaseOf.set(request, first);
    if (first !== lease) found.push(`request ${request} has the leases ${first} and ${lease}`);
  }
  for (const [lease, of] of Map.groupBy(events, ({ lease }) => lease)) {
    const isOver = ({ kind }: LeaseEvent) => kind === "released" || kind === "over";
    const overMs = Math.min(...of.filter(isOver).map(({ endMs }) => endMs));
    const beganMs = Math.min(
      ...of.filter(({ kind }) => kind === "granted").map(({ startMs }) => startMs),
    );
    for (const event of of) {
      if (!isOver(event) && event.startMs > overMs) {
        found.push(`lease ${lease} was ${event.kind} after its end`);
      }
      if (event.endMs < beganMs) found.push(`lease ${lease} was ${event.kind} before its grant`);
    }
  }
  return found;
}

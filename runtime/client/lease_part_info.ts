/** What one node serves of a lease. */
export interface LeasePartInfo {
  /** The lease's id with the resource manager: 32 hex digits. A part that has moved has another one. */
  readonly id: string;
  /** The node's name. */
  readonly node: string;
  /** The indexes of the workers that the node serves. A call may name one as its `worker`. */
  readonly workerIndexes: readonly number[];
}

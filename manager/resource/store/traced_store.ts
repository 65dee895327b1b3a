/** A store whose changes are spans of the requests that need them. */

import { otelApi } from "../../../runtime/tracing/otel_api.ts";
import { activeTrace, withSpan } from "../../../runtime/tracing/tracing.ts";
import type { Store } from "./store.ts";

/** @returns the store itself where no traces are recorded. */
export function tracedStore(store: Store): Store {
  if (otelApi() === undefined) return store;
  const attributes = { "rfaas.store": store.shared === undefined ? "file" : "shared" };
  return {
    ...(store.files === undefined ? {} : { files: store.files }),
    ...(store.shared === undefined ? {} : { shared: store.shared }),
    get failure() {
      return store.failure;
    },
    // A change of a regular task is part of no trace.
    transact: (change) =>
      activeTrace() === undefined
        ? store.transact(change)
        : withSpan("rfaas.manager.commit", { attributes }, () => store.transact(change)),
    close: () => store.close(),
  };
}

/** The terms of a lease that a test takes with protocol messages. */

import { NO_PERMISSIONS } from "../../../runtime/permissions.ts";
import type { ServeTerms } from "../../../runtime/protocol/serve_terms.ts";

/** The terms of one worker, with the changes of a test. */
export function serveTerms(changed: Partial<ServeTerms> = {}): ServeTerms {
  return {
    workerIndexes: [0],
    depth: 1,
    maxBytes: 64,
    hotMs: 1,
    graceMs: 500,
    logs: false,
    wasi: false,
    permissions: NO_PERMISSIONS,
    ...changed,
  };
}

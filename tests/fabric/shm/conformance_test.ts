/** The contract, on shared memory. */

import { openShm } from "../../../fabric/shm/provider.ts";
import { conformance } from "../conformance/mod.ts";

conformance("shm", openShm, {
  peer: { module: new URL("../../../fabric/shm/provider.ts", import.meta.url), open: "openShm" },
  sparse: true,
});

/** The contract, on an RDMA device. */

import { openVerbs } from "../../fabric/verbs/provider.ts";
import { conformance } from "../fabric/conformance/mod.ts";

conformance("verbs", openVerbs, {
  peer: { module: new URL("../../fabric/verbs/provider.ts", import.meta.url), open: "openVerbs" },
  sparse: false,
});

/** The contract, on an RDMA device. */

import { openVerbs } from "../../../fabric/verbs/provider.ts";
import { keepLibraries } from "../../support/fabric/keep_libraries.ts";
import { conformance } from "../conformance/mod.ts";
import { connectPair } from "../conformance/pair.ts";

keepLibraries();
{
  // All libraries are open before the first test, which would have to close what it opens.
  await using _pair = await connectPair(openVerbs);
}

conformance("verbs", openVerbs, {
  peer: {
    module: new URL("../../../fabric/verbs/provider.ts", import.meta.url),
    open: "openVerbs",
  },
  sparse: false,
});

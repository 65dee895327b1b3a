/** The tests of calls that a fabric may fail, over RDMA, all on one cluster. */

import "../../runtime/call/invoke_test.ts";
import "../../runtime/call/prepared_call_test.ts";
import "../../runtime/call/deadline_test.ts";
import "../../runtime/call/streams_and_aborts_test.ts";

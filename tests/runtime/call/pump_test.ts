import { assert } from "@std/assert";
import { openOneThread } from "../../../bench/one_thread.ts";
import { CallTask } from "../../../runtime/call/call_task.ts";
import { Pump } from "../../../runtime/call/pump.ts";
import { WorkerCrew } from "../../../runtime/call/worker_crew.ts";

const none = () => {};

for (const lanes of [1, 16]) {
  Deno.test(`timers fire beside ${lanes} chains of calls whose replies are there at once`, async () => {
    await using ends = await openOneThread({
      depth: 16,
      maxBytes: 64,
      functions: { nothing: (input) => input.length },
    });
    const { session, server } = ends;
    const poll = session.poll.bind(session);
    session.poll = () => server.serveNext() && poll(); // no reply is ever waited for
    const crew = new WorkerCrew(new Pump(none, none), 1);
    crew.join([session], none);
    let calls = 0;
    let timers = 0;
    const untilMs = performance.now() + 300;
    const timer = setInterval(() => timers++, 10);
    await Promise.all(Array.from({ length: lanes }, async () => {
      while (performance.now() < untilMs) {
        const task = new CallTask(
          "nothing",
          new Uint8Array(8),
          64,
          {},
          () => crew.serve(),
          none,
          none,
        );
        crew.submit(task);
        await task.promise;
        calls++;
      }
    }));
    clearInterval(timer);
    assert(calls > 100, `${calls} calls`);
    assert(timers >= 10, `${timers} timers of 10 ms fired in 300 ms`);
  });
}

/** A resource manager with classes and one node, for tests of preemption. */
import type { HeartbeatResponse } from "../../../runtime/http/manager_api.ts";
import { ManagerClient } from "../../../runtime/http/manager_client.ts";
import { lastingMs } from "../time_factor.ts";
import { until } from "../waiting.ts";
import { FakeClock, TestManager } from "../manager/test_manager.ts";

const CLASSES = {
  urgent: { priority: 5, preempts: true },
  default: { graceSeconds: 3 },
  spare: { priority: -5, graceSeconds: 1 },
};
/** Bounded, so that a test whose wait does not end fails with a reason. */
export const longMs = lastingMs(60_000);

/** A resource manager with one node, whose heartbeats are those of the test. */
export class PreemptedNode implements AsyncDisposable {
  readonly #gone = new AbortController();
  readonly #waits: Promise<unknown>[] = [];
  readonly #clients: ManagerClient[] = [];
  readonly #held: { lease: string; workers: number }[] = [];

  private constructor(
    readonly test: TestManager,
    readonly clock: FakeClock,
    readonly id: string,
  ) {}

  static async start(cores: number, classes: typeof CLASSES | Record<string, object> = CLASSES) {
    const clock = new FakeClock();
    const test = await TestManager.start({ clock: clock.read, classes });
    const { node } = await test.register("n1", { cores });
    return new PreemptedNode(test, clock, node);
  }

  async client(name: string, inClass: string): Promise<ManagerClient> {
    const { token } = await this.test.operator.createToken({
      role: "client",
      name,
      class: inClass,
    });
    const client = new ManagerClient({ url: this.test.url, token });
    this.#clients.push(client);
    return client;
  }

  /** Takes a lease of a client and claims it. */
  async hold(client: ManagerClient, workers: number): Promise<string> {
    const { lease } = await client.takeLease({ workers, memoryBytes: 0, termMs: 3_600_000 });
    await this.claim(lease, workers);
    return lease;
  }

  async claim(lease: string, workers: number): Promise<void> {
    await this.test.node.reportLease(this.id, lease, { epoch: 1, state: "claimed", workers });
    this.#held.push({ lease, workers });
  }

  /** Requests a lease, and resolves when the request waits and was tried. */
  async wait(client: ManagerClient, workers: number, waitMs = longMs, signal = this.#gone.signal) {
    const before = (await this.test.operator.queue()).waiting.length;
    const request = { workers, memoryBytes: 0, termMs: 3_600_000, waitMs };
    const granted = client.takeLease(request, signal);
    this.#waits.push(granted.catch(() => {}));
    await until(async () => {
      const { waiting } = await this.test.operator.queue();
      return waiting.length > before && waiting.every(({ reason }) => reason.code !== "untried");
    }, () => "the request waits");
    return { granted };
  }

  /** What has to leave, by the response to a heartbeat. */
  async leave(): Promise<HeartbeatResponse["leave"]> {
    const { leave } = await this.test.node.heartbeat(this.id, { epoch: 1, leases: this.#held });
    return leave;
  }

  /** Reports that a lease has ended on the node. */
  async ended(lease: string): Promise<void> {
    this.#held.splice(this.#held.findIndex((each) => each.lease === lease), 1);
    await this.test.node.reportLease(this.id, lease, { epoch: 1, state: "ended", workers: 1 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#gone.abort();
    await Promise.all(this.#waits);
    for (const client of this.#clients) client.close();
    await this.test[Symbol.asyncDispose]();
  }
}

/**
 * The load of the control suite, in a separate process: nodes that send heartbeats, and clients that take leases. Its
 * argument is the task as JSON, its output the results as JSON.
 */

import { delay } from "@std/async";
import { CLAIM_WITHIN_MS } from "../../runtime/grant/claim_time.ts";
import { HttpLine, type LineResponse } from "./http_line.ts";
import { cpuSeconds } from "../process_stat.ts";

/** The load to make. */
export interface LoadTask {
  readonly url: string;
  /** The process of the manager. */
  readonly pid: number;
  readonly tokens: { readonly node: string; readonly client: string };
  readonly nodes: number;
  readonly leasesPerNode: number;
  /** Client requests in flight. */
  readonly inFlight: number;
  /** Duration of each part. */
  readonly seconds: number;
}

/** The results of one part. */
export interface LoadPart {
  /** The time of each grant, in microseconds. */
  readonly grantsUs: readonly number[];
  readonly seconds: number;
  /** Cores that the manager used, on average. */
  readonly cores: number;
}

/**
 * `idle`: heartbeats only. `grants`: leases are taken and not claimed, so that they expire. `leases`: each lease is taken,
 * claimed by a node, and released.
 */
export interface LoadResult {
  readonly idle: LoadPart;
  readonly grants: LoadPart;
  readonly leases: LoadPart;
}

interface Node {
  readonly id: string;
  readonly epoch: number;
  readonly leases: { lease: string; workers: number }[];
}

/** More than the leases use: the suite measures the manager, not full nodes. */
const CORES = 4096;
const HEARTBEAT_MS = 1000;
const LEASE_REQUEST = { workers: 1, memoryBytes: 1, termMs: 3_600_000 };

class Load {
  readonly #task: LoadTask;
  readonly #nodes = new Map<string, Node>();
  readonly #listeners: HttpLine[] = [];
  #isEnding = false;

  constructor(task: LoadTask) {
    this.#task = task;
  }

  async run(): Promise<LoadResult> {
    await this.#withLines((line, at) => this.#register(line, at));
    using heartbeats = await HttpLine.open(this.#task.url);
    const beating = this.#sendHeartbeats(heartbeats);
    const polling = [...this.#nodes.values()].map((node) => this.#pollNotifications(node));
    await this.#withLines((line, at) => this.#fill(line, at));
    const idle = await this.#measure(() => delay(this.#task.seconds * 1000));
    const grants = await this.#measure((line) => this.#take(line));
    // The leases that were not claimed expire first.
    await delay(CLAIM_WITHIN_MS + HEARTBEAT_MS);
    const leases = await this.#measure((line) => this.#takeAndRelease(line));
    this.#isEnding = true;
    await beating;
    for (const line of this.#listeners) line[Symbol.dispose]();
    await Promise.allSettled(polling);
    return { idle, grants, leases };
  }

  /** Registers the nodes of this connection. */
  async #register(line: HttpLine, at: number): Promise<void> {
    const { nodes, inFlight } = this.#task;
    for (let n = at; n < nodes; n += inFlight) {
      const registration = {
        name: `node-${n}`,
        cores: CORES,
        memoryBytes: CORES * 2 ** 20,
        addresses: [`shm:node-${n}`],
        bootId: `boot-${n}`,
      };
      const { node, epoch } = (await this.#asNode(line, "POST", "/v1/nodes", registration)).body;
      this.#nodes.set(node, { id: node, epoch, leases: [] });
    }
  }

  /** Takes the leases of this connection that are held throughout. */
  async #fill(line: HttpLine, at: number): Promise<void> {
    const { nodes, inFlight, leasesPerNode } = this.#task;
    for (let n = at; n < nodes * leasesPerNode; n += inFlight) {
      const { lease, node } = await this.#take(line);
      await this.#claim(line, lease, node);
      node.leases.push({ lease, workers: 1 });
    }
  }

  async #take(line: HttpLine): Promise<{ lease: string; node: Node }> {
    const { client } = this.#task.tokens;
    const { body } = expect(201, await line.request("POST", "/v1/leases", client, LEASE_REQUEST));
    return { lease: body.lease, node: this.#nodes.get(body.grants[0].node)! };
  }

  async #claim(line: HttpLine, lease: string, { id, epoch }: Node): Promise<void> {
    const report = { epoch, state: "claimed", workers: 1 };
    await this.#asNode(line, "PUT", `/v1/nodes/${id}/leases/${lease}`, report);
  }

  async #takeAndRelease(line: HttpLine): Promise<number> {
    const start = performance.now();
    const { lease, node } = await this.#take(line);
    const tookMs = performance.now() - start;
    await this.#claim(line, lease, node);
    expect(204, await line.request("DELETE", `/v1/leases/${lease}`, this.#task.tokens.client));
    return tookMs;
  }

  /** Sends the heartbeats of all nodes, spread evenly over each second. */
  async #sendHeartbeats(line: HttpLine): Promise<void> {
    const nodes = [...this.#nodes.values()];
    let dueMs = performance.now();
    for (let n = 0; !this.#isEnding; n++) {
      const { id, epoch, leases } = nodes[n % nodes.length]!;
      // Late heartbeats are not caught up by faster ones.
      dueMs = Math.max(dueMs + HEARTBEAT_MS / nodes.length, performance.now() - 10);
      const waitMs = dueMs - performance.now();
      if (waitMs > 1) await delay(waitMs);
      await this.#asNode(line, "POST", `/v1/nodes/${id}/heartbeat`, { epoch, leases });
    }
  }

  /** Polls for the notifications of a node, as nodes do. */
  async #pollNotifications({ id, epoch }: Node): Promise<void> {
    const line = await HttpLine.open(this.#task.url);
    this.#listeners.push(line);
    let since: number | undefined;
    while (!this.#isEnding) {
      const request = { epoch, ...(since === undefined ? {} : { since }) };
      since =
        (await this.#asNode(line, "POST", `/v1/nodes/${id}/notifications`, request)).body.revision;
    }
  }

  async #measure(act: (line: HttpLine) => Promise<unknown>): Promise<LoadPart> {
    const grantsUs: number[] = [];
    const usedBefore = await cpuSeconds(this.#task.pid);
    const startMs = performance.now();
    const endMs = startMs + this.#task.seconds * 1000;
    await this.#withLines(async (line) => {
      while (performance.now() < endMs) {
        const sentMs = performance.now();
        const grantMs = await act(line);
        grantsUs.push(
          (typeof grantMs === "number" ? grantMs : performance.now() - sentMs) * 1000,
        );
      }
    });
    const seconds = (performance.now() - startMs) / 1000;
    const cores = (await cpuSeconds(this.#task.pid) - usedBefore) / seconds;
    return { grantsUs, seconds, cores };
  }

  async #withLines(act: (line: HttpLine, at: number) => Promise<void>): Promise<void> {
    await Promise.all(Array.from({ length: this.#task.inFlight }, async (_, at) => {
      using line = await HttpLine.open(this.#task.url);
      await act(line, at);
    }));
  }

  async #asNode(line: HttpLine, method: string, path: string, body: unknown) {
    return expect(undefined, await line.request(method, path, this.#task.tokens.node, body));
  }
}

function expect(status: number | undefined, response: LineResponse): LineResponse {
  if (status === undefined ? response.status < 300 : response.status === status) return response;
  throw new Error(
    `Cannot continue: the manager responded ${response.status} ${JSON.stringify(response.body)}`,
  );
}

if (import.meta.main) {
  const task = JSON.parse(Deno.args[0]!) as LoadTask;
  console.log(JSON.stringify(await new Load(task).run()));
}

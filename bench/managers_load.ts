/**
 * The other side of the managers suite, in a process of its own: nodes that beat, and clients that take leases.
 * Reads its task as JSON from its argument, prints what it measured as JSON.
 */

import { claimWithinMs } from "../runtime/grant/grant.ts";
import { HttpLine, type LineAnswer } from "./http_line.ts";
import { cpuSeconds } from "./process_stat.ts";

/** What is to be done. */
export interface LoadTask {
  readonly url: string;
  /** The manager's process. */
  readonly pid: number;
  readonly tokens: { readonly node: string; readonly client: string };
  readonly nodes: number;
  readonly leasesPerNode: number;
  /** Requests of clients under way at a time. */
  readonly inFlight: number;
  /** How long each part is measured. */
  readonly seconds: number;
}

/** What was measured in one part. */
export interface LoadPart {
  /** How long each grant took, in microseconds. */
  readonly grantsUs: readonly number[];
  readonly seconds: number;
  /** What the manager used of cores: 1 is one core all the time. */
  readonly cores: number;
}

/**
 * `idle`: nodes beat and clients are silent. `grants`: leases are taken and lapse. `lives`: each is taken, claimed by a
 * node and given back.
 */
export interface LoadResult {
  readonly idle: LoadPart;
  readonly grants: LoadPart;
  readonly lives: LoadPart;
}

interface Node {
  readonly id: string;
  readonly epoch: number;
  readonly leases: { lease: string; workers: number }[];
}

/** More than is ever taken at a time: what is measured is the manager, not how full its nodes are. */
const CORES = 4096;
const BEAT_MS = 1000;
const LEASE_SECONDS = 3600;
const asked = { workers: 1, memoryBytes: 1, seconds: LEASE_SECONDS };

class Load {
  readonly #task: LoadTask;
  readonly #nodes = new Map<string, Node>();
  readonly #listeners: HttpLine[] = [];
  #ending = false;

  constructor(task: LoadTask) {
    this.#task = task;
  }

  async run(): Promise<LoadResult> {
    await this.#withLines((line, at) => this.#register(line, at));
    using beats = await HttpLine.open(this.#task.url);
    const beating = this.#beat(beats);
    const listening = [...this.#nodes.values()].map((node) => this.#listen(node));
    await this.#withLines((line, at) => this.#fill(line, at));
    const idle = await this.#measure(() => pause(this.#task.seconds * 1000));
    const grants = await this.#measure((line) => this.#take(line));
    // What was taken and not claimed lapses first.
    await pause(claimWithinMs + BEAT_MS);
    const lives = await this.#measure((line) => this.#live(line));
    this.#ending = true;
    await beating;
    for (const line of this.#listeners) line[Symbol.dispose]();
    await Promise.allSettled(listening);
    return { idle, grants, lives };
  }

  /** Registers this line's share of the nodes. */
  async #register(line: HttpLine, at: number): Promise<void> {
    const { nodes, inFlight } = this.#task;
    for (let n = at; n < nodes; n += inFlight) {
      const told = {
        name: `node-${n}`,
        cores: CORES,
        memoryBytes: CORES * 2 ** 20,
        addresses: [`shm:node-${n}`],
        bootId: `boot-${n}`,
      };
      const { node, epoch } = (await this.#asNode(line, "POST", "/v1/nodes", told)).body;
      this.#nodes.set(node, { id: node, epoch, leases: [] });
    }
  }

  /** Takes this line's share of the leases that are held all the time. */
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
    const { body } = expect(201, await line.ask("POST", "/v1/leases", client, asked));
    return { lease: body.lease, node: this.#nodes.get(body.grants[0].node)! };
  }

  async #claim(line: HttpLine, lease: string, { id, epoch }: Node): Promise<void> {
    const report = { epoch, state: "claimed", workers: 1 };
    await this.#asNode(line, "PUT", `/v1/nodes/${id}/leases/${lease}`, report);
  }

  async #live(line: HttpLine): Promise<number> {
    const start = performance.now();
    const { lease, node } = await this.#take(line);
    const took = performance.now() - start;
    await this.#claim(line, lease, node);
    expect(204, await line.ask("DELETE", `/v1/leases/${lease}`, this.#task.tokens.client));
    return took;
  }

  /** Keeps all nodes beating, evenly spread over each second. */
  async #beat(line: HttpLine): Promise<void> {
    const nodes = [...this.#nodes.values()];
    let dueMs = performance.now();
    for (let n = 0; !this.#ending; n++) {
      const { id, epoch, leases } = nodes[n % nodes.length]!;
      // Nodes that could not beat in time do not beat the faster for it afterwards.
      dueMs = Math.max(dueMs + BEAT_MS / nodes.length, performance.now() - 10);
      const waitMs = dueMs - performance.now();
      if (waitMs > 1) await pause(waitMs);
      await this.#asNode(line, "POST", `/v1/nodes/${id}/heartbeat`, { epoch, leases });
    }
  }

  /** Waits for a node's orders all the time, as nodes do; nothing comes of them here. */
  async #listen({ id, epoch }: Node): Promise<void> {
    const line = await HttpLine.open(this.#task.url);
    this.#listeners.push(line);
    let since: number | undefined;
    while (!this.#ending) {
      const asked = { epoch, ...(since === undefined ? {} : { since }) };
      since = (await this.#asNode(line, "POST", `/v1/nodes/${id}/orders`, asked)).body.revision;
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
        const took = await act(line);
        grantsUs.push((typeof took === "number" ? took : performance.now() - sentMs) * 1000);
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
    return expect(undefined, await line.ask(method, path, this.#task.tokens.node, body));
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function expect(status: number | undefined, answer: LineAnswer): LineAnswer {
  if (status === undefined ? answer.status < 300 : answer.status === status) return answer;
  throw new Error(
    `Cannot go on: the manager answered ${answer.status} ${JSON.stringify(answer.body)}`,
  );
}

if (import.meta.main) {
  const task = JSON.parse(Deno.args[0]!) as LoadTask;
  console.log(JSON.stringify(await new Load(task).run()));
}

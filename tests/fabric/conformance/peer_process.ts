/** A connection to another process. */

import type { Connection, ConnectionOptions, Provider } from "../../../fabric/fabric.ts";
import { limitMs } from "../../support/time_factor.ts";
import type { ConformanceOptions } from "./options.ts";
import { ARENA_BYTES, type Open } from "./pair.ts";

/** The roles of tests/support/fabric/fabric_peer.ts. */
export type Role = "echo" | "echo-sync" | "stream" | "idle" | "exit";

/** This process's end, and the other process. */
export interface PeerProcess extends AsyncDisposable {
  readonly provider: Provider;
  readonly connection: Connection;
  readonly process: Deno.ChildProcess;
  /** The next line that the peer prints. */
  line(): Promise<string>;
  /** Sends SIGKILL and waits for the end. */
  kill(): Promise<void>;
}

/** Starts a peer and accepts its connection. */
export async function startPeer(
  open: Open,
  { peer }: ConformanceOptions,
  role: Role,
  options: Partial<ConnectionOptions> = {},
): Promise<PeerProcess> {
  const provider = open();
  const listener = await provider.listen();
  const process = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--allow-all",
      "--no-check",
      "--no-prompt",
      new URL("../../support/fabric/fabric_peer.ts", import.meta.url).href,
      peer.module.href,
      peer.open,
      role,
      listener.address,
    ],
    stdout: "piped",
  }).spawn();
  const lines = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const request = await listener.accept({ signal: AbortSignal.timeout(limitMs(10_000)) });
  const connection = await request!.accept({ arenaBytes: ARENA_BYTES, ...options });
  listener.close();
  const kill = async () => {
    try {
      process.kill("SIGKILL");
    } catch { // it has ended already
    }
    await process.status;
  };
  return {
    provider,
    connection,
    process,
    kill,
    line: async () => {
      const { value } = await lines.read();
      if (!value) throw new Error("the peer printed nothing");
      return value.trim();
    },
    [Symbol.asyncDispose]: async () => {
      await kill();
      await lines.cancel();
      connection.close();
      provider.close();
      await provider.closed;
    },
  };
}

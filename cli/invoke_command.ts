/** `rfaas invoke`: one call, from the shell. */

import type { Command } from "commander";
import { connect } from "../runtime/client/client.ts";
import type { FabricChoice } from "../runtime/keeper/reach_node.ts";
import { Ending } from "./ending.ts";
import { clientFabricOption } from "./fabric_option.ts";
import { logToStderr } from "./logging.ts";
import { addManagerOptions, findManager, type ManagerOptions } from "./manager_options.ts";
import { type CommonOptions, newCommand } from "./new_command.ts";
import { byteSize, milliseconds, waitSeconds } from "./number_argument.ts";

/** The room for a result if none is asked for. */
const DEFAULT_MAX_BYTES = 2 ** 20;

interface Options extends CommonOptions, ManagerOptions {
  functions: string;
  input?: string;
  output: string;
  deadlineMs?: number;
  maxBytes?: number;
  memory?: number;
  wait: number;
  fabric?: FabricChoice;
}

export function invokeCommand(): Command {
  return addManagerOptions(
    newCommand(
      "invoke",
      "Call one function once, on a leased worker.",
      `$ echo hello | rfaas invoke echo --functions functions.ts --input -
      $ rfaas invoke thumbnail --functions functions.ts --input photo.jpg --output small.jpg`,
    ).argument("<function>", "an exported function of the module"),
  )
    .requiredOption("--functions <file>", "the module that exports it")
    .option("--input <file>", "the argument's bytes; - for standard input (default: none)")
    .option("--output <file>", "where the result goes; - for standard output", "-")
    .option("--deadline-ms <number>", "how long the call may take", milliseconds)
    .option(
      "--max-bytes <size>",
      "the largest argument or result (default: 1 MiB, or the argument's size)",
      byteSize,
    )
    .option("--memory <size>", "memory of the executor (default: 256 MiB)", byteSize)
    .option("--wait <seconds>", "how long to wait for room, up to 600", waitSeconds, 0)
    .addOption(clientFabricOption())
    .action(invokeOnce);
}

async function invokeOnce(name: string, options: Options): Promise<void> {
  using ending = new Ending();
  const { signal } = ending;
  await using _log = await logToStderr(options.logLevel);
  const { url, ...credentials } = await findManager(options);
  const input = await readInput(options.input, signal);
  await using client = await connect({
    manager: url,
    ...credentials,
    signal,
    ...(options.fabric === undefined ? {} : { fabric: options.fabric }),
  });
  await using lease = await client.lease({
    functions: options.functions,
    maxBytes: options.maxBytes ?? Math.max(DEFAULT_MAX_BYTES, input.length),
    memory: options.memory ?? "256MiB",
    wait: options.wait,
    signal,
  });
  const { deadlineMs } = options;
  const result = await lease.invoke(
    name,
    input,
    deadlineMs === undefined ? { signal } : { signal, deadlineMs },
  );
  if (options.output === "-") {
    for (let done = 0; done < result.length;) {
      done += await Deno.stdout.write(result.subarray(done));
    }
  } else await naming("write --output", options.output, (file) => Deno.writeFile(file, result));
}

/** Says of what goes wrong with a file which one it is, and what it was for. */
async function naming<T>(
  doing: string,
  file: string,
  work: (file: string) => Promise<T>,
): Promise<T> {
  try {
    return await work(file);
  } catch (cause) {
    if (!(cause instanceof Error) || cause.name === "AbortError") throw cause;
    throw new TypeError(`Cannot ${doing} ${file}`, { cause });
  }
}

async function readInput(file: string | undefined, signal: AbortSignal): Promise<Uint8Array> {
  if (file === undefined) return new Uint8Array();
  if (file !== "-") {
    return await naming("read --input", file, () => Deno.readFile(file, { signal }));
  }
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  for await (const chunk of Deno.stdin.readable.pipeThrough(new TransformStream(), { signal })) {
    chunks.push(chunk);
  }
  return await new Blob(chunks).bytes();
}

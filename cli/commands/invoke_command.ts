/** `rfaas invoke`: one call, from the shell. */

import type { Command } from "commander";
import { connect } from "../../runtime/client/client.ts";
import type { FabricChoice } from "../../runtime/keeper/reach_node.ts";
import { ShutdownSignal } from "../shutdown_signal.ts";
import { clientFabricOption } from "../options/fabric_option.ts";
import { logToStderr } from "../logging.ts";
import { addManagerOptions, findManager, type ManagerOptions } from "../options/manager_options.ts";
import { type CommonOptions, newCommand } from "./new_command.ts";
import { byteSize, milliseconds, waitSeconds } from "../options/number_argument.ts";

/** The largest argument or result, if there is no `--max-bytes`. */
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
    ).argument("<function>", "Exported function of the module"),
  )
    .requiredOption("--functions <file>", "Module that exports the function")
    .option("--input <file>", "File with the argument; - for standard input (default: no bytes)")
    .option("--output <file>", "File for the result; - for standard output", "-")
    .option("--deadline-ms <number>", "Deadline of the call, in milliseconds", milliseconds)
    .option(
      "--max-bytes <size>",
      "Largest argument or result (default: 1 MiB, or the size of the argument)",
      byteSize,
    )
    .option("--memory <size>", "Memory of the functions (default: 256 MiB)", byteSize)
    .option("--wait <seconds>", "How long to wait for capacity, up to 600", waitSeconds, 0)
    .addOption(clientFabricOption())
    .action(invokeOnce);
}

async function invokeOnce(name: string, options: Options): Promise<void> {
  // Before the signal: Ctrl-C ends a prompt for the token.
  const { url, ...credentials } = await findManager(options);
  using shutdown = new ShutdownSignal();
  const { signal } = shutdown;
  await using _log = await logToStderr(options.logLevel);
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
    waitMs: Math.ceil(options.wait * 1000),
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
  } else {
    const { output } = options;
    await withFile("write --output", output, () => Deno.writeFile(output, result));
  }
}

/** Adds the option and the file to an error. */
async function withFile<T>(purpose: string, file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!(cause instanceof Error) || cause.name === "AbortError") throw cause;
    throw new TypeError(`Cannot ${purpose} ${file}`, { cause });
  }
}

async function readInput(file: string | undefined, signal: AbortSignal): Promise<Uint8Array> {
  if (file === undefined) return new Uint8Array();
  if (file !== "-") {
    return await withFile("read --input", file, () => Deno.readFile(file, { signal }));
  }
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  for await (const chunk of Deno.stdin.readable.pipeThrough(new TransformStream(), { signal })) {
    chunks.push(chunk);
  }
  return await new Blob(chunks).bytes();
}

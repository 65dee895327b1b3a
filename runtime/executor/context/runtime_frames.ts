/** The frames of the runtime in a stack. Foreign code and clients must not see them: they show the node's paths. */

const call = Function.prototype.call;
const indexOf: (text: string, part: string, from: number) => number = call.bind(
  String.prototype.indexOf,
);
const lastIndexOf: (text: string, part: string, from: number) => number = call.bind(
  String.prototype.lastIndexOf,
);
const slice: (text: string, from: number, to: number) => string = call.bind(String.prototype.slice);

/** The bundled worker is one file: this URL is that of the whole runtime. */
const RUNTIME_URL = import.meta.url;

/** Returns a text without the lines that show a frame of the runtime. */
export function withoutRuntimeFrames(text: string): string {
  let kept = "";
  let end = 0;
  for (;;) {
    const at = indexOf(text, RUNTIME_URL, end);
    if (at < 0) return kept + slice(text, end, text.length);
    const begin = at === 0 ? -1 : lastIndexOf(text, "\n", at);
    if (begin >= end) kept += slice(text, end, begin);
    const next = indexOf(text, "\n", at);
    if (next < 0) return kept;
    end = next;
  }
}

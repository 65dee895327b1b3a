/** The function of a worker, which the demo has too. */

export { thumbnail } from "../demo/thumbnail.ts";

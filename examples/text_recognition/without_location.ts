/**
 * Removes the global `location` of a worker thread. At its import onnxruntime-web takes the origin of that as the base of
 * a URL; in a thread whose module is a file, the origin is the text `null`, and the import throws `Invalid URL` (1.30.0).
 */
Object.defineProperty(globalThis, "location", {
  value: undefined,
  configurable: true,
  writable: true,
});

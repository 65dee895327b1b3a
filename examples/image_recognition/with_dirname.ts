/**
 * Gives the backend the global `__dirname` of CommonJS, which it reads although it loads no file from there; the bundler
 * leaves it out (tfjs-backend-wasm 4.22.0).
 */
Object.defineProperty(globalThis, "__dirname", { value: "/", configurable: true, writable: true });

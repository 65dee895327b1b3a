/** Preact with htm: components without a build step. */
// @ts-types="./htm.d.ts"
import htm from "./htm.js";
// @ts-types="./preact.d.ts"
import { h } from "./preact.js";

/** Makes elements from a template. */
export const html = htm.bind(h);
// @ts-types="./preact.d.ts"
export { render, useEffect, useLayoutEffect, useRef, useState } from "./preact.js";

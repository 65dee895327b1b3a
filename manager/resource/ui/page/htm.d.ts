/** The part of htm that the page uses. */
import type { h, VNode } from "./preact.d.ts";

declare const htm: {
  bind(create: typeof h): (strings: TemplateStringsArray, ...values: unknown[]) => VNode;
};
export default htm;

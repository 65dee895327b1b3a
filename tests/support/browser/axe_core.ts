/** axe-core, which finds what keeps assistive programs from a page. This is the only file that names its version. */
export { default as axeCore } from "npm:axe-core@4.14.1";

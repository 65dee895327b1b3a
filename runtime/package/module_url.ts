/** The URL of every module package: a fixed place, which reveals nothing about a host. There is no such file. */
export const MODULE_URL = "file:///package/functions.js";

/** Stands for the program that runs a package. There is no such file. */
export const PROGRAM = "/package/deno";

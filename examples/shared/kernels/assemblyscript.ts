/** The compiler of AssemblyScript. */
export { default as asc } from "npm:assemblyscript@0.28.20/asc";

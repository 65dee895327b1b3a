/** The escape sequences of terminals; the one importer of ansi-escapes. */
export {
  clearViewport,
  cursorHide,
  cursorShow,
  cursorTo,
  enterAlternativeScreen,
  eraseLine,
  exitAlternativeScreen,
  synchronizedOutput,
} from "npm:ansi-escapes@7.3.0";

/** The part of a browser that the script of the page uses. The types of Deno do not have it. */

export interface Element {
  readonly id: string;
  readonly clientWidth: number;
  textContent: string | null;
}

export interface Document {
  getElementById(id: string): Element | null;
  querySelectorAll(selector: string): Iterable<Element>;
}

export interface MediaQuery {
  readonly matches: boolean;
  addEventListener(type: "change", listener: () => void): void;
}

export interface Browser {
  readonly document: Document;
  matchMedia(query: string): MediaQuery;
  addEventListener(type: "resize", listener: () => void): void;
}

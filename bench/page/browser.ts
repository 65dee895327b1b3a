/** What the page's script uses of a browser; Deno's types know of none. */

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

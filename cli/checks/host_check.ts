/** The result of one check of a host. */

/** A result. */
export interface HostCheck {
  readonly name: string;
  /** Without a `required` item nothing works. Without an `optional` one something is slower or missing. */
  readonly kind: "required" | "optional";
  readonly ok: boolean;
  /** The state that was found. */
  readonly found: string;
  /** The command or step that adds what is missing. */
  readonly fix?: string;
}

/** Makes a result. `fix` is used only if it is not `ok`. */
export function check(
  name: string,
  kind: HostCheck["kind"],
  ok: boolean,
  found: string,
  fix: string,
): HostCheck {
  return { name, kind, ok, found, ...(ok ? {} : { fix }) };
}

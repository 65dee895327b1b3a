/** What was found about one thing that a host should have. */

/** One finding. */
export interface HostCheck {
  readonly name: string;
  /** `needed` and missing: nothing works. `better` and missing: something is slower or not there. */
  readonly kind: "needed" | "better";
  readonly ok: boolean;
  /** What was found. */
  readonly found: string;
  /** The command or step that helps, where something is missing. */
  readonly fix?: string;
}

/** A finding; `fix` counts only where it is not `ok`. */
export function check(
  name: string,
  kind: HostCheck["kind"],
  ok: boolean,
  found: string,
  fix: string,
): HostCheck {
  return { name, kind, ok, found, ...(ok ? {} : { fix }) };
}

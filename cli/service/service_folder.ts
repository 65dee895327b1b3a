/** Where units are, and the service manager that reads them. */

import { existsSync } from "node:fs";

/** The service manager of the system or of one user. */
export class ServiceFolder {
  readonly folder: string;
  /** Whether it is the service manager of the system. */
  readonly isSystem: boolean;
  /** The folder that will be the root of another system; empty for this system. */
  readonly #root: string;

  private constructor(folder: string, isSystem: boolean, root: string) {
    this.folder = folder;
    this.isSystem = isSystem;
    this.#root = root;
  }

  /**
   * For root that of the system, for others that of the user.
   *
   * @param root the folder in which a package is built, where nothing is started.
   */
  static find(root = ""): ServiceFolder {
    const isSystem = root !== "" || Deno.uid() === 0;
    if (isSystem) return new ServiceFolder(`${root}/etc/systemd/system`, true, root);
    const { XDG_CONFIG_HOME, HOME } = Deno.env.toObject();
    const config = XDG_CONFIG_HOME?.startsWith("/") ? XDG_CONFIG_HOME : `${HOME}/.config`;
    return new ServiceFolder(`${config}/systemd/user`, false, "");
  }

  /** Whether units can be started: systemd runs here. */
  get runs(): boolean {
    return this.#root === "" && existsSync("/run/systemd/system");
  }

  /** Whether a unit is there. */
  has(unit: string): boolean {
    return existsSync(`${this.folder}/${unit}`);
  }

  async write(unit: string, text: string): Promise<void> {
    await Deno.mkdir(this.folder, { recursive: true });
    const path = `${this.folder}/${unit}`;
    await Deno.writeTextFile(`${path}.new`, text, { mode: 0o644 });
    await Deno.rename(`${path}.new`, path);
  }

  async remove(unit: string): Promise<void> {
    await Deno.remove(`${this.folder}/${unit}`);
  }

  /** Runs `systemctl`. @throws {Error} With what it printed, if it fails, or if there is none. */
  async control(...args: readonly string[]): Promise<string> {
    const scope = this.#root !== "" ? [`--root=${this.#root}`] : this.isSystem ? [] : ["--user"];
    const { code, stdout, stderr } = await run([...scope, ...args]);
    if (code === 0) return new TextDecoder().decode(stdout).trim();
    const text = new TextDecoder().decode(stderr).trim();
    throw new Error(`Cannot run systemctl ${args.join(" ")}: ${text || `it ended with ${code}`}`);
  }
}

async function run(args: string[]): Promise<Deno.CommandOutput> {
  try {
    return await new Deno.Command("systemctl", { args, stdin: "null" }).output(); // may throw at once
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new Error("Cannot use systemd: there is no systemctl on this host");
  }
}

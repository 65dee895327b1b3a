/** The flags that docs/permissions.md lists for the commands. */

const PAGE = new URL("../../../docs/permissions.md", import.meta.url);

/** What stands for a placeholder of the page, such as `MANAGER`. */
export type Placeholders = Readonly<Record<string, string>>;

/** The flags of a command, such as `config show`. */
export async function documentedFlags(
  command: string,
  placeholders: Placeholders = {},
): Promise<string[]> {
  const rows = (await Deno.readTextFile(PAGE)).split("\n").map((line) => line.split("|"));
  const row = rows.find(([, programs]) => programs?.includes(`\`rfaas ${command}\``));
  if (row === undefined) throw new Error(`Cannot find flags: no row for rfaas ${command}`);
  return [...row[2]!.matchAll(/--allow-[^\s`]+/g)].map(([flag]) =>
    flag.replaceAll(/\b(HOST:PORT|[A-Z_]+)\b/g, (name) => placeholders[name] ?? name)
  );
}

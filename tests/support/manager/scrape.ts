/** Reads metrics as Prometheus does. */

/** The values of metrics by series, such as `rfaas_cluster_nodes{state="up"}`. */
export type Series = ReadonlyMap<string, number>;

/** Requests the metrics at an address. */
export async function scrape(url: string, token?: string): Promise<Series> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const response = await fetch(`${url}/metrics`, { headers });
  const text = await response.text();
  if (!response.ok) throw new Error(`Cannot scrape ${url}: ${response.status} ${text}`);
  return seriesOf(text);
}

/** Reads the text of metrics. */
export function seriesOf(text: string): Series {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(lines.map((line) => {
    const at = line.lastIndexOf(" ");
    return [line.slice(0, at), Number(line.slice(at + 1))];
  }));
}

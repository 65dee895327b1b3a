/** The column in the bundle; then, unless no source is known: the number of the source, its line and its column. */
type Segment = readonly [number] | readonly [number, number, number, number, number?];

/** Decodes the mappings of a source map: for each line of the bundle, its segments by column. All numbers begin at 0. */
export function decode(mappings: string): readonly (readonly Segment[])[];

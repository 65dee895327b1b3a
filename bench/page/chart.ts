/** One chart of the page. */

import type { EChartsOption } from "../../examples/shared/echarts.ts";
import type { Row } from "../rows.ts";
import type { Look } from "./look.ts";

export interface Chart {
  /** The id of its element. */
  readonly id: string;
  readonly title: string;
  /** An explanation in one or two sentences. */
  readonly text: string;
  /** One sentence of what its rows show, or `undefined` if they show too little. */
  readonly finding?: (rows: readonly Row[]) => string | undefined;
  /** The origin of figures that were not measured in this run. */
  readonly source?: string;
  readonly suite: string;
  /** Whether it shows a row of its suite. @default {all} */
  readonly shows?: (row: Row) => boolean;
  /** Its height in pixels. */
  readonly height: (rows: readonly Row[]) => number;
  readonly option: (rows: readonly Row[], look: Look) => EChartsOption;
}

/** Returns the rows of a chart. */
export function rowsOf({ suite, shows = () => true }: Chart, rows: readonly Row[]): Row[] {
  return rows.filter((row) => row.suite === suite && shows(row));
}

/** Published values in a chart of measured ones: hollow diamonds, with names beside them. */

import type { Look } from "./look.ts";

/** The name of the marks in the legend. */
export const PUBLISHED = "published, other hardware";

export interface Mark {
  readonly name: string;
  readonly x: number;
  readonly y: number;
}

/** Returns the series of the marks. @param format of a value, for its label. */
export function publishedSeries(
  look: Look,
  marks: readonly Mark[],
  format: (y: number) => string,
) {
  return {
    name: PUBLISHED,
    type: "scatter" as const,
    symbol: "diamond",
    symbolSize: 13,
    itemStyle: { color: look.background, borderColor: look.text, borderWidth: 1.8 },
    label: {
      show: true,
      position: "right" as const,
      color: look.text,
      fontSize: look.narrow ? 10 : 12,
      textBorderColor: look.background,
      textBorderWidth: 3,
      formatter: ({ dataIndex }: { dataIndex: number }) => {
        const { name, y } = marks[dataIndex]!;
        return look.narrow ? name : `${name} ${format(y)}`;
      },
    },
    z: 5,
    data: marks.map(({ x, y }) => [x, y]),
  };
}

/** The cells of the rows of all tables of a page, whatever their widths. */
export function tableRows(markdown: string): string[] {
  return markdown.split("\n").filter((line) => line.startsWith("|") && !/^\|[ -]*--/.test(line))
    .map((line) => line.split("|").map((cell) => cell.trim()).join("|"));
}

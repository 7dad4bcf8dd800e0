/** Rows under a heading line, columns padded to their widest cell; numbers are aligned right. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [headings, ...rows];
  const widths = headings.map((_, column) =>
    Math.max(...lines.map((cells) => Array.from(cells[column] ?? '').length)),
  );
  const isNumber = headings.map(
    (_, column) => rows.length > 0 && rows.every((cells) => /^[\d.]*$/.test(cells[column] ?? '')),
  );
  const pad = (cell: string, column: number): string => {
    const space = ' '.repeat((widths[column] ?? 0) - Array.from(cell).length);
    return isNumber[column] ? space + cell : cell + space;
  };
  return lines
    .map(
      (cells) =>
        `${headings
          .map((_, column) => pad(cells[column] ?? '', column))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

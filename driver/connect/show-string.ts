/** A table of rendered cells, as `df.show()` gets it: one row more than asked for says that there are more. */
export interface ShowTable {
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export interface ShowOptions {
  readonly rowCountMax: number;
  /** Cells longer than that are cut; 0 for never, which also left-justifies. */
  readonly truncate: number;
  readonly vertical: boolean;
}

const COLUMN_WIDTH_MIN = 3;

/** The text of `df.show()`, ending in a newline. */
export function showString(table: ShowTable, options: ShowOptions): string {
  const { header, rows, hasMore } = prepare(table, options);
  const body = options.vertical
    ? verticalLines(header, rows)
    : gridLines(header, rows, options.truncate > 0 ? padLeft : padRight);
  if (options.vertical && rows.length === 0) body.push('(0 rows)');
  else if (hasMore) body.push(moreRows(options.rowCountMax));
  return `${body.join('\n')}\n`;
}

/** The HTML table that notebooks show. */
export function htmlString(table: ShowTable, options: Omit<ShowOptions, 'vertical'>): string {
  const { header, rows, hasMore } = prepare(table, { ...options, vertical: false });
  const line = (cells: readonly string[], tag: 'th' | 'td') =>
    `<tr>${cells.map((cell) => `<${tag}>${escapeHtml(cell)}</${tag}>`).join('')}</tr>`;
  const lines = ["<table border='1'>", line(header, 'th'), ...rows.map((row) => line(row, 'td')), '</table>'];
  if (hasMore) lines.push(moreRows(options.rowCountMax));
  return `${lines.join('\n')}\n`;
}

export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

function prepare(table: ShowTable, options: ShowOptions) {
  return {
    header: table.header.map(escapeControls),
    rows: table.rows
      .slice(0, options.rowCountMax)
      .map((row) => row.map((cell) => truncated(escapeControls(cell), options.truncate))),
    hasMore: table.rows.length > options.rowCountMax,
  };
}

function moreRows(count: number): string {
  return `only showing top ${count} ${count === 1 ? 'row' : 'rows'}`;
}

const CONTROLS: Readonly<Record<string, string>> = {
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\f': '\\f',
  '\b': '\\b',
  '\u000b': '\\v',
  '\u0007': '\\a',
};

function escapeControls(text: string): string {
  return Object.entries(CONTROLS).reduce((line, [control, escape]) => line.replaceAll(control, escape), text);
}

function truncated(cell: string, length: number): string {
  if (length <= 0 || cell.length <= length) return cell;
  return length < 4 ? cell.slice(0, length) : `${cell.slice(0, length - 3)}...`;
}

function gridLines(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  pad: (text: string, width: number) => string,
): string[] {
  const widths = header.map((name, column) =>
    rows.reduce(
      (width, row) => Math.max(width, displayWidth(row[column]!)),
      Math.max(COLUMN_WIDTH_MIN, displayWidth(name)),
    ),
  );
  const separator = `+${widths.map((width) => '-'.repeat(width)).join('+')}+`;
  const line = (cells: readonly string[]) => `|${cells.map((cell, i) => pad(cell, widths[i]!)).join('|')}|`;
  return [separator, line(header), separator, ...rows.map(line), separator];
}

function verticalLines(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const nameWidth = widest(header);
  const valueWidth = rows.reduce((width, row) => Math.max(width, widest(row)), COLUMN_WIDTH_MIN);
  return rows.flatMap((row, index) => [
    `-RECORD ${index}`.padEnd(nameWidth + valueWidth + 5, '-'),
    ...row.map((cell, i) => ` ${padRight(header[i]!, nameWidth)} | ${padRight(cell, valueWidth)} `),
  ]);
}

function widest(cells: readonly string[]): number {
  return cells.reduce((width, cell) => Math.max(width, displayWidth(cell)), COLUMN_WIDTH_MIN);
}

function padLeft(text: string, width: number): string {
  return ' '.repeat(Math.max(0, width - displayWidth(text))) + text;
}

function padRight(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - displayWidth(text)));
}

/** Characters that a terminal shows two columns wide, in the ranges that Spark counts double. */
const FULL_WIDTH =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\uffe0-\uffe6]/g;

function displayWidth(text: string): number {
  return text.length + (text.match(FULL_WIDTH)?.length ?? 0);
}

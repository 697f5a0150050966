import Table from 'cli-table3';

/** Prints a line for people. */
export function print(line = ''): void {
  process.stdout.write(`${line}\n`);
}

/** Prints one JSON value, indented for people who look at it. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2));
}

/** A table without frames: columns are separated by two spaces. */
export function renderTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const none = {
    top: '',
    'top-mid': '',
    'top-left': '',
    'top-right': '',
    bottom: '',
    'bottom-mid': '',
    'bottom-left': '',
    'bottom-right': '',
    left: '',
    'left-mid': '',
    mid: '',
    'mid-mid': '',
    right: '',
    'right-mid': '',
    middle: '  ',
  };
  const table = new Table({
    head: [...head],
    chars: none,
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
  });
  table.push(...rows.map((row) => [...row]));
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** Prints a table, or a sentence when it is empty. */
export function printTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  whenEmpty: string,
): void {
  print(rows.length === 0 ? whenEmpty : renderTable(head, rows));
}

// How a row becomes a figure: both sides in turn, the median of each, and their ratio.

const DEFAULT_RUNS = 7;

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

// One turn of each side is thrown away; then they alternate, and so does which one goes first, so
// that a machine that speeds up or slows down does so for both. A side that is a number is a limit.
export async function measure(row, world) {
  const runs = row.runs ?? DEFAULT_RUNS;
  const turn = (side) => (typeof side === 'number' ? side : side(world));
  if (runs > 1) {
    await turn(row.ours);
    await turn(row.against);
  }
  const taken = { ours: [], against: [] };
  for (let run = 0; run < runs; run += 1) {
    for (const side of run % 2 === 0 ? ['ours', 'against'] : ['against', 'ours']) {
      taken[side].push(await turn(row[side]));
    }
  }
  const ours = median(taken.ours);
  const against = median(taken.against);
  return { row, runs, ours, against, ratio: ours / against, taken };
}

// Null for a row without a target.
export function isMet({ row, ratio }) {
  if (row.target === null) return null;
  return row.better === 'higher' ? ratio >= row.target : ratio <= row.target;
}

// The width of the middle half of the runs, in percent of their median.
export function spread(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share) => sorted[Math.round(share * (sorted.length - 1))];
  return Math.round((100 * (at(0.75) - at(0.25))) / (median(values) || 1));
}

export function entry({ row, runs, ours, against, ratio }) {
  const { name, unit, target, better } = row;
  return { name, ours, against, unit, ratio, target, better, runs };
}

export function table(results) {
  const lines = [['', 'ours', 'limit/peer', 'unit', 'ratio', 'target', '']];
  for (const result of results) {
    const { row, ours, against, ratio } = result;
    const target = row.target === null ? '-' : `${row.better === 'higher' ? '>=' : '<='} ${row.target.toFixed(2)}`;
    const met = { true: 'met', false: 'MISSED', null: '' }[isMet(result)];
    lines.push([row.name, written(ours), written(against), row.unit, ratio.toFixed(2), target, met]);
  }
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  const isText = (column) => column === 0 || column === 3 || column === 6;
  return lines
    .map((line) => line.map((cell, column) =>
      isText(column) ? cell.padEnd(widths[column]) : cell.padStart(widths[column])).join('  ').trimEnd())
    .join('\n');
}

// Whole from 1,000 on, three digits below.
export function written(value) {
  return value >= 1000 ? Math.round(value).toLocaleString('en-US') : String(Number(value.toPrecision(3)));
}

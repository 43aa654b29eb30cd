// The table: a line for each row's own figure and, under it, one for each limit or peer.

const HEAD = ['', '', 'unit', 'ratio', 'target', '', 'p50 ms', 'p99 ms', 'CPU µs a request', 'peak MiB'];
const TEXT = new Set([0, 2, 5, 8, 9]);

export function table(results) {
  const lines = [HEAD];
  for (const { name, unit, better, ours, peers } of results) {
    lines.push([name, written(ours.value), unit, '', '', '', ...costs(ours)]);
    for (const peer of peers) {
      const target = peer.target === null ? '' : `${better === 'higher' ? '>=' : '<='} ${peer.target}`;
      const verdict = { true: 'met', false: 'MISSED', null: '' }[peer.met];
      lines.push([`  / ${peer.name}`, written(peer.value), '', written(peer.ratio), target, verdict, ...costs(peer)]);
    }
  }
  const widths = HEAD.map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  return lines
    .map((line) => line.map((cell, column) =>
      TEXT.has(column) ? cell.padEnd(widths[column]) : cell.padStart(widths[column])).join('  ').trimEnd())
    .join('\n');
}

function costs({ p50, p99, cpu = {}, memory = {} }) {
  const each = (part) => Object.entries(part).map(([name, value]) => `${name} ${written(value)}`).join(', ');
  const milliseconds = (value) => (value === undefined ? '' : written(value / 1000));
  return [milliseconds(p50), milliseconds(p99), each(cpu), each(memory)];
}

// Whole from 1,000 on, three digits below.
export function written(value) {
  return value >= 1000 ? Math.round(value).toLocaleString('en-US') : String(Number(value.toPrecision(3)));
}

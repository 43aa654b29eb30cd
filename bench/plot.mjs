// One SVG of a run: how far each target is reached, and what a verification costs by the number of tokens.
import { written } from './table.mjs';

const WIDTH = 1100;
const MARGIN = 24;
const NAMES = 620; // where the bars begin
const BAR_ROOM = 330;
const LINE = 22;
const MET = '#2a7f62';
const MISSED = '#c0392b';
const INK = '#222222';
const FAINT = '#cccccc';
// Bars run from an eighth of the target to sixteen times it, each doubling as wide as the next.
const LEAST = 1 / 8;
const MOST = 16;

const CURVE_HEIGHT = 260;

export function plot(results) {
  const aimed = results.flatMap(({ name, better, peers }) => peers
    .filter(({ target }) => target !== null)
    .map((peer) => ({ ...peer, label: `${name} / ${peer.name}`,
      reached: better === 'higher' ? peer.ratio / peer.target : peer.target / peer.ratio,
      sign: better === 'higher' ? '≥' : '≤' })));
  const sizes = results.filter(({ tokens }) => tokens !== undefined);
  const bars = barChart(aimed, MARGIN);
  const curve = sizes.length > 1 ? curveChart(sizes, bars.bottom + 50) : { svg: '', bottom: bars.bottom };
  const height = curve.bottom + MARGIN;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}"
  font-family="DejaVu Sans, Verdana, sans-serif" font-size="12" fill="${INK}">
<rect width="${WIDTH}" height="${height}" fill="white"/>
${bars.svg}
${curve.svg}
</svg>
`;
}

function barChart(aimed, top) {
  const first = top + 44;
  const bottom = first + aimed.length * LINE;
  const x = (reached) => NAMES + BAR_ROOM * Math.log2(Math.min(Math.max(reached, LEAST), MOST) / LEAST) / Math.log2(MOST / LEAST);
  const grid = [];
  for (let tick = LEAST; tick <= MOST; tick *= 2) {
    const name = tick < 1 ? `1/${1 / tick}` : `${tick}`;
    grid.push(line(x(tick), first - 6, x(tick), bottom, FAINT), text(x(tick), first - 10, name, 'middle'));
  }
  const bars = aimed.map(({ label, reached, met, ratio, target, sign }, n) => {
    const y = first + n * LINE;
    return `<rect x="${NAMES}" y="${y + 4}" width="${Math.max(x(reached) - NAMES, 2).toFixed(1)}" height="${LINE - 8}" fill="${met ? MET : MISSED}"/>` +
      text(NAMES - 8, y + 15, label, 'end') +
      text(WIDTH - MARGIN, y + 15, `${written(ratio)}  (${sign} ${target})`, 'end');
  });
  const svg = [text(MARGIN, top + 6, 'Targets: how many times over each is reached (beyond the line at 1 it is met)', 'start', 'font-weight="bold"'),
    ...grid, ...bars, line(x(1), first - 6, x(1), bottom, INK, 2)].join('\n');
  return { svg, bottom };
}

function curveChart(sizes, top) {
  const [left, right] = [MARGIN + 50, WIDTH - 240];
  const [first, bottom] = [top + 24, top + CURVE_HEIGHT];
  // Values above the one line and below the other.
  const sides = [['verify_token', MET, sizes.map(({ ours }) => ours.value), -9],
    ['a bare look-up by the hash', '#34609b', sizes.map(({ peers: [peer] }) => peer.value), 18]];
  const highest = 1.15 * Math.max(...sides.flatMap(([, , values]) => values));
  const logs = sizes.map(({ tokens }) => Math.log10(tokens));
  const x = (n) => left + 30 + (right - left - 60) * (logs[n] - logs[0]) / (logs.at(-1) - logs[0]);
  const y = (value) => bottom - (bottom - first) * value / highest;
  const svg = [text(MARGIN, top, 'One verification in one backend, µs of processor time, by the number of tokens in the table', 'start', 'font-weight="bold"')];
  const step = 10 ** Math.floor(Math.log10(highest / 2)) * (highest / 10 ** Math.floor(Math.log10(highest / 2)) > 5 ? 2 : 1);
  for (let tick = 0; tick < highest; tick += step) {
    svg.push(line(left, y(tick), right, y(tick), FAINT), text(left - 8, y(tick) + 4, written(tick), 'end'));
  }
  sizes.forEach(({ tokens }, n) => svg.push(text(x(n), bottom + 18, tokens.toLocaleString('en-US'), 'middle')));
  for (const [name, colour, values, offset] of sides) {
    svg.push(`<polyline fill="none" stroke="${colour}" stroke-width="2" points="${values
      .map((value, n) => `${x(n).toFixed(1)},${y(value).toFixed(1)}`).join(' ')}"/>`);
    values.forEach((value, n) => svg.push(`<circle cx="${x(n).toFixed(1)}" cy="${y(value).toFixed(1)}" r="3.5" fill="${colour}"/>`,
      text(x(n), y(value) + offset, written(value), 'middle')));
    svg.push(text(right + 12, y(values.at(-1)) + 4, name, 'start', `fill="${colour}"`));
  }
  return { svg: svg.join('\n'), bottom: bottom + 30 };
}

function line(x1, y1, x2, y2, colour, width = 1) {
  return `<line x1="${x1.toFixed(1)}" y1="${y1.toFixed(1)}" x2="${x2.toFixed(1)}" y2="${y2.toFixed(1)}" stroke="${colour}" stroke-width="${width}"/>`;
}

function text(x, y, words, anchor, rest = '') {
  const safe = words.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" ${rest}>${safe}</text>`;
}

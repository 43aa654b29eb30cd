// Takes every row, or those whose name holds the argument; prints the table and, when all were taken,
// writes .local/bench.json and .local/bench.svg.
import { rename, writeFile } from 'node:fs/promises';
import { entry, measure, processorTime, spread } from './measure.mjs';
import { plot } from './plot.mjs';
import { rows } from './rows.mjs';
import { table, written } from './table.mjs';
import { World } from './world.mjs';

const filter = process.argv[2] ?? '';
const wanted = rows.filter((row) => row.name.includes(filter));
if (wanted.length === 0) throw new Error(`no row is named like '${filter}'`);

const started = Date.now();
const world = await World.open();
const results = [];
const failed = [];
for (const row of wanted) {
  try {
    results.push(await measure(row, world));
    say(results.at(-1));
  } catch (error) {
    // The other rows do not suffer for it, but the run has failed.
    console.error(`FAILED ${row.name}:`, error);
    failed.push(row.name);
  }
  await world.endRow();
}
await world.close();

console.log(`\n${table(results)}\n`);
if (filter === '' && failed.length === 0) {
  await write('.local/bench.json', `${JSON.stringify(results.map(entry), null, 2)}\n`);
  await write('.local/bench.svg', plot(results));
  console.log('The same is in .local/bench.json, and drawn in .local/bench.svg.');
}
const aimed = results.flatMap(({ peers }) => peers).filter(({ target }) => target !== null);
if (failed.length > 0) {
  console.error(`Not measured, for the errors above: ${failed.join('; ')}`);
  process.exitCode = 1;
}
console.log(`${aimed.filter(({ met }) => met).length} of ${aimed.length} targets met.`);

// The width of the middle half of the runs says how far to trust a figure, and the ratio of all
// processor time how it is without those who share the machine.
function say({ name, unit, ours, peers }) {
  const side = ({ value, values }) => `${written(value)} (±${Math.round(spread(values) / 2)} %)`;
  const at = `[${Math.round((Date.now() - started) / 1000)} s]`;
  console.log(`${at} ${name}: ${side(ours)} ${unit}`);
  for (const peer of peers) {
    const busy = processorTime(peer) / processorTime(ours);
    console.log(`    / ${peer.name}: ${side(peer)}, ratio ${written(peer.ratio)}` +
      `${busy > 0 ? `, of processor time ${written(busy)}` : ''}`);
  }
}

// Whole or not at all.
async function write(file, text) {
  await writeFile(`${file}.new`, text);
  await rename(`${file}.new`, file);
}

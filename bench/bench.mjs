// Takes every row, or those whose name holds the argument; prints the table and, when all were
// taken, writes .local/bench.json.
import { rename, writeFile } from 'node:fs/promises';
import { entry, measure, processorTime, spread } from './measure.mjs';
import { front } from './rows/front.mjs';
import { gate } from './rows/gate.mjs';
import { postgres } from './rows/postgres.mjs';
import { table, written } from './table.mjs';
import { World } from './world.mjs';

const filter = process.argv[2] ?? '';
const wanted = [...postgres, ...front, ...gate].filter((row) => row.name.includes(filter));
if (wanted.length === 0) throw new Error(`no row is named like '${filter}'`);

const world = await World.open();
const results = [];
for (const row of wanted) {
  const result = await measure(row, world);
  await world.endRow();
  results.push(result);
  // The width of the middle half of the runs says how far to trust the figure, and the ratio of all
  // processor time how it is without those who share the machine.
  const side = ({ value, values }) => `${written(value)} (±${Math.round(spread(values) / 2)} %)`;
  console.log(`${row.name}: ${side(result.ours)} ${row.unit}`);
  for (const peer of result.peers) {
    const busy = processorTime(peer) / processorTime(result.ours);
    console.log(`    / ${peer.name}: ${side(peer)}, ratio ${written(peer.ratio)}` +
      `${busy > 0 ? `, of processor time ${written(busy)}` : ''}`);
  }
}
await world.close();

console.log(`\n${table(results)}\n`);
if (filter === '') {
  await writeFile('.local/bench.json.new', `${JSON.stringify(results.map(entry), null, 2)}\n`);
  await rename('.local/bench.json.new', '.local/bench.json');
  console.log('The same is in .local/bench.json.');
}
const aimed = results.flatMap(({ peers }) => peers).filter(({ target }) => target !== null);
console.log(`${aimed.filter(({ met }) => met).length} of ${aimed.length} targets met.`);

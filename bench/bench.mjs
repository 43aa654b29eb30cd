// Takes every row, or those whose name holds the argument; prints the table and, when all were
// taken, writes .local/bench.json.
import { rename, writeFile } from 'node:fs/promises';
import { entry, isMet, measure, spread, table, written } from './measure.mjs';
import { rows } from './rows.mjs';
import { World } from './world.mjs';

const filter = process.argv[2] ?? '';
const wanted = rows.filter((row) => row.name.includes(filter));
if (wanted.length === 0) throw new Error(`no row is named like '${filter}'`);

const world = await World.open();
const results = [];
for (const row of wanted) {
  console.log(`${row.name}\n    against ${row.peer}`);
  const result = await measure(row, world);
  await world.endProcesses();
  results.push(result);
  const side = (values) => `${written(values.middle)} ${row.unit} (middle half of the runs: ${spread(values.all)} %)`;
  console.log(`    ${side({ middle: result.ours, all: result.taken.ours })}, ` +
    `${side({ middle: result.against, all: result.taken.against })}: ${result.ratio.toFixed(3)}`);
}
await world.close();

console.log(`\n${table(results)}\n`);
if (filter === '') {
  await writeFile('.local/bench.json.new', `${JSON.stringify(results.map(entry), null, 2)}\n`);
  await rename('.local/bench.json.new', '.local/bench.json');
  console.log('The same is in .local/bench.json.');
}
const aimed = results.filter(({ row }) => row.target !== null);
console.log(`${aimed.filter(isMet).length} of ${aimed.length} targets met.`);

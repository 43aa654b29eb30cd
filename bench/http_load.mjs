// bench/http_load.cpp as a function: a sample of what a server answers and what that costs.
import path from 'node:path';
import { peakMiB, processorNanoseconds, tree, treeNanoseconds } from './processes.mjs';

// A program that is compiled while it runs gets this first; the others have the run that is thrown away.
const NODE_WARM_UP_SECONDS = 3;

// `server` is { port, processes: { name: pid } }, or has a Unix `socket` instead of the port; whose processor time and memory count. `core`: where the
// generator is to run. The other options are http_load's own. The sample's value is requests a second;
// `used` is how many values were taken.
export async function load(world, server, request, { core, once, connections = 64, seconds = 1, ...options }) {
  const at = server.socket ? ['--socket', server.socket] : ['--port', server.port];
  const file = await world.file(`request-${path.basename(String(at[1]))}`, request);
  const program = path.join(world.programs, 'http_load');
  const generate = async (duration) => {
    const args = [...at, '--connections', connections, '--request', file, '--seconds', duration,
      ...Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]), ...(once ? ['--once'] : [])];
    return JSON.parse(await (core === undefined ? world.run(program, args)
      : world.run('taskset', ['--cpu-list', core, program, ...args])));
  };
  if (server.processes.node && !server.warm) await generate(NODE_WARM_UP_SECONDS);
  server.warm = true;

  const before = await spent(server);
  const taken = await generate(seconds);
  const after = await spent(server);
  const cpu = Object.fromEntries(Object.keys(after).map((name) =>
    [name, (after[name] - before[name]) / 1000 / taken.answered]));
  return { value: taken.rate, p50: taken.p50, p99: taken.p99, cpu, memory: await memory(server), used: taken.used };
}

// Nanoseconds on a processor until now, by the name of the process.
async function spent({ processes }) {
  return Object.fromEntries(await Promise.all(Object.entries(processes).map(async ([name, pid]) =>
    [name, name === 'pg' ? await treeNanoseconds(pid) : await sum(pid, processorNanoseconds)])));
}

// That of a Postgres is its shared buffers above all, and is left out.
async function memory({ processes }) {
  return Object.fromEntries(await Promise.all(Object.entries(processes)
    .filter(([name]) => !/^(pg|s\d)$/.test(name))
    .map(async ([name, pid]) => [name, await sum(pid, peakMiB)])));
}

async function sum(pid, of) {
  return (await Promise.all((await tree(pid)).map(of))).reduce((total, value) => total + value, 0);
}

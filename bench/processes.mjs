// The processes of a run: started, ended, and what each has cost.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

export class Processes {
  #running = [];

  // It dies with us, even when we are killed outright.
  start(program, args, stdio, environment = {}) {
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', program, ...args.map(String)],
      { stdio, env: { ...process.env, ...environment } });
    this.#running.push(child);
    return child;
  }

  // A program's output, once it has ended well.
  async run(program, args, environment) {
    const child = this.start(program, args, ['ignore', 'pipe', 'inherit'], environment);
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (text) => { out += text; });
    const [code, signal] = await once(child, 'close');
    this.#running.splice(this.#running.indexOf(child), 1);
    if (code !== 0) throw new Error(`${path.basename(program)} failed (${signal ?? code})`);
    return out;
  }

  async endAll() {
    const running = this.#running.filter((child) => child.exitCode === null && child.signalCode === null);
    const ended = running.map((child) => once(child, 'exit'));
    for (const child of running) child.kill('SIGKILL');
    await Promise.all(ended);
    this.#running = [];
  }
}

// The cores that this process may run on: `0-1`, `0,2,4-7`.
export async function allowedCores() {
  const status = await readFile('/proc/self/status', 'utf8');
  return /^Cpus_allowed_list:\s*(\S+)/m.exec(status)[1].split(',').flatMap((range) => {
    const [first, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => String(first + i));
  });
}

// Nanoseconds that a process's threads, or one backend, have been on a processor (the first number of
// schedstat, which has no ticks). 0 for one that has ended.
export async function processorNanoseconds(pid) {
  const times = await Promise.all((await tasks(pid)).map(async (task) =>
    Number((await text(`/proc/${pid}/task/${task}/schedstat`)).split(' ')[0])));
  return times.reduce((sum, time) => sum + time, 0);
}

async function tasks(pid) {
  return readdir(`/proc/${pid}/task`).catch(() => []);
}

// A file of /proc, empty when its process has ended.
async function text(file) {
  return readFile(file, 'utf8').catch(() => '');
}

// MiB that a process has had resident at most; what it shares with others is counted too.
export async function peakMiB(pid) {
  return Number(/^VmHWM:\s*(\d+) kB/m.exec(await text(`/proc/${pid}/status`))?.[1] ?? 0) / 1024;
}

export async function residentKiB(pid) {
  return Number(/^VmRSS:\s*(\d+) kB/m.exec(await text(`/proc/${pid}/status`))[1]);
}

export async function anonymousBytes(pid) {
  return Number(/^Anonymous:\s*(\d+) kB/m.exec(await text(`/proc/${pid}/smaps_rollup`))[1]) * 1024;
}

// A process and all that it started.
export async function tree(pid) {
  const children = (await text(`/proc/${pid}/task/${pid}/children`)).split(' ').filter((word) => word !== '');
  return [pid, ...(await Promise.all(children.map((child) => tree(Number(child))))).flat()];
}

// Nanoseconds of processor time of a process, of its children, and of those of its children that have
// ended (in ticks of 10 ms): of a Postgres, whose backends end with their clients.
export async function treeNanoseconds(pid) {
  const fields = (await text(`/proc/${pid}/stat`)).split(') ')[1]?.split(' ') ?? [];
  const ended = (Number(fields[13] ?? 0) + Number(fields[14] ?? 0)) * 1e7;
  const times = await Promise.all((await tree(pid)).map(processorNanoseconds));
  return times.reduce((sum, time) => sum + time, ended);
}

export async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

// The port, once somebody listens on it.
export async function listening(port) {
  for (let waited = 0; waited < 10_000; waited += 20) {
    const socket = net.connect(port, '127.0.0.1');
    const open = await new Promise((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    });
    socket.destroy();
    if (open) return port;
    await pause(20);
  }
  throw new Error(`nobody listens on port ${port}`);
}

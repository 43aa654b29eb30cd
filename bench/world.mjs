// What the rows measure with: loops inside one backend, the load generators, fronts and their
// clients. Processes that a row starts end with it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, closeSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { Proxies } from './proxies.mjs';

const BENCH = path.dirname(fileURLToPath(import.meta.url));
const MIB = 1024 * 1024;

export class World {
  #programs = process.env.BENCH_PROGRAMS;
  #scratch = process.env.BENCH_SCRATCH;
  #tokens = path.join(this.#scratch, 'tokens');
  #processes = [];
  #fronts = new Map();
  #loops = new Map();

  static async open() {
    const world = new World();
    [world.core, world.otherCore = world.core] = await allowedCores();
    world.proxies = new Proxies(world, world.#scratch);
    world.session = await world.#connect();
    await world.#checkTokens();
    return world;
  }

  async close() {
    await this.endProcesses();
    await this.session.end();
  }

  // Every figure rests on tokens that are good.
  async #checkTokens() {
    const { rows: [good] } = await this.session.query(
      `select (select bool_and(v.valid)
               from bench.tokens as t, openclaw.verify_token(t.token) as v) as tokens,
              (select bool_and(v.valid)
               from bench.jwts as j,
                    openclaw.verify_jwt(j.token, 'https://mcp.example.com/mcp') as v) as jwts`);
    if (!good.tokens || !good.jwts) throw new Error("the bench's own tokens are refused");

    const { rows } = await this.session.query('select token from bench.tokens order by n');
    this.tokens = rows.map((row) => row.token);
    await writeFile(this.#tokens, `${this.tokens.join('\n')}\n`, { mode: 0o600 });
    const { rows: [issued] } = await this.session.query(
      `select token from openclaw.issue_token(
         'user_0', '{openclaw:introspect,openclaw:any-user}', issued_for => 'platform_harness')`);
    this.harness = issued.token;
    const { rows: [scanner] } = await this.session.query(`select token from openclaw.issue_token('user_5000', '{notes:read}')`);
    this.scanner = scanner.token;
    const { rows: [jwt] } = await this.session.query('select token from bench.jwts limit 1');
    this.signedBytes = jwt.token.lastIndexOf('.');
  }

  // --- Inside one backend ------------------------------------------------------------------------

  // A session whose backend stays on one core, the same for all.
  async #connect() {
    const session = new pg.Client();
    await session.connect();
    const { rows: [backend] } = await session.query('select pg_backend_pid() as pid');
    session.backend = backend.pid;
    await this.run('taskset', ['--cpu-list', '--pid', this.core, String(backend.pid)]);
    return session;
  }

  // Microseconds of processor time that one turn of a PL/pgSQL loop takes (schedstat's first number
  // is the nanoseconds on a processor, so that what else runs there does not count). `items` is a query for an array of `type`
  // (or, with `slice`, of such arrays), `body` the statement, with `item` and the record `result`.
  async loop(options) {
    return this.#runLoop(this.session, options);
  }

  async #runLoop(session, { turns = 20_000, ...options }) {
    const { rows: [taken] } = await session.query(
      `select ${await this.#loopFunction(session, options)}($1) as microseconds`, [turns]);
    return taken.microseconds;
  }

  // The name of the loop's function, made at its first use in a session.
  async #loopFunction(session, { items, type, body, slice = false }) {
    const key = `${session.backend} ${type} ${items} ${body}`;
    if (!this.#loops.has(key)) {
      const name = `pg_temp.loop_${this.#loops.size}`;
      await session.query(`
        create function ${name}(turns bigint) returns double precision language plpgsql as $loop$
        declare
          items ${slice ? type : `${type}[]`} := (${items});
          item ${type};
          result record;
          done bigint := 0;
          started double precision := split_part(pg_read_file('/proc/self/schedstat'), ' ', 1);
        begin
          while done < turns loop
            foreach item ${slice ? 'slice 1' : ''} in array items loop
              ${body};
            end loop;
            done := done + array_length(items, 1);
          end loop;
          return (split_part(pg_read_file('/proc/self/schedstat'), ' ', 1)::double precision - started)
                 / 1000 / done;
        end
        $loop$`);
      this.#loops.set(key, name);
    }
    return this.#loops.get(key);
  }

  // The same in a transaction that is rolled back: what the body writes is gone.
  async passingLoop(options) {
    await this.#loopFunction(this.session, options); // is to stay
    await this.session.query('begin');
    try {
      return await this.loop(options);
    } finally {
      await this.session.query('rollback');
    }
  }

  // Nanoseconds of processor time for each of the 1,000,000 rows of a sequential scan of bench.notes, as this role
  // and under a token of the user whose 100 rows the policy lets through.
  async policyScan(role, scans = 3) {
    await this.session.query('begin');
    try {
      await this.session.query('select openclaw.begin_session($1)', [this.scanner]);
      await this.session.query(`set local max_parallel_workers_per_gather = 0; set local role ${role}`);
      const started = await processorNanoseconds(this.session.backend);
      for (let n = 0; n < scans; n += 1) {
        const { rows: [seen] } = await this.session.query('select count(*)::int as n from bench.notes');
        if (seen.n !== 100) throw new Error(`${role} sees ${seen.n} rows`);
      }
      return (await processorNanoseconds(this.session.backend) - started) / scans / 1_000_000;
    } finally {
      await this.session.query('rollback');
    }
  }

  // MiB by which a fresh backend's own memory (anonymous pages; shared buffers are none) is larger
  // in a statement of nine tenths of `turns` than in one of the first tenth before it: a leak shows
  // whether it lasts for a statement or for the session.
  async growth({ turns, ...options }) {
    const session = await this.#connect();
    const peak = async (share) => {
      let running = true;
      const statement = this.#runLoop(session, { ...options, turns: turns * share })
        .finally(() => { running = false; });
      let most = 0;
      while (running) {
        most = Math.max(most, await anonymousBytes(session.backend));
        await pause(20);
      }
      await statement;
      return Math.max(most, await anonymousBytes(session.backend));
    };
    try {
      const warm = await peak(0.1);
      return (await peak(0.9) - warm) / MIB;
    } finally {
      await session.end();
    }
  }

  // --- Load generators ---------------------------------------------------------------------------

  // Calls a second of a prepared statement over `connections` (bench/load.cpp).
  async load({ parameters, statement, rows = 1, connections = 4, seconds = 1 }) {
    return Number(await this.run(path.join(this.#programs, 'load'),
      [connections, seconds, rows, parameters, statement].map(String)));
  }

  // Microseconds of processor time of one bare libsodium operation on a message as long as what a JWT signs, on the
  // core of the backends (bench/ed25519.cpp).
  async ed25519(operation, count = 20_000) {
    return Number(await this.run('taskset', ['--cpu-list', this.core,
      path.join(this.#programs, 'ed25519'), operation, String(this.signedBytes), String(count)]));
  }

  // Milliseconds of processor time of one bare Argon2id at the server's own cost, on the core of the backends
  // (bench/argon2id.cpp).
  async argon2id(count = 5) {
    const { rows: [cost] } = await this.session.query(`select current_setting('openclaw.argon2_memory') as memory,
      current_setting('openclaw.argon2_iterations') as iterations`);
    return Number(await this.run('taskset', ['--cpu-list', this.core, path.join(this.#programs, 'argon2id'),
      String(parseInt(cost.memory, 10) * (cost.memory.endsWith('MB') ? 1024 : 1)), cost.iterations, String(count)]));
  }

  // --- The front ---------------------------------------------------------------------------------

  // The port of a front with these flags, started at its first use in a row.
  async front(...flags) {
    return this.#atFirstUse(`front ${flags.join(' ')}`, () => this.#startFront(flags));
  }

  // The same of a front with 1,000 idle and 1,000 slow clients (crowd.mjs).
  async besiegedFront() {
    return this.#atFirstUse('besieged', async () => {
      const port = await this.#startFront([]);
      const crowd = this.start(process.execPath,
        [path.join(BENCH, 'crowd.mjs'), port, 1000, 1000].map(String), ['ignore', 'pipe', 'inherit']);
      await Promise.race([once(crowd.stdout, 'data'),
        once(crowd, 'exit').then(() => { throw new Error('the crowd did not assemble'); })]);
      return port;
    });
  }

  async #atFirstUse(key, start) {
    if (!this.#fronts.has(key)) this.#fronts.set(key, await start());
    return this.#fronts.get(key);
  }

  async #startFront(flags) {
    const log = path.join(this.#scratch, `front-${this.#processes.length}.log`);
    const stderr = openSync(log, 'w', 0o600);
    const front = this.start(process.env.OPENCLAW_FRONT,
      ['--listen', '127.0.0.1:0', '--database', 'user=openclaw_front', ...flags],
      ['ignore', 'ignore', stderr]);
    closeSync(stderr);
    for (let waited = 0; waited < 10_000 && front.exitCode === null; waited += 20) {
      const written = await readFile(log, 'utf8');
      const port = /"event":"listening","address":"127\.0\.0\.1:(\d+)"/.exec(written)?.[1];
      if (port && written.includes('"event":"sql_connected"')) {
        await this.#checkAnswers(Number(port));
        return Number(port);
      }
      await pause(20);
    }
    throw new Error(`the front did not start: ${await readFile(log, 'utf8')}`);
  }

  async #checkAnswers(port) {
    for (const token of this.tokens.slice(0, 100)) {
      const answer = await exchange(port, this.#introspection(token));
      if (!isActive(answer)) throw new Error(`the front does not introspect: ${answer}`);
    }
  }

  #introspection(token) {
    const body = `token=${token}`;
    return 'POST /oauth/introspect HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n' +
      `Authorization: Bearer ${this.harness}\r\nContent-Length: ${body.length}\r\n` +
      `Content-Type: application/x-www-form-urlencoded\r\n\r\n${body}`;
  }

  // Introspections a second through 64 keep-alive connections, each of another token. One answer
  // that is not 200 fails the run; of `active`, only the average length of the answers is checked.
  async introspections(port, seconds = 2) {
    const out = await this.run('wrk', ['-t2', '-c64', `-d${seconds}s`, '-s',
      path.join(BENCH, 'introspect.lua'), `http://127.0.0.1:${port}`],
    { BENCH_TOKENS: this.#tokens, BENCH_HARNESS: this.harness });
    const { requests, seconds: taken, bytes, errors } = JSON.parse(out.trim().split('\n').at(-1));
    const active = (await exchange(port, this.#introspection(this.tokens[0]))).length;
    const inactive = (await exchange(port, this.#introspection('none'))).length;
    const share = (bytes / requests - inactive) / (active - inactive);
    if (errors !== 0) throw new Error(`wrk counted ${errors} errors in ${requests} requests`);
    if (!(share > 0.8)) throw new Error(`the answers are too short to be active ones (${share})`);
    return requests / taken;
  }

  // Milliseconds that the slowest of `clients` new ones, one after another, waits from its connect
  // to the end of its answer.
  async slowestNewClient(port, clients = 100) {
    let slowest = 0;
    for (let i = 0; i < clients; i += 1) {
      const started = performance.now();
      const answer = await exchange(port, this.#introspection(this.tokens[i]));
      slowest = Math.max(slowest, performance.now() - started);
      if (!isActive(answer)) throw new Error(`a new client was not served: ${answer}`);
    }
    return slowest;
  }

  // --- Processes ---------------------------------------------------------------------------------

  start(program, args, stdio, environment = {}) {
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', program, ...args],
      { stdio, env: { ...process.env, ...environment } });
    this.#processes.push(child);
    return child;
  }

  // A program's output, once it has ended well.
  async run(program, args, environment) {
    const child = this.start(program, args, ['ignore', 'pipe', 'inherit'], environment);
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (text) => { out += text; });
    const [code, signal] = await once(child, 'close');
    this.#processes.splice(this.#processes.indexOf(child), 1);
    if (code !== 0) throw new Error(`${path.basename(program)} failed (${signal ?? code})`);
    return out;
  }

  async endProcesses() {
    const running = this.#processes.filter((child) => child.exitCode === null && child.signalCode === null);
    const ended = running.map((child) => once(child, 'exit'));
    for (const child of running) child.kill('SIGKILL');
    await Promise.all(ended);
    this.#processes = [];
    this.#fronts.clear();
    this.proxies.forget();
  }
}

// The cores that this process may run on: `0-1`, `0,2,4-7`.
async function allowedCores() {
  const status = await readFile('/proc/self/status', 'utf8');
  return /^Cpus_allowed_list:\s*(\S+)/m.exec(status)[1].split(',').flatMap((range) => {
    const [first, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => String(first + i));
  });
}

// The first number of schedstat, of a backend that has answered and waits.
async function processorNanoseconds(pid) {
  return Number((await readFile(`/proc/${pid}/schedstat`, 'utf8')).split(' ')[0]);
}

async function anonymousBytes(pid) {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8');
  return Number(/^Anonymous:\s*(\d+) kB/m.exec(rollup)[1]) * 1024;
}

function isActive(answer) {
  return answer.startsWith('HTTP/1.1 200') && answer.includes('"active":true');
}

// One request on a connection of its own: the whole answer.
async function exchange(port, request) {
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
  let answer = '';
  socket.setEncoding('latin1').on('data', (text) => { answer += text; });
  socket.write(request);
  await once(socket, 'close');
  return answer;
}

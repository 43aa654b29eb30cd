// Measuring inside Postgres: loops in one backend by processor time, and callers over connections.
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fillTables } from './curve.mjs';
import { anonymousBytes, processorNanoseconds } from './processes.mjs';

const MIB = 1024 * 1024;

export class Postgres {
  #world;
  #loops = new Map();

  constructor(world) {
    this.#world = world;
  }

  // Microseconds of processor time that one turn of a PL/pgSQL loop takes (schedstat's first number
  // is the nanoseconds on a processor, so that what else runs there does not count). `items` is a query
  // for an array of `type` (or, with `slice`, of such arrays), `body` the statement, with `item` and the
  // record `result`.
  async loop(options) {
    return this.#runLoop(this.#world.session, options);
  }

  // The same in one of the tables of curve.mjs, over the tokens in them that are known.
  async loopAmong(size, options) {
    const { session } = (await this.#curve()).get(size);
    return this.#runLoop(session, options);
  }

  async close() {
    if (this.curve) for (const { session } of (await this.curve).values()) await session.end();
  }

  // How many pages a look-up in the index of that table reads.
  async depthAmong(size) {
    return (await this.#curve()).get(size).depth;
  }

  #curve() {
    this.curve ??= fillTables(this.#world);
    return this.curve;
  }

  // The loop in a backend that has seen none of the items but what `warm` gives.
  async freshLoop({ warm, ...options }) {
    const session = await this.#world.connect();
    try {
      await this.#runLoop(session, { ...options, items: warm, turns: 1 });
      return await this.#runLoop(session, { ...options, turns: 1 });
    } finally {
      await session.end();
    }
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
          answer text;
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
    const { session } = this.#world;
    await this.#loopFunction(session, options); // is to stay
    await session.query('begin');
    try {
      return await this.loop(options);
    } finally {
      await session.query('rollback');
    }
  }

  // Nanoseconds of processor time for each of the 1,000,000 rows of a sequential scan of bench.notes, as
  // this role and under a token of the user whose 100 rows the policy lets through.
  async policyScan(role, scans = 3) {
    const { session } = this.#world;
    this.scanner ??= session.query(`select token from openclaw.issue_token('user_5000', '{notes:read}')`);
    const { rows: [{ token }] } = await this.scanner;
    await session.query('begin');
    try {
      await session.query('select openclaw.begin_session($1)', [token]);
      await session.query(`set local max_parallel_workers_per_gather = 0; set local role ${role}`);
      const started = await processorNanoseconds(session.backend);
      for (let n = 0; n < scans; n += 1) {
        const { rows: [seen] } = await session.query('select count(*)::int as n from bench.notes');
        if (seen.n !== 100) throw new Error(`${role} sees ${seen.n} rows`);
      }
      return (await processorNanoseconds(session.backend) - started) / scans / 1_000_000;
    } finally {
      await session.query('rollback');
    }
  }

  // MiB by which a fresh backend's own memory (anonymous pages; shared buffers are none) is larger
  // in a statement of nine tenths of `turns` than in one of the first tenth before it: a leak shows
  // whether it lasts for a statement or for the session.
  async growth({ turns, ...options }) {
    const session = await this.#world.connect();
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

  // A sample of calls a second of a prepared statement over `connections` (bench/load.cpp), `items` in each.
  async load({ parameters, statement, items = 1, connections = 4, seconds = 1 }) {
    const taken = JSON.parse(await this.#world.run(path.join(this.#world.programs, 'load'),
      [connections, seconds, items, parameters, statement]));
    return { value: taken.rate * items, p50: taken.p50, p99: taken.p99,
      cpu: { backend: taken.backend, client: taken.client } };
  }

  // New rows for each second of processor time, of which `statement` makes `tokens` in each of `calls`
  // transactions, with the number of the transaction as $1.
  async writing({ statement, tokens, calls = 10 }) {
    const { session } = this.#world;
    const started = await processorNanoseconds(session.backend);
    for (let i = 0; i < calls; i += 1) {
      this.written = (this.written ?? 0) + 1;
      const { rowCount } = await session.query({ name: statement.slice(0, 60), text: statement, values: [this.written] });
      if (rowCount !== tokens) throw new Error(`${rowCount} rows were written`);
    }
    const seconds = (await processorNanoseconds(session.backend) - started) / 1e9;
    return calls * tokens / seconds;
  }

  // Microseconds of processor time of one bare libsodium operation on a message as long as what a JWT
  // signs, on the core of the backends (bench/ed25519.cpp).
  async ed25519(operation, count = 20_000) {
    return Number(await this.#world.runPinned('ed25519', [operation, this.#world.signedBytes, count]));
  }

  // Milliseconds of processor time of one bare Argon2id at the server's own cost, on the core of the
  // backends (bench/argon2id.cpp).
  async argon2id(count = 5) {
    const { rows: [cost] } = await this.#world.session.query(
      `select current_setting('openclaw.argon2_memory') as memory,
              current_setting('openclaw.argon2_iterations') as iterations`);
    const kib = parseInt(cost.memory, 10) * (cost.memory.endsWith('MB') ? 1024 : 1);
    return Number(await this.#world.runPinned('argon2id', [kib, cost.iterations, count]));
  }
}

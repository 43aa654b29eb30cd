// What the rows measure with: the database of world.sql, and those who measure inside it (postgres.mjs),
// through the front (fronts.mjs) and through the gate (proxies.mjs).
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import pg from 'pg';
import { ColdStart } from './cold_start.mjs';
import { Fronts } from './fronts.mjs';
import { Postgres } from './postgres.mjs';
import { allowedCores, Processes } from './processes.mjs';
import { Proxies } from './proxies.mjs';
import { Standbys } from './standbys.mjs';

export class World {
  processes = new Processes();
  programs = process.env.BENCH_PROGRAMS;
  scratch = process.env.BENCH_SCRATCH;

  static async open() {
    const world = new World();
    [world.core, world.otherCore = world.core] = await allowedCores();
    world.session = await world.connect();
    const { rows: [{ pid }] } = await world.session.query(
      `select split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::int as pid`);
    world.postmaster = pid;
    await world.#readTokens();
    world.postgres = new Postgres(world);
    world.fronts = new Fronts(world);
    world.proxies = new Proxies(world);
    world.standbys = new Standbys(world);
    world.coldStart = new ColdStart(world);
    return world;
  }

  async close() {
    await this.endRow();
    await this.standbys.end();
    await this.postgres.close();
    await this.session.end();
  }

  // Nothing that a row started outlives it, but standbys, which take long to copy and whose rows are the last.
  async endRow() {
    await this.processes.endAll();
    this.fronts.forget();
    this.proxies.forget();
  }

  // Every figure rests on tokens that are good.
  async #readTokens() {
    const { rows: [good] } = await this.session.query(
      `select (select bool_and(v.valid)
               from bench.tokens as t, openclaw.verify_token(t.token) as v) as tokens,
              (select bool_and(v.valid)
               from bench.jwts as j,
                    openclaw.verify_jwt(j.token, 'https://mcp.example.com/mcp') as v
               where j.n <= 100) as jwts,
              (select bool_and((openclaw.introspect(j.token)::jsonb ->> 'active')::boolean)
               from bench.many_jwts as j where j.n <= 1000) as many_jwts`);
    if (!good.tokens || !good.jwts || !good.many_jwts) throw new Error("the bench's own tokens are refused");

    const { rows } = await this.session.query('select token from bench.tokens order by n');
    this.tokens = rows.map((row) => row.token);
    this.tokenFile = await this.file('tokens', `${this.tokens.join('\n')}\n`);
    const { rows: [jwt] } = await this.session.query('select token from bench.jwts where alg = \'EdDSA\' limit 1');
    this.signedBytes = jwt.token.lastIndexOf('.');
  }

  // A session whose backend stays on one core, the same for all.
  async connect(database) {
    const session = new pg.Client({ database });
    await session.connect();
    const { rows: [backend] } = await session.query('select pg_backend_pid() as pid');
    session.backend = backend.pid;
    await this.run('taskset', ['--cpu-list', '--pid', this.core, backend.pid]);
    return session;
  }

  run(program, args, environment) {
    return this.processes.run(program, args, environment);
  }

  // A program of ours, built from bench/NAME.cpp, pinned to the core of the backends.
  runPinned(name, args) {
    return this.run('taskset', ['--cpu-list', this.core, path.join(this.programs, name), ...args]);
  }

  // The path of a file that goes with the run.
  async file(name, text) {
    const where = path.join(this.scratch, name);
    await writeFile(where, text, { mode: 0o600 });
    return where;
  }
}

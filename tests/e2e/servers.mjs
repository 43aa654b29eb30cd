// Postgres servers of a test's own, for what a shared one cannot be: killed, restored into, replicated,
// or started with other settings. Each is a cluster in a folder of the test, with a Unix socket and no
// TCP, and with fsync, as in production.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { until } from './world.mjs';

export const programs = process.env.OPENCLAW_PG_BIN;
export const issuer = 'https://auth.openclaw.test';
const user = 'postgres';

// Program and arguments that run another one as the server's user: Postgres refuses to run as root. What
// its test leaves behind dies with it, unless it is to outlive it (dies: false).
export const asServer = (program, args, { dies = true } = {}) => ['setpriv', [
  ...(process.getuid() === 0 ? ['--reuid', user, '--regid', user, '--clear-groups'] : []),
  ...(dies ? ['--pdeathsig', 'QUIT'] : []), program, ...args]];
export const own = (...paths) => process.getuid() === 0 && execFileSync('chown', [user, ...paths]);

// Runs a program as the server's user; a failure carries what it said.
export function runAsServer(program, ...args) {
  return execFileSync(...asServer(program, args),
    { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8', maxBuffer: 1 << 28 });
}

// The same for a program of Postgres.
export const run = (name, ...args) => runAsServer(join(programs, name), ...args);

// A folder that the server's user can use, and nobody else but root.
export function serverFolder(prefix) {
  const folder = mkdtempSync(join(tmpdir(), prefix));
  own(folder);
  chmodSync(folder, 0o700);
  return folder;
}

export function removeFolder(folder) {
  rmSync(folder, { recursive: true, force: true });
}

export class Server {
  #sessions = [];

  // The port is a part of the socket's name only. settings: of postgresql.conf, by name.
  constructor(folder, name, port, settings = {}) {
    Object.assign(this, { name, data: join(folder, name), sockets: folder, port,
      masterKeyFile: join(folder, 'master.key'), settings });
  }

  // A new, empty cluster.
  init() {
    run('initdb', '-D', this.data, '-U', user, '-A', 'trust', '-E', 'UTF8', '--locale', 'C', '--no-instructions');
    return this;
  }

  // A copy of a running one, as its standby.
  copyOf(primary) {
    mkdirSync(this.data, { mode: 0o700 });
    own(this.data);
    run('pg_basebackup', ...primary.at, '-D', this.data, '-R', '-X', 'stream', '-c', 'fast');
    return this;
  }

  // How to reach it, for its own programs.
  get at() {
    return ['-h', this.sockets, '-p', String(this.port), '-U', user];
  }

  get log() {
    return readFileSync(`${this.data}.log`, 'utf8');
  }

  async start() {
    const settings = {
      'openclaw.issuer': issuer, 'openclaw.master_key_file': this.masterKeyFile, timezone: 'UTC', ...this.settings };
    const [program, args] = asServer(join(programs, 'postgres'), [
      '-D', this.data, '-k', this.sockets, '-p', String(this.port), '-c', 'listen_addresses=',
      // A null leaves the setting to postgresql.conf and to ALTER SYSTEM.
      ...Object.entries(settings).flatMap(([name, value]) => (value === null ? [] : ['-c', `${name}=${value}`]))]);
    writeFileSync(`${this.data}.log`, '', { mode: 0o600 });
    this.process = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.process.stderr.on('data', (text) => writeFileSync(`${this.data}.log`, text, { flag: 'a' }));
    await until(`Postgres starts (${this.name})`, async () => {
      assert.equal(this.process.exitCode, null, this.log);
      return this.sql('select 1').then(() => true, () => false);
    }, 30_000);
    return this;
  }

  async client(options = {}) {
    const client = new pg.Client({ host: this.sockets, port: this.port, user, database: 'postgres', ...options });
    client.on('error', () => {});
    await client.connect();
    return client;
  }

  // A session that lasts until it or the server is ended.
  async session(options) {
    const client = await this.client(options);
    this.#sessions.push(client);
    return client;
  }

  // Each call is a session of its own: nothing is cached. Its first row.
  async sql(text, values = [], database = 'postgres') {
    return (await this.rows(text, values, database))[0];
  }

  async rows(text, values = [], database = 'postgres') {
    const client = await this.client({ database });
    try {
      return (await client.query(text, values)).rows;
    } finally {
      await client.end().catch(() => {});
    }
  }

  // 'SIGQUIT' is a crash: recovery replays the WAL. 'SIGINT' ends sessions and shuts down in order.
  async stop(signal = 'SIGINT') {
    if (!this.process || this.process.exitCode !== null || this.process.signalCode !== null) return;
    await Promise.all(this.#sessions.splice(0).map((client) => client.end().catch(() => {})));
    const ended = once(this.process, 'exit');
    this.process.kill(signal);
    await ended;
  }
}

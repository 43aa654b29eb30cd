// The real PgBouncer (Debian's), in transaction mode, before the database that PGDATABASE names.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { asServer, own } from './servers.mjs';
import { until } from './world.mjs';

const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };
const port = 6432;

export const version = Number(
  /PgBouncer (\d+\.\d+)/.exec(execFileSync('pgbouncer', ['--version'], { env, encoding: 'utf8' }))[1]);

export class PgBouncer {
  #clients = [];

  // roles: who may come. pools: the names that the database has there, each with its number of connections.
  constructor(roles, pools) {
    Object.assign(this, { roles, pools, log: '' });
    this.folder = mkdtempSync(join(tmpdir(), 'openclaw-bouncer-'));
    const { PGHOST, PGPORT, PGDATABASE } = process.env;
    const databases = Object.entries(pools).map(([name, size]) =>
      `${name} = host=${PGHOST} port=${PGPORT} dbname=${PGDATABASE} pool_size=${size}`);
    writeFileSync(join(this.folder, 'users'), roles.map((role) => `"${role}" ""\n`).join(''));
    // A log of its own is what stderr is for.
    writeFileSync(join(this.folder, 'pgbouncer.ini'), `[databases]
${databases.join('\n')}
[pgbouncer]
listen_addr =
listen_port = ${port}
unix_socket_dir = ${this.folder}
auth_type = trust
auth_file = ${join(this.folder, 'users')}
admin_users = ${roles[0]}
pool_mode = transaction
max_client_conn = 100
`);
    own(this.folder, join(this.folder, 'users'), join(this.folder, 'pgbouncer.ini'));
    chmodSync(this.folder, 0o700);
  }

  // As libpq is told where the first pool is.
  conninfo(role) {
    return `host=${this.folder} port=${port} dbname=${Object.keys(this.pools)[0]} user=${role}`;
  }

  async start() {
    // It refuses to run as root, and the server's socket is open to its own user alone.
    this.process = spawn(...asServer('pgbouncer', [join(this.folder, 'pgbouncer.ini')]),
      { stdio: ['ignore', 'ignore', 'pipe'], env });
    this.process.stderr.setEncoding('utf8').on('data', (text) => (this.log += text));
    await until('PgBouncer serves', async () => {
      assert.equal(this.process.exitCode, null, this.log);
      const client = this.#client(this.roles[0]);
      return client.connect().then(() => client.end()).then(() => true, () => false);
    });
    return this;
  }

  #client(role, database = Object.keys(this.pools)[0]) {
    const client = new pg.Client({ host: this.folder, port, user: role, database });
    client.on('error', () => {}); // one that a test kills
    return client;
  }

  async client(role, database) {
    const client = this.#client(role, database);
    await client.connect();
    this.#clients.push(client);
    return client;
  }

  // A command of its console: RECONNECT, ...
  async command(text) {
    const console = await this.client(this.roles[0], 'pgbouncer');
    return (await console.query(text)).rows;
  }

  // At once: whoever is connected loses the connection.
  async kill() {
    if (this.process?.exitCode !== null || this.process.signalCode !== null) return;
    const ended = once(this.process, 'exit');
    this.process.kill('SIGKILL');
    await ended;
  }

  async stop() {
    await Promise.all(this.#clients.map((client) => client.end().catch(() => {})));
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

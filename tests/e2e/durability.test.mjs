// Attack 28: what was revoked or rotated away stays so after a crash, a failover and a restore. A
// cluster of its own, since it is killed: with fsync, as in production.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import pg from 'pg';

const programs = process.env.OPENCLAW_PG_BIN;
const user = 'postgres';
// Postgres refuses to run as root.
const asServer = (program, args) =>
  process.getuid() === 0 ? ['setpriv', ['--reuid', user, '--regid', user, '--clear-groups', program, ...args]]
    : [program, args];
const run = (name, ...args) => execFileSync(...asServer(join(programs, name), args), { stdio: 'pipe' });

class Server {
  constructor(folder, name, port) {
    Object.assign(this, { data: join(folder, name), sockets: folder, port });
  }

  async start() {
    const [program, args] = asServer(join(programs, 'postgres'), [
      '-D', this.data, '-k', this.sockets, '-p', String(this.port), '-c', 'listen_addresses=',
      '-c', 'openclaw.issuer=https://auth.openclaw.test',
      '-c', `openclaw.master_key_file=${join(this.sockets, 'master.key')}`]);
    this.process = spawn(program, args, { stdio: 'ignore' });
    const end = Date.now() + 30_000;
    while (!(await this.sql('select 1').then(() => true, () => false))) {
      assert.ok(Date.now() < end, 'Postgres starts within 30 s');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  // Each call is a session of its own: nothing is cached.
  async sql(text, values = [], database = 'postgres') {
    const client = new pg.Client({ host: this.sockets, port: this.port, user, database });
    client.on('error', () => {});
    await client.connect();
    try {
      return (await client.query(text, values)).rows[0];
    } finally {
      await client.end().catch(() => {});
    }
  }

  async stop(signal) {
    if (!this.process || this.process.exitCode !== null) return;
    const ended = once(this.process, 'exit');
    this.process.kill(signal);
    await ended;
  }
}

describe('what was ended', () => {
  let folder;
  let primary;
  let standby;
  let had;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'openclaw-durable-'));
    if (process.getuid() === 0) execFileSync('chown', [user, folder]);
    chmodSync(folder, 0o700);
    primary = new Server(folder, 'primary', 5501);
    standby = new Server(folder, 'standby', 5502);
    run('initdb', '-D', primary.data, '-U', user, '-A', 'trust', '-E', 'UTF8');
    await primary.start();
    await primary.sql('create extension openclaw');
    await primary.sql('select openclaw.create_master_key()');
    await primary.sql('select openclaw.rotate_signing_key()');
    await primary.sql(`select openclaw.create_user(user_id => 'ada')`);
    await primary.sql(`select openclaw.register_container('ada', 'laptop', 'external',
      'https://mcp.ada.example.com/mcp', container_id => 'laptop')`);
    await primary.sql(`select openclaw.register_client('agent', user_id => 'ada', client_id => 'agent',
      grant_types => '{client_credentials,refresh_token}')`);
    const issue = async () => (await primary.sql(
      `select token, jti from openclaw.issue_access_token('laptop', '{mcp:tools}')`));
    const opaque = async () => (await primary.sql(`select token from openclaw.issue_token('ada', '{mcp:tools}')`)).token;
    const family = async () => (await primary.sql(
      `select refresh_token from openclaw.create_grant('agent', 'laptop', '{mcp:tools}')`)).refresh_token;
    const refresh = async (token) => (await primary.sql(
      `select refresh_token from openclaw.refresh_access_token(openclaw.trusted_client('agent'), $1)`, [token])).refresh_token;
    const revokedJwt = await issue();
    had = {
      good: { jwt: (await issue()).token, opaque: await opaque(), refresh: await refresh(await family()) },
      ended: { jwt: revokedJwt.token, opaque: await opaque(), rotated: await family(), replayed: await family() },
    };
    await primary.sql('select openclaw.revoke_jwt($1, $2)', ['laptop', revokedJwt.jti]);
    await primary.sql('select openclaw.revoke_token($1)', [had.ended.opaque]);
    await refresh(had.ended.rotated);
    had.ended.successor = await refresh(had.ended.replayed);
    await primary.sql(`update openclaw.refresh_tokens set replaced_at = replaced_at - interval '1 minute'`);
    await refresh(had.ended.replayed);
    // The last one is an ending: nothing after it forces it to disk.
  });
  after(async () => {
    await standby.stop('SIGQUIT');
    await primary.stop('SIGQUIT');
    rmSync(folder, { recursive: true, force: true });
  });

  const assertUnchanged = async (server, database) => {
    for (const [what, token] of Object.entries(had.good)) {
      const { introspect } = await server.sql('select openclaw.introspect($1)', [token], database);
      assert.equal(introspect.active, true, `${what} is good`);
    }
    for (const [what, token] of Object.entries(had.ended)) {
      const { introspect } = await server.sql('select openclaw.introspect($1)', [token], database);
      assert.deepEqual(introspect, { active: false }, `${what} is ended`);
    }
  };

  test('is ended, and the rest is good', () => assertUnchanged(primary));

  test('stays so when the server crashes and starts again', async () => {
    await primary.stop('SIGQUIT'); // an immediate shutdown: recovery replays the WAL
    await primary.start();
    await assertUnchanged(primary);
  });

  test('stays so in a dump that is restored into an empty database', async () => {
    const dump = join(folder, 'dump.sql');
    const at = ['-h', folder, '-p', String(primary.port), '-U', user];
    run('pg_dump', ...at, '-d', 'postgres', '-f', dump);
    await primary.sql('create database restored template template0');
    run('psql', ...at, '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', 'restored', '-f', dump);
    await assertUnchanged(primary, 'restored');
  });

  test('stays so, and no master key is lost, when two databases of the server add theirs at once', async () => {
    const { before: held } = await primary.sql('select cardinality(openclaw.master_key_ids()) as before');
    const added = await Promise.all(['postgres', 'restored', 'postgres', 'restored', 'postgres', 'restored']
      .map((database) => primary.sql('select openclaw.rotate_master_key() as id', [], database)));
    const { ids } = await primary.sql('select openclaw.master_key_ids() as ids');
    assert.equal(ids.length, held + added.length);
    for (const { id } of added) assert.ok(ids.includes(id));
    for (const database of ['postgres', 'restored']) {
      assert.equal((await primary.sql('select openclaw.rewrap_signing_keys() as n', [], database)).n, 2);
    }
    await assertUnchanged(primary);
  });

  test('stays so on a standby, and after a failover to it', async () => {
    mkdirSync(standby.data, { mode: 0o700 });
    if (process.getuid() === 0) execFileSync('chown', [user, standby.data]);
    run('pg_basebackup', '-h', folder, '-p', String(primary.port), '-U', user, '-D', standby.data, '-R', '-X', 'stream',
      '-c', 'fast');
    await standby.start();
    assert.equal((await standby.sql('select pg_is_in_recovery()')).pg_is_in_recovery, true);
    await assertUnchanged(standby);
    await primary.stop('SIGQUIT');
    assert.equal((await standby.sql('select pg_promote()')).pg_promote, true);
    await assertUnchanged(standby);
    assert.equal((await standby.sql(
      `select error from openclaw.refresh_access_token(openclaw.trusted_client('agent'), $1)`, [had.ended.rotated])).error,
    'invalid_grant');
    assert.ok(existsSync(join(folder, 'master.key')));
    assert.match((await standby.sql(`select jti from openclaw.issue_access_token('laptop', '{mcp:tools}')`)).jti, /^.{22}$/);
  });
});

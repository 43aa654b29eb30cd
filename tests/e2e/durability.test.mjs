// Attack 28: what was revoked or rotated away stays so after a crash, a failover and a restore. A
// cluster of its own, since it is killed: with fsync, as in production.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { removeFolder, run, Server, serverFolder } from './servers.mjs';

describe('what was ended', () => {
  let folder;
  let primary;
  let standby;
  let had;
  before(async () => {
    folder = serverFolder('openclaw-durable-');
    primary = await new Server(folder, 'primary', 5501).init().start();
    standby = new Server(folder, 'standby', 5502);
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
    removeFolder(folder);
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
    run('pg_dump', ...primary.at, '-d', 'postgres', '-f', dump);
    await primary.sql('create database restored template template0');
    run('psql', ...primary.at, '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', 'restored', '-f', dump);
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
    await standby.copyOf(primary).start();
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

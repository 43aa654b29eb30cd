// Attack 44: a database with everything in it, dumped and restored into an empty cluster, is the same one:
// every row, grant, policy, partition and setting, and what comes next works. doctor() names what a dump
// does not carry.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { assertSameFacts, contents, facts } from './catalog.mjs';
import { PlatformData } from './platform_data.mjs';
import { issuer, programs, removeFolder, run, runAsServer, Server, serverFolder } from './servers.mjs';
import { until } from './world.mjs';

const database = 'platform';
const capabilities = ['verifier', 'issuer', 'admin', 'front', 'session'];
// What is of no use elsewhere stays behind.
const leftBehind = ['openclaw.audit_marks', 'openclaw.rate_limits'];

const asker = async (server, user = 'postgres') => {
  const client = await server.session({ database, user });
  return async (text, values) => (await client.query(text, values)).rows;
};

const wrong = async (query) => (await query('select check_name, detail from openclaw.doctor() where not ok'))
  .map(({ check_name: name, detail }) => ({ name, detail }));

const head = async (query) => (await query(`select block, encode(hash, 'hex') as hash from openclaw.audit_head()`))[0];

// Two runs seal what was there before them, once whoever may have written earlier has ended.
const seal = async (query) => {
  const { block } = await head(query);
  await until('the audit log is sealed further', async () => {
    await query('select openclaw.maintain()');
    return Number((await head(query)).block ?? 0) > Number(block ?? 0);
  });
};

// What lies outside of schema openclaw.
const surroundings = async (query) => ({
  roles: await query(`select rolname, rolcanlogin, rolsuper, rolbypassrls, rolconfig from pg_roles
                      where rolname !~ '^pg_' order by 1`),
  settings: await query(`select s.setdatabase <> 0 as here, s.setrole::regrole::text as role, s.setconfig
                         from pg_db_role_setting as s order by 1, 2`),
  policies: await query(`select schemaname, tablename, policyname, permissive, roles::text, cmd, qual, with_check
                         from pg_policies where schemaname = 'app' order by 1, 2, 3`),
  tables: await query(`select c.oid::regclass::text as name, c.relrowsecurity, c.relforcerowsecurity, c.relacl::text
                       from pg_class as c where c.relnamespace = 'app'::regnamespace order by 1`),
});

describe('a platform', () => {
  let folder;
  let source;
  let query;
  let data;
  let was;
  before(async () => {
    folder = serverFolder('openclaw-restore-');
    source = await new Server(folder, 'source', 5511).init().start();
    await source.sql(`create database ${database}`);
    query = await asker(source);
    await query('create extension openclaw');
    await query('select openclaw.maintain()'); // makes the partitions, before there is a row
    await query('select openclaw.create_master_key()');
    // A row that no partition takes.
    await query(`insert into openclaw.audit_log (at, action, outcome)
                 values (date_trunc('month', now()) - interval '10 days', 'before the partitions', 'success')`);
    data = await PlatformData.make(query);
    await query(`select openclaw.define_plan('team', 4, 50, '30 days', '{mcp:*,data:read}', 600)`);
    await query('select * from openclaw.check_password($1, $2)', ['ada@example.com', 'wrong']);
    await query(`alter database ${database} set openclaw.jwks_max_age = '10min'`);
    for (const capability of capabilities) {
      await query(`create role app_${capability} login`);
      await query(`select openclaw.grant_access('app_${capability}', '${capability}')`);
    }
    await query(`alter role app_front in database ${database} set openclaw.access_token_lifetime = '2min'`);
    await query(`create schema app`);
    await query(`create table app.notes (id text primary key default openclaw.new_id('note'),
                   owner text not null references openclaw.users (id), words text)`);
    await query(`alter table app.notes enable row level security`);
    await query(`alter table app.notes force row level security`);
    await query(`create policy own on app.notes using (owner = openclaw.current_user_id())
                   with check (owner = openclaw.current_user_id() and openclaw.has_scope('mcp:tools'))`);
    await query(`grant usage on schema app to app_session`);
    await query(`grant select, insert on app.notes to app_session`);
    await query(`insert into app.notes (owner, words) values ('ada', 'hers'), ('bob', 'his')`);
    await seal(query);
    await query(`select openclaw.create_user(user_id => 'late')`);
    await seal(query);
    await query(`select openclaw.create_user(user_id => 'later')`); // and a row that no block has
    was = { facts: await facts(query), contents: await contents(query, ['app.notes']), head: await head(query),
      surroundings: await surroundings(query) };
  });
  after(async () => {
    await source.stop('SIGQUIT');
    removeFolder(folder);
  });

  test('has everything to be restored', () => {
    for (const table of ['users', 'plans', 'containers', 'api_tokens', 'signing_keys', 'oauth_clients', 'oauth_client_secrets',
      'grants', 'refresh_tokens', 'grant_jwts', 'revoked_jwts', 'audit_log_default', 'audit_blocks']) {
      assert.ok(was.contents[`openclaw.${table}`].rows > 0, table);
    }
    const dated = Object.entries(was.contents).filter(([name]) => /audit_log_\d{4}_\d{2}$/.test(name));
    assert.ok(dated.length >= 3);
    assert.ok(dated.some(([, { rows }]) => rows > 0), 'and dated partitions have rows');
    assert.ok(Number(was.head.block) >= 2);
  });

  const ways = {
    'plain SQL': (target) => {
      const dump = join(folder, 'plain.sql');
      run('pg_dump', ...source.at, '-d', database, '--create', '-f', dump);
      return run('psql', ...target.at, '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', 'postgres', '-f', dump);
    },
    'pg_restore': (target) => {
      const dump = join(folder, 'custom.dump');
      run('pg_dump', ...source.at, '-d', database, '-Fc', '-f', dump);
      return run('pg_restore', ...target.at, '--create', '--exit-on-error', '-d', 'postgres', dump);
    },
    // Restored by one worker: pg_restore --jobs minds no foreign keys between an extension's tables.
    'pg_restore, from a folder that is dumped in parallel': (target) => {
      const dump = join(folder, 'folder.dump');
      run('pg_dump', ...source.at, '-d', database, '-Fd', '-j', '2', '-f', dump);
      return run('pg_restore', ...target.at, '--create', '--exit-on-error', '-d', 'postgres', dump);
    },
  };
  for (const [way, restore] of Object.entries(ways)) {
    describe(`restored into an empty cluster by ${way}`, () => {
      let place;
      let target;
      let ask;
      before(async () => {
        place = serverFolder('openclaw-restored-');
        // Nothing of the extension is set here: a new machine.
        target = await new Server(place, 'target', 5512, {
          'openclaw.issuer': null, 'openclaw.master_key_file': null }).init().start();
        const roles = join(folder, 'roles.sql');
        run('pg_dumpall', ...source.at, '--roles-only', '--no-role-passwords', '-f', roles);
        // The cluster's own superuser is there already.
        const said = execFileSync(join(programs, 'psql'), [...target.at, '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', 'postgres'],
          { input: readFileSync(roles, 'utf8').replace(/^CREATE ROLE postgres;$/m, ''), encoding: 'utf8',
            stdio: ['pipe', 'pipe', 'pipe'] });
        assert.equal(said, '');
        restore(target);
        ask = await asker(target);
      });
      after(async () => {
        await target.stop('SIGQUIT');
        removeFolder(place);
      });

      test('has every row', async () => {
        const restored = await contents(ask, ['app.notes']);
        for (const name of leftBehind) {
          assert.equal(restored[name].rows, 0, name);
          delete restored[name];
        }
        assertSameFacts(restored,
          Object.fromEntries(Object.entries(was.contents).filter(([name]) => !leftBehind.includes(name))));
      });

      test('has every function, grant, policy, partition, index, trigger and comment', async () => {
        assertSameFacts(await facts(ask), was.facts);
      });

      test('has its roles, its settings and what the application built on it', async () => {
        assert.deepEqual(await surroundings(ask), was.surroundings);
      });

      test('the doctor names what a dump does not carry, and no more', async () => {
        const found = await wrong(ask);
        assert.deepEqual(found.map(({ name }) => name), ['issuer', 'master_key']);
        assert.match(found[0].detail, /openclaw\.issuer is not set/);
        assert.match(found[1].detail, /openclaw\.master_key_file is not set/);
        // Opaque tokens need neither; a JWT says what is missing.
        assert.equal((await ask('select (openclaw.verify_token($1)).valid', [data.good.token]))[0].valid, true);
        await assert.rejects(ask(`select openclaw.connect('ada', 'ada-laptop', '{mcp:tools}')`), { code: '55000' });
      });

      test('the doctor names a master key that is not copied, and one that is another', async () => {
        const file = join(place, 'restored.key');
        await ask(`alter system set openclaw.issuer = '${issuer}'`);
        await ask(`alter system set openclaw.master_key_file = '${file}'`);
        await ask('select pg_reload_conf()');
        await until('the settings are read', async () => (await wrong(ask)).length === 1
          && (await ask(`select openclaw.setting('master_key_file') as file`))[0].file === file);
        let [found, ...others] = await wrong(ask);
        assert.deepEqual([found.name, others], ['master_key', []]);
        assert.match(found.detail, /restored\.key|No such file/);
        await ask('select openclaw.create_master_key()');
        [found, ...others] = await wrong(ask);
        assert.deepEqual([found.name, others], ['master_key', []]);
        assert.match(found.detail, /signing keys in use are sealed under a master key that the file does not hold/);
        await assert.rejects(ask(`select openclaw.connect('ada', 'ada-laptop', '{mcp:tools}')`), { code: '55000' });
        runAsServer('cp', '--preserve=mode', source.masterKeyFile, file);
        assert.deepEqual(await wrong(ask), []);
      });

      test('the doctor has nothing to say in a new session', async () => {
        assert.deepEqual(await wrong(await asker(target)), []);
      });

      test('its tokens are good, what was ended stays ended, and what comes next works', async () => {
        ask = await asker(target);
        await data.assertVerifies(ask);
        const own = Object.assign(Object.create(Object.getPrototypeOf(data)), data);
        await own.assertGoesOn(ask, 'restored');
        const [{ valid }] = await ask(`select valid from openclaw.check_password('ADA@example.com', 'correct horse battery')`);
        assert.equal(valid, true);
        await ask(`select openclaw.register_container('ada', 'third', 'hosted', 'third:3100')`);
        await ask(`select openclaw.register_container('ada', 'fourth', 'hosted', 'fourth:3100')`);
        await assert.rejects(ask(`select openclaw.register_container('ada', 'fifth', 'hosted', 'fifth:3100')`),
          { code: '53400' }, "the plan's limits are the ones of the source");
      });

      test('its signing keys go on: a rotation, and a JWT by the new key', async () => {
        const kid = Object.values((await ask(`select openclaw.rotate_signing_key('EdDSA', '0')`))[0])[0];
        const [{ token, kid: signer }] = await ask(
          `select token, kid from openclaw.issue_access_token('ada-laptop', '{mcp:tools}')`);
        assert.equal(signer, kid);
        const [{ valid }] = await ask(`select (openclaw.verify_jwt($1, 'https://mcp.ada.example.com/mcp')).valid`, [token]);
        assert.equal(valid, true);
      });

      test('each role does what its capability says', async () => {
        const verifier = await asker(target, 'app_verifier');
        assert.equal((await verifier('select (openclaw.verify_token($1)).valid', [data.good.token]))[0].valid, true);
        await assert.rejects(verifier('select openclaw.revoke_token($1)', [data.good.token]), { code: '42501' });
        const issuerRole = await asker(target, 'app_issuer');
        assert.ok((await issuerRole(`select token from openclaw.issue_token('bob', '{mcp:tools}')`))[0].token);
        const session = await asker(target, 'app_session');
        assert.deepEqual(await session('select words from app.notes'), []);
        await session('begin');
        await session('select openclaw.begin_session($1)', [data.good.token]);
        assert.deepEqual(await session('select words from app.notes'), [{ words: 'hers' }]);
        assert.ok((await session('select from openclaw.token_overview')).length > 0);
        await assert.rejects(session(`insert into app.notes (owner) values ('bob')`), { code: '42501' });
        await session('rollback');
      });

      test('its audit log is whole, and is sealed further', async () => {
        const verify = () => ask(`select * from openclaw.audit_verify($1, decode($2, 'hex'))`,
          [was.head.block, was.head.hash]);
        assert.deepEqual(await verify(), []);
        await seal(ask);
        await ask(`select openclaw.create_user(user_id => 'after-the-restore')`);
        await seal(ask);
        assert.deepEqual(await verify(), []);
        assert.ok(Number((await head(ask)).block) >= Number(was.head.block) + 2);
      });

      test('maintenance goes on, and has no partition to make', async () => {
        const tasks = await ask('select * from openclaw.maintain()');
        assert.equal(tasks.find(({ task }) => task === 'make audit partitions').done, '0');
        assert.deepEqual(await wrong(ask), []);
      });
    });
  }
});

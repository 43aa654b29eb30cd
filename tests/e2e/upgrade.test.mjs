// ALTER EXTENSION openclaw UPDATE from the version before: it equals a fresh installation, and all that
// was there lives on. The install script of that version is kept in tests/upgrade/ and is put beside the
// server's own for as long as this runs. A cluster of its own, where nobody else's transaction keeps the
// audit log from being sealed.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { assertSameFacts, contents, facts } from './catalog.mjs';
import { PlatformData } from './platform_data.mjs';
import { removeFolder, run, Server, serverFolder } from './servers.mjs';
import { root, until } from './world.mjs';

const former = '0.1.0';
const now = /^default_version *= *'(.*)'/m.exec(readFileSync(`${root}extension/openclaw.control`, 'utf8'))[1];
const capabilities = ['verifier', 'issuer', 'admin', 'front'];

describe(`an update from ${former} to ${now}`, () => {
  const script = `openclaw--${former}.sql`;
  let installed;
  let folder;
  let server;

  const session = async (database) => {
    const client = await server.session({ database });
    return async (text, values) => (await client.query(text, values)).rows;
  };
  const database = async (name, version) => {
    await server.sql(`create database ${name}`);
    const query = await session(name);
    if (version) await query(`create extension openclaw version '${version}'`);
    return query;
  };
  const grantEverything = async (query) => {
    for (const capability of capabilities) {
      await query('select openclaw.grant_access($1::regrole, $2)', [`role_${capability}`, capability]);
    }
    // By hand, as a DBA would for one who may do less than a capability.
    await query(`grant usage on schema openclaw to role_other`);
    await query(`grant execute on function openclaw.verify_token(text, text[]) to role_other with grant option`);
    await query(`grant select on openclaw.key_status to role_other`);
    await query(`grant select on openclaw.users to role_other`);
  };
  const update = (query) => query(`alter extension openclaw update to '${now}'`);

  before(async () => {
    installed = join(run('pg_config', '--sharedir').trim(), 'extension', script);
    copyFileSync(`${root}tests/upgrade/${script}`, installed);
    folder = serverFolder('openclaw-upgrade-');
    server = await new Server(folder, 'server', 5541).init().start();
    for (const name of [...capabilities, 'other']) await server.sql(`create role role_${name} login`);
  });
  after(async () => {
    rmSync(installed, { force: true });
    await server.stop('SIGQUIT');
    removeFolder(folder);
  });

  test('is the script that tools/update-script writes from the two install scripts', () => {
    execFileSync(`${root}tools/update-script`, ['--check'], { stdio: 'pipe' });
  });

  test('of an empty database gives what a fresh installation gives, fact by fact', async () => {
    const updated = await database('bare', former);
    await update(updated);
    const fresh = await database('fresh', now);
    assertSameFacts(await facts(updated), await facts(fresh));
  });

  describe('of a platform in use', () => {
    let query;
    let data;
    let rowsBefore;
    let auditBefore;
    const oldColumns = `select c.relname as name, string_agg(quote_ident(a.attname), ', ' order by a.attnum) as columns
      from pg_class as c join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      where c.relnamespace = 'openclaw'::regnamespace and c.relkind = 'r' and c.relname <> 'audit_log_default'
      group by c.relname`;
    const rowsOf = async (tables) => {
      const found = {};
      for (const { name, columns } of tables) {
        [found[name]] = await query(
          `select count(*)::int as rows, md5(string_agg(t::text, E'\\n' order by t::text collate "C")) as md5
           from (select ${columns} from openclaw.${name}) as t`);
      }
      return found;
    };
    const auditRows = () => query(`select id, at, actor, action, user_id, target, outcome, reason, request_id
      from openclaw.audit_log order by at, id`);
    let tables;

    before(async () => {
      query = await database('filled', former);
      await query('select openclaw.create_master_key()');
      await query(`alter database filled set openclaw.jwks_max_age = '10min'`);
      await query(`alter role role_front in database filled set openclaw.access_token_lifetime = '2min'`);
      await grantEverything(query);
      // The application's own, on top of functions and views of the extension.
      await query(`create table public.documents (id text primary key default openclaw.new_id('doc'),
                     owner text references openclaw.users (id))`);
      await query(`create view public.callers as select v.* from openclaw.verify_token('none') as v`);
      await query(`create view public.keys as select * from openclaw.key_status`);
      await query(`create function public.sign_up(email text) returns text
                     begin atomic select openclaw.create_user(email); end`);
      // It has been in use for long, and before 0.2.0 no month had a partition.
      await query(`insert into openclaw.audit_log (at, action, outcome)
                   select now() - n * interval '20 days', 'long ago', 'success' from generate_series(1, 30) as n`);
      data = await PlatformData.make(query);
      tables = await query(oldColumns);
      rowsBefore = await rowsOf(tables);
      auditBefore = await auditRows();
      assert.ok(Object.values(rowsBefore).filter(({ rows }) => rows > 0).length >= 10, 'most tables hold something');
    });

    test('may be waited for: the new module serves the old SQL', async () => {
      await data.assertVerifies(query);
      await data.assertGoesOn(query, 'before');
      rowsBefore = await rowsOf(tables);
      auditBefore = await auditRows();
    });

    test('keeps every row', async () => {
      await update(query);
      assert.deepEqual(await rowsOf(tables), rowsBefore);
      const kept = (await auditRows()).slice(0, auditBefore.length);
      assert.deepEqual(kept, auditBefore);
    });

    test('keeps what roles may do, and gives a capability what is new in it', async () => {
      const expected = await database('granted', now);
      await grantEverything(expected);
      const filled = await facts(query);
      assertSameFacts(filled, await facts(expected));
      for (const capability of capabilities) {
        const [row] = await query(
          `select count(*)::int as all, count(*) filter (where has_function_privilege($1, r::oid, 'execute'))::int as may
           from openclaw.capability_routines($2) as r`, [`role_${capability}`, capability]);
        assert.ok(row.all > 0);
        assert.equal(row.may, row.all, capability);
      }
    });

    test('keeps tokens, and what was ended', async () => {
      await data.assertVerifies(query);
      await data.assertGoesOn(query, 'after');
    });

    test("keeps the application's own objects", async () => {
      assert.equal((await query('select reason from public.callers'))[0].reason, 'malformed');
      assert.ok((await query('select from public.keys')).length >= 2);
      await query(`select public.sign_up('mail@example.com')`);
      await query('insert into public.documents default values');
    });

    test('keeps settings', async () => {
      const again = await session('filled');
      assert.equal((await again(`select openclaw.setting('jwks_max_age') as age`))[0].age, '10min');
      const [{ setconfig }] = await again(
        `select setconfig from pg_db_role_setting where setrole = $1::regrole and setdatabase <> 0`, ['role_front']);
      assert.deepEqual(setconfig, ['openclaw.access_token_lifetime=2min']);
    });

    test('leaves the doctor nothing to say', async () => {
      await until('the audit log is sealed', async () => {
        await query('select openclaw.maintain()');
        return (await query(`select from openclaw.doctor() where check_name = 'audit_sealing' and ok`)).length > 0;
      });
      const wrong = await query('select check_name, detail from openclaw.doctor() where not ok');
      // What this test did itself: rights by hand, beyond any capability.
      assert.deepEqual(wrong.map(({ check_name: name }) => name), ['logged_parameters', 'excess_privileges']);
      for (const { detail } of wrong) assert.doesNotMatch(detail, /role_(?!other)/);
      assert.deepEqual((await query('select * from openclaw.audit_verify()')), []);
    });

    test('lets retention take what is old, which lies in no partition of its own', async () => {
      const old = async () => (await query(
        `select count(*)::int as rows from openclaw.audit_log where at < now() - interval '450 days'`))[0].rows;
      assert.ok(auditBefore.length > 30);
      await until('it is gone', async () => {
        await query('select openclaw.maintain()');
        return (await old()) === 0;
      });
      assert.doesNotMatch(server.log, /WARNING/); // which is how a task of maintain() fails
      assert.deepEqual((await query('select * from openclaw.audit_verify()')), []);
    });

    test('can be dumped and restored, with what roles may do', async () => {
      const dump = join(folder, 'dump.sql');
      run('pg_dump', ...server.at, '-d', 'filled', '-f', dump);
      const restored = await database('restored');
      run('psql', ...server.at, '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', 'restored', '-f', dump);
      assertSameFacts(await facts(restored), await facts(query));
      const { 'openclaw.audit_marks': mark, 'openclaw.rate_limits': limits, ...rows } = await contents(query);
      const { 'openclaw.audit_marks': noMark, 'openclaw.rate_limits': noLimits, ...again } = await contents(restored);
      assertSameFacts(again, rows);
      assert.ok(mark && limits && noMark.rows === 0 && noLimits.rows === 0);
      await data.assertVerifies(restored);
    });

    test('is done once: another one has nothing to do', async () => {
      await update(query);
      assert.equal((await query(`select extversion from pg_extension where extname = 'openclaw'`))[0].extversion, now);
    });
  });
});

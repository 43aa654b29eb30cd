// Debian's pg_cron keeps the house: as docs/how-to/dba.md sets it up it calls maintain() every minute by
// itself; and at once with the front's timer, a DBA and other jobs of its own, nothing fails and nothing
// is done twice.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { removeFolder, Server, serverFolder } from './servers.mjs';
import { Front, until } from './world.mjs';

const database = 'platform';
const jobs = 4;
const expired = 25_000; // more than two runs clear, at 10,000 a run

describe('pg_cron', () => {
  let folder;
  let server;
  let query;
  const asker = async (options = {}) => {
    const client = await server.session({ database, ...options });
    return async (text, values) => (await client.query(text, values)).rows;
  };
  const value = async (text, values) => Object.values((await query(text, values))[0])[0];
  const revokeExpired = (name, count) => query(
    `insert into openclaw.revoked_jwts (jti, container_id, place, expires_at)
     select $1 || n, 'ada-laptop', 0, now() - interval '1 minute' from generate_series(1, $2) as n`, [name, count]);
  const left = () => value('select count(*)::int from openclaw.revoked_jwts');
  const schedule = (name, when) => server.sql(
    `select cron.schedule_in_database($1, $2, 'select openclaw.maintain()', $3)`, [name, when, database]);
  const runs = () => server.rows('select command, database, status, return_message from cron.job_run_details order by runid');

  before(async () => {
    folder = serverFolder('openclaw-cron-');
    server = await new Server(folder, 'server', 5531, {
      shared_preload_libraries: 'pg_cron', 'cron.use_background_workers': 'on' }).init().start();
    await server.sql(`create database ${database}`);
    query = await asker();
    await query('create extension openclaw');
    await query('select openclaw.create_master_key()');
    await query(`select openclaw.rotate_signing_key('EdDSA')`);
    await query(`select openclaw.create_user(user_id => 'ada')`);
    await query(`select openclaw.register_container('ada', 'laptop', 'external', 'https://mcp.ada.example.com/mcp',
                   container_id => 'ada-laptop')`);
    await server.sql('create extension pg_cron');
  });
  after(async () => {
    await server.stop('SIGQUIT');
    removeFolder(folder);
  });

  test('runs maintain() by itself once it is scheduled', async () => {
    await schedule('openclaw', '* * * * *');
    await revokeExpired('one', 10);
    const over = ({ status }) => /succeeded|failed/.test(status);
    const run = await until('the job has run', async () => (await runs()).find(over), 90_000);
    assert.equal(run.status, 'succeeded', run.return_message);
    assert.deepEqual([run.command, run.database], ['select openclaw.maintain()', database]);
    assert.equal(await left(), 0);
    await server.sql(`select cron.unschedule('openclaw')`);
  });

  test('beside the front, a DBA and other jobs, all at once: nothing fails and nothing is done twice', async () => {
    // Jobs that start with the server need no waiting for a minute to pass.
    for (let n = 0; n < jobs; ++n) await schedule(`at once ${n}`, '@reboot');
    await revokeExpired('many', expired);
    await query(`delete from openclaw.signing_keys where activates_at > now()`); // a successor is to be made
    await query('create role front login');
    await query(`select openclaw.grant_access('front', 'front')`);
    const before = (await runs()).length;
    await server.stop();
    await server.start();

    const front = await Front.start(['--maintenance-interval', '1s', '--log-level', 'debug',
      '--database', `host='${server.sockets}' port=${server.port} dbname=${database} user=front`]);
    const dba = await Promise.all([1, 2, 3].map(() => asker()));
    query = await asker();
    try {
      const maintained = () => front.events().filter(({ event }) => event === 'maintained');
      await until('all is cleared, and everybody has run', async () => {
        await Promise.all(dba.map((ask) => ask('select * from openclaw.maintain()')));
        const all = await runs();
        return (await left()) === 0 && all.length === before + jobs
          && all.every(({ status }) => /succeeded|failed/.test(status)) && maintained().length >= 2;
      }, 60_000);
      assert.deepEqual((await runs()).filter(({ status }) => status !== 'succeeded'), []);
      assert.deepEqual(maintained().filter(({ outcome }) => outcome !== 'ok'), []);
    } finally {
      await front.stop();
    }
    assert.equal(await value(`select count(*)::int from openclaw.key_status where state = 'pending'`), 1, 'one successor');
    assert.deepEqual(await query(`select action, target from openclaw.audit_log
      where action in ('add_signing_key', 'drop_audit_partition') group by 1, 2 having count(*) > 1`), []);
    await until('what was written is sealed', async () => {
      await query('select openclaw.maintain()');
      return value(`select not exists (select from openclaw.audit_log where at >= (select upper from openclaw.audit_head()))`);
    });
    assert.deepEqual(await query('select * from openclaw.audit_verify()'), []);
    assert.deepEqual(await query('select check_name, detail from openclaw.doctor() where not ok'), []);
    const complaints = server.log.split('\n').filter((line) => /\b(WARNING|ERROR|FATAL|PANIC)\b/.test(line));
    assert.deepEqual(complaints.filter((line) => !line.includes('the database system is starting up')), []);
  });
});

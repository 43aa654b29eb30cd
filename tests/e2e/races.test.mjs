// Fifty at once: limits of a plan hold exactly, guesses at a password get no more answers than the
// bucket holds, a change of plan misses no token, and the audit log is sealed whole beside its writers.
// "At once" is made, not hoped for: everybody is brought to wait for one lock, which is then let go.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import pg from 'pg';
import { until } from './world.mjs';

const many = 50;
const range = (n) => Array.from({ length: n }, (_, i) => i);

// How a call ended: 'ok', the reason that its error's DETAIL gives, or its SQLSTATE.
const outcomeOf = (call) => call.then(() => 'ok', ({ code, detail }) => {
  assert.ok(code, 'an error of the database');
  return detail?.match(/^reason: (\w+)$/)?.[1] ?? code;
});

const tally = (outcomes) => {
  const counts = {};
  for (const outcome of outcomes) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
};

describe('at once', { timeout: 90_000 }, () => {
  let db;
  let crowd;
  let pids;
  before(async () => {
    // Cheap hashes: what is tested is who gets an answer.
    await settings('openclaw.argon2_memory = 8192', 'openclaw.argon2_iterations = 1');
    db = await connected();
    crowd = await Promise.all(range(many).map(connected));
    pids = await Promise.all(crowd.map(async (client) => (await value(client, 'select pg_backend_pid() as v'))));
    // The month's partitions are made before anybody writes.
    await db.query('select openclaw.maintain()');
  });
  after(() => Promise.all([...sessions].map((client) => client.end())));

  // Ended with the test at the latest, also with one that failed.
  const sessions = new Set();
  async function connected() {
    const client = new pg.Client();
    await client.connect();
    sessions.add(client);
    client.once('end', () => sessions.delete(client));
    return client;
  }

  // For the sessions that begin after it.
  async function settings(...assignments) {
    const client = await connected();
    for (const assignment of assignments) await client.query(`alter database "${client.database}" set ${assignment}`);
    await client.end();
  }

  async function value(client, text, values) {
    return (await client.query(text, values)).rows[0].v;
  }

  const waiting = async (some) => Number(await value(db,
    `select count(*) as v from pg_stat_activity where pid = any ($1) and wait_event_type = 'Lock'`, [some]));

  // What `act` of each member came to. All of them wait for one table before the first gets it.
  async function together(act, members = crowd, gate = 'rate_limits') {
    const gatekeeper = await connected();
    try {
      await gatekeeper.query(`begin; lock table openclaw.${gate} in access exclusive mode`);
      const acts = members.map((client, n) => act(client, n));
      await until('everybody is at it', async () => (await waiting(pids)) === members.length);
      await gatekeeper.query('rollback');
      return await Promise.all(acts);
    } finally {
      await gatekeeper.end();
    }
  }

  // A user on a plan of their own: its name is the user's.
  async function userWithPlan(id, limits) {
    await db.query('select openclaw.create_user(user_id => $1, plan_tier => $1)', [id]);
    await definePlan(db, id, limits);
  }

  function definePlan(client, tier, { containers = null, tokens = null, scopes = null, issues = null }) {
    return client.query('select openclaw.define_plan($1, $2, $3, null, $4, $5)', [tier, containers, tokens, scopes, issues]);
  }

  const issue = (client, user, scopes = ['mcp:tools']) =>
    client.query('select openclaw.issue_token($1, $2)', [user, scopes]);

  const liveTokens = async (user) => Number(await value(db,
    'select count(*) as v from openclaw.api_tokens where user_id = $1 and revoked_at is null', [user]));

  const deadlocks = async () => {
    // Backends report to the statistics when they are idle, at the latest when they end.
    await Promise.all([db, ...crowd].map((client) => client.query('select pg_stat_force_next_flush()')));
    return Number(await value(db, 'select deadlocks as v from pg_stat_database where datname = current_database()'));
  };

  // In a transaction of this level, which has its snapshot before the race begins; again after 40001.
  async function inTransaction(client, level, act) {
    for (let attempts = 1; ; attempts++) {
      await client.query(`begin isolation level ${level}`);
      await client.query('select count(*) from openclaw.plans');
      const outcome = await outcomeOf(act(client));
      const end = outcome === 'ok' ? await outcomeOf(client.query('commit')) : await client.query('rollback').then(() => outcome);
      if (end !== '40001') return { outcome: end, attempts };
    }
  }

  test('a plan of ten live tokens gives ten', async () => {
    await userWithPlan('ten', { tokens: 10 });
    assert.deepEqual(tally(await together((client) => outcomeOf(issue(client, 'ten')))), { ok: 10, plan_tokens: 40 });
    assert.equal(await liveTokens('ten'), 10);
  });

  for (const level of ['repeatable read', 'serializable']) {
    test(`and ten under ${level}, to those who try again`, async () => {
      const user = level.split(' ')[0];
      await userWithPlan(user, { tokens: 10 });
      const ended = await together((client) => inTransaction(client, level, (c) => issue(c, user)));
      assert.deepEqual(tally(ended.map(({ outcome }) => outcome)), { ok: 10, plan_tokens: 40 });
      assert.equal(await liveTokens(user), 10);
      assert.ok(ended.some(({ attempts }) => attempts > 1), 'there were some to try again');
    });
  }

  test('nine that are taken leave one, also in one statement for many users', async () => {
    for (const user of ['first', 'second']) {
      await userWithPlan(user, { tokens: 10 });
      await db.query(`select openclaw.issue_token($1, '{mcp:tools}') from generate_series(1, 9)`, [user]);
    }
    const statement = `select openclaw.issue_token(u, '{mcp:tools}') from unnest('{first,second}'::text[]) as u`;
    assert.deepEqual(tally(await together((client) => outcomeOf(client.query(statement)))), { ok: 1, plan_tokens: 49 });
    assert.deepEqual([await liveTokens('first'), await liveTokens('second')], [10, 10]);
  });

  test('a plan of ten containers takes ten', async () => {
    await userWithPlan('boxes', { containers: 10 });
    const outcomes = await together((client, n) => outcomeOf(client.query(
      `select openclaw.register_container('boxes', $1, 'hosted', $2)`, [`box ${n}`, `box-${n}:3100`])));
    assert.deepEqual(tally(outcomes), { ok: 10, plan_containers: 40 });
    assert.equal(Number(await value(db, `select count(*) as v from openclaw.containers where user_id = 'boxes'`)), 10);
  });

  test('a name that fifty want is one container', async () => {
    await userWithPlan('name', {});
    const outcomes = await together((client) => outcomeOf(client.query(
      `select openclaw.register_container('name', 'same', 'hosted', 'same:3100')`)));
    assert.deepEqual(tally(outcomes), { ok: 1, 23505: 49 });
  });

  test('ten issues a minute are ten, and what time adds', async () => {
    await userWithPlan('slow', { issues: 10 });
    const begun = performance.now();
    const counts = tally(await together((client) => outcomeOf(issue(client, 'slow'))));
    const added = Math.floor((performance.now() - begun) / 6000);
    assert.ok(counts.ok >= 10 && counts.ok <= 10 + added, JSON.stringify(counts));
    assert.equal(counts.ok + counts.rate_limited, many);
    assert.equal(await liveTokens('slow'), counts.ok);
  });

  test('who issues for one user after the other meets no deadlock, whatever the order', async () => {
    const users = ['anna', 'ben', 'cleo', 'dan', 'eve'];
    for (const user of users) await userWithPlan(user, { tokens: 10 });
    const before = await deadlocks();
    const outcomes = await together(async (client, n) => {
      const mine = [];
      for (const user of n % 2 ? users : users.toReversed()) mine.push(await outcomeOf(issue(client, user)));
      return mine;
    });
    assert.deepEqual(tally(outcomes.flat()), { ok: 50, plan_tokens: 200 });
    for (const user of users) assert.equal(await liveTokens(user), 10, user);
    assert.equal(await deadlocks(), before);
  });

  // Live tokens that hold a scope which their user's plan does not allow.
  const overWide = async () => (await db.query(`
    select t.user_id, t.scopes, p.allowed_scopes
    from openclaw.api_tokens as t join openclaw.users as u on u.id = t.user_id join openclaw.plans as p on p.plan_tier = u.plan_tier
    where t.revoked_at is null and p.allowed_scopes is not null and not openclaw.scopes_cover(p.allowed_scopes, t.scopes)`)).rows;

  test('no token outlives a change of plan that was under way', async () => {
    const both = ['mcp:tools', 'data:read'];
    await db.query(`select openclaw.define_plan('wide'), openclaw.define_plan('narrow', allowed_scopes => '{mcp:tools}'), openclaw.define_plan('moving')`);
    const users = ['mover', 'stayer', 'other'];
    for (const user of users) await db.query(`select openclaw.create_user(user_id => $1, plan_tier => 'wide')`, [user]);
    await db.query(`update openclaw.users set plan_tier = 'moving' where id = 'other'`);
    const before = await deadlocks();
    const levels = ['read committed', 'repeatable read', 'serializable'];
    const outcomes = await together(async (client, n) => {
      const mine = [];
      for (const round of range(6)) {
        if (n < 3) {
          // Three change the plan of one user; each ends with the narrow one.
          await client.query('select count(*) from openclaw.rate_limits');
          mine.push(await outcomeOf(client.query(`select openclaw.change_plan('mover', $1)`, [round % 2 ? 'narrow' : 'wide'])));
        } else if (n < 6) {
          // Three define the plan that another user is on.
          await client.query('select count(*) from openclaw.rate_limits');
          mine.push(await outcomeOf(definePlan(client, 'moving', { scopes: round % 2 ? ['mcp:tools'] : null })));
        } else if (n < 12) {
          // Six sign somebody up in one transaction.
          mine.push((await inTransaction(client, levels[n % 3], async (c) => {
            await c.query(`select openclaw.create_user(user_id => $1, plan_tier => 'moving')`, [`new_${n}_${round}`]);
            await issue(c, `new_${n}_${round}`, both);
          })).outcome);
        } else {
          mine.push((await inTransaction(client, levels[n % 3], (c) => issue(c, users[n % 3], both))).outcome);
        }
      }
      return mine;
    });
    const counts = tally(outcomes.flat());
    assert.deepEqual(Object.keys(counts).filter((outcome) => !['ok', 'plan_scopes'].includes(outcome)), [], JSON.stringify(counts));
    assert.ok(counts.ok > 0 && counts.plan_scopes > 0, JSON.stringify(counts));
    assert.deepEqual(await overWide(), []);
    assert.equal(await deadlocks(), before);
    assert.ok(await liveTokens('stayer') > 0);
  });

  // The same, one step after the other: `first` is open while `second` runs, and is then committed.
  async function interleaved(begin, first, second) {
    const [one, two] = crowd;
    await one.query(begin);
    await first(one);
    const done = outcomeOf(second(two));
    let ended = false;
    done.then(() => { ended = true; });
    // It is through, or it waits for the first.
    await until('the second has met the first', async () => ended || (await waiting([pids[1]])) === 1);
    const last = await outcomeOf(one.query('commit'));
    return [last, await done];
  }

  test('a plan that is defined while a user changes to it holds for that user', async () => {
    await db.query(`select openclaw.define_plan('before'), openclaw.define_plan('after'), openclaw.create_user(user_id => 'between', plan_tier => 'before')`);
    await issue(db, 'between', ['mcp:tools', 'data:read']);
    await interleaved('begin', (c) => c.query(`select openclaw.change_plan('between', 'after')`),
      (c) => definePlan(c, 'after', { scopes: ['mcp:tools'] }));
    assert.deepEqual(await overWide(), []);
  });

  test('a user who changes to a plan that is being defined is held to it', async () => {
    await db.query(`select openclaw.define_plan('before2'), openclaw.define_plan('after2'), openclaw.create_user(user_id => 'between2', plan_tier => 'before2')`);
    await issue(db, 'between2', ['mcp:tools', 'data:read']);
    await interleaved('begin', (c) => definePlan(c, 'after2', { scopes: ['mcp:tools'] }),
      (c) => c.query(`select openclaw.change_plan('between2', 'after2')`));
    assert.deepEqual(await overWide(), []);
  });

  test('a plan that is defined while a user is signed up holds for what that user was given', async () => {
    await db.query(`select openclaw.define_plan('fresh')`);
    await interleaved('begin', async (c) => {
      await c.query(`select openclaw.create_user(user_id => 'newcomer', plan_tier => 'fresh')`);
      await issue(c, 'newcomer', ['mcp:tools', 'data:read']);
    }, (c) => definePlan(c, 'fresh', { scopes: ['mcp:tools'] }));
    assert.deepEqual(await overWide(), []);
  });

  for (const level of ['read committed', 'repeatable read', 'serializable']) {
    test(`what is issued by an older snapshot keeps to the plan: ${level}`, async () => {
      const user = `snapshot_${level.split(' ')[0]}`;
      await userWithPlan(user, {});
      const [one, two] = crowd;
      await one.query(`begin isolation level ${level}`);
      await one.query('select count(*) from openclaw.plans');
      await definePlan(two, user, { scopes: ['mcp:tools'] });
      const outcome = await outcomeOf(issue(one, user, ['mcp:tools', 'data:read']));
      await one.query('rollback');
      assert.equal(outcome, level === 'read committed' ? 'plan_scopes' : '40001');
    });
  }

  test('who is disabled while tokens are issued has none', async () => {
    await userWithPlan('leaving', {});
    const outcomes = await together((client, n) => outcomeOf(
      n === 25 ? client.query(`select count(*) from openclaw.rate_limits; select openclaw.disable_user('leaving')`) : issue(client, 'leaving')));
    const counts = tally(outcomes);
    assert.deepEqual(Object.keys(counts).filter((outcome) => !['ok', 'unknown_user'].includes(outcome)), [], JSON.stringify(counts));
    assert.equal(await liveTokens('leaving'), 0);
  });

  test('whatever ends what a user has, in whatever company, ends it without a deadlock', async () => {
    await db.query(`select openclaw.register_client('ending', 'harness', scopes => '{mcp:*}', client_id => 'ending',
      grant_types => '{refresh_token,urn:ietf:params:oauth:grant-type:token-exchange}')`);
    await db.query('select openclaw.rotate_signing_key()');
    const before = await deadlocks();
    for (const round of range(4)) {
      const user = `ended_${round}`;
      const boxes = range(3).map((n) => `${user}_box_${n}`);
      await userWithPlan(user, {});
      for (const box of boxes) {
        await db.query(`select openclaw.register_container($1, $2, 'external', 'https://' || replace($2, '_', '-') || '.example.com', container_id => $2)`, [user, box]);
      }
      // A client of their own, which ends with who is erased.
      await db.query(`select openclaw.register_client('own', user_id => $1, client_id => $1, grant_types => '{refresh_token}')`, [user]);
      for (const box of boxes) await db.query(`select openclaw.create_grant($1, $2, '{mcp:tools}')`, [user, box]);
      const tokens = [];
      for (const n of range(6)) {
        const { rows: [{ token, token_id: id }] } = await db.query(`select * from openclaw.issue_token($1, '{mcp:tools}', container_id => $2)`, [user, n % 2 ? boxes[n % 3] : null]);
        tokens.push({ token, id });
        await db.query(`select openclaw.exchange_token(openclaw.trusted_client('ending'), $1, null, $2)`, [token, boxes[n % 3]]);
      }
      const { rows: grants } = await db.query('select id from openclaw.grants where user_id = $1', [user]);
      assert.equal(grants.length, 9);
      const calls = [
        (n) => ['select openclaw.revoke_user_tokens($1)', [user]],
        (n) => ['select openclaw.remove_container($1, $2)', [user, boxes[n % 3]]],
        (n) => ['select openclaw.revoke_container_tokens($1, $2)', [user, boxes[(n + 1) % 3]]],
        (n) => ['select openclaw.revoke_jwts_of($1)', [user]],
        (n) => ['select openclaw.revoke_token($1, $2)', [user, tokens[n % 6].id]],
        (n) => ['select openclaw.revoke_grant($1, $2)', [user, grants[n % 9].id]],
        (n) => ['select openclaw.define_plan($1, allowed_scopes => $2)', [user, n % 2 ? ['data:read'] : null]],
        (n) => [`select openclaw.exchange_token(openclaw.trusted_client('ending'), $1, null, $2)`, [tokens[n % 6].token, boxes[n % 3]]],
        (n) => ['select openclaw.issue_token($1, $2)', [user, ['data:read']]],
        () => ['select openclaw.disable_client($1)', [user]],
        () => [`select openclaw.${['revoke_jwts_of', 'disable_user', 'erase_user', 'disable_user'][round]}($1)`, [user]],
      ];
      const outcomes = await together(async (client, n) => {
        await client.query('select count(*) from openclaw.api_tokens');
        const [statement, values] = calls[n % calls.length](Math.floor(n / calls.length) + round);
        return outcomeOf(client.query(statement, values));
      }, crowd, 'api_tokens');
      const counts = tally(outcomes);
      assert.deepEqual(Object.keys(counts).filter((outcome) => !['ok', 'unknown_user', 'plan_scopes'].includes(outcome)), [], JSON.stringify(counts));
      assert.deepEqual((await db.query(
        `select id from openclaw.api_tokens where user_id = $1 and 'mcp:tools' = any (scopes) and revoked_at is null`, [user])).rows, []);
      assert.deepEqual((await db.query('select id from openclaw.grants where user_id = $1 and revoked_at is null', [user])).rows, []);
    }
    assert.equal(await deadlocks(), before);
  });

  // What check_password says: its reason, or 'valid'.
  async function signIn(client, email, password, source = null) {
    const { rows: [{ valid, reason, user_id: user }] } =
      await client.query('select * from openclaw.check_password($1, $2, $3)', [email, password, source]);
    assert.equal(user !== null, valid);
    return valid ? 'valid' : reason;
  }

  test('fifty wrong passwords for one e-mail get the twenty answers of its bucket', async () => {
    await db.query(`select openclaw.create_user('victim@example.com', 'victim', password => 'correct horse')`);
    const outcomes = await together((client, n) => signIn(client, n % 2 ? 'victim@example.com' : 'VICTIM@Example.Com', `wrong horse ${n}`, `10.0.0.${n}`));
    assert.deepEqual(tally(outcomes), { wrong_credentials: 20, throttled: 30 });
    assert.equal(await signIn(db, 'victim@example.com', 'correct horse'), 'throttled');
  });

  test('the right one among them tells no more', async () => {
    await db.query(`select openclaw.create_user('target@example.com', 'target', password => 'correct horse')`);
    const outcomes = await together((client, n) => signIn(client, 'target@example.com', n === 49 ? 'correct horse' : `wrong horse ${n}`));
    const { valid = 0, wrong_credentials: wrong, throttled } = tally(outcomes);
    assert.ok(valid <= 1);
    assert.equal(wrong, 20, 'a success gives no answer more');
    assert.equal(valid + wrong + throttled, many);
  });

  test('fifty users who sign in from one address do so, and fifty guesses from one do not', async () => {
    await settings('openclaw.sign_ins_per_source = 10');
    const fresh = await Promise.all(range(many).map(connected));
    const their = await Promise.all(fresh.map((client) => value(client, 'select pg_backend_pid() as v')));
    const [ours] = [pids];
    pids = their;
    try {
      await db.query(`select openclaw.create_user('office' || n || '@example.com', 'office' || n, password => 'correct horse') from generate_series(0, 49) as n`);
      assert.deepEqual(tally(await together((client, n) => signIn(client, `office${n}@example.com`, 'correct horse', '192.0.2.1'), fresh)), { valid: 50 });
      assert.deepEqual(tally(await together((client, n) => signIn(client, `office${n}@example.com`, 'wrong horse', '192.0.2.1'), fresh)),
        { wrong_credentials: 10, throttled: 40 });
      assert.equal(await signIn(fresh[0], 'office0@example.com', 'correct horse', '192.0.2.2'), 'valid', 'elsewhere the victim signs in');
    } finally {
      pids = ours;
      await Promise.all(fresh.map((client) => client.end()));
    }
  });

  test('a hash that fifty make anew is made once or more and is good', async () => {
    await db.query(`select openclaw.create_user('older@example.com', 'older', password => 'correct horse')`);
    await Promise.all(crowd.map((client) => client.query('set openclaw.argon2_iterations = 2')));
    assert.deepEqual(tally(await together((client) => signIn(client, 'older@example.com', 'correct horse'))), { valid: 50 });
    await Promise.all(crowd.map((client) => client.query('reset openclaw.argon2_iterations')));
    assert.match(await value(db, `select password_hash as v from openclaw.users where id = 'older'`), /^\$argon2id\$v=19\$m=8192,t=2,p=1\$/);
    assert.equal(await signIn(db, 'older@example.com', 'correct horse'), 'valid');
  });

  // All that check_password could leave.
  const left = async () => (await db.query(`
    select (select count(*) from openclaw.audit_log) as audited,
           (select string_agg(bucket || ' ' || level || ' ' || at, ',' order by bucket) from openclaw.rate_limits) as buckets,
           (select password_hash from openclaw.users where id = 'patient') as hash`)).rows[0];

  describe('a sign-in that is ended', () => {
    before(() => db.query(`select openclaw.create_user('patient@example.com', 'patient', password => 'correct horse')`));

    for (const [what, password] of [['the wrong password', 'wrong horse'], ['the right one, which is to be hashed again', 'correct horse']]) {
      test(`by a timeout within its hash leaves nothing: ${what}`, async () => {
        const before = await left();
        const [client] = crowd;
        await client.query('set openclaw.argon2_memory = 65536; set openclaw.argon2_iterations = 4; set statement_timeout = 20');
        assert.equal(await outcomeOf(signIn(client, 'patient@example.com', password, '10.9.9.9')), '57014');
        await client.query('reset statement_timeout; reset openclaw.argon2_memory; reset openclaw.argon2_iterations');
        assert.deepEqual(await left(), before);
      });
    }

    test('by a cancel while it waits for its bucket leaves nothing', async () => {
      const [first, second] = crowd;
      await first.query('begin');
      assert.equal(await signIn(first, 'patient@example.com', 'wrong horse'), 'wrong_credentials');
      const call = outcomeOf(signIn(second, 'PATIENT@example.com', 'wrong horse'));
      await until('the second waits for the first', async () => (await waiting([pids[1]])) === 1);
      const before = await left();
      assert.equal(await value(db, 'select pg_cancel_backend($1) as v', [pids[1]]), true);
      assert.equal(await call, '57014');
      assert.deepEqual(await left(), before);
      await first.query('rollback');
      assert.deepEqual(await left(), before);
    });

    test('by a cancel within its hash leaves nothing, and the connection goes on', async () => {
      const before = await left();
      const [client] = crowd;
      await client.query('set openclaw.argon2_memory = 262144; set openclaw.argon2_iterations = 4');
      const call = outcomeOf(signIn(client, 'patient@example.com', 'wrong horse'));
      await until('it is at work', async () => (await value(db, `select count(*)::integer as v from pg_stat_activity
        where pid = $1 and state = 'active' and query like '%check_password%'`, [pids[0]])) === 1);
      await value(db, 'select pg_cancel_backend($1) as v', [pids[0]]);
      assert.equal(await call, '57014');
      await client.query('reset openclaw.argon2_memory; reset openclaw.argon2_iterations');
      assert.deepEqual(await left(), before);
      assert.equal(await signIn(client, 'patient@example.com', 'correct horse'), 'valid');
    });
  });

  test('fifty writers and two who maintain all the while: nobody waits for sealing, and all of it is sealed', async () => {
    for (const n of range(many)) await userWithPlan(`writer_${n}`, {});
    const before = Number(await value(db, 'select count(*) as v from openclaw.audit_log'));
    const maintainers = await Promise.all([connected(), connected()]);
    const keepers = await Promise.all(maintainers.map((client) => value(client, 'select pg_backend_pid() as v')));
    let writing = true;
    let runs = 0;
    let samples = 0;
    const blocked = [];
    const maintaining = maintainers.map(async (client) => {
      while (writing) {
        await client.query('select * from openclaw.maintain()');
        runs++;
      }
    });
    const watching = (async () => {
      while (writing) {
        const { rows } = await db.query(
          `select a.pid, a.query, pg_blocking_pids(a.pid) as by from pg_stat_activity as a where a.pid = any ($1) and a.wait_event_type = 'Lock'`, [pids]);
        blocked.push(...rows.filter(({ by }) => by.some((pid) => keepers.includes(pid))));
        samples++;
      }
    })();
    // Transactions of one to five rows; every seventh is rolled back, every third has savepoints.
    const wrote = await Promise.all(crowd.map(async (client, n) => {
      let rows = 0;
      for (const round of range(20)) {
        await client.query('begin');
        const size = 1 + ((n + round) % 5);
        for (const step of range(size)) {
          if (round % 3 === 0) await client.query(`savepoint s${step}`);
          await issue(client, `writer_${n}`);
          if (round % 3 === 0) await client.query(`release s${step}`);
        }
        const keep = (n + round) % 7 !== 0;
        await client.query(keep ? 'commit' : 'rollback');
        if (keep) rows += size;
      }
      return rows;
    })).finally(() => { writing = false; });
    await Promise.all([...maintaining, watching]);
    assert.ok(runs > 2 && samples > 2, `${runs} runs, ${samples} samples`);
    assert.deepEqual(blocked, []);
    const written = wrote.reduce((sum, n) => sum + n, 0);
    assert.equal(Number(await value(db, 'select count(*) as v from openclaw.audit_log')), before + written, 'every committed row is there, and no other');
    assert.deepEqual((await db.query('select * from openclaw.audit_verify()')).rows, []);
    await until('everything is sealed', async () => {
      await db.query('select * from openclaw.maintain()');
      return (await value(db, `select value::integer as v from openclaw.stats where name = 'audit rows not sealed'`)) === 0;
    }, 30_000);
    assert.deepEqual((await db.query('select * from openclaw.audit_verify()')).rows, []);
    assert.equal(await value(db, 'select sum(rows)::integer as v from openclaw.audit_blocks'), before + written);
    await Promise.all(maintainers.map((client) => client.end()));
  });

  test('of many who maintain at once one works, and no two seal the same', async () => {
    const before = Number(await value(db, 'select count(*) as v from openclaw.audit_blocks'));
    await issue(db, 'writer_0');
    for (const _ of range(3)) {
      const tasks = await Promise.all(crowd.map(async (client) => (await client.query('select * from openclaw.maintain()')).rowCount));
      assert.ok(tasks.some((n) => n > 0));
    }
    await until('it is sealed', async () => {
      await db.query('select * from openclaw.maintain()');
      return Number(await value(db, 'select count(*) as v from openclaw.audit_blocks')) > before;
    }, 30_000);
    assert.deepEqual((await db.query('select * from openclaw.audit_verify()')).rows, []);
    assert.equal(Number(await value(db, 'select count(*) - count(distinct id) as v from openclaw.audit_blocks, unnest(ids) as id')), 0);
  });
});

// docs/how-to/row-level-security.md: its own blocks are run, and each of its claims is held against
// sessions of the application's role. Attacks 22 and 42: no identity outlives what it belongs to.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, beforeEach, describe, test } from 'node:test';
import {
  assertRefused, begin, caller, count, Notes, owners, READ, transaction, value, WRITE,
} from './notes_world.mjs';

const MANY = 20_000;
const LEVELS = ['read committed', 'repeatable read', 'serializable'];

describe('row-level security by token', () => {
  let notes;
  let admin;
  let app; // the application's connection
  let ada;
  let bob;
  before(async () => {
    notes = await Notes.open();
    admin = notes.admin;
    app = await notes.app();
    await notes.user('ada', 3);
    await notes.user('bob', 2);
    ada = await notes.token('ada');
    bob = await notes.token('bob');
  });
  beforeEach(() => app.query('rollback')); // what a failed test left open
  after(() => notes?.close());

  // As psql runs it, with the token in its variable.
  const psql = (block, token, user = 'notes_app') => execFileSync('psql',
    ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-U', user],
    { input: `\\set token '${token}'\n${notes.block(block)}`, encoding: 'utf8' }).trim().split('\n');

  describe('the document', () => {
    test('has no SQL that this test does not run', () => {
      assert.deepEqual([...notes.blocks.keys()], ['table', 'roles', 'policies', 'request', 'revoke', 'plan']);
    });

    test('shows a request, and how it is refused from the moment that its token is revoked', async () => {
      await notes.user('eve');
      const token = await notes.token('eve');
      const [user, note] = psql('request', token);
      assert.equal(user, 'eve');
      assert.match(note, /^\d+\|Water the plants\.$/);
      assert.deepEqual(psql('revoke', token, 'postgres'), ['t']);
      assert.throws(() => psql('request', token), /DETAIL: {2}reason: revoked/);
    });

    test('is right that policies use the index, whichever way they are written', async () => {
      await admin.query(`insert into app.notes (owner, body)
        select 'user ' || n % 1000, 'filling' from generate_series(1, $1::int) as n`, [MANY]);
      await admin.query('analyze app.notes');
      const plan = psql('plan', ada).join('\n');
      assert.match(plan, /Index Cond: \(owner = (openclaw\.)?current_user_id\(\)\)/);
      assert.doesNotMatch(plan, /Filter|Seq Scan/);
      await admin.query(`alter policy read_own on app.notes using (owner = (select openclaw.current_user_id()))`);
      try {
        const inPlan = psql('plan', ada).join('\n');
        assert.match(inPlan, /InitPlan/);
        assert.match(inPlan, /Index Cond: \(owner = /);
        assert.doesNotMatch(inPlan, /Seq Scan on notes/);
        assert.deepEqual(await transaction(app, ada, owners), ['ada']);
        assert.deepEqual(await owners(app), []);
      } finally {
        await admin.query('alter policy read_own on app.notes using (owner = openclaw.current_user_id())');
      }
    });

    test('is right about what goes around policies', async () => {
      const everything = await count(admin);
      await notes.role('notes_bypass', 'nologin bypassrls');
      await notes.role('notes_lax', 'login');
      await admin.query('grant usage on schema app to notes_bypass, notes_lax');
      await admin.query('grant select on app.notes to notes_bypass, notes_lax');
      await admin.query(`create view app.all_notes as select * from app.notes;
        create view app.invoker_notes with (security_invoker = true) as select * from app.notes;
        create view app.owner_notes as select * from app.notes;
        alter view app.owner_notes owner to notes_owner;
        grant select on app.all_notes, app.invoker_notes, app.owner_notes to notes_app`);
      const seen = async (relation) => Number(await value(app, `select count(*) from app.${relation}`));
      await app.query('begin');
      await begin(app, ada);
      const own = await seen('notes');
      assert.ok(own > 0 && own < everything);
      assert.equal(await seen('all_notes'), everything, "a superuser's view shows everything");
      assert.equal(await seen('invoker_notes'), own);
      assert.equal(await seen('owner_notes'), own, 'the policies are forced on the owner');
      await app.query('commit');
      assert.equal(await seen('owner_notes'), 0);
      assert.equal(await seen('invoker_notes'), 0);

      await admin.query('set role notes_bypass');
      assert.equal(await count(admin), everything, 'bypassrls');
      await admin.query('reset role; alter table app.notes no force row level security; set role notes_owner');
      assert.equal(await count(admin), everything, 'the owner, when they are not forced');
      await admin.query('reset role; alter table app.notes force row level security; set role notes_owner');
      assert.equal(await count(admin), 0, 'the owner, when they are forced');
      await admin.query('reset role');
      await assertRefused(app.query('truncate app.notes'), '42501');
      // What was copied stays, and a unique constraint looks at every row.
      await app.query('begin');
      await begin(app, ada);
      await app.query('create temp table copied on commit drop as select * from app.notes; select openclaw.end_session()');
      assert.equal(Number(await value(app, 'select count(*) from copied')), own);
      assert.equal(await seen('notes'), 0);
      await app.query('rollback');
      await admin.query(`create unique index one_body on app.notes (body) where body like 'bob %'`);
      await assertRefused(transaction(app, ada, () => app.query(`insert into app.notes (body) values ('bob 1')`)), '23505');
      await admin.query('drop index app.one_body');
      // A role without the capability cannot call the policies' functions.
      const lax = await notes.session('notes_lax');
      await assertRefused(count(lax), '42501');
    });

    test("is right about OpenClaw's own views", async () => {
      const users = async (view, column = 'user_id') => value(app,
        `select coalesce(array_agg(distinct ${column}), '{}') from openclaw.${view}`);
      for (const view of ['user_overview', 'token_overview', 'container_overview', 'client_overview', 'grant_overview', 'audit_recent']) {
        assert.deepEqual(await users(view), [], `${view} without a session`);
      }
      await transaction(app, ada, async () => {
        assert.deepEqual(await users('token_overview'), ['ada']);
        assert.deepEqual(await users('audit_recent'), ['ada']);
      });
      assert.deepEqual(await users('token_overview'), []);
    });
  });

  describe('a caller', () => {
    test('sees, changes and removes nothing but their own rows', () => transaction(app, ada, async () => {
      assert.deepEqual(await owners(app), ['ada']);
      assert.equal(await count(app), 3);
      assert.equal((await app.query(`update app.notes set body = 'mine now' where owner = 'bob'`)).rowCount, 0);
      assert.equal((await app.query(`delete from app.notes where owner = 'bob'`)).rowCount, 0);
      assert.equal((await app.query(`update app.notes set body = body || '!'`)).rowCount, 3);
      const { rows: [added] } = await app.query(`insert into app.notes (body) values ('new') returning owner, id`);
      assert.equal(added.owner, 'ada');
      assert.equal((await app.query('delete from app.notes where id = $1', [added.id])).rowCount, 1);
    }));

    test('adds no row for another, and gives none away', async () => {
      for (const statement of [`insert into app.notes (owner, body) values ('bob', 'forged')`,
        `update app.notes set owner = 'bob'`, `copy app.notes (owner, body) from stdin`]) {
        // COPY is refused before any row is asked for: policies for INSERT do not allow it.
        await assert.rejects(transaction(app, ada, () => app.query(statement)), /row-level security/);
      }
      assert.equal(await value(admin, `select count(*)::int from app.notes where owner = 'bob'`), 2);
    });

    test('without a session sees and writes nothing', async () => {
      assert.equal(await caller(app), null);
      assert.equal(await value(app, 'select openclaw.current_token_id()'), null);
      assert.equal(await value(app, 'select openclaw.has_scope($1)', [READ]), false);
      assert.equal(await count(app), 0);
      assert.equal((await app.query(`update app.notes set body = ''`)).rowCount, 0);
      assert.equal((await app.query('delete from app.notes')).rowCount, 0);
      await assert.rejects(app.query(`insert into app.notes (body) values ('whose?')`), /row-level security|null value/);
      await assertRefused(app.query(`insert into app.notes (owner, body) values ('ada', 'forged')`), '42501');
    });

    test('who lacks the scope that a policy asks for reads and does not write', async () => {
      const reader = await notes.token('ada', [READ]);
      await transaction(app, reader, async () => {
        assert.equal(await value(app, 'select openclaw.has_scope($1)', [READ]), true);
        assert.equal(await value(app, 'select openclaw.has_scope($1)', [WRITE]), false);
        assert.equal(await count(app), 3);
        assert.equal((await app.query(`update app.notes set body = ''`)).rowCount, 0);
        assert.equal((await app.query('delete from app.notes')).rowCount, 0);
      });
      await assertRefused(transaction(app, reader,
        () => app.query(`insert into app.notes (body) values ('x')`)), '42501');
      const all = await notes.token('ada', ['notes:*']);
      assert.equal(await transaction(app, all, () => value(app, 'select openclaw.has_scope($1)', [WRITE])), true);
    });
  });

  describe('begin_session', () => {
    test('gives the user and knows the token', () => transaction(app, ada, async () => {
      assert.equal(await value(app, 'select openclaw.begin_session($1, $2)', [bob, [READ, WRITE]]), 'bob');
      assert.equal(await value(app, 'select openclaw.current_token_id()'),
        await value(admin, 'select token_id from openclaw.verify_token($1)', [bob]));
    }));

    test('works in a transaction that only reads', async () => {
      await app.query('begin read only');
      await begin(app, ada);
      assert.deepEqual(await owners(app), ['ada']);
      await app.query('commit');
    });

    test('refuses what is no good token, and says why', async () => {
      await admin.query(`select openclaw.register_container('ada', 'laptop', 'external',
        'https://mcp.ada.example.com/mcp', container_id => 'ada-laptop')`);
      const bound = await notes.token('ada', [READ], 'ada-laptop');
      const revoked = await notes.token('ada');
      await notes.revoke(revoked);
      const expired = await notes.token('ada');
      await admin.query(`update openclaw.api_tokens set expires_at = now() - interval '1 second'
        where token_hash = openclaw.token_hash($1)`, [expired]);
      const unknown = await value(admin, `select token from openclaw.mint_token('user_direct')`);
      const refused = (token, code, reason, ...more) => assertRefused(
        app.query('begin').then(() => begin(app, token, ...more)).finally(() => app.query('rollback')), code, reason);
      await refused(null, '28000', 'malformed');
      await refused('', '28000', 'malformed');
      await refused(`${ada}x`, '28000', 'malformed');
      await refused('x'.repeat(100_000), '28000', 'malformed');
      await refused(unknown, '28000', 'unknown');
      await refused(revoked, '28000', 'revoked');
      await refused(expired, '28000', 'expired');
      await refused(bound, '28000', 'wrong_audience');
      await refused(bound, '28000', 'wrong_audience', [], 'bob-laptop');
      await refused(ada, '42501', 'insufficient_scope', ['notes:delete']);
      await refused(await notes.token('ada', [READ]), '42501', 'insufficient_scope', [READ, WRITE]);
      await app.query('begin');
      await begin(app, bound, [READ], 'ada-laptop');
      assert.equal(await caller(app), 'ada');
      await app.query('rollback');
    });

    test('is open to the capability alone', async () => {
      await notes.role('notes_stranger');
      const stranger = await notes.session('notes_stranger');
      for (const call of ['current_user_id()', 'current_token_id()', `has_scope('a:b')`, `begin_session('')`,
        'end_session()']) {
        await assertRefused(stranger.query(`select openclaw.${call}`), '42501');
      }
    });
  });

  describe('a revocation in another session', () => {
    for (const level of LEVELS) {
      test(`empties the table at the next statement (${level})`, async () => {
        const token = await notes.token('ada');
        await app.query(`begin isolation level ${level}`);
        await begin(app, token);
        assert.equal(await count(app), 3);
        await notes.revoke(token);
        assert.equal(await count(app), 0);
        assert.equal(await caller(app), null);
        assert.equal(await value(app, 'select openclaw.current_token_id()'), null);
        assert.equal(await value(app, 'select openclaw.has_scope($1)', [READ]), false);
        assert.equal((await app.query(`update app.notes set body = ''`)).rowCount, 0);
        await assertRefused(app.query(`insert into app.notes (owner, body) values ('ada', 'late')`), '42501');
        await app.query('rollback');
      });
    }

    test('counts from its commit on, and not when it is rolled back', async () => {
      const token = await notes.token('ada');
      const other = await notes.session('postgres');
      await app.query('begin');
      await begin(app, token);
      await other.query('begin');
      await notes.revoke(token, other);
      assert.equal(await count(app), 3);
      await other.query('rollback');
      assert.equal(await count(app), 3);
      await other.query('begin');
      await notes.revoke(token, other);
      await other.query('commit');
      assert.equal(await count(app), 0);
    });

    test('is not forgotten: nothing brings the session back', async () => {
      const token = await notes.token('ada');
      await app.query('begin');
      await begin(app, token);
      await app.query('savepoint before');
      await notes.revoke(token);
      assert.equal(await caller(app), null);
      await app.query('rollback to savepoint before');
      assert.equal(await caller(app), null);
      await assertRefused(begin(app, token), '28000', 'revoked');
    });

    const ways = {
      'an expiry': (token) => admin.query(`update openclaw.api_tokens
        set expires_at = now() - interval '1 second' where token_hash = openclaw.token_hash($1)`, [token]),
      'a disabled user': () => admin.query(`select openclaw.disable_user('carol')`),
      'a removed container': () => admin.query(`select openclaw.remove_container('carol', 'carol-laptop')`),
      "the end of all of a user's tokens": () => admin.query(`select openclaw.revoke_user_tokens('carol')`),
      'a token whose row is gone': (token) => admin.query(
        'delete from openclaw.api_tokens where token_hash = openclaw.token_hash($1)', [token]),
    };
    for (const [what, end] of Object.entries(ways)) {
      test(`does it, and so does ${what}`, async () => {
        await admin.query(`delete from app.notes where owner = 'carol'; delete from openclaw.users where id = 'carol'`);
        await notes.user('carol', 1);
        await admin.query(`select openclaw.register_container('carol', 'laptop', 'external',
          'https://mcp.carol.example.com/mcp', container_id => 'carol-laptop')`);
        const token = await notes.token('carol', [READ], 'carol-laptop');
        await app.query('begin');
        await begin(app, token, [], 'carol-laptop');
        assert.deepEqual(await owners(app), ['carol']);
        await end(token);
        assert.deepEqual(await owners(app), []);
        assert.equal(await caller(app), null);
        await app.query('rollback');
      });
    }

    test('or none, leaves the loops of a function what they are', async () => {
      await admin.query(`create function app.looks(times int, key bigint) returns int[] language plpgsql volatile as $$
        declare
          seen int[] := '{}';
        begin
          for turn in 1 .. times loop
            seen := seen || (select count(*)::int from app.notes);
            if turn = 1 then
              perform pg_advisory_lock(key), pg_advisory_unlock(key);
            end if;
          end loop;
          return seen;
        end $$`);
      assert.deepEqual(await transaction(app, ada, () => value(app, 'select app.looks(3, 4711)')), [3, 3, 3]);
    });

    // Two statements of one function, or of one message, and a revocation between them.
    for (const level of LEVELS) {
      for (const [what, statement] of Object.entries({
        'a function that is running': 'select app.looks(3, 4711) as seen',
        'a message of several statements': `select count(*)::int as n from app.notes;
          select pg_advisory_lock(4711), pg_advisory_unlock(4711);
          select count(*)::int as n from app.notes; select count(*)::int as n from app.notes`,
      })) {
        test(`is seen by the next statement of ${what} (${level})`, async () => {
          const holder = await notes.session('postgres');
          const token = await notes.token('ada');
          await holder.query('select pg_advisory_lock(4711)');
          await app.query(`begin isolation level ${level}`);
          await begin(app, token);
          const looks = app.query(statement);
          await notes.waitsForLock(app);
          await notes.revoke(token);
          await holder.query('select pg_advisory_unlock(4711)');
          const answer = await looks;
          const seen = Array.isArray(answer)
            ? answer.flatMap(({ rows }) => rows.filter(({ n }) => n !== undefined).map(({ n }) => n)) : answer.rows[0].seen;
          assert.deepEqual(seen, [3, 0, 0]);
          await app.query('rollback');
        });
      }
    }

    test('in the same transaction counts at once, and not after its savepoint is rolled back', async () => {
      const token = await notes.token('ada');
      await admin.query('begin');
      await begin(admin, token);
      await admin.query('savepoint before');
      await notes.revoke(token);
      assert.equal(await caller(admin), null);
      await admin.query('rollback to savepoint before');
      assert.equal(await caller(admin), 'ada');
      await admin.query('rollback');
    });
  });

  describe('the identity', () => {
    const assertGone = async () => {
      assert.equal(await caller(app), null);
      assert.equal(await value(app, 'select openclaw.current_token_id()'), null);
      assert.equal(await count(app), 0);
      await app.query('begin');
      assert.equal(await caller(app), null, 'in the next transaction');
      assert.equal(await count(app), 0);
      await app.query('rollback');
    };

    for (const end of ['commit', 'rollback', 'commit and chain', 'rollback and chain', 'abort']) {
      test(`is gone after ${end}`, async () => {
        await app.query('begin');
        await begin(app, ada);
        assert.equal(await caller(app), 'ada');
        await app.query(end);
        if (end.endsWith('chain')) {
          assert.equal(await caller(app), null);
          await app.query('rollback');
        }
        await assertGone();
      });
    }

    test('is gone after an error', async () => {
      await app.query('begin');
      await begin(app, ada);
      await assert.rejects(app.query('select 1 / 0'), { code: '22012' });
      await assert.rejects(caller(app), { code: '25P02' });
      await app.query('rollback');
      await assertGone();
    });

    test('is gone after a statement that was cancelled', async () => {
      await app.query('begin');
      await begin(app, ada);
      const running = assert.rejects(app.query('select pg_sleep(60) from app.notes'), { code: '57014' });
      await admin.query(`select pg_cancel_backend($1)`, [app.processID]);
      await running;
      await app.query('rollback');
      await assertGone();
    });

    test('is gone when the commit itself fails', async () => {
      await admin.query(`create table app.checked (n int);
        grant insert on app.checked to notes_app;
        create function app.refuse() returns trigger language plpgsql as
          $$ begin raise exception 'not by %', openclaw.current_user_id(); end $$;
        create constraint trigger refuse after insert on app.checked deferrable initially deferred
          for each row execute function app.refuse()`);
      await app.query('begin');
      await begin(app, ada);
      await app.query('insert into app.checked values (1)');
      await assert.rejects(app.query('commit'), /not by ada/, 'a deferred trigger runs under it');
      await assertGone();
    });

    test('is gone after a statement of its own, where there is no transaction', async () => {
      assert.equal(await value(app, 'select openclaw.begin_session($1)', [ada]), 'ada');
      await assertGone();
    });

    test("is gone after a procedure's own commit or rollback", async () => {
      for (const end of ['commit', 'rollback']) {
        await admin.query(`create or replace procedure app.goes_on(token text, inout seen text[]) language plpgsql as $$
          begin
            perform openclaw.begin_session(token);
            seen := array[openclaw.current_user_id(), (select min(owner) from app.notes)];
            ${end};
            seen := seen || array[openclaw.current_user_id(), (select min(owner) from app.notes)];
          end $$`);
        const { rows: [called] } = await app.query('call app.goes_on($1, null)', [ada]);
        assert.deepEqual(called.seen, ['ada', 'ada', null, null]);
        await assertGone();
      }
    });

    test('does not go into a prepared transaction', async () => {
      assert.notEqual(await value(admin, `select current_setting('max_prepared_transactions')`), '0',
        'the server of this test has max_prepared_transactions');
      await app.query('begin');
      await begin(app, ada);
      await app.query(`insert into app.notes (body) values ('prepared')`);
      await app.query(`prepare transaction 'notes'`);
      await assertGone();
      await transaction(app, bob, async () => assert.deepEqual(await owners(app), ['bob']));
      await app.query(`commit prepared 'notes'`);
      await assertGone();
      assert.equal(await transaction(app, ada, () => value(app,
        `select count(*)::int from app.notes where body = 'prepared'`)), 1);
      await admin.query(`delete from app.notes where body = 'prepared'`);
    });

    test('ends with end_session, and changes with another begin_session', async () => {
      await app.query('begin');
      await app.query('select openclaw.end_session()'); // none there: nothing to end
      await begin(app, ada);
      await begin(app, bob);
      assert.deepEqual(await owners(app), ['bob']);
      await app.query('select openclaw.end_session()');
      assert.equal(await caller(app), null);
      assert.equal(await count(app), 0);
      await begin(app, ada);
      assert.deepEqual(await owners(app), ['ada']);
      await app.query('commit');
      await assertGone();
    });

    // [what the transaction does, who it is in the end]
    const savepoints = [
      [['ada', 'savepoint a', 'bob', 'rollback to a'], 'ada'],
      [['ada', 'savepoint a', 'end', 'rollback to a'], 'ada'],
      [['savepoint a', 'ada', 'rollback to a'], null],
      [['savepoint a', 'ada', 'release a'], 'ada'],
      [['ada', 'savepoint a', 'end', 'release a'], null],
      [['ada', 'savepoint a', 'bob', 'release a'], 'bob'],
      [['ada', 'savepoint a', 'bob', 'savepoint b', 'end', 'rollback to b'], 'bob'],
      [['ada', 'savepoint a', 'bob', 'savepoint b', 'end', 'rollback to a'], 'ada'],
      [['ada', 'savepoint a', 'savepoint b', 'bob', 'release b', 'rollback to a'], 'ada'],
      [['ada', 'savepoint a', 'savepoint b', 'bob', 'release b', 'release a'], 'bob'],
      [['savepoint a', 'savepoint b', 'ada', 'release b', 'rollback to a'], null],
      [['ada', 'savepoint a', 'bob', 'rollback to a', 'bob', 'rollback to a'], 'ada'],
      [['ada', 'savepoint a', 'bob', 'error', 'rollback to a'], 'ada'],
      [['savepoint a', 'ada', 'error', 'rollback to a'], null],
      [['ada', 'savepoint a', 'bob', 'ada', 'bob', 'rollback to a'], 'ada'],
      [['ada', 'savepoint a', 'refused', 'rollback to a'], null],
      [['ada', 'savepoint a', 'bob', 'savepoint b', 'refused', 'rollback to a'], null],
      [['ada', 'savepoint a', 'refused', 'rollback to a', 'bob'], 'bob'],
      [['savepoint a', 'refused', 'rollback to a', 'ada', 'savepoint b', 'bob', 'rollback to b'], 'ada'],
      [['ada', 'savepoint a', 'rollback to a', 'release a'], 'ada'],
    ];
    for (const [steps, who] of savepoints) {
      test(`is ${who ?? 'nobody'} after: ${steps.join(', ')}`, async () => {
        const tokens = { ada, bob };
        await app.query('begin');
        for (const step of steps) {
          if (tokens[step]) await begin(app, tokens[step]);
          else if (step === 'end') await app.query('select openclaw.end_session()');
          else if (step === 'refused') await assertRefused(begin(app, 'nonsense'), '28000', 'malformed');
          else if (step === 'error') await assert.rejects(app.query('select 1 / 0'));
          else await app.query(step);
        }
        assert.equal(await caller(app), who);
        assert.deepEqual(await owners(app), who ? [who] : []);
        await app.query('commit');
        await assertGone();
      });
    }

    test('comes back when PL/pgSQL catches an error, but not when begin_session has refused a token', async () => {
      await admin.query(`create function app.tries(other text) returns text[] language plpgsql as $$
        declare
          inside text;
        begin
          begin
            inside := openclaw.begin_session(other);
            perform 1 / 0;
          exception
            when division_by_zero then null;
            when invalid_authorization_specification then inside := 'refused';
          end;
          return array[inside, openclaw.current_user_id(), (select min(owner) from app.notes)];
        end $$`);
      const revoked = await notes.token('bob');
      await notes.revoke(revoked);
      await transaction(app, ada, async () => {
        assert.deepEqual(await value(app, 'select app.tries($1)', [bob]), ['bob', 'ada', 'ada']);
        assert.deepEqual(await value(app, 'select app.tries($1)', [revoked]), ['refused', null, null]);
        assert.deepEqual(await owners(app), []);
        await begin(app, ada);
        assert.deepEqual(await owners(app), ['ada']);
      });
      assert.deepEqual(await value(app, 'select app.tries($1)', [bob]), ['bob', null, null]);
    });

    test('does not leak by a cursor with hold, whose rows are a copy', async () => {
      await app.query('begin');
      await begin(app, ada);
      await app.query('declare kept cursor with hold for select owner from app.notes');
      await app.query('commit');
      const held = await app.query('fetch 1 from kept');
      assert.deepEqual(held.rows, [{ owner: 'ada' }]);
      await assertGone();
      await transaction(app, bob, async () => {
        await app.query('fetch 1 from kept');
        assert.deepEqual(await owners(app), ['bob']);
        assert.equal(await caller(app), 'bob');
      });
      await app.query('fetch all from kept; close kept');
      await assertGone();
    });

    test('is no setting that could be set, and no name that could be shadowed', async () => {
      await app.query('begin');
      for (const statement of [`set openclaw.user_id = 'bob'`, `set local openclaw.current_user_id = 'bob'`,
        `set openclaw.session = 'bob'`, `set openclaw.actor = 'bob'`, `set session authorization bob`,
        `set role notes_owner`, `create function app.current_user_id() returns text language sql as 'select ''bob'''`,
        `create or replace function openclaw.current_user_id() returns text language sql as 'select ''bob'''`,
        `alter table app.notes disable row level security`, 'set row_security = off']) {
        await app.query('savepoint before');
        await app.query(statement).catch(() => app.query('rollback to savepoint before'));
        assert.equal(await caller(app), null, statement);
        await app.query('savepoint looking');
        assert.equal(await count(app).catch((problem) => {
          assert.equal(problem.code, '42501'); // row_security = off raises rather than shows
          return app.query('rollback to savepoint looking').then(() => 0);
        }), 0, statement);
      }
      await app.query('rollback');
      await app.query(`create function pg_temp.current_user_id() returns text language sql as 'select ''bob'''`);
      await app.query('create temp table api_tokens (token_hash bytea)');
      await app.query('set search_path = pg_temp, openclaw, app');
      try {
        assert.equal(await count(app), 0);
        assert.deepEqual(await transaction(app, ada, owners), ['ada']);
      } finally {
        await app.query('discard all');
      }
    });

    test('is the same in a function that is security definer, and in its caller', async () => {
      await admin.query(`create function app.mine() returns text[] language sql stable security definer
          set search_path = pg_catalog, pg_temp as
          $$ select array[current_user::text, openclaw.current_user_id(),
                          (select string_agg(distinct owner, ',') from app.notes)] $$;
        alter function app.mine() owner to notes_owner;
        create function app.become(token text) returns text language plpgsql security definer
          set search_path = pg_catalog, pg_temp as
          $$ begin return openclaw.begin_session(token); end $$;
        alter function app.become(text) owner to notes_owner`);
      assert.deepEqual(await value(app, 'select app.mine()'), ['notes_owner', null, null]);
      await transaction(app, ada, async () => {
        assert.deepEqual(await value(app, 'select app.mine()'), ['notes_owner', 'ada', 'ada']);
        assert.equal(await value(app, 'select app.become($1)', [bob]), 'bob');
        assert.deepEqual(await owners(app), ['bob']);
        assert.deepEqual(await value(app, 'select app.mine()'), ['notes_owner', 'bob', 'bob']);
      });
      await assertGone();
    });

    test('is followed by a prepared statement with a generic plan, across tokens and transactions', async () => {
      const wordings = ['openclaw.current_user_id()', '(select openclaw.current_user_id())'];
      try {
        for (const wording of wordings) {
          await admin.query(`alter policy read_own on app.notes using (owner = ${wording})`);
          for (const mode of ['force_generic_plan', 'auto', 'force_custom_plan']) {
            const session = await notes.app();
            await session.query(`set plan_cache_mode = ${mode}`);
            await session.query(`prepare own as
              select coalesce(array_agg(distinct owner), '{}') as owners from app.notes where body <> $1`);
            const own = async () => (await session.query(`execute own('')`)).rows[0].owners;
            const revoked = await notes.token('ada');
            for (let turn = 0; turn < 8; turn += 1) {
              assert.deepEqual(await own(), [], 'without a session');
              assert.deepEqual(await transaction(session, ada, own), ['ada']);
              assert.deepEqual(await transaction(session, bob, own), ['bob']);
              await session.query('begin');
              await begin(session, ada);
              assert.deepEqual(await own(), ['ada']);
              await begin(session, bob);
              assert.deepEqual(await own(), ['bob'], 'in the same transaction');
              await session.query('select openclaw.end_session()');
              assert.deepEqual(await own(), []);
              await session.query('rollback');
            }
            await session.query('begin');
            await begin(session, revoked);
            assert.deepEqual(await own(), ['ada']);
            await notes.revoke(revoked);
            assert.deepEqual(await own(), [], 'revoked');
            await session.query('rollback');
            if (mode === 'force_generic_plan') {
              assert.equal(await value(session,
                `select generic_plans > 20 and custom_plans = 0 from pg_prepared_statements where name = 'own'`), true);
            }
            await session.end();
          }
        }
      } finally {
        await admin.query('alter policy read_own on app.notes using (owner = openclaw.current_user_id())');
      }
    });

    test('and a verification by a generic plan end with the token (attack 22)', async () => {
      const token = await notes.token('ada');
      await admin.query('set plan_cache_mode = force_generic_plan');
      await admin.query('prepare good as select (openclaw.verify_token($1)).reason');
      const reason = async () => (await admin.query(`execute good('${token}')`)).rows[0].reason;
      for (let turn = 0; turn < 7; turn += 1) assert.equal(await reason(), null);
      await admin.query(`update openclaw.api_tokens set expires_at = now() - interval '1 second'
        where token_hash = openclaw.token_hash($1)`, [token]);
      assert.equal(await reason(), 'expired');
      await admin.query('deallocate good; reset plan_cache_mode');
    });

    test('is found by a parallel query, which answers as any other', async () => {
      const session = await notes.app();
      const questions = [
        `select coalesce(array_agg(distinct owner), '{}') from app.notes`,
        `select count(*)::int from app.notes`,
        `select count(*)::int from app.filling where owner = openclaw.current_user_id()`,
        `select count(*)::int from app.filling where openclaw.has_scope('${READ}')`,
        `select count(*)::int from app.filling as f join app.notes as n using (owner)`,
        `select openclaw.current_user_id() from app.filling order by n limit 1`,
        `select coalesce(max(openclaw.current_token_id()), 'none') from app.filling`,
      ];
      const answers = async () => {
        const all = [];
        for (const question of questions) all.push((await value(session, question)) ?? null);
        return all;
      };
      await admin.query(`create table app.filling as
          select n, case n % 100 when 0 then 'ada' else 'x' || n % 100 end as owner from generate_series(1, ${MANY}) as n;
        analyze app.filling; grant select on app.filling to notes_app`);
      const serial = { none: await answers(), ada: await transaction(session, ada, answers) };
      assert.equal(serial.ada[1], 3);
      assert.equal(serial.ada[2], MANY / 100);
      assert.equal(serial.none[3], 0);
      const { rows } = await admin.query(`select name from pg_settings
        where name in ('force_parallel_mode', 'debug_parallel_query')`);
      await session.query(`set parallel_setup_cost = 0; set parallel_tuple_cost = 0;
        set min_parallel_table_scan_size = 0; set min_parallel_index_scan_size = 0;
        set max_parallel_workers_per_gather = 2`);
      for (const mode of ['off', 'on', 'regress']) {
        await session.query(`set ${rows[0].name} = ${mode}`);
        for (const level of LEVELS) {
          await session.query(`set default_transaction_isolation = '${level}'`);
          assert.deepEqual(await answers(), serial.none, `none, ${mode}, ${level}`);
          assert.deepEqual(await transaction(session, ada, answers), serial.ada, `ada, ${mode}, ${level}`);
        }
      }
      await session.query('reset default_transaction_isolation');
      const { rows: plan } = await session.query('explain select owner from app.notes');
      assert.doesNotMatch(JSON.stringify(plan), /Gather/, 'one backend reads the table');
      const { rows: control } = await session.query('explain select n from app.filling');
      assert.match(JSON.stringify(control), /Gather/, 'a table without a policy is read in parallel');
      await session.end();
    });
  });

  test('50 sessions at once see their own rows only, while half of the tokens are revoked', async () => {
    const users = Array.from({ length: 50 }, (_, n) => ({ id: `crowd_${n}` }));
    for (const user of users) {
      await notes.user(user.id, 4);
      user.token = await notes.token(user.id);
    }
    const toRevoke = users.filter((_, n) => n % 2 === 0);
    const rounds = 16;
    const every = Math.floor((users.length * rounds) / (toRevoke.length + 2));
    const revocations = [];
    let done = 0;
    let refused = 0;
    const oneMore = () => {
      done += 1;
      if (done % every !== 0 || toRevoke.length === 0) return;
      const user = toRevoke.shift();
      user.ending = true;
      revocations.push(notes.revoke(user.token).then(() => { user.ended = true; }));
    };
    const round = async (session, user) => {
      const { ended } = user;
      try {
        await transaction(session, user.token, async () => {
          const { rows } = await session.query('select owner, count(*)::int as n from app.notes group by owner');
          if (rows.length === 0) {
            assert.ok(user.ending, `${user.id} is not revoked and sees nothing`);
            return;
          }
          assert.deepEqual(rows.map(({ owner }) => owner), [user.id]);
          assert.ok(rows[0].n >= 4);
          await session.query('insert into app.notes (body) values ($1)', [`${user.id} by themselves`]);
        });
        assert.ok(!ended, `${user.id} was revoked before`);
      } catch (problem) {
        assert.ok(problem.code === '28000' || problem.code === '42501' || problem.code === '23502', problem.message);
        assert.ok(user.ending, `${user.id} is not revoked and refused: ${problem.message}`);
        refused += 1;
      }
      oneMore();
    };
    const sessions = await Promise.all(users.map(() => notes.app()));
    // Each connection serves another user in each round, as a pool's do.
    await Promise.all(sessions.map(async (session, place) => {
      for (let n = 0; n < rounds; n += 1) await round(session, users[(place + n * 7) % users.length]);
    }));
    await Promise.all(revocations);
    assert.equal(revocations.length, 25);
    assert.ok(refused > 0);
    for (const [n, user] of users.entries()) {
      const [session] = sessions;
      if (n % 2 === 0) {
        await assertRefused(transaction(session, user.token, count), '28000', 'revoked');
      } else {
        assert.deepEqual(await transaction(session, user.token, owners), [user.id]);
      }
    }
    assert.deepEqual(await owners(sessions[0]), []);
    // What each has written is their own: nobody's note is under another's name.
    assert.equal(await value(admin, `select count(*)::int from app.notes
      where owner like 'crowd%' and body not like owner || ' %'`), 0);
  });
});

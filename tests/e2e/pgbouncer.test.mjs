// Attack 42 behind the real PgBouncer (Debian's), in transaction mode: clients that share a server
// connection never meet each other's identity, however their transactions end.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { assertRefused, begin, caller, count, Notes, owners, READ, transaction, value, WRITE } from './notes_world.mjs';
import { PgBouncer, version } from './pgbouncer.mjs';

const POOLS = { one: 1, two: 2 }; // database names in PgBouncer, and how many connections each has
const CLIENTS = 8;
const ROUNDS = 25;

const backend = (client) => value(client, 'select pg_backend_pid()');

describe('behind PgBouncer in transaction mode', () => {
  let notes;
  let bouncer;
  let ada;
  let bob;
  before(async () => {
    notes = await Notes.open();
    await notes.role('notes_backend');
    await notes.admin.query(`select openclaw.grant_access('notes_backend', 'verifier'),
      openclaw.grant_access('notes_backend', 'issuer'), openclaw.rotate_signing_key(activate_after => '0')`);
    await notes.user('ada', 3);
    await notes.user('bob', 2);
    ada = await notes.token('ada');
    bob = await notes.token('bob');
    bouncer = await new PgBouncer(['notes_app', 'notes_backend'], POOLS).start();
  });
  after(async () => {
    await bouncer?.stop();
    await notes?.close();
  });

  test('two clients share one server connection, and neither meets the other’s identity', async () => {
    const one = await bouncer.client('notes_app');
    const other = await bouncer.client('notes_app');
    assert.equal(await backend(one), await backend(other));
    for (let turn = 0; turn < 5; turn += 1) {
      assert.deepEqual(await transaction(one, ada, owners), ['ada']);
      assert.deepEqual(await owners(other), []);
      assert.equal(await caller(other), null);
      await other.query('begin');
      assert.equal(await caller(other), null);
      await begin(other, bob);
      const waiting = owners(one); // has to wait for the only connection
      assert.deepEqual(await owners(other), ['bob']);
      await other.query('commit');
      assert.deepEqual(await waiting, []);
    }
  });

  for (const pool of Object.keys(POOLS)) {
    test(`${CLIENTS} clients at once over ${POOLS[pool]} see their own rows, and none outside of a transaction`, async () => {
      const who = { ada, bob };
      const backends = new Set();
      await Promise.all(Array.from({ length: CLIENTS }, async (_, place) => {
        const client = await bouncer.client('notes_app', pool);
        for (let round = 0; round < ROUNDS; round += 1) {
          const name = (place + round) % 2 === 0 ? 'ada' : 'bob';
          const seen = await transaction(client, who[name], async () => {
            backends.add(await backend(client));
            assert.equal(await caller(client), name);
            return owners(client);
          });
          assert.deepEqual(seen, [name]);
          assert.equal(await caller(client), null);
          assert.equal(await count(client), 0);
        }
      }));
      assert.equal(backends.size, POOLS[pool]);
    });
  }

  test('a session outside of a transaction ends with its own statement', async () => {
    const client = await bouncer.client('notes_app');
    assert.equal(await value(client, 'select openclaw.begin_session($1)', [ada]), 'ada');
    assert.equal(await caller(client), null);
    assert.equal(await count(client), 0);
    // Several statements in one message are one transaction.
    const results = await client.query(
      `select openclaw.begin_session('${ada}'); select openclaw.current_user_id() as who`);
    assert.equal(results[1].rows[0].who, 'ada');
    assert.equal(await caller(client), null);
  });

  for (const [how, end] of Object.entries({
    'rolls back': (client) => client.query('rollback'),
    'fails and rolls back': async (client) => {
      await assert.rejects(client.query('select 1 / 0'), { code: '22012' });
      await client.query('rollback');
    },
    'fails at its commit': async (client) => {
      await assert.rejects(client.query('select 1 / 0'), { code: '22012' });
      await client.query('commit'); // is a rollback
    },
    'went back to a savepoint': async (client) => {
      await client.query('savepoint before');
      await begin(client, bob);
      await client.query('rollback to savepoint before');
      assert.equal(await caller(client), 'ada');
      await client.query('commit');
    },
  })) {
    test(`a transaction that ${how} leaves no identity on the connection`, async () => {
      const client = await bouncer.client('notes_app');
      const next = await bouncer.client('notes_app');
      await client.query('begin');
      await begin(client, ada);
      assert.deepEqual(await owners(client), ['ada']);
      const used = await backend(client);
      await end(client);
      assert.equal(await backend(next), used);
      assert.equal(await caller(next), null);
      assert.equal(await count(next), 0);
    });
  }

  test('a client that dies in the middle of its transaction leaves neither identity nor row', async () => {
    const victim = await bouncer.client('notes_app');
    const next = await bouncer.client('notes_app');
    await victim.query('begin');
    await begin(victim, ada);
    await victim.query(`insert into app.notes (body) values ('unfinished')`);
    const waiting = caller(next);
    victim.connection.stream.destroy();
    assert.equal(await waiting, null);
    assert.equal(await count(next), 0);
    assert.equal(await transaction(next, ada, () => value(next,
      `select count(*)::int from app.notes where body = 'unfinished'`)), 0);
  });

  test('a client that dies after its commit leaves no identity', async () => {
    const victim = await bouncer.client('notes_app');
    const next = await bouncer.client('notes_app');
    assert.deepEqual(await transaction(victim, ada, owners), ['ada']);
    const used = await backend(victim);
    victim.connection.stream.destroy();
    assert.equal(await backend(next), used);
    assert.equal(await caller(next), null);
  });

  test('a revocation is seen by the next statement', async () => {
    const client = await bouncer.client('notes_app');
    const token = await notes.token('ada');
    await client.query('begin');
    await begin(client, token);
    assert.equal(await count(client), 3);
    await notes.revoke(token);
    assert.equal(await count(client), 0);
    await client.query('commit');
    await assertRefused(transaction(client, token, count), '28000', 'revoked');
  });

  test('prepared statements work as PgBouncer has them: unnamed ones anywhere, those of SQL for all of a connection', async () => {
    const client = await bouncer.client('notes_app');
    const next = await bouncer.client('notes_app');
    // A parameter makes node-postgres use the unnamed statement, parsed anew each time.
    assert.equal(await transaction(client, ada, () => value(client,
      'select count(*)::int from app.notes where owner <> $1', [''])), 3);
    // PREPARE stays on the server's connection, with its generic plan, for whoever has it next.
    await client.query(`set plan_cache_mode = force_generic_plan;
      prepare own as select coalesce(array_agg(distinct owner), '{}') from app.notes`);
    const own = (session) => value(session, 'execute own');
    assert.equal(await backend(client), await backend(next));
    for (let turn = 0; turn < 7; turn += 1) {
      assert.deepEqual(await transaction(client, ada, own), ['ada']);
      assert.deepEqual(await own(next), []);
      assert.deepEqual(await transaction(next, bob, own), ['bob']);
    }
    await client.query('deallocate own; reset plan_cache_mode');
    // What the pages for other backends warn of: before 1.21 a client's named statements are not its own.
    const named = { name: 'notes', text: 'select count(*)::int from app.notes' };
    assert.equal((await transaction(client, ada, () => client.query(named))).rows[0].count, 3);
    const others = transaction(next, bob, () => next.query(named));
    if (version < 1.21) await assert.rejects(others, { code: '42P05' });
    else assert.equal((await others).rows[0].count, 2);
  });

  test('tokens are issued and verified, and calls connected, by clients that share a connection', async () => {
    const one = await bouncer.client('notes_backend');
    const other = await bouncer.client('notes_backend');
    await one.query(`select openclaw.register_container('ada', 'laptop', 'external',
      'https://mcp.ada.example.com/mcp', container_id => 'ada-laptop')`);
    assert.equal(await backend(one), await backend(other));

    await one.query('begin');
    const kept = await value(one, `select token from openclaw.issue_token('ada', $1)`, [[READ, WRITE]]);
    await one.query('commit');
    await one.query('begin');
    const lost = await value(one, `select token from openclaw.issue_token('ada', $1)`, [[READ]]);
    await one.query('rollback');

    const reasons = async (client) => value(client, `select array_agg(coalesce(reason, 'good') order by ordinal)
      from openclaw.verify_tokens($1, $2)`, [[kept, lost, 'nonsense'], [READ]]);
    assert.deepEqual(await reasons(other), ['good', 'unknown', 'malformed']);
    assert.equal(await value(other, 'select user_id from openclaw.verify_token($1)', [kept]), 'ada');
    const endpoint = () => value(other, `select mcp_endpoint from openclaw.connect('ada', 'ada-laptop', '{mcp:tools}')`);
    assert.equal(await endpoint(), 'https://mcp.ada.example.com/mcp');
    await one.query('select openclaw.revoke_token($1)', [kept]);
    assert.deepEqual(await reasons(other), ['revoked', 'unknown', 'malformed']);

    const many = await Promise.all(Array.from({ length: CLIENTS }, async () => {
      const client = await bouncer.client('notes_backend', 'two');
      return value(client, `select token from openclaw.issue_token('bob', '{mcp:tools}')`);
    }));
    assert.equal(new Set(many).size, CLIENTS);
    assert.equal(await value(other, 'select bool_and(valid) from openclaw.verify_tokens($1)', [many]), true);
  });
});

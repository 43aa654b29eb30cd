// The real PgBouncer, in transaction mode, between a front and Postgres: every endpoint gives the right
// answer to each of many requests at once, over fewer server connections than the front has, and a
// PgBouncer that is told to reconnect, or dies, loses nothing that was answered.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { PgBouncer } from './pgbouncer.mjs';
import { assertError, Front, until, World } from './world.mjs';

const endpoint = 'https://mcp.ada.example.com/mcp';

describe('a front behind PgBouncer in transaction mode', () => {
  let world;
  let bouncer;
  let front;
  let secrets; // of OAuth clients, by id
  before(async () => {
    world = await World.open();
    // What a session would be told, its role says.
    await world.sql(`alter role "${world.role}" set statement_timeout = '4s'`);
    await world.sql(`alter role "${world.role}" set search_path = pg_catalog`);
    secrets = {};
    for (const client of ['one', 'two', 'three']) {
      secrets[client] = await world.value(`select client_secret from openclaw.register_client($1, user_id => 'ada',
        client_id => $1, grant_types => '{client_credentials,refresh_token}', scopes => '{mcp:tools}')`, [client]);
    }
    bouncer = await new PgBouncer([world.role], { platform: 2 }).start();
    front = await Front.start(['--database', bouncer.conninfo(world.role), '--pooler', 'transaction',
      '--threads', '2', '--connections', '3', '--request-timeout', '5s']);
    await front.ready();
  });
  after(async () => {
    await front?.stop();
    await bouncer?.stop();
    await world?.close();
  });

  const many = (n, ask) => Promise.all(Array.from({ length: n }, (_, i) => ask(i)));
  const credentials = (client, fields = {}, options = {}) => front.post('/oauth/token', { ...options,
    form: { client_id: client, client_secret: secrets[client], grant_type: 'client_credentials', resource: endpoint, ...fields } });
  const pool = async () => (await bouncer.command('show pools')).find(({ database }) => database === 'platform');

  test('answers each of many requests at once with what is its own', async () => {
    const scopes = ['mcp:tools', 'mcp:resources', 'mcp:prompts'];
    const tokens = await many(24, async (i) => {
      const issued = await world.issueToken(i % 2 ? 'ada' : 'bob', [scopes[i % 3]]);
      if (i % 4 === 3) await world.sql('select openclaw.revoke_token($1, $2)', [i % 2 ? 'ada' : 'bob', issued.token_id]);
      return issued.token;
    });
    const jwt = (await world.accessToken('ada-laptop', ['mcp:tools'])).token;
    await many(120, async (i) => {
      const kind = i % 5;
      const n = i % tokens.length;
      if (kind === 0) {
        const { status, json } = await world.introspect(tokens[n], world.platform, front);
        assert.equal(status, 200);
        const expected = n % 4 === 3 ? [false] : [true, n % 2 ? 'ada' : 'bob', scopes[n % 3]];
        assert.deepEqual([json.active, json.user_id, json.scope].slice(0, expected.length), expected);
      } else if (kind === 1) {
        const client = Object.keys(secrets)[i % 3];
        const { status, json } = await credentials(client);
        assert.equal(status, 200);
        assert.equal(JSON.parse(Buffer.from(json.access_token.split('.')[1], 'base64url')).client_id, client);
      } else if (kind === 2) {
        const { status, headers } = await world.verify(jwt, endpoint, 'mcp:tools', front);
        assert.deepEqual([status, headers['x-openclaw-user-id']], [200, 'ada']);
      } else if (kind === 3) {
        const container = i % 2 ? 'ada-laptop' : 'ada-search';
        const { status, json } = await front.post('/v1/connect', { bearer: world.harness, form: { container_id: container } });
        assert.deepEqual([status, json.type], [200, i % 2 ? 'external' : 'hosted']);
      } else {
        assert.equal((await front.get('/.well-known/jwks.json')).json.keys.length >= 3, true);
      }
    });
    const { cl_active: clients, sv_idle: idle, sv_used: used, sv_active: active } = await pool();
    assert.ok(Number(clients) >= 6, `${clients} connections of the front's`);
    assert.ok(Number(idle) + Number(used) + Number(active) <= 2);
  });

  test('leaves nothing of a request behind for the next one on its connection', async () => {
    await many(30, (i) => credentials('one', i % 2 ? { client_secret: 'wrong' } : { scope: 'data:write' },
      { headers: { 'X-Request-Id': `leak-${i}` } }));
    const rows = await world.sql(`select request_id, action, actor, user_id, target, reason, on_behalf_of from openclaw.audit_log
      where request_id like 'leak-%'`);
    assert.equal(new Set(rows.map(({ request_id: id }) => id)).size, 30);
    assert.equal(rows.length, 30);
    const server = await bouncer.client(world.role);
    const left = async (text) => Object.values((await server.query(text)).rows[0])[0];
    assert.equal(await left('select count(*)::int from pg_prepared_statements'), 0);
    for (const setting of ['openclaw.request_id', 'openclaw.actor']) {
      assert.ok(!await left(`select current_setting('${setting}', true)`), setting);
    }
    assert.equal(await left('show statement_timeout'), '4s');
    // A refused harness has no request id, whoever was there before.
    await front.post('/v1/connect', { bearer: 'och_nobody', form: { container_id: 'ada-laptop' } });
    assert.equal(await world.value(`select count(*)::int from openclaw.audit_log
      where action = 'authenticate_harness' and request_id is not null`), 0);
  });

  test('records when a token was used, whichever connection of the pool looked at it', async () => {
    const recording = await Front.start(['--database', bouncer.conninfo(world.role), '--pooler', 'transaction',
      '--threads', '1', '--token-use-interval', '1s']);
    try {
      await recording.ready();
      const { token, token_id: id } = await world.issueToken('ada', ['mcp:tools']);
      await until('it is recorded', async () => {
        assert.equal((await world.introspect(token, world.platform, recording)).json.active, true);
        return world.value('select last_used_at from openclaw.api_tokens where id = $1', [id]);
      });
    } finally {
      await recording.stop();
    }
  });

  test('rotates refresh tokens, and revokes, once', async () => {
    const grant = await world.value(`select refresh_token from openclaw.create_grant('one', 'ada-laptop', '{mcp:tools}')`);
    const refreshed = await credentials('one', { grant_type: 'refresh_token', refresh_token: grant });
    assert.equal(refreshed.status, 200);
    const successor = refreshed.json.refresh_token;
    assert.equal((await world.introspect(successor, world.platform, front)).json.active, true);
    const revoked = await front.post('/oauth/revoke', { bearer: world.platform, form: { token: successor } });
    assert.equal(revoked.status, 200);
    assert.equal((await world.introspect(successor, world.platform, front)).json.active, false);
  });

  // Revokes under load, while `act` is at work, and holds every answer to what the database says.
  const underLoad = async (act) => {
    const doomed = await many(200, () => world.issueToken('ada', ['mcp:tools']));
    const live = (await world.issueToken('ada', ['mcp:tools'])).token;
    const counts = { 200: 0, 503: 0 };
    const next = doomed.values();
    const judge = (answer) => {
      if (answer.status === 503) assertError(answer, 503, 'temporarily_unavailable');
      else assert.equal(answer.status, 200);
      ++counts[answer.status];
      return answer.status === 200;
    };
    const answered = [];
    let acting = true;
    const work = async () => {
      for (const { token, token_id: id } of next) {
        if (judge(await front.post('/oauth/revoke', { bearer: world.platform, form: { token } }))) answered.push(id);
        const read = await world.introspect(live, world.platform, front);
        if (judge(read)) assert.equal(read.json.active, true);
      }
      while (acting) judge(await world.introspect(live, world.platform, front));
    };
    const load = many(8, work);
    await until('some are done', () => answered.length > 20);
    await act(counts);
    acting = false;
    await load;
    assert.equal(await world.value(`select count(*)::int from openclaw.api_tokens
      where id = any ($1) and revoked_at is not null`, [answered]), answered.length);
    return counts;
  };

  test('loses nothing when PgBouncer is told to make its connections anew', async () => {
    const counts = await underLoad(async () => {
      const pids = async () => (await bouncer.command('show servers')).map(({ remote_pid: pid }) => pid);
      const former = await pids();
      assert.ok(former.length > 0);
      await bouncer.command('reconnect');
      await until('they are others', async () => {
        const now = await pids();
        return now.length > 0 && former.every((pid) => !now.includes(pid));
      });
    });
    assert.equal(counts[503], 0);
  });

  test('loses only what was in flight, by 503, when PgBouncer dies, and is well again when it is back', async () => {
    const counts = await underLoad(async (seen) => {
      await bouncer.kill();
      await until('the front noticed', () => seen[503] > 0);
      await bouncer.start();
      await front.ready();
    });
    assert.ok(counts[503] > 0);
    const { status } = await credentials('two');
    assert.equal(status, 200);
  });

  test('without being told of it, cannot be ready', async () => {
    const untold = await Front.start(['--database', bouncer.conninfo(world.role), '--threads', '1', '--connections', '4']);
    try {
      await until('its statements meet', () => untold.log.includes('"problem":"42P05"') || untold.log.includes('"problem":"26000"'));
    } finally {
      await untold.stop();
    }
  });

  test('no token of this file is in a log', () => world.assertLogsHoldNoSecret());
});

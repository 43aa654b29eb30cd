// Attack 47: Postgres gone, refusing, out of connections, or slow. An answer is either the right one
// or 503 with Retry-After, and the front is well again by itself.
import assert from 'node:assert/strict';
import net from 'node:net';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Front, World, assertError, until } from './world.mjs';

const requestTimeout = 500;
// The front gives up after the request's timeout, to its next tick; the rest is for a busy machine.
const deadline = requestTimeout + 2_500;

describe('the front while Postgres is away', () => {
  let world;
  let live;
  let revoked;
  let doomed; // a revocation that was answered 503 may have been done: that is the safe side
  let admin; // outside the world's database, which is being closed
  before(async () => {
    world = await World.open('--request-timeout', `${requestTimeout}ms`);
    live = await world.issueToken('ada', ['mcp:tools']);
    revoked = await world.issueToken('ada', ['mcp:tools']);
    doomed = await world.issueToken('ada', ['mcp:tools']);
    await world.sql(`select openclaw.revoke_token('ada', $1)`, [revoked.token_id]);
    admin = await world.session('postgres');
  });
  after(() => world.close());

  const assertUnavailable = (answer) => {
    assertError(answer, 503, 'temporarily_unavailable');
    assert.match(answer.headers['retry-after'], /^[1-9]\d*$/);
  };
  const inTime = async (request) => {
    const began = Date.now();
    const answer = await request;
    assert.ok(Date.now() - began < deadline, `${Date.now() - began} ms`);
    return answer;
  };
  const everyEndpoint = (front = world.front) => [
    world.introspect(live.token, world.harness, front),
    world.introspect(revoked.token, world.harness, front),
    world.verify(live.token, 'https://mcp.ada.example.com/mcp', 'mcp:tools', front),
    front.post('/oauth/revoke', { bearer: world.harness, form: { token: doomed.token } }),
    front.post('/v1/connect', { bearer: world.harness, form: { container_id: 'ada-laptop' } }),
    front.get('/.well-known/jwks.json'),
    front.get('/.well-known/oauth-authorization-server'),
    front.get('/readyz'),
  ].map(inTime);
  const assertAllUnavailable = async (front) => {
    for (const answer of await Promise.all(everyEndpoint(front))) assertUnavailable(answer);
    assert.equal((await front.get('/healthz')).status, 200);
  };
  const assertWell = async () => {
    // Each event loop has its own sessions and gets clients in turn.
    let inARow = 0;
    await until('the front is well again', async () => {
      const answers = await Promise.all([live, revoked].map(({ token }) => world.introspect(token)));
      const well = answers.every(({ status }) => status === 200);
      if (well) assert.deepEqual(answers.map(({ json }) => json.active), [true, false]);
      inARow = well ? inARow + 1 : 0;
      return inARow === 5;
    });
  };
  const terminateSessions = () => admin.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and usename = $2`,
    [world.database, world.role]);

  test('while its sessions are killed, each answer is the right one or 503', async () => {
    let killing = true;
    const killer = (async () => {
      while (killing) await terminateSessions();
    })();
    const counts = { right: 0, unavailable: 0 };
    const judge = (answer, active) => {
      if (answer.status === 503) {
        assertUnavailable(answer);
        ++counts.unavailable;
      } else {
        assert.equal(answer.status, 200);
        assert.equal(answer.json.active, active);
        ++counts.right;
      }
    };
    try {
      await until('an outage was seen', async () => {
        const asked = Array.from({ length: 20 }, (_, i) => (i % 2 ? live : revoked));
        const answers = await Promise.all(asked.map(({ token }) => inTime(world.introspect(token))));
        for (const [i, answer] of answers.entries()) judge(answer, asked[i] === live);
        assert.equal((await world.front.get('/healthz')).status, 200);
        return counts.unavailable >= 20;
      });
    } finally {
      killing = false;
      await killer;
    }
    await assertWell();
  });

  test('while the database takes no connections, every endpoint is 503 but /healthz', async () => {
    await admin.query(`alter database "${world.database}" allow_connections false`);
    try {
      await terminateSessions();
      await until('the front noticed', async () => (await world.front.get('/readyz')).status === 503);
      await assertAllUnavailable(world.front);
    } finally {
      await admin.query(`alter database "${world.database}" allow_connections true`);
    }
    await assertWell();
  });

  test('while its role is out of connections, every endpoint is 503 but /healthz', async () => {
    await admin.query(`alter role "${world.role}" connection limit 0`);
    try {
      await terminateSessions();
      await until('the front noticed', async () => (await world.front.get('/readyz')).status === 503);
      await assertAllUnavailable(world.front);
    } finally {
      await admin.query(`alter role "${world.role}" connection limit -1`);
    }
    await assertWell();
  });

  test('while the tokens are locked, decisions are 503 within the deadline, revocations too', async () => {
    await world.whileTokensAreLocked(async () => {
      const asked = [
        ...Array.from({ length: 50 }, (_, i) => world.introspect((i % 2 ? live : revoked).token)),
        world.front.post('/oauth/revoke', { bearer: world.harness, form: { token: doomed.token } }),
        world.front.post('/v1/connect', { bearer: world.harness, form: { container_id: 'ada-laptop' } }),
        world.verify(live.token, 'https://mcp.ada.example.com/mcp', 'mcp:tools'),
      ].map(inTime);
      assert.equal((await world.front.get('/healthz')).status, 200);
      for (const answer of await Promise.all(asked)) assertUnavailable(answer);
    });
    await assertWell();
  });

  test('a request that waits for a lock is answered when the lock goes in time', async () => {
    const patient = await world.startFront('--request-timeout', '10s');
    const asked = await world.whileTokensAreLocked(async () => {
      const requests = [live, revoked].map(({ token }) => world.introspect(token, world.platform, patient));
      await world.frontWaits();
      return requests;
    });
    const answers = await Promise.all(asked);
    assert.deepEqual(answers.map(({ json }) => json.active), [true, false]);
  });

  test('a statement that hangs keeps no later request of its endpoint waiting', async () => {
    const front = await world.startFront('--threads', '1', '--connections', '2', '--request-timeout', '10s',
      '--maintenance-interval', '0');
    const asked = await world.whileTokensAreLocked(async () => {
      const ask = () => world.introspect(live.token, world.platform, front);
      const first = ask();
      await world.frontWaits(1);
      const second = ask();
      await world.frontWaits(2);
      return [first, second];
    });
    for (const answer of await Promise.all(asked)) assert.equal(answer.json.active, true);
  });

  test('more requests than may wait are turned away at once', async () => {
    const narrow = await world.startFront('--threads', '1', '--connections', '1', '--max-batch', '1',
      '--max-waiting', '5', '--request-timeout', '10s');
    const answers = [];
    const ask = async () => answers.push(await world.introspect(live.token, world.platform, narrow));
    let asked;
    let turnedAway;
    await world.whileTokensAreLocked(async () => {
      asked = Array.from({ length: 20 }, ask);
      // Five wait, and at most one more is with Postgres.
      await until('the rest is turned away', () => answers.length >= 14);
      turnedAway = answers.length;
    });
    await Promise.all(asked);
    for (const answer of answers.slice(0, turnedAway)) assertUnavailable(answer);
    for (const answer of answers.slice(15)) assert.equal(answer.json.active, true);
  });

  test('a Postgres that refuses connections is 503 at once, and the front starts all the same', async () => {
    const front = await Front.start(['--database', 'host=127.0.0.1 port=1 user=x']);
    await until('the front noticed', () => front.events().some(({ event }) => event === 'sql_unavailable'));
    await assertAllUnavailable(front).finally(() => front.stop());
    assert.deepEqual(await front.exited, { code: 0, signal: null });
  });

  // A Unix socket where `speak` plays Postgres to each connection, and a front that is sent there.
  const withFalsePostgres = async (speak, act) => {
    const folder = await mkdtemp(join(tmpdir(), 'openclaw-false-'));
    const sockets = [];
    const server = net.createServer((socket) => {
      sockets.push(socket.on('error', () => {}));
      speak(socket);
    });
    await once(server.listen(join(folder, '.s.PGSQL.5432')), 'listening');
    try {
      const front = await Front.start(['--database', `host='${folder}' port=5432 user=x`,
        '--request-timeout', `${requestTimeout}ms`]);
      await until('the front connects', () => sockets.length > 0);
      await act(front).finally(() => front.stop());
      assert.deepEqual(await front.exited, { code: 0, signal: null });
    } finally {
      for (const socket of sockets) socket.destroy();
      server.close();
      await rm(folder, { recursive: true });
    }
  };

  test('a Postgres that takes connections and says nothing is 503 within the deadline', () =>
    withFalsePostgres(() => {}, assertAllUnavailable));

  test('what Postgres says beside its answers is not in the log, from the first byte on', async () => {
    const message = (type, body) => {
      const length = Buffer.alloc(4);
      length.writeInt32BE(body.length + 4);
      return Buffer.concat([Buffer.from(type), length, body]);
    };
    const report = (severity) =>
      Buffer.from(`S${severity}\0V${severity}\0C57P01\0Mwhat was said\0\0`);
    const welcomeAndFarewell = Buffer.concat([
      message('R', Buffer.alloc(4)), message('N', report('WARNING')), message('Z', Buffer.from('I')),
      message('E', report('FATAL')),
    ]);
    await withFalsePostgres((socket) => socket.once('data', () => socket.end(welcomeAndFarewell)),
      async (front) => {
        await until('the front lost it', () => front.log.includes('sql_unavailable'));
        assert.ok(!front.log.includes('what was said'), front.log);
        assert.ok(front.events().length > 1);
      });
  });

  test('/readyz is 503 and says what is missing when no key can sign', async () => {
    await world.sql('update openclaw.signing_keys set revoked_at = now()');
    const answer = await world.front.get('/readyz');
    assertUnavailable(answer);
    assert.equal(answer.json.error_description, 'missing: signing key');
    // By itself the new key would wait for copies of the JWKS that is gone.
    await world.sql(`select openclaw.rotate_signing_key('EdDSA', activate_after => '0')`);
    await assertWell();
    const ready = (await world.front.get('/readyz')).json;
    assert.equal(ready.status, 'ready');
    assert.equal(ready.standby, false);
  });

  test('an outage is a few lines in the log, not one for each attempt or request', () => {
    const lines = world.front.events().filter(({ event }) => event !== 'request');
    assert.ok(lines.some(({ event }) => event === 'sql_unavailable'));
    assert.ok(lines.length < 2_000, `${lines.length} lines`);
  });

  test('no token of this file is in a log', () => world.assertLogsHoldNoSecret());
});

// Attack 45: what the front, the server and their views say while tokens pass through, also while
// things go wrong. Each other file ends with the same look at the logs.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { World, tellingParts, until } from './world.mjs';

const form = { 'Content-Type': 'application/x-www-form-urlencoded' };

describe('secrets in flight', () => {
  let world;
  let tokens; // of each kind that can be asked about
  before(async () => {
    world = await World.open('--log-level', 'debug', '--request-timeout', '500ms');
    tokens = (await Promise.all([
      world.issueToken('ada', ['mcp:tools']), world.accessToken('ada-laptop', ['mcp:tools']),
      world.userClaim('ada', 'ada-search'),
    ])).map(({ token }) => token);
  });
  after(() => world.close());

  const everywhere = (token) => [
    world.front.get(`/v1/verify?audience=${token}&scope=${token}`, { bearer: token }),
    world.front.get(`/${token}?${token}=${token}`, { bearer: token }),
    world.front.get('/healthz', { headers: { 'X-Request-Id': `${token}/`, [token.slice(0, 40)]: token } }),
    world.front.get('/.well-known/jwks.json', { headers: { 'If-None-Match': token, Cookie: token } }),
    world.front.post('/oauth/introspect', { bearer: token, form: { token, token_type_hint: token } }),
    world.front.post('/oauth/introspect', { bearer: world.harness, form: { token, [token]: token } }),
    world.front.post('/oauth/introspect', { bearer: world.harness, headers: form, body: `${token}%zz` }),
    world.front.post('/oauth/introspect', { bearer: world.harness, headers: form, body: `token=${token}%ff` }),
    world.front.post('/oauth/revoke', { bearer: token, form: { token } }),
    world.front.post('/v1/connect', {
      bearer: world.harness, form: { container_id: token, user_id: token, scope: token },
    }),
    world.front.post('/v1/connect', {
      bearer: world.platform, form: { container_id: token, user_id: token, scope: 'mcp:tools' },
    }),
  ];

  test('no answer to a misplaced token repeats it', async () => {
    for (const token of tokens) {
      for (const answer of await Promise.all(everywhere(token))) {
        const text = `${JSON.stringify(answer.headers)}${answer.body}`;
        assert.ok(!tellingParts(token).some((part) => text.includes(part)), text.slice(0, 60));
      }
    }
  });

  test('broken HTTP around a token is refused without repeating it', async () => {
    for (const token of tokens) {
      for (const text of [`${token}\r\n\r\n`, `GET ${token} HTTP/1.1\r\n\r\n`, `GET /${token}\r\n\r\n`,
        `GET / HTTP/1.1\r\nHost: ${token}\r\n${token}\r\n\r\n`, `${token.slice(0, 20)} / HTTP/1.1\r\n`,
        `GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nAuthorization: ${token}\r\n\r\n`]) {
        const answer = await world.front.raw(text);
        assert.match(answer, /^HTTP\/1\.1 [45]\d\d /);
        assert.ok(!tellingParts(token).some((part) => answer.includes(part)));
      }
    }
  });

  test('pg_stat_activity shows no token while a statement with tokens runs', async () => {
    const seen = await world.whileTokensAreLocked(async () => {
      const asked = Promise.all(tokens.flatMap(everywhere));
      await world.frontWaits();
      const queries = await world.sql(
        `select query, application_name from pg_stat_activity where usename = $1`, [world.role]);
      await asked; // some are cancelled by the server, whose log names the statement
      return queries;
    });
    assert.ok(seen.some(({ query }) => query.includes('openclaw.front_')));
    const text = JSON.stringify(seen);
    for (const token of world.secrets) {
      assert.ok(!tellingParts(token).some((part) => text.includes(part)));
    }
    await until('the server has logged a cancelled statement', async () =>
      (await world.serverLog()).includes('canceling statement due to statement timeout'));
  });

  test('the server logs the statements of the front, without their parameters', async () => {
    const log = await world.serverLog();
    const lines = log.split('\n').filter((line) => line.includes(`${world.role}@`));
    assert.ok(lines.some((line) => line.includes('openclaw.front_introspect')));
    assert.ok(lines.some((line) => line.includes('duration:')));
    assert.ok(!lines.some((line) => line.includes('parameters:')));
  });

  test('no audit row has a token in it', async () => {
    const rows = JSON.stringify(await world.sql('select * from openclaw.audit_log'));
    for (const token of world.secrets) {
      assert.ok(!tellingParts(token).some((part) => rows.includes(part)));
    }
  });

  test("the front's log has one line for each request, with its id and route and no more of it", () => {
    const requests = world.front.events().filter(({ event }) => event === 'request');
    assert.ok(requests.length > 30);
    for (const request of requests) {
      assert.deepEqual(Object.keys(request), ['time', 'level', 'event', 'request_id', 'method', 'route',
        'status', 'duration_us', 'bytes', 'client']);
      assert.match(request.request_id, /^[A-Za-z0-9._-]{1,64}$/);
      assert.match(request.route, /^(-|healthz|readyz|introspect|revoke|connect|verify|jwks|metadata)$/);
    }
  });

  test('the front leaves no core file that would show its memory', async () => {
    const limits = await readFile(`/proc/${world.front.process.pid}/limits`, 'utf8');
    assert.match(limits, /^Max core file size +0 +0 /m);
  });

  test('no token of this file is in a log', () => world.assertLogsHoldNoSecret());
});

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { World, assertError } from './world.mjs';

const path = '/oauth/introspect';
const inactive = '{"active":false}';

describe('POST /oauth/introspect', () => {
  let world;
  before(async () => (world = await World.open()));
  after(() => world.close());

  const seconds = (date) => Math.floor(date.getTime() / 1000);

  test('a live opaque token is described in full', async () => {
    const { token, token_id, expires_at } =
      await world.issueToken('ada', ['mcp:tools', 'data:*'], { container: 'ada-laptop' });
    const answer = await world.introspect(token, world.harness);
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['content-type'], 'application/json');
    assert.equal(answer.headers['cache-control'], 'no-store');
    const { iat, ...described } = answer.json;
    assert.deepEqual(described, {
      active: true, token_type: 'Bearer', scope: 'mcp:tools data:*', sub: 'ada', user_id: 'ada',
      container_id: 'ada-laptop', issued_for: 'user_direct', jti: token_id,
      exp: seconds(expires_at),
    });
    assert.ok(Math.abs(iat - Date.now() / 1000) < 60);
  });

  test('a live access token is described in full', async () => {
    const { token, jti, issued_at, expires_at } = await world.accessToken('ada-laptop', ['mcp:tools']);
    assert.deepEqual((await world.introspect(token, world.harness)).json, {
      active: true, token_type: 'Bearer', scope: 'mcp:tools', iss: world.issuer, sub: 'ada',
      user_id: 'ada', aud: 'https://mcp.ada.example.com/mcp', container_id: 'ada-laptop', jti,
      iat: seconds(issued_at), exp: seconds(expires_at),
    });
  });

  test('what is no live token is inactive and nothing else is said', async () => {
    const { token } = await world.issueToken('ada', ['mcp:tools']);
    const claim = await world.userClaim('ada', 'ada-search');
    const wrong = [
      `${token.slice(0, -1)}${token.endsWith('0') ? '1' : '0'}`, `ocu_${'0'.repeat(49)}`,
      `och_${token.slice(4)}`, token.toUpperCase(), `${token} `, ` ${token}`, 'x',
      'x'.repeat(60_000), '🦀', claim.token, `${claim.token}.`,
    ];
    for (const text of wrong) {
      const answer = await world.introspect(text);
      assert.equal(answer.status, 200);
      assert.equal(answer.body, inactive);
    }
  });

  test('a token that has expired is inactive', async () => {
    const { token, token_id } = await world.issueToken('ada', ['mcp:tools']);
    assert.equal((await world.introspect(token)).json.active, true);
    await world.sql(`update openclaw.api_tokens set expires_at = now() where id = $1`, [token_id]);
    assert.equal((await world.introspect(token)).body, inactive);
  });

  test('tokens of a user or a container that was disabled are inactive at once', async () => {
    await world.sql(`select openclaw.create_user(user_id => 'eve')`);
    await world.register('eve', 'laptop', 'external', 'https://mcp.eve.example.com/');
    const bound = await world.issueToken('eve', ['mcp:tools'], { container: 'eve-laptop' });
    const free = await world.issueToken('eve', ['mcp:tools']);
    const jwt = await world.accessToken('eve-laptop', ['mcp:tools']);
    const active = async (issued) => (await world.introspect(issued.token)).json.active;

    await world.sql(`update openclaw.containers set disabled_at = now() where id = 'eve-laptop'`);
    assert.deepEqual([await active(bound), await active(jwt), await active(free)],
      [false, false, true]);
    await world.sql(`update openclaw.users set disabled_at = now() where id = 'eve'`);
    assert.equal(await active(free), false);
  });

  test("another user's token is inactive for a harness, active with openclaw:any-user", async () => {
    const opaque = (await world.issueToken('bob', ['mcp:tools'])).token;
    const jwt = (await world.accessToken('bob-laptop', ['mcp:tools'])).token;
    for (const token of [opaque, jwt]) {
      const answer = await world.introspect(token, world.harness);
      assert.equal(answer.status, 200);
      assert.equal(answer.body, inactive);
      assert.equal((await world.introspect(token, world.platform)).json.user_id, 'bob');
    }
  });

  test('a caller without a token is asked for one, and no error is named (RFC 6750 3)', async () => {
    const answer = await world.front.post(path, { form: { token: 'x' } });
    assertError(answer, 401, 'invalid_token');
    assert.equal(answer.headers['www-authenticate'], 'Bearer');
  });

  test('a caller with a bad token is told invalid_token, whatever is wrong with it', async () => {
    const user = (await world.issueToken('ada', ['openclaw:introspect'])).token;
    const { token: gone, token_id } =
      await world.issueToken('ada', ['openclaw:introspect'], { issuedFor: 'platform_harness' });
    await world.sql(`select openclaw.revoke_token('ada', $1)`, [token_id]);
    const jwt = (await world.accessToken('ada-laptop', ['openclaw:introspect'])).token;
    const fields = [
      ...[user, gone, jwt, 'x', `${world.harness}x`].map((token) => `Bearer ${token}`),
      'Bearer', `Digest ${world.harness}`, world.harness,
      `Bearer ${world.harness} ${world.harness}`, `Bearer ${world.harness}, Bearer x`,
    ];
    const bodies = new Set();
    for (const Authorization of fields) {
      const answer = await world.front.post(path, { headers: { Authorization }, form: { token: 'x' } });
      assertError(answer, 401, 'invalid_token');
      assert.equal(answer.headers['www-authenticate'], 'Bearer error="invalid_token"');
      bodies.add(answer.body);
    }
    assert.equal(bodies.size, 1);
  });

  test('the scheme of the Authorization field has no case', async () => {
    const { token } = await world.issueToken('ada', ['mcp:tools']);
    const headers = { Authorization: `bEARER ${world.harness}` };
    assert.equal((await world.front.post(path, { headers, form: { token } })).json.active, true);
  });

  test('a caller without the scope is told which one is missing', async () => {
    const { token } =
      await world.issueToken('ada', ['openclaw:revoke'], { issuedFor: 'platform_harness' });
    const answer = await world.introspect('x', token);
    assertError(answer, 403, 'insufficient_scope');
    assert.equal(answer.headers['www-authenticate'],
      'Bearer error="insufficient_scope", scope="openclaw:introspect"');
  });

  test('a request without the parameter token is 400', async () => {
    for (const form of [{}, { token: '' }, { Token: 'x' }]) {
      assertError(await world.front.post(path, { bearer: world.harness, form }), 400, 'invalid_request');
    }
    assertError(await world.front.post(path, { bearer: world.harness }), 400, 'invalid_request');
  });

  test('a form that two readers could read in two ways is 400', async () => {
    const { token } = await world.issueToken('ada', ['mcp:tools']);
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
    const bodies = [
      `token=${token}&token=${token}`, `token=${token}&token=`, `token=${token}&%74oken=x`,
      `token=${token}%`, `token=${token}%0`, 'token=%ff', 'token=%00', `x=%zz&token=${token}`,
      `${'a&'.repeat(65)}token=${token}`,
    ];
    for (const body of bodies) {
      const answer = await world.front.post(path, { bearer: world.harness, headers, body });
      assertError(answer, 400, 'invalid_request');
    }
  });

  test('unknown parameters and a wrong hint are ignored, as RFC 7662 asks', async () => {
    const { token } = await world.issueToken('ada', ['mcp:tools']);
    const form = { token, token_type_hint: 'refresh_token', other: '1' };
    assert.equal((await world.front.post(path, { bearer: world.harness, form })).json.active, true);
  });

  test('a body of another type is 415', async () => {
    const body = 'token=x';
    for (const type of ['application/json', 'text/plain', 'multipart/form-data; boundary=x',
      'application/x-www-form-urlencoded; charset=utf-16']) {
      const headers = { 'Content-Type': type };
      assertError(await world.front.post(path, { bearer: world.harness, headers, body }), 415,
        'invalid_request');
    }
    assertError(await world.front.post(path, { bearer: world.harness, body }), 415, 'invalid_request');
    const packed = { 'Content-Type': 'application/x-www-form-urlencoded', 'Content-Encoding': 'gzip' };
    assertError(await world.front.post(path, { bearer: world.harness, headers: packed, body }), 415,
      'invalid_request');
  });

  test('a token in the query is not looked at (RFC 6749 2.3.1)', async () => {
    const { token } = await world.issueToken('ada', ['mcp:tools']);
    const answer = await world.front.post(`${path}?token=${token}`, { bearer: world.harness, form: {} });
    assertError(answer, 400, 'invalid_request');
  });

  test('another method is 405 and Allow names the right one', async () => {
    for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
      const answer = await world.front.request(method, path, { bearer: world.harness });
      assert.equal(answer.status, 405, method);
      assert.equal(answer.headers.allow, 'POST');
    }
  });

  test('200 introspections at once each get the answer for their own token and caller', async () => {
    const users = Array.from({ length: 100 }, (_, i) => `many-${i}`);
    await world.sql(`select openclaw.create_user(user_id => u) from unnest($1::text[]) as u`, [users]);
    const issue = (user) => world.issueToken(user, ['mcp:tools']);
    const live = await Promise.all(users.map(issue));
    const dead = await Promise.all(users.map(issue));
    for (const [i, { token_id }] of dead.entries()) {
      assert.equal(await world.value(`select openclaw.revoke_token($1, $2)`, [users[i], token_id]), true);
    }
    // Every fourth asks with a token that has no right to.
    const ask = ({ token }, i) => world.introspect(token, i % 4 === 3 ? live[i].token : world.platform);
    const answers = await Promise.all(users.flatMap((_, i) => [ask(live[i], i), ask(dead[i], i)]));
    assert.equal(answers.length, 200);
    for (const [n, answer] of answers.entries()) {
      const i = n >> 1;
      if (i % 4 === 3) {
        assertError(answer, 403, 'insufficient_scope');
      } else if (n % 2 === 1) {
        assert.equal(answer.body, inactive);
      } else {
        assert.equal(answer.json.user_id, users[i]);
        assert.equal(answer.json.jti, live[i].token_id);
      }
    }
  });

  test('X-Request-Id comes back when it is harmless, else a new one does', async () => {
    const idFor = async (id) => {
      const headers = id === undefined ? {} : { 'X-Request-Id': id };
      const options = { bearer: world.harness, headers, form: { token: 'x' } };
      return (await world.front.post(path, options)).headers['x-request-id'];
    };
    for (const id of ['a', 'Request-1.2_3', 'x'.repeat(64)]) assert.equal(await idFor(id), id);
    const made = new Set();
    for (const id of [undefined, 'x'.repeat(65), 'a b', '"', '<script>', '']) {
      const answered = await idFor(id);
      assert.match(answered, /^[0-9a-f]{32}$/);
      made.add(answered);
    }
    assert.equal(made.size, 6);
  });

  test('no token of this file is in a log', () => world.assertLogsHoldNoSecret());
});

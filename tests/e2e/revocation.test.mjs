import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { World, assertError } from './world.mjs';

const path = '/oauth/revoke';

describe('POST /oauth/revoke', () => {
  let world;
  before(async () => (world = await World.open()));
  after(() => world.close());

  const revoke = (token, bearer = world.harness, headers = {}) =>
    world.front.post(path, { bearer, headers, form: { token } });
  const active = async (token) => (await world.introspect(token)).json.active;
  const assertDone = (answer) => {
    assert.equal(answer.status, 200);
    assert.equal(answer.body, '');
    assert.equal(answer.headers['cache-control'], 'no-store');
  };
  const auditOf = (id) => world.sql(
    `select action, user_id, actor, outcome, request_id from openclaw.audit_log
     where target = $1 and action = 'revoke_token'`, [id]);

  test('a revoked token is refused by the next request, and revoking it again succeeds', async () => {
    const { token } = await world.issueToken('ada', ['mcp:tools']);
    const audience = 'https://mcp.ada.example.com/mcp';
    assert.equal(await active(token), true);
    assert.equal((await world.verify(token, audience)).status, 200);
    assertDone(await revoke(token));
    assert.equal(await active(token), false);
    assert.equal((await world.verify(token, audience)).status, 401);
    assertDone(await revoke(token));
  });

  test("the audit row has the answer's request id, the client's own or a new one", async () => {
    for (const headers of [{ 'X-Request-Id': 'from-the-client.1' }, {}]) {
      const { token, token_id } = await world.issueToken('ada', ['mcp:tools']);
      const answer = await revoke(token, world.harness, headers);
      assertDone(answer);
      const request_id = answer.headers['x-request-id'];
      assert.equal(request_id, headers['X-Request-Id'] ?? request_id);
      assert.deepEqual(await auditOf(token_id), [
        { action: 'revoke_token', user_id: 'ada', actor: world.role, outcome: 'success', request_id },
      ]);
    }
  });

  test("a request id does not stay in the front's session for the next revocation", async () => {
    const ids = [];
    for (const id of ['first', 'second', 'third']) {
      const { token, token_id } = await world.issueToken('ada', ['mcp:tools']);
      await revoke(token, world.harness, { 'X-Request-Id': id });
      ids.push((await auditOf(token_id))[0].request_id);
    }
    assert.deepEqual(ids, ['first', 'second', 'third']);
  });

  test('a token that is not known is answered like one that is (RFC 7009 2.2)', async () => {
    for (const token of ['x', `ocu_${'0'.repeat(49)}`, 'x'.repeat(60_000), '🦀']) {
      assertDone(await revoke(token));
    }
  });

  test("another user's token is answered the same and stays live", async () => {
    const { token, token_id } = await world.issueToken('bob', ['mcp:tools']);
    assertDone(await revoke(token, world.harness));
    assert.equal(await active(token), true);
    assert.deepEqual(await auditOf(token_id), []);
    assertDone(await revoke(token, world.platform));
    assert.equal(await active(token), false);
  });

  test('a harness may revoke its own token, and is refused from then on', async () => {
    const { token } =
      await world.issueToken('ada', ['openclaw:revoke'], { issuedFor: 'platform_harness' });
    assertDone(await revoke(token, token));
    assertError(await revoke(token, token), 401, 'invalid_token');
  });

  test('a JWT ends when it is revoked, and no other one with it', async () => {
    const { token } = await world.accessToken('ada-laptop', ['mcp:tools']);
    const { token: other } = await world.accessToken('ada-laptop', ['mcp:tools']);
    assert.equal((await revoke(token)).status, 200);
    assert.equal(await active(token), false);
    assert.equal(await active(other), true);
  });

  test('without a token, with a user\'s token or without the scope nothing is revoked', async () => {
    const { token } = await world.issueToken('ada', ['mcp:tools', 'openclaw:revoke']);
    const { token: narrow } =
      await world.issueToken('ada', ['openclaw:introspect'], { issuedFor: 'platform_harness' });
    const none = await world.front.post(path, { form: { token } });
    assertError(none, 401, 'invalid_token');
    assert.equal(none.headers['www-authenticate'], 'Bearer');
    assertError(await revoke(token, token), 401, 'invalid_token');
    const refused = await revoke(token, narrow);
    assertError(refused, 403, 'insufficient_scope');
    assert.equal(refused.headers['www-authenticate'],
      'Bearer error="insufficient_scope", scope="openclaw:revoke"');
    assert.equal(await active(token), true);
  });

  test('a missing, repeated or wrongly wrapped parameter is refused', async () => {
    const { token } = await world.issueToken('ada', ['mcp:tools']);
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
    const send = (body, type = headers) =>
      world.front.post(path, { bearer: world.harness, headers: type, body });
    assertError(await send(''), 400, 'invalid_request');
    assertError(await send(`token=x&token=${token}`), 400, 'invalid_request');
    assertError(await send(JSON.stringify({ token }), { 'Content-Type': 'application/json' }), 415,
      'invalid_request');
    assert.equal((await world.front.get(path)).status, 405);
    assert.equal(await active(token), true);
  });

  test('a user may revoke fifty tokens at once, each in its own transaction', async () => {
    const issued = await Promise.all(
      Array.from({ length: 50 }, () => world.issueToken('ada', ['mcp:tools'])));
    const kept = await world.issueToken('ada', ['mcp:tools']);
    for (const answer of await Promise.all(issued.map(({ token }) => revoke(token)))) assertDone(answer);
    const left = await Promise.all(issued.map(({ token }) => active(token)));
    assert.ok(left.every((live) => live === false));
    assert.equal(await active(kept.token), true);
  });

  test('no token of this file is in a log', () => world.assertLogsHoldNoSecret());
});

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { World, assertError, until } from './world.mjs';

const audience = 'https://mcp.ada.example.com/mcp';

describe('/v1/verify', () => {
  let world;
  before(async () => (world = await World.open()));
  after(() => world.close());

  const assertRefused = (answer, challenge = 'Bearer error="invalid_token"') => {
    assertError(answer, 401, 'invalid_token');
    assert.equal(answer.headers['www-authenticate'], challenge);
    assert.ok(!Object.keys(answer.headers).some((name) => name.startsWith('x-openclaw-')));
  };
  const assertAccepted = (answer, scope) => {
    assert.equal(answer.status, 200, answer.body);
    assert.deepEqual(answer.json, { user_id: 'ada', container_id: 'ada-laptop', scope });
    assert.equal(answer.headers['x-openclaw-user-id'], 'ada');
    assert.equal(answer.headers['x-openclaw-container-id'], 'ada-laptop');
    assert.equal(answer.headers['x-openclaw-scope'], scope);
    assert.equal(answer.headers['cache-control'], 'no-store');
  };

  test("an access token opens its own container, with the caller's identity in the headers", async () => {
    const { token } = await world.accessToken('ada-laptop', ['mcp:tools', 'mcp:resources']);
    assertAccepted(await world.verify(token, audience), 'mcp:tools mcp:resources');
    assertAccepted(await world.verify(token, audience, 'mcp:resources mcp:tools'),
      'mcp:tools mcp:resources');
    const target = `/v1/verify?${new URLSearchParams({ audience })}`;
    assertAccepted(await world.front.post(target, { bearer: token }), 'mcp:tools mcp:resources');
  });

  test("a user's opaque token opens that user's containers, a bound one its own alone", async () => {
    await world.register('ada', 'second', 'external', 'https://second.example.com');
    const free = (await world.issueToken('ada', ['mcp:*'])).token;
    const bound = (await world.issueToken('ada', ['mcp:*'], { container: 'ada-laptop' })).token;
    assertAccepted(await world.verify(free, audience, 'mcp:tools'), 'mcp:*');
    assertAccepted(await world.verify(bound, audience, 'mcp:tools'), 'mcp:*');
    assert.equal((await world.verify(free, 'https://second.example.com')).status, 200);
    assertRefused(await world.verify(bound, 'https://second.example.com'));
  });

  test("another user's token, and a harness's, open nothing", async () => {
    assertRefused(await world.verify((await world.issueToken('bob', ['mcp:*'])).token, audience));
    assertRefused(await world.verify((await world.accessToken('bob-laptop', ['mcp:x'])).token, audience));
    assertRefused(await world.verify(world.harness, audience));
    assertRefused(await world.verify(world.platform, audience));
  });

  test('no token is a challenge without an error (RFC 6750 3)', async () => {
    assertRefused(await world.verify(undefined, audience), 'Bearer');
  });

  test('a token without the scope is 403, and the challenge names the scope', async () => {
    for (const { token } of [await world.accessToken('ada-laptop', ['mcp:tools']),
      await world.issueToken('ada', ['mcp:tools'])]) {
      const answer = await world.verify(token, audience, 'mcp:tools data:read');
      assertError(answer, 403, 'insufficient_scope');
      assert.equal(answer.headers['www-authenticate'],
        'Bearer error="insufficient_scope", scope="mcp:tools data:read"');
    }
  });

  test('an audience that is a prefix, a suffix, another case or another container is refused', async () => {
    const jwt = (await world.accessToken('ada-laptop', ['mcp:tools'])).token;
    const opaque = (await world.issueToken('ada', ['mcp:tools'])).token;
    for (const other of [audience.slice(0, -1), `${audience}/`, `${audience}2`, audience.toUpperCase(),
      'https://mcp.bob.example.com/mcp', 'search-bob:3100', 'x', `${audience}#f`, `${audience}?q`]) {
      assertRefused(await world.verify(jwt, other));
      assertRefused(await world.verify(opaque, other));
    }
  });

  test('a request that demands nothing sensible is 400, before the token counts', async () => {
    const { token } = await world.accessToken('ada-laptop', ['mcp:tools']);
    const bad = async (query, error) =>
      assertError(await world.front.get(`/v1/verify?${query}`, { bearer: token }), 400, error);
    await bad('', 'invalid_request');
    await bad('audience=', 'invalid_request');
    await bad(`audience=${'x'.repeat(2049)}`, 'invalid_request');
    await bad(`audience=${audience}&audience=${audience}`, 'invalid_request');
    await bad(`audience=%ff`, 'invalid_request');
    for (const scope of ['mcp:*', 'mcp', '*', 'mcp:tools%20%20mcp:x', '%22', 'mcp:%0d%0aX-A:b']) {
      await bad(`audience=${audience}&scope=${scope}`, 'invalid_scope');
    }
  });

  test('an expired JWT is refused through the same prepared statement that accepted it', async () => {
    const { token } = await world.accessToken('ada-laptop', ['mcp:tools'], { lifetime: '3 seconds' });
    // More often than Postgres needs to settle on a generic plan.
    for (let i = 0; i < 12; ++i) assert.equal((await world.verify(token, audience)).status, 200);
    const refused = await until('the token expires', async () => {
      const answer = await world.verify(token, audience);
      return answer.status !== 200 && answer;
    });
    assertRefused(refused);
    assert.equal((await world.introspect(token)).body, '{"active":false}');
  });

  test('verifications at once, of good and bad tokens with other demands, are not mixed up', async () => {
    const jwt = (await world.accessToken('ada-laptop', ['mcp:tools'])).token;
    const opaque = (await world.issueToken('ada', ['mcp:tools', 'data:read'])).token;
    const cases = [
      [jwt, audience, 'mcp:tools', 200], [jwt, audience, 'data:read', 403], ['x', audience, '', 401],
      [opaque, audience, 'data:read', 200], [opaque, 'https://x.example.com', '', 401],
      [jwt, audience, '*', 400],
    ];
    const asked = Array.from({ length: 120 }, (_, i) => cases[i % cases.length]);
    const answers = await Promise.all(asked.map(([token, to, scope]) => world.verify(token, to, scope)));
    assert.deepEqual(answers.map((answer) => answer.status), asked.map(([, , , status]) => status));
  });

  test('no token of this file is in a log', () => world.assertLogsHoldNoSecret());
});

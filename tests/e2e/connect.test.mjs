import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import * as jose from 'jose';
import { World, assertError } from './world.mjs';

const path = '/v1/connect';
const pin = `sha256/${Buffer.alloc(32, 7).toString('base64')}`;

describe('POST /v1/connect', () => {
  let world;
  let keys;
  before(async () => {
    world = await World.open();
    keys = jose.createLocalJWKSet((await world.front.get('/.well-known/jwks.json')).json);
    await world.sql(
      `select openclaw.register_container('ada', 'pinned', 'external', 'https://pinned.example.com',
                                          public_key_fingerprint => $1, container_id => 'ada-pinned')`,
      [pin]);
    await world.sql(
      `select openclaw.register_container('ada', 'keyed', 'external', 'https://keyed.example.com',
                                          'api_key', container_id => 'ada-keyed')`);
  });
  after(() => world.close());

  const connect = async (form, bearer = world.harness) => {
    const answer = await world.front.post(path, { bearer, form });
    if (answer.status === 200) world.secrets.add(jwtIn(answer));
    return answer;
  };
  const jwtIn = ({ json: { headers } }) =>
    headers['X-OpenClaw-User-Claim'] ?? headers.Authorization.replace(/^Bearer /, '');
  const verified = (jwt, audience, typ) =>
    jose.jwtVerify(jwt, keys, { issuer: world.issuer, audience, typ, algorithms: ['EdDSA'] });

  test('an external container: endpoint, an access token to send, the pin, when to refresh', async () => {
    const answer = await connect({ container_id: 'ada-pinned', scope: 'mcp:tools mcp:resources' });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['cache-control'], 'no-store');
    const { headers, expires_at, refresh_at, ...rest } = answer.json;
    assert.deepEqual(rest, {
      mcp_endpoint: 'https://pinned.example.com', type: 'external', auth_method: 'platform_token',
      tls: { client_certificate: false, public_key_fingerprint: pin },
    });
    assert.deepEqual(Object.keys(headers), ['Authorization']);
    const { payload } = await verified(jwtIn(answer), 'https://pinned.example.com', 'at+jwt');
    assert.equal(payload.scope, 'mcp:tools mcp:resources');
    assert.equal(payload.user_id, 'ada');
    assert.equal(payload.container_id, 'ada-pinned');
    assert.equal(expires_at, payload.exp);
    assert.equal(refresh_at, payload.exp - (payload.exp - payload.iat) / 5);
  });

  test('a hosted container: a user claim in its own header, beside a client certificate', async () => {
    const answer = await connect({ container_id: 'ada-search', scope: 'mcp:tools' });
    assert.equal(answer.status, 200);
    assert.equal(answer.json.type, 'hosted');
    assert.equal(answer.json.mcp_endpoint, 'search-ada:3100');
    assert.deepEqual(answer.json.tls, { client_certificate: true, public_key_fingerprint: null });
    assert.deepEqual(Object.keys(answer.json.headers), ['X-OpenClaw-User-Claim']);
    const { payload } = await verified(jwtIn(answer), 'search-ada:3100', 'user-claim+jwt');
    assert.equal(payload.user_id, 'ada');
    assert.equal(payload.exp - payload.iat, 60);
  });

  test('without a scope the JWT has all that the harness holds but its rights at the front', async () => {
    const answer = await connect({ container_id: 'ada-laptop' });
    assert.equal(jose.decodeJwt(jwtIn(answer)).scope, 'mcp:*');
  });

  test('a scope that the harness does not hold, or that is none, is invalid_scope', async () => {
    for (const scope of ['data:read', 'mcp:tools data:read', '*', 'mcp', 'mcp:tools ', 'mcp:tools  mcp:x',
      'MCP:tools', 'openclaw:any-user', Array(65).fill('mcp:a').join(' ')]) {
      assertError(await connect({ container_id: 'ada-laptop', scope }), 400, 'invalid_scope');
    }
  });

  test("what is unknown, disabled, or another user's is the same 404", async () => {
    await world.register('ada', 'old', 'external', 'https://old.example.com');
    await world.sql(`update openclaw.containers set disabled_at = now() where id = 'ada-old'`);
    const answers = [
      await connect({ container_id: 'nothing' }),
      await connect({ container_id: 'ada-old' }),
      await connect({ container_id: 'bob-laptop' }),
      await connect({ container_id: 'bob-laptop', user_id: 'bob' }),
      await connect({ container_id: 'bob-laptop', user_id: 'ada' }),
      await connect({ container_id: 'ada-laptop', user_id: 'nobody' }),
      await connect({ container_id: 'ada-laptop', user_id: 'bob' }, world.platform),
    ];
    for (const answer of answers) assertError(answer, 404, 'not_found');
    assert.equal(new Set(answers.map((answer) => answer.body)).size, 1);
  });

  test('openclaw:any-user connects for every user, under that user\'s name', async () => {
    const answer = await connect({ container_id: 'ada-laptop', user_id: 'ada' }, world.platform);
    assert.equal(answer.status, 200);
    assert.equal(jose.decodeJwt(jwtIn(answer)).user_id, 'ada');
  });

  test('a harness token that is bound to a container opens that one alone', async () => {
    const { token } = await world.issueToken('ada', ['openclaw:connect', 'mcp:tools'],
      { issuedFor: 'platform_harness', container: 'ada-laptop' });
    assert.equal((await connect({ container_id: 'ada-laptop' }, token)).status, 200);
    assertError(await connect({ container_id: 'ada-pinned' }, token), 404, 'not_found');
  });

  test('a container that takes only API keys is a 4xx, not a failure of the service', async () => {
    const answer = await connect({ container_id: 'ada-keyed' });
    assert.ok(answer.status >= 400 && answer.status < 500, `${answer.status} ${answer.body}`);
    assert.equal(answer.headers['cache-control'], 'no-store');
  });

  test('callers without a token, with a user\'s token, or without the scope are refused', async () => {
    const form = { container_id: 'ada-laptop' };
    const none = await world.front.post(path, { form });
    assertError(none, 401, 'invalid_token');
    assert.equal(none.headers['www-authenticate'], 'Bearer');
    const user = (await world.issueToken('ada', ['openclaw:connect', 'mcp:tools'])).token;
    assertError(await connect(form, user), 401, 'invalid_token');
    const narrow = (await world.issueToken('ada', ['openclaw:revoke', 'mcp:tools'],
      { issuedFor: 'platform_harness' })).token;
    const refused = await connect(form, narrow);
    assertError(refused, 403, 'insufficient_scope');
    assert.equal(refused.headers['www-authenticate'],
      'Bearer error="insufficient_scope", scope="openclaw:connect"');
  });

  test('a missing or repeated parameter is 400, another type of body 415', async () => {
    assertError(await connect({}), 400, 'invalid_request');
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
    const twice = 'container_id=ada-laptop&container_id=ada-laptop';
    const options = { bearer: world.harness, headers, body: twice };
    assertError(await world.front.post(path, options), 400, 'invalid_request');
    const json = { ...options, headers: { 'Content-Type': 'application/json' }, body: '{}' };
    assertError(await world.front.post(path, json), 415, 'invalid_request');
  });

  test('a batch with one container that cannot be had answers all the others', async () => {
    const wanted = Array.from({ length: 60 }, (_, i) =>
      i % 3 === 0 ? 'ada-keyed' : i % 3 === 1 ? 'ada-laptop' : 'nothing');
    const answers = await Promise.all(wanted.map((container_id) => connect({ container_id })));
    for (const [i, answer] of answers.entries()) {
      if (wanted[i] === 'ada-laptop') assert.equal(answer.json.mcp_endpoint, 'https://mcp.ada.example.com/mcp');
      if (wanted[i] === 'nothing') assertError(answer, 404, 'not_found');
      if (wanted[i] === 'ada-keyed') assert.ok(answer.status >= 400 && answer.status < 500);
    }
  });

  test('no token of this file is in a log', () => world.assertLogsHoldNoSecret());
});

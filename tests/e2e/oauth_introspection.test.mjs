// Introspection (RFC 7662) and revocation (RFC 7009) for OAuth clients: every kind of token, and each
// client sees and ends only what it may.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import * as oauth from 'oauth4webapi';
import * as openid from 'openid-client';
import { ClientKey, OAuthWorld, assertError, basic, endpoint, jwtBearer, seconds } from './oauth_world.mjs';

const inactive = '{"active":false}';

let world;
let client; // Ada's, without rights at the front
let auditor; // of every user, with openclaw:introspect
let ender; // of Ada, with openclaw:revoke
before(async () => {
  world = await OAuthWorld.open();
  client = await world.client();
  auditor = await world.client({ user: null, scopes: ['mcp:*', 'openclaw:introspect'] });
  ender = await world.client({ scopes: ['mcp:*', 'openclaw:revoke'] });
});
after(() => world.close());

const opaqueOf = async (user, options) => (await world.base.issueToken(user, ['mcp:tools'], options)).token;
const jwtFor = async (of = client) =>
  (await world.clientCredentials(of, { scope: 'mcp:tools' })).json.access_token;
const exchanged = async (of = client) => (await world.exchange(of, await opaqueOf('ada'))).json;

const ask = (of, token, form) => world.post('/oauth/introspect', of, { token, ...form });
const live = async (of, token) => {
  const answer = await ask(of, token);
  assert.equal(answer.status, 200, answer.body);
  assert.equal(answer.headers['content-type'], 'application/json');
  assert.equal(answer.headers['cache-control'], 'no-store');
  assert.equal(answer.json.active, true);
  return answer.json;
};
const unseen = async (of, token, form) => {
  const answer = await ask(of, token, form);
  assert.deepEqual([answer.status, answer.body], [200, inactive]);
};

// oauth4webapi's view of the authority.
const oauthOptions = { algorithm: 'oauth2', [oauth.allowInsecureRequests]: true };
const serverMetadata = async () => {
  const issuer = new URL(world.issuer);
  return oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, oauthOptions));
};

describe('introspection', () => {
  test('tells a client of the JWT that it was given (RFC 7662 section 2.2)', async () => {
    const jwt = await jwtFor();
    const { iat, exp, jti, ...seen } = await live(client, jwt);
    assert.deepEqual(seen, {
      active: true, token_type: 'Bearer', scope: 'mcp:tools', iss: world.issuer, sub: 'ada', user_id: 'ada',
      aud: endpoint, client_id: client.id, container_id: 'ada-laptop',
    });
    const claims = await world.claims(jwt);
    assert.deepEqual([iat, exp, jti], [claims.iat, claims.exp, claims.jti]);
  });

  test('tells of an exchanged JWT for whom the client acts', async () => {
    const { access_token: jwt } = await exchanged();
    assert.deepEqual((await live(client, jwt)).act, { sub: client.id });
  });

  test('tells a client of its refresh token, until that was used', async () => {
    const { refresh_token: token } = await exchanged();
    const { iat, exp, ...seen } = await live(client, token);
    assert.deepEqual(seen, {
      active: true, token_type: 'refresh_token', scope: 'mcp:tools', sub: 'ada', user_id: 'ada',
      client_id: client.id, container_id: 'ada-laptop',
    });
    assert.ok(iat <= seconds() && exp > seconds());
    await world.refresh(client, token);
    await unseen(client, token);
  });

  test('works with openid-client and oauth4webapi as they come', async () => {
    const jwt = await jwtFor();
    assert.equal((await openid.tokenIntrospection(await world.openidClient(client), jwt)).client_id, client.id);
    const [server, who] = [await serverMetadata(), { client_id: client.id }];
    const answer = await oauth.introspectionRequest(server, who, oauth.ClientSecretPost(client.secret), jwt,
      oauthOptions);
    assert.equal((await oauth.processIntrospectionResponse(server, who, answer)).sub, 'ada');
  });

  test("tells nothing of another client's tokens, of the same user's neither", async () => {
    const other = await world.client();
    const { access_token: jwt, refresh_token: refresh } = await exchanged(other);
    for (const token of [jwt, refresh, await jwtFor(other)]) {
      await live(other, token);
      await unseen(client, token);
    }
  });

  test("tells nothing of a user's opaque tokens without openclaw:introspect", async () => {
    const token = await opaqueOf('ada');
    await unseen(client, token);
    await unseen(ender, token);
    assert.equal((await live(auditor, token)).issued_for, 'user_direct');
  });

  test("with openclaw:introspect tells a client of all of its user's, and of nobody else's", async () => {
    const own = await world.client({ scopes: ['openclaw:introspect', 'mcp:*'] });
    const adas = [await opaqueOf('ada'), await jwtFor(), (await exchanged()).refresh_token];
    for (const token of adas) await live(own, token);
    const { token: jwt } = await world.base.accessToken('bob-laptop', ['mcp:tools']);
    for (const token of [await opaqueOf('bob'), jwt]) {
      await unseen(own, token);
      await live(auditor, token);
    }
  });

  test('a token_type_hint that is wrong or unknown changes nothing (RFC 7662 section 2.1)', async () => {
    const { access_token: jwt, refresh_token: refresh } = await exchanged();
    for (const token_type_hint of ['access_token', 'refresh_token', 'id_token', 'x']) {
      for (const token of [jwt, refresh]) {
        assert.equal((await world.introspect(client, token, { token_type_hint })).active, true);
      }
      await unseen(client, 'x', { token_type_hint });
    }
  });

  test('says active false, and nothing else, of whatever is no live token', async () => {
    const { access_token: jwt, refresh_token: refresh } = await exchanged();
    const { token: claim } = await world.base.userClaim('ada', 'ada-search');
    const keys = await ClientKey.generate('ES256');
    const assertion = await keys.assertion(await world.client({ keys }), world.issuer);
    for (const token of ['x', `${jwt}x`, `${refresh}x`, `${refresh.slice(0, -1)}?`, `ocr_${'0'.repeat(49)}`,
      claim, assertion, client.secret, ' ', '.', '..', '🦀', 'x'.repeat(60_000),
      await world.value(`select openclaw.status_list('ada-laptop', '0')`)]) {
      await unseen(auditor, token);
    }
  });

  test('is 401 without proof of who asks, and 403 for a harness that has no right to', async () => {
    const jwt = await jwtFor();
    const none = await ask(undefined, jwt);
    assertError(none, 401, 'invalid_token');
    assert.equal(none.headers['www-authenticate'], 'Bearer');
    const wrong = await ask({ id: client.id, secret: 'x' }, jwt);
    assertError(wrong, 401, 'invalid_client');
    assert.match(wrong.headers['www-authenticate'], /^Basic /);
    const named = await ask(undefined, jwt, { client_id: client.id });
    assertError(named, 401, 'invalid_client');
    const asBearer = (bearer) => world.front.post('/oauth/introspect', { bearer, form: { token: jwt } });
    assertError(await asBearer(jwt), 401, 'invalid_token');
    const { token: harness } = await world.base.issueToken('ada', ['openclaw:connect'],
      { issuedFor: 'platform_harness' });
    assertError(await asBearer(harness), 403, 'insufficient_scope');
  });

  test('takes each way in which a client proves itself', async () => {
    const keys = await ClientKey.generate('RS256');
    const keyed = await world.client({ keys });
    const prove = async () => ({
      client_assertion_type: jwtBearer, client_assertion: await keys.assertion(keyed, world.issuer),
    });
    const { access_token: jwt } = (await world.clientCredentials(keyed, await prove())).json;
    assert.equal((await world.introspect(undefined, jwt, await prove())).active, true);
    const posted = { client_id: client.id, client_secret: client.secret };
    assert.equal((await world.introspect(undefined, await jwtFor(), posted)).active, true);
  });

  test('refuses a request without a token, and GET', async () => {
    assertError(await world.post('/oauth/introspect', client, {}), 400, 'invalid_request');
    assertError(await ask(client, ''), 400, 'invalid_request');
    const got = await world.front.get('/oauth/introspect?token=x',
      { headers: { Authorization: basic(client) } });
    assert.deepEqual([got.status, got.headers.allow], [405, 'POST']);
  });
});

describe('POST /v1/introspect', () => {
  const json = { 'Content-Type': 'application/json' };
  const many = (tokens, of = auditor, headers = { Authorization: basic(of), ...json }) =>
    world.front.post('/v1/introspect',
      { headers, body: typeof tokens === 'string' ? tokens : JSON.stringify(tokens) });

  test('answers each of an array in its order as one by one', async () => {
    const { access_token: jwt, refresh_token: refresh } = await exchanged();
    const tokens = [jwt, 'x', refresh, await opaqueOf('bob'), '', jwt, client.secret];
    const answer = await many(tokens);
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['content-type'], 'application/json');
    assert.equal(answer.headers['cache-control'], 'no-store');
    const alone = await Promise.all(tokens.map(async (token) =>
      (token ? world.introspect(auditor, token) : { active: false })));
    assert.deepEqual(answer.json, alone);
    assert.deepEqual(answer.json.map(({ active }) => active), [true, false, true, true, false, true, false]);
  });

  test('answers 1000 in one request, and refuses 1001', async () => {
    const token = await opaqueOf('ada');
    const tokens = Array.from({ length: 1000 }, (_, i) => (i % 2 ? token : `x${i}`));
    const { json } = await many(tokens);
    assert.deepEqual(json.map(({ active }) => active), tokens.map((each) => each === token));
    assertError(await many([...tokens, 'x']), 400, 'invalid_request');
  });

  test('answers an empty array with one', async () => assert.deepEqual((await many([])).json, []));

  test('shows a client only what it may see of them', async () => {
    const other = await world.client();
    const [mine, others, opaque] = [await jwtFor(), await jwtFor(other), await opaqueOf('ada')];
    const { json } = await many([mine, others, opaque], client);
    assert.deepEqual(json.map(({ active }) => active), [true, false, false]);
  });

  test('takes a harness by its bearer token', async () => {
    const tokens = [await opaqueOf('ada'), await opaqueOf('bob')];
    const headers = { Authorization: `Bearer ${world.base.harness}`, ...json };
    const answer = await many(tokens, undefined, headers);
    assert.deepEqual(answer.json.map(({ active }) => active), [true, false]);
  });

  test('refuses what is no array of strings', async () => {
    for (const body of ['', 'x', '{}', '"x"', 'null', '[', '[]]', '["x",]', '[1]', '["x", null]', '[["x"]]',
      '[{"token":"x"}]', '{"tokens":["x"]}', '[]\u0001', `${'['.repeat(30_000)}${']'.repeat(30_000)}`]) {
      assertError(await many(body), 400, 'invalid_request');
    }
  });

  test('refuses a string that is no text of Postgres', async () => {
    for (const body of ['["\\u0000"]', '["\\ud800"]', '["x", "\\udc00\\ud800"]']) {
      assertError(await many(body), 400, 'invalid_request');
    }
  });

  test('refuses another content type, an encoded body, one over 64 KiB, and GET', async () => {
    const Authorization = basic(auditor);
    for (const type of ['application/x-www-form-urlencoded', 'text/plain', 'application/jsonp', '']) {
      assert.equal((await many(['x'], auditor, { Authorization, 'Content-Type': type })).status, 415, type);
    }
    const encoded = { Authorization, ...json, 'Content-Encoding': 'gzip' };
    assert.equal((await many(['x'], auditor, encoded)).status, 415);
    assert.equal((await many(['x'.repeat(65_536)])).status, 413);
    assert.equal((await world.front.get('/v1/introspect', { headers: { Authorization } })).status, 405);
  });

  test('asks who is asking', async () => {
    assertError(await many(['x'], undefined, json), 401, 'invalid_token');
    const Authorization = basic({ id: client.id, secret: 'x' });
    assertError(await many(['x'], undefined, { ...json, Authorization }), 401, 'invalid_client');
  });
});

describe('revocation', () => {
  const gone = (answer) => {
    assert.deepEqual([answer.status, answer.body], [200, ''], answer.body);
    assert.equal(answer.headers['cache-control'], 'no-store');
  };

  test('of a JWT ends it at every check in the database at once', async () => {
    const jwt = await jwtFor();
    const kept = await jwtFor();
    assert.equal((await world.base.verify(jwt, endpoint)).status, 200);
    gone(await world.revoke(client, jwt));
    await unseen(client, jwt);
    assert.equal((await world.base.verify(jwt, endpoint)).status, 401);
    await live(client, kept);
  });

  test('of an access token leaves its family, which gives the next one', async () => {
    const { access_token: jwt, refresh_token: refresh } = await exchanged();
    gone(await world.revoke(client, jwt));
    assert.equal((await world.refresh(client, refresh)).status, 200);
  });

  test('of an opaque token needs openclaw:revoke', async () => {
    const token = await opaqueOf('ada');
    assertError(await world.revoke(client, token), 400, 'unauthorized_client');
    await live(auditor, token);
    gone(await world.revoke(ender, token));
    await unseen(auditor, token);
  });

  test('works with openid-client and oauth4webapi as they come', async () => {
    const [first, second] = [await jwtFor(), await jwtFor()];
    await openid.tokenRevocation(await world.openidClient(client), first);
    const who = { client_id: client.id };
    await oauth.processRevocationResponse(await oauth.revocationRequest(await serverMetadata(), who,
      oauth.ClientSecretBasic(client.secret), second, oauthOptions));
    for (const jwt of [first, second]) await unseen(client, jwt);
  });

  test("of another client's token is refused and changes nothing (RFC 7009 section 2.1)", async () => {
    const other = await world.client();
    const { access_token: jwt, refresh_token: refresh } = await exchanged(other);
    for (const token of [jwt, refresh]) {
      assertError(await world.revoke(client, token), 400, 'unauthorized_client');
      await live(other, token);
    }
  });

  test("by a user's client with openclaw:revoke ends all of that user's, and of nobody else's", async () => {
    const { access_token: jwt, refresh_token: refresh } = await exchanged();
    for (const token of [jwt, refresh]) {
      gone(await world.revoke(ender, token));
      await unseen(client, token);
    }
    const bobs = [await opaqueOf('bob'), (await world.base.accessToken('bob-laptop', ['mcp:tools'])).token];
    for (const token of bobs) {
      assertError(await world.revoke(ender, token), 400, 'unauthorized_client');
      await live(auditor, token);
    }
  });

  test('of a token that is unknown, malformed or revoked before is a success (section 2.2)', async () => {
    const jwt = await jwtFor();
    for (const token of [jwt, jwt, 'x', `${jwt}x`, `ocr_${'0'.repeat(49)}`, '🦀', 'x'.repeat(60_000), '.']) {
      gone(await world.revoke(client, token));
    }
  });

  test('pays no heed to a token_type_hint, known or not', async () => {
    for (const token_type_hint of ['refresh_token', 'access_token', 'x']) {
      const jwt = await jwtFor();
      gone(await world.revoke(client, jwt, { token_type_hint }));
      await unseen(client, jwt);
    }
  });

  test('writes one audit row with the request id, and no second one for the second time', async () => {
    const jwt = await jwtFor();
    const { jti } = await world.claims(jwt);
    const answers = [await world.revoke(client, jwt), await world.revoke(client, jwt)];
    const rows = await world.sql(
      `select action, user_id, request_id from openclaw.audit_log where target = $1`, [jti]);
    const request_id = answers[0].headers['x-request-id'];
    assert.deepEqual(rows, [{ action: 'revoke_jwt', user_id: 'ada', request_id }]);
  });

  test('of fifty JWTs at once ends each', async () => {
    const all = await Promise.all(Array.from({ length: 50 }, () => jwtFor()));
    for (const answer of await Promise.all(all.map((jwt) => world.revoke(client, jwt)))) gone(answer);
    for (const jwt of all) await unseen(client, jwt);
  });

  test('asks who is asking, and for a token', async () => {
    const jwt = await jwtFor();
    assertError(await world.revoke({ id: client.id, secret: 'x' }, jwt), 401, 'invalid_client');
    assertError(await world.revoke(undefined, jwt), 401, 'invalid_token');
    assertError(await world.post('/oauth/revoke', client, {}), 400, 'invalid_request');
    assert.equal((await world.front.get('/oauth/revoke')).status, 405);
    await live(client, jwt);
  });
});

test('no secret of this file is in a log', () => world.assertLogsHoldNoSecret());

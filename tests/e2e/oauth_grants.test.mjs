// What the token endpoint gives: client_credentials with a resource (RFC 6749 section 4.4, RFC 8707)
// and token exchange (RFC 8693).
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import * as openid from 'openid-client';
import {
  OAuthWorld, accessTokenType, assertError, endpoint, seconds, tokenExchange,
} from './oauth_world.mjs';

const jwtType = 'urn:ietf:params:oauth:token-type:jwt';
const bobs = 'https://mcp.bob.example.com/mcp';
const shared = 'https://shared.example.com/mcp'; // of Ada and of Bob
const desktop = 'https://desktop.ada.example.com/mcp'; // Ada's second

let world;
before(async () => {
  world = await OAuthWorld.open();
  for (const user of ['ada', 'bob']) await world.base.register(user, 'shared', 'external', shared);
  await world.base.register('ada', 'desktop', 'external', desktop);
  await world.base.register('ada', 'keyed', 'external', 'https://keyed.ada.example.com/mcp');
  await world.sql(`update openclaw.containers set auth_method = 'api_key' where id = 'ada-keyed'`);
});
after(() => world.close());

// An answer of RFC 6749 section 5.1 with these members, and the claims of its token.
async function granted(answer, { audience = endpoint, ...expected } = {}) {
  assert.equal(answer.status, 200, answer.body);
  assert.equal(answer.headers['content-type'], 'application/json');
  assert.equal(answer.headers['cache-control'], 'no-store');
  const { access_token: token, refresh_token: refresh, token_type: type, ...rest } = answer.json;
  assert.equal(type, 'Bearer');
  assert.deepEqual(rest, { expires_in: 300, refresh_in: 240, scope: 'mcp:*', ...expected });
  return world.claims(token, audience);
}

describe('client_credentials', () => {
  test("gives a JWT for the resource alone, of that container's owner", async () => {
    const client = await world.client();
    const claims = await granted(await world.clientCredentials(client));
    const { iat, exp, jti, status, ...rest } = claims;
    assert.deepEqual(rest, {
      iss: world.issuer, sub: 'ada', user_id: 'ada', aud: endpoint, client_id: client.id, scope: 'mcp:*',
      container_id: 'ada-laptop',
    });
    assert.equal(exp - iat, 300);
    assert.match(jti, /^[\w-]{22,}$/);
    assert.equal(status.status_list.uri, `${world.issuer}/oauth/status/ada-laptop/0`);
    assert.ok(Number.isInteger(status.status_list.idx));
  });

  test('gives no refresh token (RFC 6749 section 4.4.3)', async () => {
    const { json } = await world.clientCredentials(await world.client());
    assert.equal('refresh_token' in json, false);
  });

  test('takes a resource in every form that canonicalizes to the endpoint', async () => {
    const client = await world.client();
    for (const resource of ['https://MCP.ada.example.com:443/mcp', 'HTTPS://mcp.ada.example.com/mcp']) {
      await granted(await world.clientCredentials(client, { resource }));
    }
    const bare = 'https://bare.ada.example.com';
    await world.base.register('ada', 'bare', 'external', bare);
    for (const resource of [bare, `${bare}/`]) {
      await granted(await world.clientCredentials(client, { resource }), { audience: bare });
    }
  });

  test('refuses a resource that is missing, unknown, malformed or takes no access tokens', async () => {
    const client = await world.client();
    for (const resource of [undefined, '', 'https://nobody.example.com/mcp', `${endpoint}/deeper`,
      `${endpoint}#x`, 'https://mcp.ada.example.com', 'http://mcp.ada.example.com/mcp', 'mcp',
      'search-ada:3100', 'ada-laptop', '%',
      'https://127.0.0.1/mcp', 'https://keyed.ada.example.com/mcp', 'x'.repeat(20_000)]) {
      assertError(await world.clientCredentials(client, { resource }), 400, 'invalid_target');
    }
  });

  test("refuses another user's container as one that there is not", async () => {
    const client = await world.client();
    const [known, unknown] = [await world.clientCredentials(client, { resource: bobs }),
      await world.clientCredentials(client, { resource: 'https://nobody.example.com/mcp' })];
    assertError(known, 400, 'invalid_target');
    assert.equal(known.body, unknown.body);
    const named = await world.clientCredentials(client, { resource: bobs, user_id: 'bob' });
    assert.equal(named.body, unknown.body);
  });

  test('of a harness for every user needs user_id where several registered the endpoint', async () => {
    const harness = await world.client({ user: null });
    assertError(await world.clientCredentials(harness, { resource: shared }), 400, 'invalid_target');
    for (const user of ['ada', 'bob']) {
      const answer = await world.clientCredentials(harness, { resource: shared, user_id: user });
      const claims = await granted(answer, { audience: shared });
      assert.deepEqual([claims.user_id, claims.container_id], [user, `${user}-shared`]);
    }
    const eves = await world.clientCredentials(harness, { resource: shared, user_id: 'eve' });
    assertError(eves, 400, 'invalid_target');
    assert.equal((await granted(await world.clientCredentials(harness))).user_id, 'ada');
  });

  test("of a user's own client needs no user_id there, and reaches that user alone", async () => {
    const client = await world.client();
    const answer = await world.clientCredentials(client, { resource: shared });
    assert.equal((await granted(answer, { audience: shared })).user_id, 'ada');
    const bobsOwn = await world.clientCredentials(client, { resource: shared, user_id: 'bob' });
    assertError(bobsOwn, 400, 'invalid_target');
  });

  test('gives the scopes that were asked for, where the client has them', async () => {
    const client = await world.client({ scopes: ['mcp:*', 'data:read'] });
    for (const [scope, given] of [['mcp:tools', 'mcp:tools'], ['data:read', 'data:read'], ['mcp:*', 'mcp:*'],
      [undefined, 'data:read mcp:*']]) {
      const claims = await granted(await world.clientCredentials(client, { scope }), { scope: given });
      assert.equal(claims.scope, given);
    }
    const both = await world.clientCredentials(client, { scope: 'data:read mcp:tools' });
    assert.deepEqual(both.json.scope.split(' ').sort(), ['data:read', 'mcp:tools']);
  });

  test('refuses a scope that the client lacks, that is malformed or that is for the front', async () => {
    const client = await world.client({ scopes: ['mcp:tools', 'openclaw:introspect'] });
    for (const scope of ['mcp:*', 'mcp:tools data:read', 'data:read', 'openclaw:introspect',
      'mcp:tools openclaw:introspect', '*', 'mcp', 'mcp:tools\tmcp:tools', ' ', 'mcp:tools,mcp:tools',
      'MCP:TOOLS', 'mcp:t\u0000', `mcp:${'x'.repeat(9000)}`]) {
      const answer = await world.clientCredentials(client, { scope });
      if (scope.includes('\u0000')) assert.equal(answer.status, 400);
      else assertError(answer, 400, 'invalid_scope');
    }
    assert.equal((await granted(await world.clientCredentials(client), { scope: 'mcp:tools' })).scope,
      'mcp:tools');
  });

  test('is refused to a client that is not registered for it', async () => {
    const client = await world.client({ grants: ['refresh_token'] });
    assertError(await world.clientCredentials(client), 400, 'unauthorized_client');
  });
});

describe('token exchange', () => {
  let client;
  before(async () => (client = await world.client()));
  const opaque = async (scopes = ['mcp:tools'], options) =>
    (await world.base.issueToken('ada', scopes, options)).token;
  const exchanged = { scope: 'mcp:tools', issued_token_type: accessTokenType };

  test("gives a JWT for one container from a user's opaque token, and act names the client", async () => {
    const claims = await granted(await world.exchange(client, await opaque()), exchanged);
    assert.deepEqual([claims.sub, claims.user_id, claims.aud, claims.scope],
      ['ada', 'ada', endpoint, 'mcp:tools']);
    assert.deepEqual(claims.act, { sub: client.id });
    assert.equal(claims.client_id, client.id);
  });

  test('works with openid-client as it comes', async () => {
    const configuration = await world.openidClient(client);
    const answer = await openid.genericGrantRequest(configuration, tokenExchange, {
      subject_token: await opaque(), subject_token_type: accessTokenType, resource: endpoint,
      scope: 'mcp:tools',
    });
    world.secrets.add(answer.access_token).add(answer.refresh_token);
    assert.equal(answer.issued_token_type, accessTokenType);
    assert.equal((await world.claims(answer.access_token)).scope, 'mcp:tools');
  });

  test('says the type that was asked for, and knows two', async () => {
    const subject = await opaque();
    for (const type of [accessTokenType, jwtType]) {
      const answer = await world.exchange(client, subject, { requested_token_type: type });
      await granted(answer, { ...exchanged, issued_token_type: type });
    }
    for (const type of ['refresh_token', 'id_token', 'saml2']) {
      const requested_token_type = `urn:ietf:params:oauth:token-type:${type}`;
      assertError(await world.exchange(client, subject, { requested_token_type }), 400, 'invalid_request');
    }
  });

  test('takes the container by resource, by audience, and by its id as audience', async () => {
    const subject = await opaque();
    for (const form of [{ resource: desktop }, { resource: undefined, audience: desktop },
      { resource: undefined, audience: 'ada-desktop' }, { resource: desktop, audience: desktop },
      { resource: desktop, audience: 'ada-desktop' }]) {
      const answer = await world.exchange(client, subject, form);
      assert.equal((await granted(answer, { ...exchanged, audience: desktop })).container_id, 'ada-desktop');
    }
  });

  test('refuses a container that is missing, unknown, another user\'s, or two of them', async () => {
    const subject = await opaque();
    for (const form of [{ resource: undefined }, { resource: bobs },
      { resource: undefined, audience: 'bob-laptop' },
      { resource: undefined, audience: 'nobody' }, { resource: 'https://nobody.example.com/mcp' },
      { resource: endpoint, audience: desktop }, { resource: endpoint, audience: 'ada-desktop' },
      { resource: 'x', audience: 'y' }, { resource: undefined, audience: 'ada-search' },
      { resource: undefined, audience: 'https://[' }]) {
      assertError(await world.exchange(client, subject, form), 400, 'invalid_target');
    }
  });

  test('narrows the scopes to what subject and client both cover', async () => {
    const narrow = await world.client({ scopes: ['mcp:tools', 'data:*', 'openclaw:introspect'] });
    const subject = await opaque(['mcp:*', 'data:read', 'files:read']);
    const all = await world.exchange(narrow, subject);
    assert.deepEqual(all.json.scope.split(' '), ['data:read', 'mcp:tools']);
    const less = await world.exchange(narrow, subject, { scope: 'data:read' });
    assert.equal((await granted(less, { ...exchanged, scope: 'data:read' })).scope, 'data:read');
  });

  test('never widens them', async () => {
    const narrow = await world.client({ scopes: ['mcp:tools', 'data:*'] });
    const subject = await opaque(['mcp:*', 'data:read', 'files:read', 'openclaw:introspect']);
    for (const scope of ['mcp:*', 'mcp:prompts', 'data:*', 'data:write', 'files:read', 'mcp:tools files:read', '*',
      'openclaw:introspect']) {
      assertError(await world.exchange(narrow, subject, { scope }), 400, 'invalid_scope');
    }
    const apart = await world.client({ scopes: ['other:read'] });
    assertError(await world.exchange(apart, subject), 400, 'invalid_scope');
  });

  test("gives nothing that outlives the subject token", async () => {
    const subject = await world.base.issueToken('ada', ['mcp:tools'], { lifetime: '100 seconds' });
    const answer = await world.exchange(client, subject.token);
    const { exp } = await world.claims(answer.json.access_token);
    assert.ok(exp <= Math.ceil(subject.expires_at.getTime() / 1000));
    assert.ok(exp > seconds() + 60);
    assert.ok(answer.json.expires_in <= 100);
    const { exp: last } = await world.introspect(client, answer.json.refresh_token);
    assert.ok(last <= Math.ceil(subject.expires_at.getTime() / 1000));
  });

  test('gives a refresh token to clients that may refresh, and to no other', async () => {
    const subject = await opaque();
    assert.match((await world.exchange(client, subject)).json.refresh_token, /^ocr_/);
    const other = await world.client({ grants: [tokenExchange] });
    assert.equal('refresh_token' in (await world.exchange(other, subject)).json, false);
  });

  test('from a token of one container is for that one, which need not be named', async () => {
    const subject = await opaque(['mcp:tools'], { container: 'ada-laptop' });
    assert.equal((await granted(await world.exchange(client, subject), exchanged)).container_id,
      'ada-laptop');
    const unnamed = await world.exchange(client, subject, { resource: undefined });
    assert.equal((await granted(unnamed, exchanged)).container_id, 'ada-laptop');
    assertError(await world.exchange(client, subject, { resource: desktop }), 400, 'invalid_target');
    const byId = await world.exchange(client, subject, { resource: undefined, audience: 'ada-desktop' });
    assertError(byId, 400, 'invalid_target');
  });

  test("of another user's token is for a harness for every user, and not for a user's client", async () => {
    const { token: subject } = await world.base.issueToken('bob', ['mcp:tools']);
    assertError(await world.exchange(client, subject, { resource: bobs }), 400, 'invalid_request');
    const harness = await world.client({ user: null });
    const answer = await world.exchange(harness, subject, { resource: bobs });
    assert.equal((await granted(answer, { ...exchanged, audience: bobs })).user_id, 'bob');
    assertError(await world.exchange(harness, subject), 400, 'invalid_target');
  });

  test('refuses every subject token that is not a live opaque one of a user', async () => {
    const revoked = await opaque();
    await world.sql(`select openclaw.revoke_token($1)`, [revoked]);
    const { token: expired, token_id } = await world.base.issueToken('ada', ['mcp:tools']);
    await world.sql(`update openclaw.api_tokens set expires_at = now() where id = $1`, [token_id]);
    const jwt = (await world.clientCredentials(client)).json.access_token;
    const { refresh_token: refresh } = (await world.exchange(client, await opaque())).json;
    const answers = await Promise.all([revoked, expired, jwt, refresh, world.base.harness, client.secret, 'x',
      `ocu_${'0'.repeat(49)}`, 'x'.repeat(30_000)].map((subject) => world.exchange(client, subject)));
    for (const answer of answers) {
      assertError(answer, 400, 'invalid_request');
      assert.equal(answer.body, answers[0].body);
    }
  });

  test('refuses a subject that is missing or of another type, and an actor', async () => {
    const subject = await opaque();
    for (const form of [{ subject_token: undefined }, { subject_token_type: undefined },
      { subject_token_type: 'urn:ietf:params:oauth:token-type:id_token' }, { subject_token_type: jwtType },
      { actor_token: subject, actor_token_type: accessTokenType }]) {
      assertError(await world.exchange(client, subject, form), 400, 'invalid_request');
    }
  });

  test('is refused to a client that is not registered for it', async () => {
    const other = await world.client({ grants: ['client_credentials'] });
    assertError(await world.exchange(other, await opaque()), 400, 'unauthorized_client');
  });

  test("ends what it gave when the subject token is revoked", async () => {
    const subject = await opaque();
    const { json } = await world.exchange(client, subject);
    assert.equal((await world.introspect(client, json.refresh_token)).active, true);
    await world.sql(`select openclaw.revoke_token($1)`, [subject]);
    assertError(await world.refresh(client, json.refresh_token), 400, 'invalid_grant');
    assert.equal((await world.introspect(client, json.refresh_token)).active, false);
  });

  test('gives nothing good for a subject token that is revoked while it runs', async () => {
    const subject = await opaque();
    const session = await world.base.session();
    await session.query('begin; lock table openclaw.containers in access exclusive mode');
    const waiting = world.exchange(client, subject);
    await world.base.frontWaits();
    await session.query(`select openclaw.revoke_user_tokens('ada')`);
    await session.query('commit');
    const { status, json } = await waiting;
    const live = status === 200 && (await world.introspect(client, json.access_token)).active;
    assert.equal(live, false);
  });

  test('ends the access tokens that it gave when the subject token is revoked', async () => {
    const subject = await opaque();
    const { json } = await world.exchange(client, subject);
    await world.sql(`select openclaw.revoke_token($1)`, [subject]);
    assert.equal((await world.introspect(client, json.access_token)).active, false);
  });
});

test('no secret of this file is in a log', () => world.assertLogsHoldNoSecret());

// Refresh tokens: rotation, the grace in which clients that send one twice get the same successor,
// and the end of a family (RFC 6749 section 6, OAuth 2.1 section 4.3).
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import * as openid from 'openid-client';
import { ClientKey, OAuthWorld, assertError, endpoint, jwtBearer, until } from './oauth_world.mjs';

let world;
let client;
before(async () => {
  world = await OAuthWorld.open();
  client = await world.client();
});
after(() => world.close());

// What an exchange gives: { access_token, refresh_token, ... }. options: of issueToken.
async function family({ scopes = ['mcp:*'], of = client, options } = {}) {
  const { token } = await world.base.issueToken('ada', scopes, options);
  const answer = await world.exchange(of, token);
  assert.equal(answer.status, 200, answer.body);
  return answer.json;
}

const refreshed = async (token, form, of = client) => {
  const answer = await world.refresh(of, token, form);
  assert.equal(answer.status, 200, answer.body);
  assert.equal(answer.headers['cache-control'], 'no-store');
  return answer.json;
};
const refused = async (token, of = client) =>
  assertError(await world.refresh(of, token), 400, 'invalid_grant');
const active = async (token) => (await world.introspect(client, token)).active;
const grantOf = (token) => world.value(
  `select grant_id from openclaw.refresh_tokens where token_hash = openclaw.token_hash($1)`, [token]);

// As if the token had been used that much earlier.
const passGrace = (token) => world.sql(
  `update openclaw.refresh_tokens set replaced_at = replaced_at - interval '1 minute'
   where token_hash = openclaw.token_hash($1) and replaced_at is not null`, [token]);

describe('a refresh token', () => {
  test('gives an access token of the same grant and its own successor', async () => {
    const first = await family();
    const next = await refreshed(first.refresh_token);
    assert.match(next.refresh_token, /^ocr_/);
    assert.notEqual(next.refresh_token, first.refresh_token);
    const [before, now] = [await world.claims(first.access_token), await world.claims(next.access_token)];
    assert.notEqual(now.jti, before.jti);
    for (const name of ['sub', 'user_id', 'aud', 'scope', 'client_id', 'container_id', 'act']) {
      assert.deepEqual(now[name], before[name], name);
    }
    assert.deepEqual([next.token_type, next.expires_in, next.refresh_in, next.scope],
      ['Bearer', 300, 240, 'mcp:*']);
  });

  test('works with openid-client as it comes', async () => {
    const { refresh_token: token } = await family();
    const configuration = await world.openidClient(client, openid.ClientSecretPost(client.secret));
    const answer = await openid.refreshTokenGrant(configuration, token, { resource: endpoint });
    world.secrets.add(answer.access_token).add(answer.refresh_token);
    assert.equal((await world.claims(answer.access_token)).aud, endpoint);
  });

  test('that a backend made gives tokens without act: nobody was exchanged', async () => {
    const [{ refresh_token: token }] = await world.sql(
      `select * from openclaw.create_grant($1, 'ada-laptop', '{mcp:tools}')`, [client.id]);
    world.secrets.add(token);
    const claims = await world.claims((await refreshed(token)).access_token);
    assert.deepEqual([claims.scope, claims.act, claims.user_id], ['mcp:tools', undefined, 'ada']);
  });

  test('narrows the scope for one access token, and never widens it', async () => {
    const { refresh_token: token } = await family({ scopes: ['mcp:*', 'data:read'] });
    const narrow = await refreshed(token, { scope: 'mcp:tools' });
    assert.equal(narrow.scope, 'mcp:tools');
    const whole = await refreshed(narrow.refresh_token);
    assert.equal(whole.scope, 'mcp:*');
    for (const scope of ['data:read', 'mcp:tools data:read', '*', 'openclaw:revoke']) {
      assertError(await world.refresh(client, whole.refresh_token, { scope }), 400, 'invalid_scope');
    }
    await refreshed(whole.refresh_token);
  });

  test('is for its resource alone', async () => {
    const { refresh_token: token } = await family();
    for (const resource of ['https://mcp.bob.example.com/mcp', 'x', `${endpoint}/x`]) {
      assertError(await world.refresh(client, token, { resource }), 400, 'invalid_target');
    }
    await refreshed(token, { resource: 'https://MCP.ada.example.com/mcp' });
  });

  test("is another client's: refused as an unknown one is, and not used up", async () => {
    const { refresh_token: token } = await family();
    const other = await world.client();
    const [foreign, unknown] = [await world.refresh(other, token),
      await world.refresh(other, `ocr_${'0'.repeat(49)}`)];
    assertError(foreign, 400, 'invalid_grant');
    assert.equal(foreign.body, unknown.body);
    await passGrace(token);
    await refused(token, other);
    await refreshed(token);
  });

  test('is refused when it is malformed, missing or a token of another kind', async () => {
    const { access_token: jwt } = await family();
    const { token: opaque } = await world.base.issueToken('ada', ['mcp:tools']);
    for (const bad of ['x', jwt, opaque, client.secret, 'x'.repeat(30_000)]) await refused(bad);
    for (const bad of ['', undefined]) {
      assertError(await world.refresh(client, bad), 400, 'invalid_request');
    }
  });

  test('is refused to a client that may not refresh', async () => {
    const other = await world.client({ grants: ['client_credentials'] });
    assertError(await world.refresh(other, 'x'), 400, 'unauthorized_client');
  });

  test('needs its client to prove itself, whatever the token', async () => {
    const { refresh_token: token } = await family();
    assertError(await world.refresh({ id: client.id, secret: 'x' }, token), 401, 'invalid_client');
    assertError(await world.refresh(undefined, token, { client_id: client.id }), 401, 'invalid_client');
    await refreshed(token);
  });

  test('opens nothing by itself', async () => {
    const { refresh_token: token } = await family();
    assert.equal((await world.base.verify(token, endpoint)).status, 401);
  });

  test('lasts no longer than its grant', async () => {
    const { refresh_token: token } = await family();
    await world.sql(`update openclaw.grants set expires_at = now() where id = $1`, [await grantOf(token)]);
    await refused(token);
    assert.equal(await active(token), false);
  });

  test('is not used up by a request that cannot be granted', async () => {
    const { refresh_token: token } = await family();
    for (const form of [{ scope: 'data:read' }, { resource: 'https://nobody.example.com/mcp' },
      { scope: '*' }]) {
      assert.equal((await world.refresh(client, token, form)).status, 400);
    }
    assert.equal(await active(token), true);
    await passGrace(token);
    await refreshed(token);
  });
});

describe('rotation', () => {
  test('gives one successor to fifty that send the same token at once, and logs nobody out', async () => {
    const { refresh_token: token } = await family();
    const answers = await Promise.all(Array.from({ length: 50 }, () => refreshed(token)));
    const successors = new Set(answers.map(({ refresh_token: successor }) => successor));
    assert.equal(successors.size, 1);
    const jtis = new Set(await Promise.all(answers.map(async (each) =>
      (await world.claims(each.access_token)).jti)));
    assert.equal(jtis.size, 50);
    for (const { access_token: jwt } of answers) assert.equal(await active(jwt), true);
    const [successor] = successors;
    await refreshed(successor);
  });

  test('gives one successor to fifty processes of a client with their own assertions at once', async () => {
    const keys = await ClientKey.generate('ES256');
    const keyed = await world.client({ keys });
    const prove = async () => ({
      client_assertion_type: jwtBearer, client_assertion: await keys.assertion(keyed, world.issuer),
    });
    const { token: subject } = await world.base.issueToken('ada', ['mcp:*']);
    const first = (await world.exchange(keyed, subject, await prove())).json;
    const proofs = await Promise.all(Array.from({ length: 50 }, prove));
    const answers = await Promise.all(proofs.map((proof) => refreshed(first.refresh_token, proof, keyed)));
    assert.equal(new Set(answers.map(({ refresh_token: successor }) => successor)).size, 1);
  });

  test('gives one successor to fifty calls of a backend in sessions of their own', async () => {
    const { refresh_token: token } = await family();
    const sessions = await Promise.all(Array.from({ length: 25 }, () => world.base.session()));
    const answers = await Promise.all([...sessions, ...sessions].map(async (session) => {
      const { rows: [answer] } = await session.query(
        `select g.error, g.access_token, g.refresh_token
         from openclaw.refresh_access_token(openclaw.trusted_client($1), $2) as g`, [client.id, token]);
      world.secrets.add(answer.access_token).add(answer.refresh_token);
      return answer;
    }));
    assert.ok(answers.every(({ error }) => error === null));
    assert.equal(new Set(answers.map(({ refresh_token: successor }) => successor)).size, 1);
    await refreshed(answers[0].refresh_token);
  });

  test('lets a chain of a hundred go on, each once', async () => {
    const seen = new Set();
    let { refresh_token: token } = await family();
    for (let i = 0; i < 100; ++i) {
      seen.add(token);
      ({ refresh_token: token } = await refreshed(token));
    }
    assert.equal(seen.size, 100);
    assert.equal(await active(token), true);
  });

  test('within the grace gives the same successor again, also after that was used', async () => {
    const { refresh_token: first } = await family();
    const { refresh_token: second } = await refreshed(first);
    const { refresh_token: third } = await refreshed(second);
    assert.equal((await refreshed(first)).refresh_token, second);
    assert.equal((await refreshed(second)).refresh_token, third);
    await refreshed(third);
  });

  test('does not lengthen the grace by a use within it', async () => {
    const { refresh_token: first } = await family();
    await refreshed(first);
    const usedAt = () => world.value(
      `select replaced_at::text from openclaw.refresh_tokens
       where token_hash = openclaw.token_hash($1)`, [first]);
    const once = await usedAt();
    await refreshed(first);
    assert.equal(await usedAt(), once);
  });

  test('after the grace takes a replay for a theft: family and access tokens are revoked', async () => {
    const first = await family();
    const second = await refreshed(first.refresh_token);
    const third = await refreshed(second.refresh_token);
    const bystander = await family();
    await passGrace(first.refresh_token);
    await refused(first.refresh_token);
    for (const { refresh_token: token } of [first, second, third]) await refused(token);
    for (const { access_token: jwt } of [first, second, third]) {
      assert.equal(await active(jwt), false);
      assert.equal((await world.base.verify(jwt, endpoint)).status, 401);
    }
    assert.equal(await active(bystander.access_token), true);
    await refreshed(bystander.refresh_token);
    const [row] = await world.sql(
      `select action, user_id, reason from openclaw.audit_log where target = $1 and action = 'revoke_grant'`,
      [await grantOf(first.refresh_token)]);
    assert.deepEqual(row, { action: 'revoke_grant', user_id: 'ada', reason: 'refresh token replayed' });
  });

  test('revokes the family once for fifty replays at the same time', async () => {
    const first = await family();
    const second = await refreshed(first.refresh_token);
    await passGrace(first.refresh_token);
    await Promise.all(Array.from({ length: 50 }, () => refused(first.refresh_token)));
    await refused(second.refresh_token);
    const [{ count }] = await world.sql(
      `select count(*)::integer from openclaw.audit_log where target = $1 and action = 'revoke_grant'`,
      [await grantOf(first.refresh_token)]);
    assert.equal(count, 1);
  });

  test('keeps no text of a token: neither its row nor its key gives the successor', async () => {
    const { refresh_token: token } = await family();
    const { refresh_token: successor } = await refreshed(token);
    const rows = JSON.stringify(await world.sql(`select * from openclaw.refresh_tokens`));
    for (const each of [token, successor]) assert.ok(!rows.includes(each.slice(4, 30)));
  });
});

describe('a family ends', () => {
  const ends = (what, act) => test(what, async () => {
    const first = await family();
    const second = await refreshed(first.refresh_token);
    await act({ first, second, grant: await grantOf(first.refresh_token) });
    for (const token of [first.refresh_token, second.refresh_token]) {
      await refused(token);
      assert.equal(await active(token), false);
    }
    for (const { access_token: jwt } of [first, second]) assert.equal(await active(jwt), false);
  });

  ends('with the revocation of its newest refresh token (RFC 7009 section 2.1)', async ({ second }) => {
    assert.equal((await world.revoke(client, second.refresh_token)).status, 200);
  });
  ends('with the revocation of an older one', async ({ first }) => {
    assert.equal((await world.revoke(client, first.refresh_token)).status, 200);
  });
  ends('by revoke_grant of its user', ({ grant }) =>
    world.sql(`select openclaw.revoke_grant('ada', $1)`, [grant]));
  ends('by revoke_container_tokens', () =>
    world.sql(`select openclaw.revoke_container_tokens('ada', 'ada-laptop')`));
  ends('by revoke_user_tokens', () => world.sql(`select openclaw.revoke_user_tokens('ada')`));

  test('for a refresh that runs at the same time, too: it gives nothing that lives on', async () => {
    const families = await Promise.all(Array.from({ length: 50 }, () => family()));
    const answers = await Promise.all(families.flatMap(({ refresh_token: token }) =>
      [world.refresh(client, token), world.revoke(client, token)]));
    const given = answers.filter((answer) => answer.body !== '');
    assert.ok(given.every(({ status, json }) => status === 200 || json.error === 'invalid_grant'));
    for (const { json } of given.filter(({ status }) => status === 200)) {
      assert.equal(await active(json.access_token), false);
      await refused(json.refresh_token);
    }
  });

  test("with its client, whose access tokens end as well", async () => {
    const other = await world.client();
    const first = await family({ of: other });
    await world.sql(`select openclaw.disable_client($1)`, [other.id]);
    assertError(await world.refresh(other, first.refresh_token), 401, 'invalid_client');
    const { json } = await world.base.introspect(first.access_token);
    assert.equal(json.active, false);
  });

  test('not by revoke_grant of another user', async () => {
    const first = await family();
    const revoked = await world.value(`select openclaw.revoke_grant('bob', $1)`,
      [await grantOf(first.refresh_token)]);
    assert.equal(revoked, false);
    await refreshed(first.refresh_token);
  });

  test('and stays ended after every session of the front has gone and come again', async () => {
    const first = await family();
    const second = await refreshed(first.refresh_token);
    await world.revoke(client, first.refresh_token);
    await world.sql(`select pg_terminate_backend(pid) from pg_stat_activity where usename = $1`,
      [world.base.role]);
    await until('the front has a session', async () => (await world.refresh(client, 'x')).status === 400);
    for (const token of [first.refresh_token, second.refresh_token]) await refused(token);
  });
});

test('no secret of this file is in a log', () => world.assertLogsHoldNoSecret());

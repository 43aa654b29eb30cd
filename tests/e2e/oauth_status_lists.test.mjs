// What the front publishes for verifiers: Token Status Lists (IETF draft-ietf-oauth-status-list) and
// the JWKS with its caching, read with jose.
import assert from 'node:assert/strict';
import { inflateSync } from 'node:zlib';
import { after, before, describe, test } from 'node:test';
import * as jose from 'jose';
import { OAuthWorld, algorithms, assertError, seconds } from './oauth_world.mjs';
import { until } from './world.mjs';

const jwksPath = '/.well-known/jwks.json';
const listSize = 131_072;

let world;
let client;
before(async () => {
  world = await OAuthWorld.open();
  client = await world.client();
});
after(() => world.close());

const jwt = async () => (await world.clientCredentials(client)).json.access_token;
const placeOf = async (token) => (await world.claims(token)).status.status_list;

// The list at a path, verified as section 8.3 of the draft asks: { answer, claims, header, bit }.
async function read(path) {
  const answer = await world.front.get(path);
  assert.equal(answer.status, 200, answer.body);
  const keys = jose.createRemoteJWKSet(new URL(`${world.issuer}${jwksPath}`));
  const { payload: claims, protectedHeader: header } =
    await jose.jwtVerify(answer.body, keys, { typ: 'statuslist+jwt', subject: `${world.issuer}${path}` });
  assert.equal(claims.status_list.bits, 1);
  const bytes = inflateSync(Buffer.from(claims.status_list.lst, 'base64url'));
  assert.equal(bytes.length * 8, listSize);
  return { answer, claims, header, bytes, bit: (idx) => (bytes[idx >> 3] >> (idx & 7)) & 1 };
}
const own = '/oauth/status/ada-laptop/0';
const allOnes = ({ bytes }) => bytes.every((byte) => byte === 255);

describe('a status list', () => {
  test('is a signed JWT of its type that says how long it may be kept', async () => {
    const { answer, claims, header } = await read(own);
    assert.equal(answer.headers['content-type'], 'application/statuslist+jwt');
    assert.equal(answer.headers['cache-control'], 'public, max-age=5');
    assert.deepEqual([claims.sub, claims.ttl, header.typ], [`${world.issuer}${own}`, 5, 'statuslist+jwt']);
    assert.ok(claims.exp - claims.iat > 0 && claims.exp - claims.iat <= 60);
    assert.ok(Math.abs(claims.iat - seconds()) <= 5);
    assert.equal((await world.front.request('HEAD', own)).status, 200);
  });

  test('is where a token says, and holds the place that it names', async () => {
    const { uri, idx } = await placeOf(await jwt());
    assert.equal(uri, `${world.issuer}${own}`);
    assert.ok(idx >= 0 && idx < listSize);
    assert.equal((await read(own)).bit(idx), 0);
  });

  test('has the bit of a revoked JWT set at once, and of no other', async () => {
    const tokens = await Promise.all(Array.from({ length: 20 }, jwt));
    const places = await Promise.all(tokens.map(async (token) => (await placeOf(token)).idx));
    const ended = new Set(places.slice(0, 10));
    for (const token of tokens.slice(0, 10)) await world.revoke(client, token);
    const { bit, bytes } = await read(own);
    for (const idx of places) assert.equal(bit(idx), Number(ended.has(idx)));
    const set = bytes.reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0);
    assert.equal(set, ended.size);
  });

  test('forgets a JWT that has expired', async () => {
    await world.sql(`update openclaw.revoked_jwts set expires_at = now()`);
    assert.ok((await read(own)).bytes.every((byte) => byte === 0));
  });

  test('has every place invalid once its generation is over, and the next one none', async () => {
    await world.sql(`select openclaw.revoke_jwts_of('ada', 'ada-laptop')`);
    assert.ok(allOnes(await read(own)));
    assert.equal((await placeOf(await jwt())).uri, `${world.issuer}/oauth/status/ada-laptop/1`);
    assert.ok((await read('/oauth/status/ada-laptop/1')).bytes.every((byte) => byte === 0));
    assert.ok(allOnes(await read('/oauth/status/ada-laptop/2')), 'one that is yet to come');
  });

  test('is all invalid for a container that is removed, was never there or has a disabled user', async () => {
    await world.sql(`select openclaw.create_user(user_id => 'leaver')`);
    await world.base.register('leaver', 'laptop', 'external', 'https://mcp.leaver.example.com/mcp');
    await world.base.register('bob', 'gone', 'external', 'https://gone.bob.example.com/mcp');
    for (const path of ['/oauth/status/leaver-laptop/0', '/oauth/status/bob-gone/0']) {
      assert.ok((await read(path)).bytes.every((byte) => byte === 0));
    }
    await world.sql(`select openclaw.disable_user('leaver')`);
    await world.sql(`select openclaw.remove_container('bob', 'bob-gone')`);
    for (const id of ['leaver-laptop', 'bob-gone', 'nobody']) {
      const { answer, claims, bytes } = await read(`/oauth/status/${id}/0`);
      assert.ok(allOnes({ bytes }));
      assert.deepEqual(Object.keys(claims).sort(), ['exp', 'iat', 'status_list', 'sub', 'ttl']);
      assert.equal(answer.headers['cache-control'], 'public, max-age=5');
    }
  });

  test('is at no other path', async () => {
    for (const path of ['', '/', '/ada-laptop', '/ada-laptop/', '/ada-laptop/00', '/ada-laptop/-1',
      '/ada-laptop/x', '/ada-laptop/0/', '//0', `/ada-laptop/${'9'.repeat(40)}`, '/.ada/0',
      `/${'a'.repeat(200)}/0`, '/ada-laptop/0/0', 'es/ada-laptop/0']) {
      assertError(await world.front.get(`/oauth/status${path}`), 404, 'not_found');
    }
    assert.equal((await world.front.post(own)).status, 405);
  });

  test('names the signing keys that were revoked, for verifiers that know of that', async () => {
    assert.equal((await read(own)).claims.revoked_keys, undefined);
    const kid = world.base.keys.RS256;
    await world.sql(`select openclaw.revoke_signing_key($1)`, [kid]);
    assert.deepEqual((await read(own)).claims.revoked_keys, [kid]);
  });

  test('is signed by the algorithm of its container', async () => {
    await world.sql(
      `update openclaw.signing_keys set activates_at = created_at
       where alg = 'ES256' and activates_at > now()`);
    for (const alg of algorithms.filter((each) => each !== 'RS256')) {
      await world.sql(`select openclaw.update_container('ada', 'ada-laptop', signing_alg => $1)`, [alg]);
      assert.equal((await read('/oauth/status/ada-laptop/1')).header.alg, alg);
    }
  });

  test('is no access token, and no assertion', async () => {
    const { answer } = await read('/oauth/status/ada-laptop/1');
    assert.equal((await world.base.verify(answer.body, 'https://mcp.ada.example.com/mcp')).status, 401);
    assert.equal((await world.base.introspect(answer.body)).json.active, false);
  });
});

describe('the JWKS', () => {
  const get = (headers) => world.front.get(jwksPath, { headers });

  test('may be kept as long as rotation counts on it', async () => {
    assert.equal((await get()).headers['cache-control'], 'public, max-age=300');
    await world.sql(`set openclaw.jwks_max_age = '60s'`);
    assert.equal((await get()).headers['cache-control'], 'public, max-age=300',
      'until a key is made under it');
    await world.sql(`select openclaw.rotate_signing_key('EdDSA', '1 day')`);
    await until('it may be kept as long as from then on', // the front repeats what it said for a moment
      async () => (await get()).headers['cache-control'] === 'public, max-age=60');
  });

  test('answers 304 to its ETag until a key is made, and then another', async () => {
    const etag = await until('its ETag is that of the keys there are', async () => {
      const { headers } = await get();
      const same = await get({ 'If-None-Match': headers.etag });
      if (same.status !== 304) return false;
      assert.deepEqual([same.body, same.headers.etag], ['', headers.etag]);
      return headers.etag;
    });
    const successor = await world.value(`select openclaw.rotate_signing_key('EdDSA', '2 days')`);
    const other = await until('it is another one', async () => {
      const answer = await get({ 'If-None-Match': etag });
      return answer.status === 200 && answer;
    });
    assert.notEqual(other.headers.etag, etag);
    assert.ok(other.json.keys.some(({ kid }) => kid === successor), 'a pending key is published');
  });

  test('has a key that is revoked no more', async () => {
    const { keys: [{ kid }] } = (await get()).json;
    await world.sql(`select openclaw.revoke_signing_key($1)`, [kid]);
    await until('the key is gone', async () => !(await get()).json.keys.some((key) => key.kid === kid));
  });
});

test('no secret of this file is in a log', () => world.assertLogsHoldNoSecret());

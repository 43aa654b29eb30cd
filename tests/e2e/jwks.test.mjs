import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import * as jose from 'jose';
import { World, algorithms, until } from './world.mjs';

const path = '/.well-known/jwks.json';

describe('JWKS and metadata', () => {
  let world;
  before(async () => (world = await World.open()));
  after(() => world.close());

  const keysAt = (front) => jose.createRemoteJWKSet(new URL(`http://127.0.0.1:${front.port}${path}`));
  const expectation = (alg) => ({
    issuer: world.issuer, audience: 'https://mcp.ada.example.com/mcp', typ: 'at+jwt',
    algorithms: [alg],
  });
  // The signature's middle character is another one.
  const tampered = (jwt) => {
    const at = jwt.length - 40;
    return jwt.slice(0, at) + (jwt[at] === 'A' ? 'B' : 'A') + jwt.slice(at + 1);
  };

  test('the JWKS holds every published key and no private member', async () => {
    const { keys } = (await world.front.get(path)).json;
    const published = await world.sql(
      `select kid from openclaw.key_status where state in ('pending', 'active', 'retiring')`);
    assert.deepEqual(keys.map((key) => key.kid).sort(), published.map((row) => row.kid).sort());
    for (const kid of Object.values(world.keys)) assert.ok(keys.some((key) => key.kid === kid));
    const common = ['alg', 'kid', 'kty', 'use'];
    const members = { EdDSA: ['crv', 'x'], ES256: ['crv', 'x', 'y'], RS256: ['e', 'n'] };
    for (const key of keys) {
      assert.deepEqual(Object.keys(key).sort(), [...common, ...members[key.alg]].sort());
      assert.equal(key.use, 'sig');
    }
  });

  test('each kid is the RFC 7638 thumbprint that jose computes', async () => {
    for (const key of (await world.front.get(path)).json.keys) {
      assert.equal(key.kid, await jose.calculateJwkThumbprint(key, 'sha256'));
    }
  });

  test('the JWKS may be kept for openclaw.jwks_max_age, and 304 answers its ETag', async () => {
    const whole = await world.front.get(path);
    assert.equal(whole.headers['cache-control'], 'public, max-age=300');
    assert.match(whole.headers.etag, /^"[0-9a-f]{32}"$/);
    for (const match of [whole.headers.etag, `W/${whole.headers.etag}`, `"x", ${whole.headers.etag}`, '*']) {
      const again = await world.front.get(path, { headers: { 'If-None-Match': match } });
      assert.equal(again.status, 304);
      assert.equal(again.body, '');
      assert.equal(again.headers.etag, whole.headers.etag);
      assert.equal(again.headers['cache-control'], 'public, max-age=300');
    }
    const other = await world.front.get(path, { headers: { 'If-None-Match': '"x"' } });
    assert.equal(other.status, 200);
  });

  test('requests that share a JWKS get it each in its own form and under its own id', async () => {
    const kinds = ['GET', 'HEAD'].flatMap((method) => ['keep-alive', 'close'].flatMap((connection) =>
      ['x', 'y', 'a-longer-id'].map((id) => ({ method, connection, id: `${id}-${method}-${connection}` }))));
    const front = await world.startFront(
      '--threads', '1', '--connections', '1', '--max-waiting', String(kinds.length));
    const whole = await front.get(path);
    const session = await world.session();
    // Keys that are known are not read again; the trigger on their table has them forgotten.
    await session.query('update openclaw.signing_keys set kid = kid where false');
    await session.query('begin; lock table openclaw.signing_keys in access exclusive mode');
    // Not the answer that stands: another If-None-Match is another question.
    const headers = { 'If-None-Match': '"x"' };
    const first = front.get(path, { headers });
    await until('the first one is under way', () => world.value(
      `select count(*) = 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`));
    // The one that finds no place shows that the others wait: they go in one statement.
    const asked = [...kinds, kinds[0]].map(async (kind) => ({ ...kind, answer: await front.request(
      kind.method, path, { headers: { ...headers, Connection: kind.connection, 'X-Request-Id': kind.id } }) }));
    assert.equal((await Promise.race(asked)).answer.status, 503);
    await session.query('rollback');
    assert.equal((await first).body, whole.body);
    const answered = (await Promise.all(asked)).filter(({ answer }) => answer.status !== 503);
    assert.equal(answered.length, kinds.length);
    for (const { method, connection, id, answer } of answered) {
      assert.equal(answer.status, 200);
      assert.equal(answer.headers['x-request-id'], id);
      assert.equal(answer.headers.connection, connection === 'close' ? 'close' : undefined);
      assert.equal(answer.headers['content-length'], whole.headers['content-length']);
      assert.equal(answer.headers.etag, whole.headers.etag);
      assert.equal(answer.body, method === 'GET' ? whole.body : '');
    }
  });

  test('HEAD gives what GET gives, without the body', async () => {
    for (const target of [path, '/.well-known/oauth-authorization-server', '/healthz', '/readyz']) {
      const get = await world.front.get(target);
      const head = await world.front.request('HEAD', target);
      assert.equal(head.status, get.status);
      assert.equal(head.body, '');
      for (const name of ['content-length', 'content-type', 'cache-control', 'etag']) {
        assert.equal(head.headers[name], get.headers[name], `${name} of ${target}`);
      }
    }
  });

  test('the metadata has the issuer byte for byte and only endpoints that exist', async () => {
    const metadata = (await world.front.get('/.well-known/oauth-authorization-server')).json;
    assert.equal(metadata.issuer, world.issuer);
    for (const [name, value] of Object.entries(metadata)) {
      if (!name.endsWith('_endpoint') && !name.endsWith('_uri')) continue;
      assert.ok(value.startsWith(`${world.issuer}/`));
      const here = await world.front.get(value.slice(world.issuer.length));
      assert.notEqual(here.status, 404, name);
    }
  });

  for (const alg of algorithms) {
    test(`jose verifies our ${alg} JWT against the JWKS, and refuses it when it was altered`, async () => {
      const { token, kid, jti } = await world.accessToken('ada-laptop', ['mcp:tools'], { alg });
      const keys = keysAt(world.front);
      const { payload, protectedHeader } = await jose.jwtVerify(token, keys, expectation(alg));
      assert.deepEqual(protectedHeader, { alg, typ: 'at+jwt', kid });
      assert.equal(kid, world.keys[alg]);
      const { iat, exp, status, ...claims } = payload;
      assert.deepEqual(claims, {
        iss: world.issuer, sub: 'ada', user_id: 'ada', aud: 'https://mcp.ada.example.com/mcp',
        scope: 'mcp:tools', container_id: 'ada-laptop', jti,
      });
      assert.equal(status.status_list.uri, `${world.issuer}/oauth/status/ada-laptop/0`);
      assert.equal(exp - iat, 300);
      await assert.rejects(jose.jwtVerify(tampered(token), keys, expectation(alg)),
        { code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED' });
    });

    test(`jose verifies our ${alg} user claim, and does not take it for an access token`, async () => {
      const { token } = await world.userClaim('ada', 'ada-search', { alg });
      const keys = keysAt(world.front);
      const demands = { ...expectation(alg), audience: 'search-ada:3100', typ: 'user-claim+jwt' };
      assert.equal((await jose.jwtVerify(token, keys, demands)).payload.user_id, 'ada');
      await assert.rejects(jose.jwtVerify(token, keys, { ...demands, typ: 'at+jwt' }),
        { code: 'ERR_JWT_CLAIM_VALIDATION_FAILED', claim: 'typ' });
    });
  }

  test('a successor is in the JWKS before it signs, and its predecessor after it signed', async () => {
    const predecessor = world.keys.EdDSA;
    const before = await world.accessToken('ada-laptop', ['mcp:tools']);
    const successor = await world.value(
      `select openclaw.rotate_signing_key('EdDSA', activate_after => '1 second')`);
    const published = async () => (await world.front.get(path)).json.keys.map((key) => key.kid);
    await until('the successor is published', async () => (await published()).includes(successor));
    const after = await until('the successor signs', async () => {
      const issued = await world.accessToken('ada-laptop', ['mcp:tools']);
      return issued.kid === successor && issued;
    });
    assert.ok((await published()).includes(predecessor));
    const keys = keysAt(world.front);
    for (const { token, kid } of [before, after]) {
      const { protectedHeader } = await jose.jwtVerify(token, keys, expectation('EdDSA'));
      assert.equal(protectedHeader.kid, kid);
    }
    assert.notEqual(before.kid, after.kid);
  });

  test('a revoked key is gone from the JWKS, and what it signed is refused at once', async () => {
    const { token, kid } = await world.accessToken('ada-laptop', ['mcp:tools'], { alg: 'RS256' });
    assert.equal((await world.introspect(token)).json.active, true);
    await world.sql(`select openclaw.revoke_signing_key($1)`, [kid]);
    assert.equal((await world.introspect(token)).body, '{"active":false}');
    assert.equal((await world.verify(token, 'https://mcp.ada.example.com/mcp')).status, 401);
    const published = async () => (await world.front.get(path)).json.keys.map((key) => key.kid);
    await until('the key is gone', async () => !(await published()).includes(kid));
  });

  test('a JWKS is given again for a moment, without a question to Postgres', async () => {
    await world.sql('create extension pg_stat_statements');
    const questions = () => world.value(
      `select coalesce(sum(calls), 0)::integer from pg_stat_statements
         where dbid = (select oid from pg_database where datname = current_database())
           and query like '%openclaw.front_jwks(%'`);
    const requests = 300;
    const before = await questions();
    for (let i = 0; i < requests; ++i) assert.equal((await world.front.get(path)).status, 200);
    const asked = (await questions()) - before;
    assert.ok(asked > 0 && asked < requests, `${asked} questions for ${requests} requests`);
  });

  test('a JWKS without a key, which no cache may keep, is asked for each time', async () => {
    const front = await world.startFront('--threads', '1'); // each has an answer of its own
    await world.sql('truncate openclaw.signing_keys cascade');
    const empty = await front.get(path);
    assert.deepEqual(empty.json.keys, []);
    assert.equal(empty.headers['cache-control'], 'no-cache');
    const kid = await world.value(`select openclaw.rotate_signing_key('EdDSA')`);
    assert.ok((await front.get(path)).json.keys.some((key) => key.kid === kid));
  });

  test('no token of this file is in a log', () => world.assertLogsHoldNoSecret());
});

// Endings that reach everywhere: what is revoked is refused by the database in the same transaction,
// and by a real gate within its status period, which asks nobody for a request; and bursts of clients
// that need new tokens all get one.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Upstream, bodyOf } from './gate_world.mjs';
import { OAuthWorld, assertError, tokenExchange, until } from './oauth_world.mjs';

const statusPath = '/oauth/status/';

let world;
let upstream;
before(async () => {
  world = await OAuthWorld.open();
  upstream = await Upstream.start();
  world.ending({ stop: () => upstream.close() });
});
after(() => world.close());

const gates = [];
let users = 0;

// A user with a container, a client and a gate of their own: what ends here ends nothing elsewhere.
async function scene(auth) {
  const user = `user${++users}`;
  await world.sql(`select openclaw.create_user(user_id => $1)`, [user]);
  const endpoint = `https://mcp.${user}.example.com/mcp`;
  await world.base.register(user, 'laptop', 'external', endpoint);
  const gate = await world.startGate(upstream, { status_period: '2s', ...auth }, user);
  gates.push(gate);
  const client = await world.client({ user });
  const fetch = world.fetchFrom(gate);
  const call = async (bearer) => {
    const response = await fetch(endpoint, { headers: { Authorization: `Bearer ${bearer}` } });
    await response.text();
    return response;
  };
  return {
    user, container: `${user}-laptop`, endpoint, gate, client,
    ask: () => world.clientCredentials(client, { resource: endpoint }),
    jwt: async () => (await world.clientCredentials(client, { resource: endpoint })).json.access_token,
    call, status: async (bearer) => (await call(bearer)).status,
    opaque: async (options) => (await world.base.issueToken(user, ['mcp:*'], options)).token,
    family: async (subject) => (await world.exchange(client, subject, { resource: endpoint })).json,
    atFront: async (bearer) => (await world.base.verify(bearer, endpoint)).status,
  };
}

const gateRefuses = (what, { status }, bearer) => until(what, async () => (await status(bearer)) === 401);

// What `act` ends: `ended` of the tokens, at the database with its commit and at the gate by and by.
const ends = (sentence, make, act, checks = async () => {}) => test(sentence, async () => {
  const here = await scene();
  const { jwt, ...rest } = await make(here);
  assert.deepEqual([await here.status(jwt), await here.atFront(jwt)], [200, 200]);
  await act(here, { jwt, ...rest });
  assert.equal(await here.atFront(jwt), 401);
  assert.equal((await world.base.introspect(jwt)).json.active, false);
  await gateRefuses('the gate refuses the token', here, jwt);
  const refused = await here.call(jwt);
  assert.match(refused.headers.get('www-authenticate'), /error="invalid_token"/);
  const logged = await here.gate.requestEvent({ headers: Object.fromEntries(refused.headers) });
  assert.equal(logged.reason, 'revoked');
  await checks(here, { jwt, ...rest });
});

const alone = async (here) => ({ jwt: await here.jwt(), kept: await here.jwt() });
const exchanged = async (here) => {
  const subject = await here.opaque();
  const { access_token: jwt, refresh_token: refresh } = await here.family(subject);
  return { jwt, refresh, subject };
};
const keptStays = async (here, { kept }) =>
  assert.deepEqual([await here.status(kept), await here.atFront(kept)], [200, 200]);
const newOnesAreGood = async (here) => {
  const fresh = await here.jwt();
  assert.deepEqual([await here.status(fresh), await here.atFront(fresh)], [200, 200]);
};

// Each has a scene of its own: they wait for their gates together.
describe('the gate and the database refuse', { concurrency: 4 }, () => {
  ends('a JWT that its client revoked, and no other', alone,
    async (here, { jwt }) => assert.equal((await world.revoke(here.client, jwt)).status, 200),
    async (here, tokens) => {
      await keptStays(here, tokens);
      await newOnesAreGood(here);
    });

  ends('a JWT that was revoked by its jti, unseen', alone, async (here, { jwt }) => {
    const { jti } = await world.claims(jwt, here.endpoint);
    await world.sql(`select openclaw.revoke_jwt($1, $2)`, [here.container, jti]);
  }, keptStays);

  ends("all JWTs of a user that were issued before now, and none that came after", alone,
    (here) => world.sql(`select openclaw.revoke_jwts_of($1)`, [here.user]),
    async (here, { kept }) => {
      await gateRefuses('the gate refuses the other one', here, kept);
      await newOnesAreGood(here);
    });

  ends("all of a container's, JWTs, grants and opaque tokens bound to it", exchanged,
    (here) => world.sql(`select openclaw.revoke_container_tokens($1, $2)`, [here.user, here.container]),
    async (here, { refresh }) => {
      assertError(await world.refresh(here.client, refresh), 400, 'invalid_grant');
      await newOnesAreGood(here);
    });

  ends("all of a user's", exchanged, (here) =>
    world.sql(`select openclaw.revoke_user_tokens($1)`, [here.user]),
    async (here, { subject, refresh }) => {
      assert.equal(await here.atFront(subject), 401);
      assertError(await world.refresh(here.client, refresh), 400, 'invalid_grant');
      await newOnesAreGood(here);
    });

  ends('the access tokens of a family that its client revoked', exchanged,
    (here, { refresh }) => world.revoke(here.client, refresh), newOnesAreGood);

  ends('the access tokens of a family whose refresh token was replayed', exchanged,
    async (here, { refresh }) => {
    await world.refresh(here.client, refresh);
    await world.sql(
      `update openclaw.refresh_tokens set replaced_at = replaced_at - interval '1 minute'
       where token_hash = openclaw.token_hash($1)`, [refresh]);
    assertError(await world.refresh(here.client, refresh), 400, 'invalid_grant');
  });

  ends('the tokens of a disabled user, who gets no new ones', exchanged,
    (here) => world.sql(`select openclaw.disable_user($1)`, [here.user]),
    async (here, { subject, refresh }) => {
      assert.equal(await here.atFront(subject), 401);
      assertError(await here.ask(), 401, 'invalid_client');
      assertError(await world.refresh(here.client, refresh), 401, 'invalid_client');
      const harness = await world.client({ user: null });
      assertError(await world.clientCredentials(harness, { resource: here.endpoint }), 400, 'invalid_target');
      const connect = await world.front.post('/v1/connect',
        { bearer: world.base.platform, form: { user_id: here.user, container_id: here.container } });
      assertError(connect, 404, 'not_found');
    });

  ends('the tokens of a removed container, for which there are no new ones', exchanged,
    (here) => world.sql(`select openclaw.remove_container($1, $2)`, [here.user, here.container]),
    async (here, { subject, refresh }) => {
      assertError(await here.ask(), 400, 'invalid_target');
      assertError(await world.refresh(here.client, refresh), 400, 'invalid_grant');
      const exchange = await world.exchange(here.client, subject, { resource: here.endpoint });
      assertError(exchange, 400, 'invalid_target');
      const connect = await world.front.post('/v1/connect',
        { bearer: world.base.platform, form: { user_id: here.user, container_id: here.container } });
      assertError(connect, 404, 'not_found');
    });

  test("a container's tokens also when another takes its place at the same endpoint", async () => {
    const here = await scene();
    const jwt = await here.jwt();
    assert.equal(await here.status(jwt), 200);
    await world.sql(`select openclaw.remove_container($1, $2)`, [here.user, here.container]);
    await world.base.register(here.user, 'second', 'external', here.endpoint);
    const fresh = await here.jwt();
    await gateRefuses('the gate refuses the old token', here, jwt);
    assert.equal(await here.status(fresh), 200);
  });

  test('nothing when the transaction that revokes is rolled back', async () => {
    const here = await scene();
    const jwt = await here.jwt();
    const session = await world.base.session();
    await session.query('begin');
    await session.query(`select openclaw.revoke_user_tokens($1)`, [here.user]);
    await session.query('rollback');
    assert.deepEqual([await here.status(jwt), await here.atFront(jwt)], [200, 200]);
    await session.query(`select openclaw.disable_user($1)`, [here.user]);
    assert.equal(await here.atFront(jwt), 401);
  });
});

describe('the gate', () => {
  test('asks nobody for a request: it reads lists by the clock, however many calls there are', async () => {
    const here = await scene();
    const tokens = await Promise.all(Array.from({ length: 20 }, () => here.jwt()));
    for (const jwt of tokens) assert.equal(await here.status(jwt), 200);
    const { length } = world.relay.requests;
    const statuses = [];
    for (let round = 0; round < 10; ++round) statuses.push(...(await Promise.all(tokens.map(here.status))));
    assert.ok(statuses.every((status) => status === 200));
    const targets = world.relay.requests.slice(length).map(({ target }) => target);
    const own = targets.filter((target) => target.includes(here.user));
    assert.ok(own.every((target) => target === `${statusPath}${here.container}/0`));
    assert.ok(own.length < statuses.length / 10, `${own.length} reads for ${statuses.length} calls`);
  });

  test("takes no token that the same user's client got for another container", async () => {
    const here = await scene();
    const other = `https://other.${here.user}.example.com/mcp`;
    await world.base.register(here.user, 'other', 'external', other);
    const { access_token: jwt } = (await world.clientCredentials(here.client, { resource: other })).json;
    assert.equal((await world.base.verify(jwt, other)).status, 200);
    assert.equal(await here.status(jwt), 401);
  });

  // While `act` runs the front's status lists cannot be read.
  const withoutLists = async (act) => {
    const { handler } = world.relay;
    world.relay.handler = async (request, response) => {
      if (!request.url.startsWith(statusPath)) return handler(request, response);
      await bodyOf(request);
      response.writeHead(500).end();
    };
    try {
      await act();
    } finally {
      world.relay.handler = handler;
    }
  };

  test('goes on by the last list when it cannot read another one, and catches up afterwards', async () => {
    const here = await scene({ status_outage: 'accept' });
    const [kept, revoked] = [await here.jwt(), await here.jwt()];
    for (const jwt of [kept, revoked]) assert.equal(await here.status(jwt), 200);
    await withoutLists(async () => {
      const { length } = world.relay.requests;
      await world.revoke(here.client, revoked);
      await until('the gate has asked in vain three times', () =>
        world.relay.requests.slice(length).filter(({ target }) =>
          target.includes(here.container)).length >= 3);
      for (const jwt of [kept, revoked]) assert.equal(await here.status(jwt), 200);
    });
    await gateRefuses('the gate has read the list', here, revoked);
    assert.equal(await here.status(kept), 200);
  });

  test('refuses with 503 when it cannot read its list and is told so, and is well afterwards', async () => {
    const here = await scene({ status_outage: 'refuse' });
    const jwt = await here.jwt();
    assert.equal(await here.status(jwt), 200);
    await withoutLists(() => until('the gate refuses', async () => (await here.status(jwt)) === 503));
    await until('the gate accepts again', async () => (await here.status(jwt)) === 200);
  });
});

describe('a signing key', () => {
  const kidOf = (jwt) => JSON.parse(Buffer.from(jwt.split('.')[0], 'base64url')).kid;
  // As if every pending key had been published long enough for each verifier to have it.
  const letKeysPropagate = () => world.sql(
    `update openclaw.signing_keys set propagated_at = now() where propagated_at > now()`);

  test('hands over to its successor with no request refused, and goes on to verify', async () => {
    const here = await scene();
    const old = await here.jwt();
    assert.equal(await here.status(old), 200);
    await letKeysPropagate();
    const successor = await world.value(`select openclaw.rotate_signing_key('EdDSA')`);
    const fresh = await here.jwt();
    assert.deepEqual([kidOf(fresh), await here.status(fresh), await here.status(old)], [successor, 200, 200]);
    assert.notEqual(kidOf(old), successor);
  });

  test('that is revoked in an emergency ends what it signed, and its successor is good at once', async () => {
    // The gate reads the keys when it starts: from an event loop that remembers those of before the
    // successor was made (decision 0024) it would not have it yet.
    await until('each event loop has forgotten what was published before', () => world.value(
      `select clock_timestamp() > max(created_at) + interval '300 ms' from openclaw.signing_keys`));
    const here = await scene();
    const old = await here.jwt();
    assert.equal(await here.status(old), 200);
    assert.equal(await world.value(`select openclaw.revoke_signing_key($1)`, [kidOf(old)]), true);
    const fresh = await here.jwt();
    assert.notEqual(kidOf(fresh), kidOf(old));
    assert.deepEqual([await here.status(fresh), await here.atFront(fresh), await here.atFront(old)],
      [200, 200, 401]);
    await gateRefuses('the gate refuses what the key signed', here, old);
    assert.equal(await here.status(fresh), 200);
    await until('the key is gone from the JWKS', async () => {
      const { keys } = (await world.front.get('/.well-known/jwks.json')).json;
      return !keys.some(({ kid }) => kid === kidOf(old));
    });
  });
});

describe('a burst of two hundred', () => {
  const burst = (act) => Promise.all(Array.from({ length: 200 }, (_, i) => act(i)));
  const statuses = (answers) => [...new Set(answers.map(({ status }) => status))];

  test('requests for a token of one container: each gets its own, and says when to refresh it', async () => {
    const here = await scene();
    const answers = await burst(here.ask);
    assert.deepEqual(statuses(answers), [200]);
    assert.equal(new Set(answers.map(({ json }) => json.access_token)).size, 200);
    assert.ok(answers.every(({ json }) => json.refresh_in > 0 && json.refresh_in < json.expires_in));
    assert.equal(await here.status(answers[199].json.access_token), 200);
  });

  test('calls of connect for one container: none fails, and each says when to refresh', async () => {
    const here = await scene();
    const answers = await burst(() => world.front.post('/v1/connect', {
      bearer: world.base.platform,
      form: { user_id: here.user, container_id: here.container, scope: 'mcp:tools' },
    }));
    assert.deepEqual(statuses(answers), [200]);
    for (const { json } of answers) {
      assert.ok(json.refresh_at < json.expires_at);
      const jwt = json.headers.Authorization.slice('Bearer '.length);
      world.secrets.add(jwt);
    }
    assert.equal(await here.status(answers[0].json.headers.Authorization.slice('Bearer '.length)), 200);
  });

  test('exchanges of one subject token, and refreshes of two hundred families: none fails', async () => {
    const here = await scene();
    const subject = await here.opaque();
    const families = await burst(() => world.exchange(here.client, subject, { resource: here.endpoint }));
    assert.deepEqual(statuses(families), [200]);
    const refreshed = await burst((i) => world.refresh(here.client, families[i].json.refresh_token));
    assert.deepEqual(statuses(refreshed), [200]);
    assert.equal(new Set(refreshed.map(({ json }) => json.refresh_token)).size, 200);
  });

  test('of every kind at once, good and bad, beside revocations: each gets its own answer', async () => {
    const here = await scene();
    const subject = await here.opaque();
    const doomed = await Promise.all(Array.from({ length: 40 }, here.jwt));
    const kinds = [
      [200, here.ask], [200, (i) => world.revoke(here.client, doomed[Math.floor(i / 5)])],
      [400, () => world.token(here.client, { grant_type: tokenExchange, subject_token: 'x' })],
      [401, () => world.clientCredentials({ id: here.client.id, secret: 'x' })],
      [200, () => world.exchange(here.client, subject, { resource: here.endpoint })],
    ];
    const answers = await burst((i) => kinds[i % 5][1](i));
    assert.deepEqual(answers.map(({ status }) => status), answers.map((_, i) => kinds[i % 5][0]));
    for (const jwt of doomed) assert.equal(await here.atFront(jwt), 401);
  });
});

test('no secret of this file is in a log', () => world.assertLogsHoldNoSecret(...gates));

// How a client proves who it is (RFC 6749 section 2.3, RFC 7523): openid-client and oauth4webapi,
// unmodified, through each method, and what is refused.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import * as oauth from 'oauth4webapi';
import * as openid from 'openid-client';
import {
  ClientKey, OAuthWorld, algorithms, assertError, basic, endpoint, jwtBearer, until,
} from './oauth_world.mjs';

let world;
before(async () => (world = await OAuthWorld.open()));
after(() => world.close());

// The two libraries behind one face: each gives the token endpoint's answer.
const libraries = {
  'openid-client': {
    methods: openid,
    grant: async (client, proof) => {
      const configuration = await world.openidClient(client, proof);
      return openid.clientCredentialsGrant(configuration, { resource: endpoint, scope: 'mcp:tools' });
    },
  },
  oauth4webapi: {
    methods: oauth,
    grant: async ({ id: client_id }, proof) => {
      const options = { algorithm: 'oauth2', [oauth.allowInsecureRequests]: true };
      const issuer = new URL(world.issuer);
      const server =
        await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, options));
      const answer = await oauth.clientCredentialsGrantRequest(server, { client_id }, proof,
        { resource: endpoint, scope: 'mcp:tools' }, options);
      return oauth.processClientCredentialsResponse(server, { client_id }, answer);
    },
  },
};

for (const [library, { methods, grant }] of Object.entries(libraries)) {
  describe(library, () => {
    const assertGranted = async (client, proof) => {
      const answer = await grant(client, proof);
      world.secrets.add(answer.access_token);
      assert.equal(answer.token_type.toLowerCase(), 'bearer');
      assert.equal(answer.scope, 'mcp:tools');
      const claims = await world.claims(answer.access_token);
      assert.deepEqual([claims.client_id, claims.user_id, claims.aud], [client.id, 'ada', endpoint]);
    };

    test('gets a token by client_secret_basic', async () => {
      const client = await world.client();
      await assertGranted(client, methods.ClientSecretBasic(client.secret));
    });

    test('gets a token by client_secret_basic with an id whose form it encodes', async () => {
      const client = await world.client({ id: `a.b-c_d-${library}` });
      await assertGranted(client, methods.ClientSecretBasic(client.secret));
    });

    test('gets a token by client_secret_post', async () => {
      const client = await world.client();
      await assertGranted(client, methods.ClientSecretPost(client.secret));
    });

    for (const alg of [...algorithms, 'Ed25519']) {
      test(`gets a token by private_key_jwt with a key that is registered for ${alg}`, async () => {
        const keys = await ClientKey.generate(alg);
        const client = await world.client({ keys });
        await assertGranted(client, methods.PrivateKeyJwt({ key: keys.privateKey, kid: keys.kid }));
      });
    }

    test('gets a token by private_key_jwt without a kid', async () => {
      const keys = await ClientKey.generate('ES256');
      await assertGranted(await world.client({ keys }), methods.PrivateKeyJwt(keys.privateKey));
    });
  });
}

describe('a client secret', () => {
  const accepted = async (client) => (await world.clientCredentials(client)).status === 200;
  const expireOverlaps = ({ id }) => world.sql(
    `update openclaw.oauth_client_secrets set expires_at = clock_timestamp() where client_id = $1
       and expires_at is not null`, [id]);

  test('stays good beside its successor for the overlap, and not after it', async () => {
    const old = await world.client();
    const fresh = await world.rotateSecret(old, '1 hour');
    assert.deepEqual([await accepted(old), await accepted(fresh)], [true, true]);
    await expireOverlaps(old);
    assert.deepEqual([await accepted(old), await accepted(fresh)], [false, true]);
  });

  test('ends with its rotation when there is no overlap', async () => {
    const old = await world.client();
    const fresh = await world.rotateSecret(old, '0');
    assert.deepEqual([await accepted(old), await accepted(fresh)], [false, true]);
  });

  test('runs out no later because a later rotation has a longer overlap', async () => {
    const first = await world.client();
    await world.rotateSecret(first, '0');
    const third = await world.rotateSecret(first, '90 days');
    assert.deepEqual([await accepted(first), await accepted(third)], [false, true]);
  });

  const rotateFiftyAtOnce = async (client, overlap) => {
    const sessions = await Promise.all(Array.from({ length: 10 }, () => world.base.session()));
    const rotate = async (session) => {
      const { rows: [{ secret }] } = await session.query(
        `select openclaw.rotate_client_secret($1, $2) as secret`, [client.id, overlap]);
      world.secrets.add(secret);
      return { id: client.id, secret };
    };
    return Promise.all(Array.from({ length: 50 }, (_, i) => rotate(sessions[i % sessions.length])));
  };

  test('every one of fifty rotations at once is good within the overlap', async () => {
    const client = await world.client();
    const rotated = await rotateFiftyAtOnce(client, '1 hour');
    const answers = await Promise.all([client, ...rotated].map(accepted));
    assert.ok(answers.every(Boolean));
  });

  test('exactly the last one of fifty rotations at once is good without overlap', async () => {
    const client = await world.client();
    const rotated = await rotateFiftyAtOnce(client, '0');
    const answers = await Promise.all([client, ...rotated].map(accepted));
    assert.equal(answers.filter(Boolean).length, 1);
    assert.equal(answers[0], false);
  });

  test('opens nothing once its client is disabled', async () => {
    const client = await world.client();
    assert.equal(await accepted(client), true);
    await world.sql(`select openclaw.disable_client($1)`, [client.id]);
    assert.equal(await accepted(client), false);
  });

  test("opens nothing as a bearer token", async () => {
    const { secret } = await world.client({ scopes: ['openclaw:introspect', 'mcp:*'] });
    const answer = await world.front.post('/oauth/introspect', { bearer: secret, form: { token: 'x' } });
    assertError(answer, 401, 'invalid_token');
  });
});

describe('a client assertion', () => {
  let keys;
  let client;
  before(async () => {
    keys = await ClientKey.generate('ES256');
    client = await world.client({ keys });
  });
  const send = (assertion, form = {}, path = '/oauth/token') => world.post(path, client, {
    grant_type: 'client_credentials', resource: endpoint, client_assertion_type: jwtBearer,
    client_assertion: assertion, ...form,
  });
  const refused = async (assertion, form) =>
    assertError(await send(await assertion, form), 401, 'invalid_client');
  const assertion = (changes, header) => keys.assertion(client, world.issuer, changes, header);

  test('is accepted with each typ that stands for a client assertion, and without one', async () => {
    for (const typ of [undefined, 'JWT', 'client-authentication+jwt']) {
      assert.equal((await send(await assertion({}, { typ }))).status, 200, typ);
    }
  });

  test('is accepted once', async () => {
    const once = await assertion();
    assert.equal((await send(once)).status, 200);
    await refused(once);
  });

  test('is accepted once of fifty that come at the same time', async () => {
    const once = await assertion();
    const answers = await Promise.all(Array.from({ length: 50 }, () => send(once)));
    const statuses = answers.map(({ status }) => status).sort();
    assert.deepEqual(statuses, [200, ...Array.from({ length: 49 }, () => 401)]);
  });

  test('is accepted once of fifty that two fronts are sent at the same time', async () => {
    const fronts = [world.front, await world.startFront()];
    const once = await assertion();
    const form = {
      grant_type: 'client_credentials', resource: endpoint,
      client_assertion_type: jwtBearer, client_assertion: once,
    };
    const answers = await Promise.all(Array.from({ length: 50 }, (_, i) =>
      fronts[i % 2].post('/oauth/token', { form })));
    const accepted = answers.filter(({ status }) => status === 200);
    assert.equal(accepted.length, 1);
    world.secrets.add(accepted[0].json.access_token);
  });

  test('is accepted once of fifty with one jti that differ in all else', async () => {
    const jti = 'the same';
    const many = await Promise.all(Array.from({ length: 50 }, (_, i) =>
      assertion({ jti, exp: later(60 + i) })));
    const statuses = (await Promise.all(many.map((each) => send(each)))).map(({ status }) => status);
    assert.equal(statuses.filter((status) => status === 200).length, 1);
  });

  test('that was used at one endpoint is refused at every other', async () => {
    const once = await assertion();
    assert.equal((await send(once, { token: 'x' }, '/oauth/introspect')).status, 200);
    await refused(once);
    assertError(await send(once, { token: 'x' }, '/oauth/revoke'), 401, 'invalid_client');
  });

  test("with another client's jti is accepted: a jti is one of its client", async () => {
    const jti = 'of two clients';
    const otherKeys = await ClientKey.generate('ES256', 'other');
    const other = await world.client({ keys: otherKeys });
    assert.equal((await send(await assertion({ jti }))).status, 200);
    assert.equal((await send(await otherKeys.assertion(other, world.issuer, { jti }))).status, 200);
  });

  test('whose aud is not the issuer alone is refused, the token endpoint among them', async () => {
    const { issuer } = world;
    for (const aud of [`${issuer}/oauth/token`, `${issuer}/`, 'https://auth.example.com', endpoint, '',
      undefined, [], [issuer, 'https://auth.example.com'], issuer.slice(0, -1)]) {
      await refused(assertion({ aud }));
    }
    assert.equal((await send(await assertion({ aud: [issuer] }))).status, 200);
  });

  const later = (by) => Math.floor(Date.now() / 1000) + by;
  test('that has expired, that lasts too long or is not yet valid is refused', async () => {
    for (const changes of [{ exp: later(-1) }, { exp: undefined }, { exp: later(3700) },
      { nbf: later(120) }, { iat: later(120) }, { exp: `${later(60)}` }]) {
      await refused(assertion(changes));
    }
  });

  test('without a jti is refused', async () => {
    for (const jti of [undefined, '', 'j'.repeat(257), 7]) await refused(assertion({ jti }));
  });

  test("whose iss or sub is not the client is refused", async () => {
    const other = await world.client();
    for (const changes of [{ iss: 'someone' }, { sub: other.id }, { iss: other.id, sub: other.id },
      { iss: undefined }, { sub: undefined }]) {
      await refused(assertion(changes));
    }
  });

  test('of another key, of an altered text or with another alg in the header is refused', async () => {
    const stranger = await ClientKey.generate('ES256', keys.kid);
    await refused(stranger.assertion(client, world.issuer));
    const [header, payload, signature] = (await assertion()).split('.');
    await refused(`${header}.${payload}.${signature.replace(/^./, (c) => (c === 'A' ? 'B' : 'A'))}`);
    const unsigned = btoa(JSON.stringify({ alg: 'none' })).replaceAll('=', '');
    await refused(`${unsigned}.${payload}.`);
    await refused(`${unsigned}.${payload}.${signature}`);
  });

  test('of the wrong typ is refused, an access token of ours among them', async () => {
    for (const typ of ['at+jwt', 'application/at+jwt', 'user-claim+jwt', 'statuslist+jwt', 'dpop+jwt']) {
      await refused(assertion({}, { typ }));
    }
    const ours = (await send(await assertion())).json.access_token;
    await refused(ours, { client_id: client.id });
    await refused(ours);
  });

  test('is good with a client_id that says the same, and not with another', async () => {
    assert.equal((await send(await assertion(), { client_id: client.id })).status, 200);
    await refused(assertion(), { client_id: 'someone' });
  });

  test('and its type come together, and the type is the only one that there is', async () => {
    const send400 = async (form) =>
      assertError(await world.clientCredentials(client, form), 400, 'invalid_request');
    await send400({ client_assertion: await assertion() });
    await send400({ client_assertion_type: jwtBearer });
    await send400({
      client_assertion: await assertion(),
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:saml2-bearer',
    });
  });

  test('is refused while Postgres cannot remember it, and accepted afterwards', async () => {
    const session = await world.base.session();
    await session.query('begin; lock table openclaw.client_assertions in exclusive mode');
    const once = await assertion();
    const waiting = send(once);
    await world.base.frontWaits();
    await world.sql(
      `select pg_cancel_backend(pid) from pg_stat_activity where usename = $1 and wait_event_type = 'Lock'`,
      [world.base.role]);
    assert.ok((await waiting).status >= 500);
    await session.query('rollback');
    await until('the assertion is accepted', async () => (await send(once)).status === 200);
  });

  test('of a key that its client has replaced is refused, and of both while both are listed', async () => {
    const [old, fresh] = await Promise.all(['old', 'new'].map((kid) => ClientKey.generate('EdDSA', kid)));
    const rotating = await world.client({ keys: old });
    const statuses = async () => Promise.all([old, fresh].map(async (each) =>
      (await send(await each.assertion(rotating, world.issuer))).status));
    const setKeys = (...list) => world.sql(`select openclaw.set_client_keys($1, $2)`,
      [rotating.id, JSON.stringify({ keys: list.map(({ jwk }) => jwk) })]);
    assert.deepEqual(await statuses(), [200, 401]);
    await setKeys(old, fresh);
    assert.deepEqual(await statuses(), [200, 200]);
    await setKeys(fresh);
    assert.deepEqual(await statuses(), [401, 200]);
  });
});

describe('a client that does not prove who it is', () => {
  const shape = ({ status, headers, body }) => {
    const { date, 'x-request-id': id, ...rest } = headers;
    return { status, body, headers: rest };
  };

  test('is answered the same byte for byte, whether it is unknown, disabled or wrong', async () => {
    const known = await world.client();
    const disabled = await world.client();
    await world.sql(`select openclaw.disable_client($1)`, [disabled.id]);
    const keyed = await world.client({ keys: await ClientKey.generate('ES256') });
    const { secret: wrong } = await world.client();
    const answers = await Promise.all([
      { id: 'client_nobody', secret: wrong }, { id: known.id, secret: wrong }, { id: known.id, secret: 'x' },
      disabled, { id: keyed.id, secret: wrong }, { id: known.id, secret: known.secret.toUpperCase() },
      { id: known.id.toUpperCase(), secret: known.secret },
    ].map((client) => world.clientCredentials(client)));
    for (const answer of answers) {
      assertError(answer, 401, 'invalid_client');
      assert.match(answer.headers['www-authenticate'], /^Basic /);
      assert.deepEqual(shape(answer), shape(answers[0]));
    }
  });

  test('by the same in the form is answered the same, too', async () => {
    const known = await world.client();
    const { secret } = await world.client();
    const answers = await Promise.all([['client_nobody', secret], [known.id, secret], [known.id, ''],
      [known.id, 'x'.repeat(10_000)]].map(([client_id, client_secret]) =>
      world.clientCredentials(undefined, { client_id, client_secret })));
    for (const answer of answers) assert.deepEqual(shape(answer), shape(answers[0]));
    assertError(answers[0], 401, 'invalid_client');
  });

  test('is refused whatever else stands in Authorization', async () => {
    const { id, secret } = await world.client();
    const form = { grant_type: 'client_credentials', resource: endpoint };
    for (const Authorization of ['Basic', 'Basic ', 'Basic !!', `Basic ${btoa(id)}`, `Basic ${btoa(':')}`,
      `Basic ${btoa(`${id}:`)}`, `Basic ${btoa(`${id}:${secret}`)} x`, `Bearer ${secret}`,
      `Negotiate ${btoa('x')}`,
      `Basic ${btoa(`${id}:${secret}\0`)}`]) {
      const answer = await world.token(undefined, form, { Authorization });
      assertError(answer, 401, 'invalid_client');
      assert.match(answer.headers['www-authenticate'], /^Basic /);
    }
  });

  test('is refused with a client_id beside Authorization that names another', async () => {
    const client = await world.client();
    assert.equal((await world.clientCredentials(client, { client_id: client.id })).status, 200);
    assertError(await world.clientCredentials(client, { client_id: 'someone' }), 401, 'invalid_client');
  });

  test('proves itself in one way: two at once are refused', async () => {
    const client = await world.client();
    const keys = await ClientKey.generate('EdDSA');
    const keyed = await world.client({ keys });
    const assertion = {
      client_assertion_type: jwtBearer, client_assertion: await keys.assertion(keyed, world.issuer),
    };
    const secret = { client_id: client.id, client_secret: client.secret };
    assertError(await world.clientCredentials(client, secret), 400, 'invalid_request');
    assertError(await world.clientCredentials(client, assertion), 400, 'invalid_request');
    const both = { ...secret, ...assertion };
    assertError(await world.clientCredentials(undefined, both), 400, 'invalid_request');
  });

  test('is refused with its method of authentication replaced by one that it did not register', async () => {
    const keys = await ClientKey.generate('EdDSA');
    const client = await world.client();
    const forged = await keys.assertion(client, world.issuer);
    const form = { client_assertion_type: jwtBearer, client_assertion: forged };
    assertError(await world.clientCredentials(undefined, form), 401, 'invalid_client');
    const keyed = await world.client({ keys });
    assertError(await world.clientCredentials(undefined, { client_id: keyed.id }), 401, 'invalid_client');
    assertError(await world.clientCredentials(undefined), 401, 'invalid_client');
  });

  test('is the same for a client whose user is disabled', async () => {
    await world.sql(`select openclaw.create_user(user_id => 'leaver')`);
    const client = await world.client({ user: 'leaver' });
    await world.sql(`select openclaw.disable_user('leaver')`);
    assertError(await world.clientCredentials(client), 401, 'invalid_client');
  });

  test('takes a secret whose basic form is not encoded: ids and secrets need no escape', async () => {
    const client = await world.client({ id: 'plain.id-1_x' });
    assert.equal(basic(client), `Basic ${btoa(`${client.id}:${client.secret}`)}`);
    assert.equal((await world.clientCredentials(client)).status, 200);
    const escaped = [...client.id].map((c) => `%${c.charCodeAt(0).toString(16)}`).join('');
    const Authorization = `basic ${btoa(`${escaped}:${client.secret}`)}`;
    const form = { grant_type: 'client_credentials', resource: endpoint };
    assert.equal((await world.token(undefined, form, { Authorization })).status, 200);
  });
});

test('no secret of this file is in a log', () => world.assertLogsHoldNoSecret());

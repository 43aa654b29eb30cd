// How the token endpoint refuses (RFC 6749 section 5.2): each error with its status, JSON and
// headers, whatever the request looks like.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { OAuthWorld, accessTokenType, assertError, basic, endpoint, tokenExchange } from './oauth_world.mjs';

const formType = 'application/x-www-form-urlencoded';

let world;
let client;
before(async () => {
  world = await OAuthWorld.open();
  client = await world.client();
});
after(() => world.close());

// A body as it is, of a client that proves itself in Authorization.
const send = (body, headers = {}) => world.front.post('/oauth/token', {
  headers: { Authorization: basic(client), 'Content-Type': formType, ...headers }, body,
});
const good = `grant_type=client_credentials&resource=${encodeURIComponent(endpoint)}`;

// error_description and error have only the characters that RFC 6749 section 5.2 allows.
const refused = (answer, status, error) => {
  assertError(answer, status, error);
  for (const text of Object.values(answer.json)) assert.match(text, /^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/);
  assert.equal(answer.headers['www-authenticate'] !== undefined, status === 401);
};

describe('the token endpoint', () => {
  test('answers a good request, so that what follows is refused for its own reason', async () => {
    const answer = await send(good);
    assert.equal(answer.status, 200);
    world.secrets.add(answer.json.access_token);
  });

  test('wants a grant_type', async () => {
    for (const body of ['', 'resource=x', 'grant_type=', 'grant_type=&scope=x']) {
      refused(await send(body), 400, 'invalid_request');
    }
  });

  test('knows three of them', async () => {
    for (const type of ['authorization_code', 'password', 'implicit', 'CLIENT_CREDENTIALS',
      'client_credentials%20', 'x', 'urn:ietf:params:oauth:grant-type:jwt-bearer',
      'urn:ietf:params:oauth:grant-type:device_code', '%F0%9F%A6%80']) {
      refused(await send(`grant_type=${type}`), 400, 'unsupported_grant_type');
    }
  });

  test('refuses a grant that the client is not registered for', async () => {
    const only = await world.client({ grants: ['client_credentials'] });
    for (const grant_type of ['refresh_token', tokenExchange]) {
      refused(await world.token(only, { grant_type }), 400, 'unauthorized_client');
    }
  });

  test('says invalid_scope, invalid_target, invalid_grant and invalid_request of what they are', async () => {
    refused(await send(`${good}&scope=*`), 400, 'invalid_scope');
    refused(await send('grant_type=client_credentials&resource=x'), 400, 'invalid_target');
    refused(await send('grant_type=refresh_token&refresh_token=x'), 400, 'invalid_grant');
    refused(await send(`grant_type=${tokenExchange}`), 400, 'invalid_request');
  });

  test("says 429 and when to come again beyond the plan's issues a minute, and 400 beyond its scopes", async () => {
    await world.sql(`select openclaw.create_user(user_id => 'throttled')`);
    const resource = 'https://mcp.throttled.example.com/mcp';
    await world.base.register('throttled', 'laptop', 'external', resource);
    const theirs = await world.client({ user: 'throttled' });
    const { token } = await world.base.issueToken('throttled', ['mcp:*']);
    await world.sql(`select openclaw.define_plan('none_a_minute', issues_per_minute => 0)`);
    await world.sql(`select openclaw.change_plan('throttled', 'none_a_minute')`);
    const answer = await world.exchange(theirs, token, { resource });
    refused(answer, 429, 'temporarily_unavailable');
    assert.match(answer.headers['retry-after'], /^[1-9]\d*$/);
    await world.sql(`select openclaw.define_plan('none_a_minute', allowed_scopes => '{mcp:tools}')`);
    refused(await world.exchange(theirs, token, { resource, scope: 'mcp:resources' }), 400, 'invalid_scope');
    assert.equal((await world.exchange(theirs, token, { resource })).json.scope, 'mcp:tools');
  });

  test('leaves an audit row of each refused client and grant, with the id of its request', async () => {
    const says = async ({ headers: { 'x-request-id': id } }) => Object.values((await world.sql(
      `select action, target, reason from openclaw.audit_log where request_id = $1 and outcome = 'refused'`, [id]))[0]);
    assert.deepEqual(await says(await send(good, { Authorization: basic({ id: client.id, secret: 'x' }) })),
      ['authenticate_client', client.id, 'invalid_client']);
    assert.deepEqual(await says(await send(good, { Authorization: basic({ id: 'nobody', secret: 'x' }) })),
      ['authenticate_client', null, 'invalid_client']);
    assert.deepEqual(await says(await send(`${good}&scope=data:read`)),
      ['grant_client_credentials', client.id, 'invalid_scope']);
    assert.deepEqual(await says(await send('grant_type=refresh_token&refresh_token=x')),
      ['refresh_access_token', client.id, 'invalid_grant']);
  });

  test('says 401 invalid_client with a challenge of the scheme that was tried (section 5.2)', async () => {
    const answer = await send(good, { Authorization: basic({ id: client.id, secret: 'x' }) });
    refused(answer, 401, 'invalid_client');
    assert.equal(answer.headers['www-authenticate'], 'Basic realm="openclaw"');
  });

  test('refuses a parameter that is given twice, of any name (section 3.2)', async () => {
    for (const more of ['grant_type=client_credentials', 'resource=x', 'scope=mcp:tools&scope=mcp:tools',
      'unknown=1&unknown=1',
      `client_id=${client.id}&client_id=${client.id}`, 'gr%61nt_type=client_credentials']) {
      refused(await send(`${good}&${more}`), 400, 'invalid_request');
    }
  });

  test('ignores parameters that it does not know (section 3.2)', async () => {
    const answer = await send(`${good}&unknown=1&code=x&redirect_uri=x`);
    assert.equal(answer.status, 200);
    world.secrets.add(answer.json.access_token);
  });

  test('takes a parameter without a value as one that is not there (section 3.2)', async () => {
    const empty = ['scope', 'user_id', 'client_secret', 'client_assertion', 'client_assertion_type'];
    const answer = await send([good, ...empty.map((name) => `${name}=`)].join('&'));
    assert.equal(answer.status, 200, answer.body);
    world.secrets.add(answer.json.access_token);
    refused(await send('grant_type=client_credentials&resource='), 400, 'invalid_target');
  });

  test('refuses a body that is no form in UTF-8', async () => {
    for (const body of [`${good}&x=%`, `${good}&x=%zz`, `${good}&x=%00`, `${good}&x=%ff`, `${good}&%ff=x`]) {
      refused(await send(body), 400, 'invalid_request');
    }
  });

  test('takes parameters of the body alone, never of the query', async () => {
    const answer = await world.front.post(`/oauth/token?${good}`, {
      headers: { Authorization: basic(client), 'Content-Type': formType }, body: '',
    });
    refused(answer, 400, 'invalid_request');
    const secrets = `client_id=${client.id}&client_secret=${client.secret}`;
    refused(await world.front.post(`/oauth/token?${secrets}`,
      { headers: { 'Content-Type': formType }, body: good }),
      401, 'invalid_client');
  });

  test('refuses another content type', async () => {
    for (const type of ['application/json', 'text/plain', 'multipart/form-data; boundary=x', '',
      `${formType}; charset=latin1`]) {
      const answer = await send(type === 'application/json' ? '{"grant_type":"client_credentials"}' : good,
        { 'Content-Type': type });
      refused(answer, 415, 'invalid_request');
    }
    for (const type of [`${formType}; charset=utf-8`, `${formType};charset=UTF-8`, formType.toUpperCase()]) {
      const answer = await send(good, { 'Content-Type': type });
      assert.equal(answer.status, 200, type);
      world.secrets.add(answer.json.access_token);
    }
  });

  test('is POST alone (section 3.2)', async () => {
    for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
      const answer = await world.front.request(method, `/oauth/token?${good}`,
        { headers: { Authorization: basic(client) } });
      assert.deepEqual([answer.status, answer.headers.allow], [405, 'POST'], method);
      assert.equal(answer.headers['cache-control'], 'no-store');
    }
  });

  test('refuses bodies over 64 KiB and more than 64 parameters', async () => {
    assert.equal((await send(`${good}&x=${'x'.repeat(65_536)}`)).status, 413);
    const many = Array.from({ length: 64 }, (_, i) => `p${i}=1`).join('&');
    refused(await send(`${good}&${many}`), 400, 'invalid_request');
  });

  test('repeats nothing of a request in its refusal', async () => {
    const marks = {
      grant_type: 'mark1', resource: 'mark2', scope: 'mark3', user_id: 'mark4', refresh_token: 'mark5',
      subject_token: 'mark6', subject_token_type: 'mark7', requested_token_type: 'mark8', audience: 'mark9',
    };
    for (const grant_type of ['mark1', 'client_credentials', 'refresh_token', tokenExchange]) {
      const answer = await world.token(client, { ...marks, grant_type });
      assert.equal(answer.status, 400);
      assert.doesNotMatch(answer.body + JSON.stringify(answer.headers), /mark/);
    }
  });

  test('says invalid_scope of scopes that no JWT of 8 KiB has room for', async () => {
    const scopes = Array.from({ length: 64 }, (_, i) => `${'a'.repeat(64)}:${'b'.repeat(60)}${i}`);
    const wide = await world.client({ scopes });
    assertError(await world.clientCredentials(wide), 400, 'invalid_scope');
    const { token: subject } = await world.base.issueToken('ada', scopes);
    assertError(await world.exchange(wide, subject), 400, 'invalid_scope');
    assert.equal((await world.clientCredentials(wide, { scope: scopes[0] })).status, 200);
  });

  test('judges two hundred good and bad requests at once each by itself', async () => {
    const bodies = [good, 'grant_type=x', `${good}&scope=*`, 'grant_type=client_credentials'];
    const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => send(bodies[i % 4])));
    const seen = answers.map(({ status, json }) => json.error ?? status);
    assert.deepEqual(seen, answers.map((_, i) =>
      [200, 'unsupported_grant_type', 'invalid_scope', 'invalid_target'][i % 4]));
    for (const { json } of answers) if (json.access_token) world.secrets.add(json.access_token);
  });

  test('says 503 with Retry-After while no key can sign, and is well again when one can', async () => {
    await world.sql(
      `update openclaw.signing_keys set activates_at = 'infinity', retires_at = null, expires_at = null
       where activates_at <= now()`);
    try {
      const exchange = {
        grant_type: tokenExchange, subject_token: (await world.base.issueToken('ada', ['mcp:*'])).token,
        subject_token_type: accessTokenType,
      };
      for (const form of [{}, exchange]) {
        const answer = await world.clientCredentials(client, form);
        assertError(answer, 503, 'temporarily_unavailable');
        assert.match(answer.headers['retry-after'], /^\d+$/);
      }
    } finally {
      await world.sql(`update openclaw.signing_keys set activates_at = created_at where kid = $1`,
        [world.base.keys.EdDSA]);
    }
    assert.equal((await world.clientCredentials(client)).status, 200);
  });
});

test('no secret of this file is in a log', () => world.assertLogsHoldNoSecret());

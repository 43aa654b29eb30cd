// Authorization server metadata (RFC 8414): it lists what works, all of it and nothing else, wherever
// clients look for it.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import * as modern from '@modelcontextprotocol/client';
import * as classic from '@modelcontextprotocol/sdk/client/auth.js';
import * as oauth from 'oauth4webapi';
import * as openid from 'openid-client';
import {
  ClientKey, OAuthWorld, accessTokenType, algorithms, assertError, authHost, endpoint, jwtBearer,
  tokenExchange,
} from './oauth_world.mjs';

const oauthPath = '/.well-known/oauth-authorization-server';
const openidPath = '/.well-known/openid-configuration';
const proofs = ['client_secret_basic', 'client_secret_post', 'private_key_jwt'];
const endpoints = ['token', 'introspection', 'revocation'];

let world;
before(async () => (world = await OAuthWorld.open()));
after(() => world.close());

const metadataOf = async (path = `${oauthPath}${world.path}`) => {
  const answer = await world.front.get(path);
  assert.equal(answer.status, 200, answer.body);
  assert.equal(answer.headers['content-type'], 'application/json');
  assert.equal(answer.headers['cache-control'], 'public, max-age=300');
  return answer.json;
};

test('the document is what RFC 8414 section 2 asks for', async () => {
  const { issuer } = world;
  const methods = Object.fromEntries(endpoints.flatMap((name) => [
    [`${name}_endpoint_auth_methods_supported`, proofs],
    [`${name}_endpoint_auth_signing_alg_values_supported`, ['EdDSA', 'Ed25519', 'ES256', 'RS256']],
  ]));
  assert.deepEqual(await metadataOf(), {
    issuer,
    authorization_endpoint: `${issuer}/oauth/authorize`,
    token_endpoint: `${issuer}/oauth/token`,
    introspection_endpoint: `${issuer}/oauth/introspect`,
    revocation_endpoint: `${issuer}/oauth/revoke`,
    jwks_uri: `${issuer}/.well-known/jwks.json`,
    response_types_supported: ['code'],
    grant_types_supported: ['client_credentials', 'refresh_token', tokenExchange],
    ...methods,
  });
});

test('the document may be asked for by GET and HEAD', async () => {
  const { front } = world;
  assert.equal((await front.request('HEAD', oauthPath)).status, 200);
  assert.deepEqual([(await front.post(oauthPath)).status, (await front.post(openidPath)).status], [405, 405]);
});

describe('an issuer with a URL for client certificates', () => {
  before(() => world.serve({ settings: { mtls_url: `https://${authHost}` } }));
  after(() => world.serve({ settings: { mtls_url: '' } }));

  test('offers tls_client_auth and bound tokens there', async () => {
    const document = await metadataOf();
    for (const name of endpoints) {
      assert.deepEqual(document[`${name}_endpoint_auth_methods_supported`], [...proofs, 'tls_client_auth']);
    }
    assert.equal(document.tls_client_certificate_bound_access_tokens, true);
    assert.deepEqual(document.mtls_endpoint_aliases, {
      token_endpoint: `https://${authHost}/oauth/token`,
      introspection_endpoint: `https://${authHost}/oauth/introspect`,
      revocation_endpoint: `https://${authHost}/oauth/revoke`,
    });
  });
});

describe('an issuer without one', () => {
  test('does not take a certificate, whoever registered a client for it', async () => {
    await world.serve({ front: ['--trust-client-cert'] });
    const { cert } = world.authority.client('agent', ['DNS:agent.example.com']);
    const { id: client_id } = await world.client({ subject: 'san_dns:agent.example.com' });
    const answer = await world.clientCredentials(undefined, { client_id },
      { 'Client-Cert': encodeURIComponent(cert) });
    assertError(answer, 401, 'invalid_client');
    await world.serve();
  });
});

for (const [what, path] of [['without a path', ''], ['with a path', '/auth/v1']]) {
  describe(`an issuer ${what}`, () => {
    let document;
    let keys;
    let clients;
    before(async () => {
      await world.serve({ path });
      document = await metadataOf();
      keys = await ClientKey.generate('ES256');
      clients = { secret: await world.client(), keyed: await world.client({ keys }) };
    });

    test('has the same document at each place where a client looks for it (section 3.1, MCP)', async () => {
      assert.equal(document.issuer, world.issuer);
      for (const place of [oauthPath, openidPath]) {
        for (const form of [`${place}${path}`, `${path}${place}`]) {
          assert.deepEqual(await metadataOf(form), document);
        }
      }
    });

    test('has none at another path', async () => {
      for (const other of ['/auth', '/auth/v1/x', '/auth/v2', '/x', '/auth/v1//']) {
        for (const place of [oauthPath, openidPath]) {
          assertError(await world.front.get(`${place}${other}`), 404, 'not_found');
        }
      }
    });

    test('offers neither tls_client_auth nor bound tokens while there is no URL for it', () => {
      for (const name of ['tls_client_certificate_bound_access_tokens', 'mtls_endpoint_aliases']) {
        assert.equal(name in document, false);
      }
    });

    test('is taken by oauth4webapi and openid-client, which compare it with the document\'s', async () => {
      for (const algorithm of ['oauth2', 'oidc']) {
        const options = { algorithm, [oauth.allowInsecureRequests]: true };
        const issuer = new URL(world.issuer);
        const server = await oauth.processDiscoveryResponse(issuer,
          await oauth.discoveryRequest(issuer, options));
        assert.equal(server.issuer, world.issuer);
        const found = await openid.discovery(issuer, 'client', undefined, undefined,
          { algorithm, execute: [openid.allowInsecureRequests] });
        assert.equal(found.serverMetadata().token_endpoint, `${world.issuer}/oauth/token`);
      }
    });

    for (const [name, { discoverAuthorizationServerMetadata: discover }] of Object.entries({
      '@modelcontextprotocol/sdk': classic, '@modelcontextprotocol/client': modern,
    })) {
      test(`is found by ${name}`, async () => {
        const found = await discover(new URL(world.issuer));
        assert.deepEqual([found?.issuer, found?.token_endpoint],
          [world.issuer, `${world.issuer}/oauth/token`]);
      });
    }

    test('answers at every address of the document', async () => {
      const allowed = { authorization: 400, token: 405, introspection: 405, revocation: 405 };
      for (const [name, status] of Object.entries(allowed)) {
        assert.equal((await fetch(document[`${name}_endpoint`])).status, status, name);
      }
      const jwks = await fetch(document.jwks_uri);
      assert.ok((await jwks.json()).keys.length > 0);
    });

    const grantForms = {
      client_credentials: async () => ({ resource: endpoint }),
      [tokenExchange]: async () => ({
        subject_token: (await world.base.issueToken('ada', ['mcp:tools'])).token,
        subject_token_type: accessTokenType, resource: endpoint,
      }),
      refresh_token: async () => {
        const exchange = { grant_type: tokenExchange, ...(await grantForms[tokenExchange]()) };
        return { refresh_token: (await world.token(clients.secret, exchange)).json.refresh_token };
      },
    };

    test('gives tokens by every grant of the document', async () => {
      for (const grant_type of document.grant_types_supported) {
        const answer = await world.token(clients.secret, { grant_type, ...(await grantForms[grant_type]()) });
        assert.equal(answer.status, 200, grant_type);
      }
    });

    const proofForms = {
      client_secret_basic: async () => [clients.secret, {}],
      client_secret_post: async () =>
        [undefined, { client_id: clients.secret.id, client_secret: clients.secret.secret }],
      private_key_jwt: async () => [undefined, {
        client_assertion_type: jwtBearer, client_assertion: await keys.assertion(clients.keyed, world.issuer),
      }],
    };

    test('takes every client authentication of the document at every endpoint', async () => {
      for (const each of endpoints) {
        const path = new URL(document[`${each}_endpoint`]).pathname.slice(world.path.length);
        for (const method of document[`${each}_endpoint_auth_methods_supported`]) {
          const [client, form] = await proofForms[method]();
          const answer = await world.post(path, client,
            { grant_type: 'client_credentials', resource: endpoint, token: 'x', ...form });
          assert.equal(answer.status, 200, `${method} at ${each}: ${answer.body}`);
        }
      }
    });

    test('takes an assertion by every algorithm of the document', async () => {
      for (const alg of document.token_endpoint_auth_signing_alg_values_supported) {
        // One key by two names (RFC 9864 section 2.2).
        const own = await ClientKey.generate(alg === 'Ed25519' ? 'EdDSA' : alg);
        const client = await world.client({ keys: own });
        const assertion = await own.assertion(client, world.issuer, {}, { alg });
        const answer = await world.clientCredentials(undefined,
          { client_assertion_type: jwtBearer, client_assertion: assertion });
        assert.equal(answer.status, 200, alg);
      }
    });

    test('takes no other grant and no other proof, and lets nobody have authorization codes', async () => {
      for (const grant_type of ['authorization_code', 'password', 'implicit',
        'urn:ietf:params:oauth:grant-type:jwt-bearer',
        'urn:ietf:params:oauth:grant-type:saml2-bearer', 'urn:ietf:params:oauth:grant-type:device_code']) {
        assertError(await world.token(clients.secret,
          { grant_type, code: 'x', username: 'ada', password: 'x', assertion: 'x' }),
          400, 'unsupported_grant_type');
      }
      const unproven = await world.clientCredentials(undefined, { client_id: clients.secret.id });
      assertError(unproven, 401, 'invalid_client');
      for (const response_type of ['code', 'token', 'code id_token', 'none']) {
        const query = new URLSearchParams({
          response_type, client_id: clients.secret.id, redirect_uri: 'https://evil.example.com/', state: 'x',
        });
        const answer = await world.front.get(`${world.path}/oauth/authorize?${query}`);
        assertError(answer, 400, response_type === 'code' ? 'unauthorized_client' : 'unsupported_response_type');
        assert.equal(answer.headers.location, undefined);
        assert.doesNotMatch(answer.body, /evil/);
      }
      assertError(await world.front.post(`${world.path}/oauth/authorize`), 400, 'unsupported_response_type');
      for (const path of ['/oauth/register', '/oauth/device', '/oauth/par', '/userinfo']) {
        assert.equal((await world.front.post(`${world.path}${path}`, { form: {} })).status, 404, path);
      }
    });

    test('gives JWTs by every algorithm that a container may have', async () => {
      await world.sql(
        `update openclaw.signing_keys set activates_at = created_at where kid = any ($1)`,
        [Object.values(world.base.keys)]);
      for (const alg of algorithms) {
        await world.sql(`select openclaw.update_container('ada', 'ada-laptop', signing_alg => $1)`, [alg]);
        const { access_token: jwt } = (await world.clientCredentials(clients.secret)).json;
        const [header] = jwt.split('.').map((part) => Buffer.from(part, 'base64url'));
        assert.equal(JSON.parse(header).alg, alg);
        assert.equal((await world.claims(jwt)).iss, world.issuer);
      }
    });
  });
}

test('no secret of this file is in a log', () => world.assertLogsHoldNoSecret());

// tls_client_auth (RFC 8705): a real certificate, nginx that proves it and passes it on, tokens bound
// to it, and the gate that holds them to it.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import * as oauth from 'oauth4webapi';
import * as openid from 'openid-client';
import { Authority, selfSigned } from './certificates.mjs';
import { Upstream } from './gate_world.mjs';
import {
  OAuthWorld, assertError, authHost, basic, endpoint, host, thumbprint, tokenExchange,
} from './oauth_world.mjs';

const agentName = 'agent.example.com';
const grant = { grant_type: 'client_credentials', resource: endpoint };

let world;
let nginx;
let identity; // of the client's
let client;
before(async () => {
  world = await OAuthWorld.open({ front: ['--trust-client-cert'],
    settings: { mtls_url: `https://${authHost}` } });
  nginx = await world.startNginx();
  identity = world.authority.client('agent', [`DNS:${agentName}`]);
  client = await world.client({ subject: `san_dns:${agentName}` });
});
after(() => world.close());

// At the endpoint through nginx, with the certificate of `shown`: { status, json, headers }.
async function post(path, form, { shown = identity, headers } = {}) {
  const url = `https://${authHost}${path}`;
  const response = await nginx.fetch(shown)(url, {
    method: 'POST', body: new URLSearchParams(form),
    headers: { 'Content-Type': 'application/x-www-form-urlencoded', ...headers },
  });
  const body = await response.text();
  if (response.ok && body) world.secrets.add(JSON.parse(body).access_token ?? body);
  return { status: response.status, headers: Object.fromEntries(response.headers), body,
    get json() { return JSON.parse(body); } };
}
const token = (form, options) => post('/oauth/token', { client_id: client.id, ...grant, ...form }, options);

// What the client's machine takes for fetch.
const fetchHere = (url, init) =>
  (new URL(url).hostname === authHost ? nginx.fetch(identity) : fetch)(url, init);

// What a proxy passes on, in each of the forms that there are.
const certificateFields = {
  'RFC 9440': ({ cert }) => `:${new X509Certificate(cert).raw.toString('base64')}:`,
  'percent-encoded PEM': ({ cert }) => encodeURIComponent(cert),
};

const assertBound = async (answer, to = identity) => {
  assert.equal(answer.status, 200, answer.body);
  assert.equal(answer.json.token_type, 'Bearer');
  const claims = await world.claims(answer.json.access_token);
  assert.deepEqual(claims.cnf, { 'x5t#S256': thumbprint(to) });
  assert.equal(claims.client_id, client.id);
};

describe('a client with a certificate', () => {
  test('gets a token that is bound to it, through nginx', async () => assertBound(await token()));

  test('gets it with openid-client, which follows mtls_endpoint_aliases', async () => {
    const configuration = await openid.discovery(new URL(world.issuer), client.id,
      { use_mtls_endpoint_aliases: true }, openid.TlsClientAuth(),
      { algorithm: 'oauth2', execute: [openid.allowInsecureRequests], [openid.customFetch]: fetchHere });
    const answer = await openid.clientCredentialsGrant(configuration, { resource: endpoint });
    world.secrets.add(answer.access_token);
    assert.deepEqual((await world.claims(answer.access_token)).cnf, { 'x5t#S256': thumbprint(identity) });
    const seen = await openid.tokenIntrospection(configuration, answer.access_token);
    assert.deepEqual([seen.active, seen.cnf], [true, { 'x5t#S256': thumbprint(identity) }]);
    await openid.tokenRevocation(configuration, answer.access_token);
    assert.equal((await openid.tokenIntrospection(configuration, answer.access_token)).active, false);
  });

  test('gets it with oauth4webapi, which follows mtls_endpoint_aliases', async () => {
    const options = {
      algorithm: 'oauth2', [oauth.allowInsecureRequests]: true, [oauth.customFetch]: fetchHere,
    };
    const issuer = new URL(world.issuer);
    const server = await oauth.processDiscoveryResponse(issuer,
      await oauth.discoveryRequest(issuer, options));
    const who = { client_id: client.id, use_mtls_endpoint_aliases: true };
    const answer = await oauth.processClientCredentialsResponse(server, who,
      await oauth.clientCredentialsGrantRequest(
        server, who, oauth.TlsClientAuth(), { resource: endpoint }, options));
    world.secrets.add(answer.access_token);
    assert.deepEqual((await world.claims(answer.access_token)).cnf, { 'x5t#S256': thumbprint(identity) });
  });

  for (const [form, field] of Object.entries(certificateFields)) {
    test(`gets it from a proxy that passes the certificate on as ${form}`, async () => {
      const headers = { 'Client-Cert': field(identity) };
      await assertBound(await world.token(undefined, { client_id: client.id, ...grant }, headers));
    });
  }

  test("gets one that is bound to its own of several certificates of the same name", async () => {
    const renewed = world.authority.client('renewed', [`DNS:${agentName}`]);
    assert.notEqual(thumbprint(renewed), thumbprint(identity));
    await assertBound(await token({}, { shown: renewed }), renewed);
  });

  test('gets tokens that are bound to what it shows by token exchange and by refresh, too', async () => {
    const { token: subject } = await world.base.issueToken('ada', ['mcp:tools']);
    const exchanged = await token({
      grant_type: tokenExchange, subject_token: subject,
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    });
    await assertBound(exchanged);
    const renewed = world.authority.client('renewed-again', [`DNS:${agentName}`]);
    const form = { grant_type: 'refresh_token', refresh_token: exchanged.json.refresh_token };
    world.secrets.add(form.refresh_token);
    await assertBound(await token(form, { shown: renewed }), renewed);
  });

  for (const [kind, names, subject] of [
    ['a URI', ['URI:spiffe://example.com/agent'], 'san_uri:spiffe://example.com/agent'],
    ['an address', ['IP:192.0.2.7'], 'san_ip:192.0.2.7'],
    ['an e-mail address', ['email:agent@example.com'], 'san_email:agent@example.com'],
  ]) {
    test(`may be known by ${kind}`, async () => {
      const named = world.authority.client(subject.split(':')[0], names);
      const { id: client_id } = await world.client({ subject });
      assert.equal((await post('/oauth/token', { client_id, ...grant }, { shown: named })).status, 200);
      assertError(await post('/oauth/token', { client_id, ...grant }), 401, 'invalid_client');
    });
  }

  test('may be known by its subject, as openssl prints it in RFC 4514 form', async () => {
    const named = world.authority.client('by-subject', [], { commonName: 'agent, of Ada' });
    const subject = execFileSync('openssl',
      ['x509', '-noout', '-subject', '-nameopt', 'RFC2253', '-in', named.certificateFile],
      { encoding: 'utf8' })
      .replace('subject=', '').trim();
    const { id: client_id } = await world.client({ subject: `subject_dn:${subject}` });
    const answer = await post('/oauth/token', { client_id, ...grant }, { shown: named });
    assert.equal(answer.status, 200, `${subject}: ${answer.body}`);
  });
});

test('a bound token is refused at /v1/verify, to which nobody shows a certificate', async () => {
  const { json: { access_token: jwt } } = await token();
  assert.equal((await world.base.verify(jwt, endpoint)).status, 401);
  const headers = { 'Client-Cert': certificateFields['RFC 9440'](identity) };
  const query = new URLSearchParams({ audience: endpoint });
  assert.equal((await world.front.get(`/v1/verify?${query}`, { bearer: jwt, headers })).status, 401);
});

describe('a client that lacks its certificate', () => {
  const past = { begins: -7_200_000, ends: -3_600_000 };

  test('is refused without one, and with that of another name', async () => {
    for (const shown of [null, world.authority.client('other', ['DNS:other.example.com']),
      world.authority.client('longer', [`DNS:x.${agentName}`]), world.authority.client(agentName)]) {
      assertError(await token({}, { shown }), 401, 'invalid_client');
    }
  });

  test('gets nothing from nginx with one that is expired, or that another authority signed', async () => {
    const stranger = new Authority(world.folder, 'stranger');
    for (const shown of [world.authority.client('expired', [`DNS:${agentName}`], past),
      stranger.client('agent', [`DNS:${agentName}`]), selfSigned(world.folder, 'alone', [`DNS:${agentName}`])]) {
      assert.equal((await token({}, { shown })).status, 400);
    }
  });

  test('is refused with an expired one, even when the proxy lets it through', async () => {
    const expired = world.authority.client('old', [`DNS:${agentName}`], past);
    for (const field of Object.values(certificateFields)) {
      const headers = { 'Client-Cert': field(expired) };
      const answer = await world.token(undefined, { client_id: client.id, ...grant }, headers);
      assertError(answer, 401, 'invalid_client');
    }
  });

  test('is refused with anything in the field that is no certificate', async () => {
    const whole = certificateFields['RFC 9440'](identity);
    for (const field of ['', ':', '::', ':AAAA:', whole.slice(1), whole.slice(0, -1), `${whole}, ${whole}`,
      whole.slice(0, 80), `${whole};x=1`, '-----BEGIN CERTIFICATE-----', '%', 'x'.repeat(7000)]) {
      const headers = { 'Client-Cert': field };
      const answer = await world.token(undefined, { client_id: client.id, ...grant }, headers);
      assertError(answer, 401, 'invalid_client');
    }
  });

  test('is refused when the field comes twice', async () => {
    const field = certificateFields['RFC 9440'](identity);
    const answer = await world.token(undefined, { client_id: client.id, ...grant },
      { 'Client-Cert': [field, field] });
    assert.ok([400, 401].includes(answer.status), answer.body);
  });

  test('does not get in by a field that it sends to nginx itself', async () => {
    const headers = { 'Client-Cert': certificateFields['RFC 9440'](identity) };
    assertError(await token({}, { shown: null, headers }), 401, 'invalid_client');
    const other = world.authority.client('mallory', ['DNS:mallory.example.com']);
    assertError(await token({}, { shown: other, headers }), 401, 'invalid_client');
  });

  test('does not get in by a field that it sends to a front that is not told to trust it', async () => {
    const direct = await world.startFront();
    for (const field of Object.values(certificateFields)) {
      const answer = await direct.post('/oauth/token', {
        headers: { 'Client-Cert': field(identity) }, form: { client_id: client.id, ...grant },
      });
      assertError(answer, 401, 'invalid_client');
    }
  });

  test('is refused when it does not say which client it is (RFC 8705 section 2)', async () => {
    assertError(await post('/oauth/token', grant), 401, 'invalid_client');
  });

  test('does not get in by a secret beside the certificate', async () => {
    assertError(await token({ client_secret: 'x' }), 401, 'invalid_client');
  });

  test("and a secret's client with a certificate gets a token that is not bound", async () => {
    const secret = await world.client();
    const answer = await post('/oauth/token', grant, { headers: { Authorization: basic(secret) } });
    assert.equal(answer.status, 200);
    assert.equal((await world.claims(answer.json.access_token)).cnf, undefined);
  });
});

describe('the gate and a token that is bound to a certificate', () => {
  let upstream;
  let gate;
  let bound;
  before(async () => {
    upstream = await Upstream.start();
    world.ending({ stop: () => upstream.close() });
    gate = await world.startGate(upstream);
    bound = (await token()).json.access_token;
  });
  const call = (bearer, shown) => world.fetchFrom(gate, shown)(endpoint, {
    headers: { Authorization: `Bearer ${bearer}` },
  });

  test('let in who shows that certificate', async () => {
    assert.equal((await call(bound, identity)).status, 200);
    assert.equal((await call(bound, identity)).status, 200, 'and again, when the token is known');
  });

  test('refuse who shows another or none, also when the token is known', async () => {
    assert.equal((await call(bound, identity)).status, 200);
    const { length } = upstream.requests;
    const renewed = world.authority.client('renewed-for-gate', [`DNS:${agentName}`]);
    for (const shown of [undefined, renewed, selfSigned(world.folder, 'copy', [`DNS:${agentName}`])]) {
      const answer = await call(bound, shown);
      assert.equal(answer.status, 401);
      assert.match(answer.headers.get('www-authenticate'), /error="invalid_token"/);
    }
    assert.equal(upstream.requests.length, length);
  });

  test('refuse who sends that certificate in a header', async () => {
    const [field] = Object.values(certificateFields);
    const answer = await gate.get('/mcp', {
      host, tls: { servername: host, ca: world.authority.cert }, bearer: bound,
      headers: { 'Client-Cert': field(identity) },
    });
    assert.equal(answer.status, 401);
  });

  test('a token that is bound to nothing needs no certificate', async () => {
    const free = (await world.clientCredentials(await world.client())).json.access_token;
    assert.equal((await call(free)).status, 200);
    assert.equal((await call(free, identity)).status, 200);
  });

  test('no secret of this file is in a log', () => world.assertLogsHoldNoSecret(gate));
});

// Certificate-bound tokens (RFC 8705 section 3): a JWT with cnf.x5t#S256 lets in only who proves by
// TLS to have the key of that certificate. No authority need vouch for it.
import assert from 'node:assert/strict';
import { X509Certificate, createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Authority, selfSigned } from './certificates.mjs';
import { Issuer, host } from './gate_issuer.mjs';
import { Gate, Upstream } from './gate_world.mjs';

const service = 'search-ada:3100';
const forwardAuth = '/.openclaw/forward-auth';

let folder;
let authority;
let issuer;
let upstream;
let gate;
let client; // whose certificate tokens are bound to
let other; // of the same authority
let own; // nobody's but its own
const gates = [];

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'openclaw-bound-'));
  authority = new Authority(folder);
  [client, other] = ['client', 'other'].map((name) => authority.client(name, [`DNS:${name}.example`]));
  own = selfSigned(folder, 'own', ['DNS:own.example']);
  [issuer, upstream] = await Promise.all([Issuer.start(), Upstream.start()]);
  gate = await startGate();
});

after(async () => {
  await Promise.all(gates.map((each) => each.stop()));
  await Promise.all([issuer?.close(), upstream?.close()]);
  rmSync(folder, { recursive: true });
});

async function startGate({ auth, ...config } = {}) {
  const server = authority.server(`gate-${gates.length}`, [`DNS:${host}`, 'DNS:search-ada']);
  const started = await Gate.start({
    config: issuer.config({
      upstream: upstream.url, tls: { certificate: 'tls.pem', key: 'tls.key' }, auth, ...config,
    }),
    files: { 'tls.pem': server.cert, 'tls.key': server.key, 'ca.pem': authority.cert },
  });
  gates.push(started);
  return started;
}

const thumbprintOf = (identity) =>
  createHash('sha256').update(new X509Certificate(identity.cert).raw).digest('base64url');
const boundTo = (identity, changes, options) =>
  issuer.token({ cnf: { 'x5t#S256': thumbprintOf(identity) }, ...changes }, options);

const tlsOf = (identity, options) => ({ servername: host, ca: authority.cert, ...identity?.tls, ...options });

// A call over a connection with this certificate, or none.
const call = (bearer, identity, { at = gate, path = '/mcp', tls, ...options } = {}) =>
  at.post(path, { bearer, body: '{}', tls: tlsOf(identity, tls), ...options });

async function assertLetIn(answer) {
  assert.equal(answer.status, 200, answer.body);
  assert.equal(upstream.last.headers['x-openclaw-user-id'], 'ada');
}

async function assertRefused(answer, at = gate) {
  assert.equal(answer.status, 401, answer.body);
  assert.equal(answer.json.error, 'invalid_token');
  assert.match(answer.headers['www-authenticate'], /^Bearer error="invalid_token", /);
  const id = answer.headers['x-request-id'];
  assert.ok(!upstream.requests.some(({ headers }) => headers['x-request-id'] === id), 'it reached the upstream');
  assert.equal((await at.requestEvent(answer)).reason, 'wrong_certificate');
}

describe('a bound token in mode platform', () => {
  test('lets in with its certificate, whoever vouches for that', async () => {
    await assertLetIn(await call(boundTo(client), client));
    await assertLetIn(await call(boundTo(own), own));
    const expired = authority.client('expired', [], { ends: -1000 });
    await assertLetIn(await call(boundTo(expired), expired));
  });

  test('is refused with another certificate and with none', async () => {
    const token = boundTo(client);
    await assertRefused(await call(token, other));
    await assertRefused(await call(token, own));
    await assertRefused(await call(token));
  });

  test('is judged by the connection each time, also once it is known', async () => {
    const token = boundTo(client);
    for (let i = 0; i < 2; ++i) {
      await assertLetIn(await call(token, client));
      await assertRefused(await call(token, other));
      await assertRefused(await call(token));
    }
  });

  test('is refused with a renewed certificate of the same key', async () => {
    const renewed = authority.client('renewed', [], { key: client });
    await assertRefused(await call(boundTo(client), renewed));
    await assertLetIn(await call(boundTo(renewed), renewed));
  });

  test('each token of a connection is judged by that connection', async () => {
    const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
    const { connections } = upstream;
    for (let i = 0; i < 3; ++i) {
      await assertLetIn(await call(boundTo(client), client, { agent }));
      await assertRefused(await call(boundTo(other), client, { agent }));
      await assertLetIn(await call(issuer.token(), client, { agent }));
    }
    assert.ok(upstream.connections - connections <= 1);
    agent.destroy();
  });

  test('over TLS 1.2 it is the same', async () => {
    const tls = { maxVersion: 'TLSv1.2' };
    await assertLetIn(await call(boundTo(client), client, { tls }));
    await assertRefused(await call(boundTo(client), other, { tls }));
    await assertRefused(await call(boundTo(client), undefined, { tls }));
  });

  test('a token that is bound to none goes in with any certificate and with none', async () => {
    for (const identity of [undefined, client, own]) await assertLetIn(await call(issuer.token(), identity));
  });

  test('certificates in headers count for nothing', async () => {
    const pem = encodeURIComponent(client.cert);
    const headers = {
      'Client-Cert': `:${Buffer.from(new X509Certificate(client.cert).raw).toString('base64')}:`,
      'X-SSL-Client-Cert': pem, 'X-Forwarded-Client-Cert': `Cert="${pem}"`,
    };
    await assertRefused(await call(boundTo(client), undefined, { headers }));
    await assertRefused(await call(boundTo(client), other, { headers }));
  });

  test('a confirmation by other means is malformed, with the right certificate too', async () => {
    const digest = thumbprintOf(client);
    for (const cnf of [{}, { jkt: digest }, { 'x5t#S256': digest, jkt: digest }, { 'x5t#S256': '' },
      { 'x5t#S256': [digest] }, { 'x5t#s256': digest }, digest, null]) {
      const answer = await call(issuer.token({ cnf }), client);
      assert.equal(answer.status, 401, JSON.stringify(cnf));
      const { reason } = await gate.requestEvent(answer);
      assert.equal(reason, 'malformed', JSON.stringify(cnf));
    }
  });

  test('a thumbprint that is written in another way is another one', async () => {
    const digest = createHash('sha256').update(new X509Certificate(client.cert).raw).digest();
    for (const text of [digest.toString('hex'), `${digest.toString('base64url')}=`]) {
      const answer = await call(issuer.token({ cnf: { 'x5t#S256': text } }), client);
      assert.equal(answer.status, 401);
      assert.match((await gate.requestEvent(answer)).reason, /^(wrong_certificate|malformed)$/);
    }
  });

  test("forward-auth takes no bound token: the connection is the proxy's", async () => {
    assert.equal((await call(issuer.token(), client, { path: forwardAuth })).status, 200);
    await assertRefused(await call(boundTo(client), client, { path: forwardAuth }));
    await assertRefused(await call(boundTo(client), undefined, { path: `${forwardAuth}/mcp` }));
  });

  test('a gate without TLS takes none', async () => {
    const plain = await startGate({ tls: undefined });
    const ask = (bearer) => plain.post('/mcp', { bearer, body: '{}' });
    assert.equal((await ask(issuer.token())).status, 200);
    await assertRefused(await ask(boundTo(client)), plain);
  });
});

describe('what the gate asks of TLS clients', () => {
  // The server's signature algorithms come with its request for a certificate (RFC 8446 4.3.2).
  const isAsked = async (at) => {
    const socket = await at.connect(tlsOf(client));
    const asked = socket.getSharedSigalgs().length > 0;
    socket.destroy();
    return asked;
  };

  test('in mode token nobody is asked for a certificate', async () => {
    const keyed = await startGate({ auth: { mode: 'token', tokens: [] } });
    assert.equal(await isAsked(keyed), false);
    assert.equal(await isAsked(gate), true);
  });
});

describe('a bound user claim in mode mtls', () => {
  let mtls;
  let harness;
  let second;
  before(async () => {
    const spiffe = (name) => [`URI:spiffe://openclaw.test/ns/platform/sa/${name}`];
    [harness, second] = ['harness', 'second'].map((name) => authority.client(name, spiffe(name)));
    mtls = await startGate({
      public_url: service,
      auth: { mode: 'mtls', client_ca: 'ca.pem', trust_domain: 'openclaw.test', platform_namespace: 'platform' },
    });
  });

  const claimed = (claim, identity, path = '/mcp') => mtls.post(path, {
    host: service, body: '{}', tls: tlsOf(identity, { servername: 'search-ada' }),
    headers: { 'X-OpenClaw-User-Claim': claim },
  });
  const claimFor = (identity) => boundTo(identity, { aud: service }, { header: { typ: 'user-claim+jwt' } });

  test('lets in with its certificate alone, among those that are allowed', async () => {
    const claim = claimFor(harness);
    for (let i = 0; i < 2; ++i) {
      await assertLetIn(await claimed(claim, harness));
      const answer = await claimed(claim, second);
      assert.equal(answer.status, 401);
      assert.equal((await mtls.requestEvent(answer)).reason, 'wrong_certificate');
    }
  });

  test('is not taken by forward-auth', async () => {
    const answer = await claimed(claimFor(harness), harness, forwardAuth);
    assert.equal(answer.status, 401);
    assert.equal((await mtls.requestEvent(answer)).reason, 'wrong_certificate');
  });
});

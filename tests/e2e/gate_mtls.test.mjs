// Mode A: the platform's harness calls a hosted container. Its certificate says that the platform
// calls, the user claim says for whom; the gate lets nothing through that lacks one of them.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { after, before, describe, test } from 'node:test';
import { Authority, replaceFile, selfSigned } from './certificates.mjs';
import { Everything, relayTo } from './everything.mjs';
import { ForgerKey, segment } from './forger.mjs';
import { Gate, Upstream } from './gate_world.mjs';
import { Harness } from './harness.mjs';
import { World, until } from './world.mjs';

const endpoint = 'search-ada:3100';
const [host] = endpoint.split(':');
const jwksPath = '/.well-known/jwks.json';
const spiffe = (path, trustDomain = 'openclaw.test') => `URI:spiffe://${trustDomain}${path}`;
const harnessId = spiffe('/ns/platform/sa/harness');
const claimHeader = 'X-OpenClaw-User-Claim';

const seconds = () => Math.floor(Date.now() / 1000);

let folder;
let cluster; // the authority of the cluster's certificates
let impostor; // another one, of the same name
let server; // the container's certificate
let caller; // the harness's
let world;
let everything;
let upstream; // relays to everything, and remembers what it was asked
let forger; // its public half is published, so that what it signs has a good signature
let gate;
const gates = [];

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'openclaw-mtls-'));
  cluster = new Authority(folder, 'cluster');
  impostor = new Authority(folder, 'impostor', 'cluster');
  server = cluster.server('container', [`DNS:${host}`]);
  caller = cluster.client('harness', [harnessId]);
  [world, everything] = await Promise.all([World.open(), Everything.start()]);
  forger = await (await ForgerKey.generate('ES256')).publish(world);
  upstream = await Upstream.start(relayTo(everything));
  gate = await startGate();
});

after(async () => {
  await Promise.all(gates.map((each) => each.stop()));
  await Promise.all([upstream?.close(), everything?.stop()]);
  await world?.close();
  rmSync(folder, { recursive: true });
});

const config = (auth) => ({
  upstream: upstream.url, public_url: endpoint, tls: { certificate: 'tls.pem', key: 'tls.key' },
  auth: {
    mode: 'mtls', platform_jwks_url: `http://127.0.0.1:${world.front.port}${jwksPath}`, issuer: world.issuer,
    client_ca: 'ca.pem', trust_domain: 'openclaw.test', platform_namespace: 'platform', ...auth,
  },
});

async function startGate(auth) {
  const started = await Gate.start({
    config: config(auth),
    files: { 'tls.pem': server.cert, 'tls.key': server.key, 'ca.pem': cluster.cert },
  });
  gates.push(started);
  return started;
}

const tlsOf = (identity, options) =>
  ({ servername: host, ca: cluster.cert, ...identity?.tls, ...options });

const adasClaim = async (options) => (await world.userClaim('ada', 'ada-search', options)).token;

const claims = (changes) => ({
  iss: world.issuer, sub: 'ada', user_id: 'ada', aud: endpoint, scope: 'mcp:tools', iat: seconds(),
  exp: seconds() + 60, jti: 'one', ...changes,
});
const claimType = { typ: 'user-claim+jwt' };
const forged = (changes, header) => forger.sign(claims(changes), { ...forger.header, ...claimType, ...header });

const initialize = JSON.stringify({
  jsonrpc: '2.0', id: 1, method: 'initialize',
  params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
});

// A call with this certificate (an Identity, or none) and claim.
const call = (identity, claim, { at = gate, headers, ...options } = {}) => at.post('/mcp', {
  host: endpoint, tls: tlsOf(identity), body: initialize,
  headers: {
    'Content-Type': 'application/json', Accept: 'application/json, text/event-stream',
    ...(claim !== undefined && { [claimHeader]: claim }), ...headers,
  },
  ...options,
});

const reached = ({ headers: { 'x-request-id': id } }) =>
  upstream.requests.some(({ headers }) => headers['x-request-id'] === id);

async function assertRefused(answer, reason, at = gate) {
  assert.equal(answer.status, 401, answer.body);
  assert.deepEqual(Object.keys(answer.json), ['error', 'error_description']);
  assert.equal(answer.headers['cache-control'], 'no-store');
  assert.ok(!reached(answer), 'it reached the upstream');
  assert.equal((await at.requestEvent(answer)).reason, reason);
}

// What the gate's TLS alert says to a client that sends nothing: OpenSSL's code for it.
async function alertFor(options, at = gate) {
  const socket = tls.connect({ host: '127.0.0.1', port: at.port, ...options });
  const [problem] = await once(socket, 'error');
  return problem.code;
}

describe('the harness and the gate in mode mtls', () => {
  const harness = (options) => new Harness({
    front: `http://127.0.0.1:${world.front.port}`, token: world.harness, trusted: cluster.cert,
    certificate: caller, connectTo: { [endpoint]: gate.port }, ...options,
  });

  test('certificate and claim: the call goes through, and the upstream learns the user once', async () => {
    const link = await harness().open('ada-search', { scope: 'mcp:tools' });
    world.secrets.add(link.answer.headers[claimHeader]);
    const { content } = await link.client.callTool({ name: 'echo', arguments: { message: 'hello' } });
    assert.equal(content[0].text, 'Echo: hello');
    await link.close();
    const { headers, rawHeaders } = upstream.last;
    assert.equal(headers['x-openclaw-user-id'], 'ada');
    const ours = rawHeaders.filter((name) => /^x.openclaw/i.test(name));
    assert.deepEqual(ours.map((name) => name.toLowerCase()), ['x-openclaw-user-id']);
  });

  test('a harness refuses to be without its certificate, and a server that is not the container', async () => {
    await assert.rejects(harness({ certificate: undefined }).open('ada-search'), /client certificate/);
    await assert.rejects(harness({ trusted: impostor.cert }).open('ada-search'),
      { code: /CERT|SIGNATURE|ISSUER/ });
  });

  test('a claim of any user of the platform is taken, unless one is expected', async () => {
    const bobs = forged({ sub: 'bob', user_id: 'bob' });
    const answer = await call(caller, bobs);
    assert.equal(answer.status, 200);
    assert.equal(upstream.last.headers['x-openclaw-user-id'], 'bob');
    const at = await startGate({ expected_user_id: 'ada' });
    await assertRefused(await call(caller, bobs, { at }), 'wrong_user', at);
    assert.equal((await call(caller, forged(), { at })).status, 200);
  });
});

describe('client certificates that the gate refuses in mode mtls', () => {
  test('none: the handshake fails, whatever claim there is', async () => {
    assert.equal(await alertFor(tlsOf()), 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED');
    const { length } = upstream.requests;
    await assert.rejects(call(undefined, await adasClaim()));
    assert.equal(upstream.requests.length, length);
  });

  test('of another authority (though of the same name), self-signed, expired, not yet valid, or a server\'s',
    async () => {
      const unknown = 'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA';
      const cases = [
        ['of another authority', impostor.client('of-another', [harnessId]),
          /UNKNOWN_CA|DECRYPT_ERROR|BAD_CERTIFICATE/],
        ['self-signed', selfSigned(folder, 'self-signed', [harnessId]), new RegExp(unknown)],
        ['expired', cluster.client('expired', [harnessId], { begins: -7_200_000, ends: -60_000 }),
          /ALERT_CERTIFICATE_EXPIRED/],
        ['not yet valid', cluster.client('early', [harnessId], { begins: 1_800_000 }),
          /ALERT_(BAD_CERTIFICATE|CERTIFICATE_EXPIRED)/],
        ["a server's", cluster.server('serving', [harnessId]), /UNSUPPORTED_CERTIFICATE/],
      ];
      for (const [what, identity, alert] of cases) {
        assert.match(await alertFor(tlsOf(identity)), alert, what);
        const { length } = upstream.requests;
        await assert.rejects(call(identity, await adasClaim()), what);
        assert.equal(upstream.requests.length, length, what);
      }
    });

  test('of the authority, but naming no workload of the platform', async () => {
    const names = {
      'another namespace': [spiffe('/ns/tenants/sa/harness')],
      'a namespace that begins alike': [spiffe('/ns/platform2/sa/harness')],
      'another trust domain': [spiffe('/ns/platform/sa/harness', 'evil.test')],
      'a trust domain that begins alike': [spiffe('/ns/platform/sa/harness', 'openclaw.test.evil.test')],
      'extra segments': [spiffe('/ns/platform/sa/harness/more')],
      'extra segments before': [spiffe('/tenant/ns/platform/sa/harness')],
      'a namespace that climbs': [spiffe('/ns/tenants/../platform/sa/harness')],
      'no name': [spiffe('/ns/platform/sa/')],
      'a percent-encoded namespace': [spiffe('/ns/pl%61tform/sa/harness')],
      'a query': [spiffe('/ns/platform/sa/harness?x=y')],
      'another scheme': ['URI:https://openclaw.test/ns/platform/sa/harness'],
      'capitals': ['URI:SPIFFE://openclaw.test/ns/platform/sa/harness'],
      'two identities': [harnessId, spiffe('/ns/platform/sa/other')],
      'a DNS name that is not allowed': ['DNS:harness.platform.svc'],
      'the SPIFFE ID as a DNS name': ['DNS:spiffe://openclaw.test/ns/platform/sa/harness'],
      'an e-mail address': ['email:harness@openclaw.test'],
    };
    const claim = await adasClaim();
    for (const [i, [what, subjectAltName]] of Object.entries(names).entries()) {
      const identity = cluster.client(`stranger-${i}`, subjectAltName);
      await assertRefused(await call(identity, claim), 'no_client_certificate').catch((problem) => {
        throw new Error(`${what}: ${problem.message}`, { cause: problem });
      });
    }
  });

  test('a common name alone is no identity', async () => {
    for (const [i, commonName] of ['harness', harnessId.slice('URI:'.length)].entries()) {
      const identity = cluster.client(`by-name-${i}`, [], { commonName });
      await assertRefused(await call(identity, await adasClaim()), 'no_client_certificate');
    }
  });

  test('TLS 1.2', async () => {
    const old = tlsOf(caller, { maxVersion: 'TLSv1.2' });
    assert.equal(await alertFor(old), 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
    const socket = await gate.connect(tlsOf(caller));
    assert.equal(socket.getProtocol(), 'TLSv1.3');
    socket.destroy();
  });

  test('plain HTTP', async () => {
    const text = await gate.raw(`GET /mcp HTTP/1.1\r\nHost: ${endpoint}\r\n\r\n`);
    assert.doesNotMatch(text, /^HTTP\/1\.1 [23]/);
  });

  test('a DNS name that is allowed is taken, byte for byte', async () => {
    const at = await startGate({ allowed_dns_names: ['harness.platform.svc'] });
    const claim = await adasClaim();
    const status = async (name, names) =>
      (await call(cluster.client(name, names), claim, { at })).status;
    assert.equal(await status('by-dns', ['DNS:harness.platform.svc']), 200);
    assert.equal(await status('by-dns-among', ['DNS:other.svc', 'DNS:harness.platform.svc']), 200);
    assert.equal((await call(caller, claim, { at })).status, 200);
    for (const [i, name] of ['evil.harness.platform.svc', 'harness.platform.svc.evil', '*.platform.svc',
      'harness.platform.svc.'].entries()) {
      assert.equal(await status(`by-dns-${i}`, [`DNS:${name}`]), 401, name);
    }
  });
});

describe('user claims that the gate refuses in mode mtls', () => {
  test('none: a certificate alone opens nothing', async () => {
    await assertRefused(await call(caller), 'no_credentials');
    for (const name of ['X-OpenClaw-User-Id', 'X-OpenClaw-User', 'Authorization', 'X-Forwarded-User']) {
      await assertRefused(await call(caller, undefined, { headers: { [name]: 'ada' } }), 'no_credentials');
    }
    const headers = { Authorization: `Bearer ${await adasClaim()}` };
    await assertRefused(await call(caller, undefined, { headers }), 'no_credentials');
  });

  test('the header twice, two in one, percent-encoded, and with something around it', async () => {
    const claim = await adasClaim();
    assert.equal((await call(caller, claim)).status, 200);
    await assertRefused(await call(caller, [claim, claim]), 'repeated_header');
    await assertRefused(await call(caller, [claim, forged({ sub: 'bob', user_id: 'bob' })]), 'repeated_header');
    for (const odd of [`${claim}, ${claim}`, `${claim},`, claim.replaceAll('.', '%2E'), `"${claim}"`,
      `Bearer ${claim}`, `${claim}=`, '']) {
      await assertRefused(await call(caller, odd), 'malformed');
    }
  });

  test('a folded header is no request', async () => {
    const claim = await adasClaim();
    const half = claim.length / 2;
    const socket = await gate.connect(tlsOf(caller));
    socket.write(`POST /mcp HTTP/1.1\r\nHost: ${endpoint}\r\nContent-Length: 0\r\n` +
      `${claimHeader}: ${claim.slice(0, half)}\r\n ${claim.slice(half)}\r\n\r\n`);
    await until('the gate answers', () => socket.text.includes('\r\n\r\n'));
    assert.match(socket.text, /^HTTP\/1\.1 400 /);
    socket.destroy();
  });

  test('an access token, of this audience too', async () => {
    const { token } = await world.accessToken('ada-laptop', ['mcp:tools']);
    await assertRefused(await call(caller, token), 'wrong_type');
    await assertRefused(await call(caller, forged({}, { typ: 'at+jwt' })), 'wrong_type');
  });

  test('for another container, of another issuer, expired, tampered, or unsigned', async () => {
    await world.register('ada', 'mail', 'hosted', 'mail-ada:3100');
    const { token: elsewhere } = await world.userClaim('ada', 'ada-mail');
    await assertRefused(await call(caller, elsewhere), 'wrong_audience');
    await assertRefused(await call(caller, forged({ aud: 'search-ada' })), 'wrong_audience');
    await assertRefused(await call(caller, forged({ iss: 'https://evil.example' })), 'wrong_issuer');
    await assertRefused(await call(caller, forged({ exp: seconds() - 1 })), 'expired');
    await assertRefused(await call(caller, forged({ sub: 'bob' })), 'wrong_user');
    const [header, payload, signature] = (await adasClaim()).split('.');
    const eve = segment({ ...JSON.parse(Buffer.from(payload, 'base64url')), sub: 'eve', user_id: 'eve' });
    await assertRefused(await call(caller, `${header}.${eve}.${signature}`), 'invalid_signature');
    const none = segment({ alg: 'none', ...claimType, kid: forger.kid });
    await assertRefused(await call(caller, `${none}.${payload}.${signature}`), 'unsupported_algorithm');
  });

  test('identity headers that the harness sends itself never reach the upstream', async () => {
    const names = ['X-OpenClaw-User-Id', 'x_openclaw_user_id', 'X-OpenClaw-User', 'Remote-User',
      'X-Remote-User', 'X-Forwarded-User', 'X-Auth-Request-User', 'X-Forwarded-For', 'Forwarded', 'X-Real-IP'];
    const headers = Object.fromEntries(names.map((name) => [name, 'eve']));
    assert.equal((await call(caller, await adasClaim(), { headers })).status, 200);
    const { rawHeaders, headers: seen } = upstream.last;
    assert.ok(!rawHeaders.includes('eve'), JSON.stringify(rawHeaders));
    assert.equal(seen['x-openclaw-user-id'], 'ada');
  });

  test('a user whose id no header can hold is refused', async () => {
    for (const user of ['ada\r\nX-Admin: 1', 'ada, eve', 'adä', 'a da']) {
      const answer = await call(caller, forged({ sub: user, user_id: user }));
      assert.equal(answer.status, 401, user);
      assert.ok(!reached(answer));
    }
  });

  test('in mode mtls there is no challenge and no metadata', async () => {
    const answer = await call(caller);
    assert.equal(answer.headers['www-authenticate'], undefined);
    for (const path of ['/.well-known/oauth-protected-resource', '/.well-known/oauth-protected-resource/mcp']) {
      const { status } = await gate.get(path, { host: endpoint, tls: tlsOf(caller) });
      assert.ok(status === 404 || status === 401, `${path}: ${status}`); // by its path 404, by its caller 401
    }
  });
});

describe('rotation in mode mtls', () => {
  test('a new authority of clients takes over through a bundle of both, without a restart', async () => {
    const at = await startGate();
    const successor = new Authority(folder, 'successor');
    const newCaller = successor.client('new-harness', [harnessId]);
    const status = (identity) => adasClaim().then((claim) => call(identity, claim, { at }))
      .then((answer) => answer.status, () => 'refused');
    assert.equal(await status(caller), 200);
    assert.equal(await status(newCaller), 'refused');

    at.writeFile('ca.pem', cluster.cert + successor.cert);
    await until('the new certificate is taken', async () => (await status(newCaller)) === 200);
    assert.equal(await status(caller), 200);

    at.writeFile('ca.pem', successor.cert);
    await until('the old certificate is refused', async () => (await status(caller)) === 'refused');
    assert.equal(await status(newCaller), 200);
    assert.match(await alertFor(tlsOf(caller), at), /UNKNOWN_CA/);
    assert.equal(at.process.exitCode, null);
  });

  test('a connection of before is judged anew when namespace or authority have changed', async () => {
    const at = await startGate();
    const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
    const claim = await adasClaim();
    const onIt = async () => (await call(caller, claim, { at, agent })).status;
    const connections = () => Object.values(agent.freeSockets).flat().map(({ localPort }) => localPort);
    assert.equal(await onIt(), 200);
    const before = connections();
    await at.reloadedBy(() => at.writeConfig(config({ platform_namespace: 'operators' })));
    assert.equal(await onIt(), 401);
    await at.reloadedBy(() => at.writeConfig(config()));
    assert.equal(await onIt(), 200);
    assert.deepEqual(connections(), before);
    await at.reloadedBy(() => at.writeFile('ca.pem', impostor.cert));
    assert.equal(await onIt(), 401);
    agent.destroy();
  });

  test('a file that holds no authority keeps the old one, and says so', async () => {
    const at = await startGate();
    const { problem } = await at.reloadedBy(() => at.writeFile('ca.pem', 'nothing'));
    assert.match(problem, /ca\.pem/);
    assert.equal((await call(caller, await adasClaim(), { at })).status, 200);
    const stranger = tlsOf(impostor.client('meanwhile', [harnessId]));
    assert.match(await alertFor(stranger, at), /UNKNOWN_CA|DECRYPT_ERROR|BAD_CERTIFICATE/);
  });

  test("the server's certificate rotates, and a stream of before goes on", async () => {
    const at = await startGate();
    const harness = new Harness({
      front: `http://127.0.0.1:${world.front.port}`, token: world.harness, trusted: cluster.cert,
      certificate: caller, connectTo: { [endpoint]: at.port },
    });
    const link = await harness.open('ada-search');
    world.secrets.add(link.answer.headers[claimHeader]);
    const serial = async () => {
      const socket = await at.connect(tlsOf(caller));
      const { serialNumber } = socket.getPeerCertificate();
      socket.destroy();
      return serialNumber;
    };
    const before = await serial();
    const steps = [];
    const long = link.client.callTool(
      { name: 'trigger-long-running-operation', arguments: { duration: 2, steps: 8 } }, undefined,
      { onprogress: ({ progress }) => steps.push(progress) });
    await until('the stream has begun', () => steps.length > 0);
    const next = cluster.server('container-next', [`DNS:${host}`]);
    replaceFile(next.keyFile, at.file('tls.key'));
    replaceFile(next.certificateFile, at.file('tls.pem'));
    await until('the gate shows the new certificate', async () => (await serial()) !== before);
    assert.ok(steps.length < 8, 'the stream outlives the rotation');
    assert.match((await long).content[0].text, /completed/);
    assert.deepEqual(steps, [1, 2, 3, 4, 5, 6, 7, 8]);
    await link.close();
  });
});

test('no token of this file is in a log, nor a private key', async () => {
  await world.assertLogsHoldNoSecret();
  const keyLine = readFileSync(caller.keyFile, 'utf8').split('\n')[1];
  for (const each of gates) {
    each.assertLogHoldsNone(world.secrets);
    assert.ok(!each.log.includes(keyLine));
  }
});

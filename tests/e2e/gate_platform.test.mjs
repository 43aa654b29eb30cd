// Mode B: the platform's harness calls an external container through the gate, with the real front,
// the real MCP server and TLS between them.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { after, before, describe, test } from 'node:test';
import * as sdk from '@modelcontextprotocol/sdk/client/auth.js';
import { Authority, replaceFile, selfSigned } from './certificates.mjs';
import { Everything, relayTo } from './everything.mjs';
import { ForgerKey, hmacSigned, segment } from './forger.mjs';
import { Gate, Upstream, openclaw } from './gate_world.mjs';
import { Harness } from './harness.mjs';
import { World, until } from './world.mjs';

const host = 'mcp.ada.example.com';
const endpoint = `https://${host}/mcp`;
const metadataUrl = `https://${host}/.well-known/oauth-protected-resource/mcp`;
const jwksPath = '/.well-known/jwks.json';

// What the documentation promises of the key source (gate/jwks_source.h).
const betweenRefetches = 10_000;

const seconds = () => Math.floor(Date.now() / 1000);
// A source of keys is one of status lists too.
const keyFetches = ({ requests }) => requests.filter(({ target }) => target === jwksPath).length;

let folder;
let authority; // of the container's certificate
let identity; // that certificate
let world;
let everything;
let upstream; // relays to everything, and remembers what it was asked
let jwks; // relays to the front, and counts
let forger; // its public half is published, so that what it signs has a good signature
let gate;
const gates = [];
const sources = []; // servers that tests have started beside

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'openclaw-platform-'));
  authority = new Authority(folder);
  identity = authority.server('container', [`DNS:${host}`]);
  [world, everything] = await Promise.all([World.open(), Everything.start()]);
  forger = await (await ForgerKey.generate('ES256')).publish(world);
  upstream = await Upstream.start(relayTo(everything));
  jwks = await Upstream.start(relayTo(world.front));
  gate = await startGate();
  await pinned(identity.pin);
});

after(async () => {
  await Promise.all(gates.map((each) => each.stop()));
  await Promise.all([upstream, jwks, ...sources].map((each) => each?.server.listening && each.close()));
  await everything?.stop();
  await world?.close();
  rmSync(folder, { recursive: true });
});

async function startGate(auth = {}, shown = identity) {
  const started = await Gate.start({
    config: {
      upstream: upstream.url, public_url: endpoint, tls: { certificate: 'tls.pem', key: 'tls.key' },
      auth: {
        mode: 'platform', platform_jwks_url: `${jwks.url}${jwksPath}`, issuer: world.issuer,
        expected_user_id: 'ada', scopes: ['mcp:tools'], ...auth,
      },
    },
    files: { 'tls.pem': shown.cert, 'tls.key': shown.key },
  });
  gates.push(started);
  return started;
}

async function startSource(handler, options) {
  const source = await Upstream.start(handler, options);
  sources.push(source);
  return source;
}

// The fingerprint of Ada's laptop, as its owner registers it.
const pinned = (pin) => world.sql(
  `update openclaw.containers set public_key_fingerprint = openclaw.canonical_fingerprint($1)
   where id = 'ada-laptop'`, [pin]);

const harness = ({ at = gate, front = world.front, ...options } = {}) => new Harness({
  front: `http://127.0.0.1:${front.port}`, token: world.harness, trusted: authority.cert,
  connectTo: { [`${host}:443`]: at.port }, ...options,
});

const openLink = async (options) => {
  const link = await harness(options).open('ada-laptop', { scope: 'mcp:tools' });
  world.secrets.add(link.answer.headers.Authorization.slice('Bearer '.length));
  return link;
};

const echo = async (link, message) => {
  const { content: [{ text }] } = await link.client.callTool({ name: 'echo', arguments: { message } });
  assert.equal(text, `Echo: ${message}`);
};

const adasToken = async (options) =>
  (await world.accessToken('ada-laptop', ['mcp:tools'], options)).token;

const claims = (changes) => ({
  iss: world.issuer, sub: 'ada', user_id: 'ada', aud: endpoint, scope: 'mcp:tools', client_id: 'harness',
  iat: seconds(), exp: seconds() + 60, jti: 'one', ...changes,
});

const initialize = JSON.stringify({
  jsonrpc: '2.0', id: 1, method: 'initialize',
  params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
});
const mcpHeaders = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' };

const overTls = { host, tls: { servername: host } };
const call = (bearer, { at = gate, headers } = {}) => at.post('/mcp', {
  ...overTls, tls: { ...overTls.tls, ca: authority.cert }, bearer, body: initialize,
  headers: { ...mcpHeaders, ...headers },
});
const get = (path, options, at = gate) =>
  at.get(path, { ...overTls, tls: { ...overTls.tls, ca: authority.cert }, ...options });

const statusOf = async (bearer, options) => (await call(bearer, options)).status;

const reached = ({ headers: { 'x-request-id': id } }) =>
  upstream.requests.some(({ headers }) => headers['x-request-id'] === id);

// A call that is under way meanwhile has reached the upstream, and is ended: it fails, or gets 401.
async function refusedFor(reason, token, at) {
  const answer = await until(`the gate refuses for ${reason}`, async () => {
    const given = await call(token, { at }).catch(() => undefined);
    return given && given.status !== 200 && !reached(given) && given;
  });
  await assertRefused(answer, reason, { at });
}

const challengeOf = (error) => [`Bearer ${error ? `error="${error}", ` : ''}scope="mcp:tools"`,
  `resource_metadata="${metadataUrl}"`].join(', ');

async function assertRefused(answer, reason, { at = gate, status = 401, challenge = 'invalid_token' } = {}) {
  assert.equal(answer.status, status, answer.body);
  assert.deepEqual(Object.keys(answer.json), ['error', 'error_description']);
  assert.equal(answer.headers['cache-control'], 'no-store');
  assert.equal(answer.headers['www-authenticate'], challengeOf(challenge));
  assert.ok(!reached(answer), 'it reached the upstream');
  assert.equal((await at.requestEvent(answer)).reason, reason);
}

describe('the harness and the gate in mode platform', () => {
  test('a tool call goes through with the token of /v1/connect, and the upstream learns the user', async () => {
    const link = await openLink();
    const { tools } = await link.client.listTools();
    assert.ok(tools.some(({ name }) => name === 'echo'));
    await echo(link, 'hello');
    await link.close();
    const { headers, rawHeaders } = upstream.last;
    assert.equal(headers['x-openclaw-user-id'], 'ada');
    assert.equal(headers.authorization, undefined);
    assert.ok(!rawHeaders.some((text) => text.includes(link.answer.headers.Authorization.slice(-20))));
  });

  test('progress is streamed through while the call goes on', async () => {
    const link = await openLink();
    const seen = [];
    const { content: [{ text }] } = await link.client.callTool(
      { name: 'trigger-long-running-operation', arguments: { duration: 1, steps: 4 } }, undefined,
      { onprogress: ({ progress }) => seen.push({ progress, at: Date.now() }) });
    assert.match(text, /completed/);
    assert.deepEqual(seen.map(({ progress }) => progress), [1, 2, 3, 4]);
    // Events that waited for the call's end would come at the same moment.
    assert.ok(seen.at(-1).at - seen[0].at > 250);
    await link.close();
  });

  test('a man in the middle with a certificate of the right authority sees no byte of HTTP', async () => {
    const middle = await MiddleMan.start(authority.server('middle', [`DNS:${host}`]));
    sources.push(middle);
    await assert.rejects(openLink({ at: middle }), { code: 'PIN_MISMATCH' });
    assert.ok(middle.sockets.size > 0);
    await until('the harness has closed its connections',
      () => [...middle.sockets].every(({ destroyed }) => destroyed));
    assert.equal(middle.text, '');

    // What the pin keeps from it: without one the same harness believes the same certificate.
    await pinned(null);
    const link = await harness({ at: middle }).link('ada-laptop');
    link.fetch(link.url).catch(() => {}); // nothing answers
    await until('the man in the middle reads the request', () => middle.text.includes('Bearer eyJ'));
    await pinned(identity.pin);
    await link.close();
  });

  test('a certificate of no known authority is refused, unless its key is the pinned one', async () => {
    const own = selfSigned(folder, 'own', [`DNS:${host}`]);
    const at = await startGate({}, own);
    await assert.rejects(openLink({ at }), { code: 'PIN_MISMATCH' });
    await pinned(null);
    await assert.rejects(openLink({ at }), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
    await pinned(own.pin);
    const link = await openLink({ at });
    await echo(link, 'pinned');
    await link.close();
    await pinned(identity.pin);
  });

  test('a renewed certificate keeps the pin; with a new key `openclaw pin` gives the next one', async () => {
    const at = await startGate();
    const link = await openLink({ at });
    const late = await harness({ at }).link('ada-laptop', { scope: 'mcp:tools' });
    const shown = () => JSON.parse(
      execFileSync(openclaw, ['pin', `https://127.0.0.1:${at.port}`, '--json'], { stdio: 'pipe' }));

    const renewed = authority.server('renewed', [`DNS:${host}`], { key: identity });
    assert.equal(shown().subject, 'CN=container');
    replaceFile(renewed.certificateFile, at.file('tls.pem'));
    await until('the gate shows the renewed certificate', () => shown().subject === 'CN=renewed');
    assert.equal(shown().fingerprint, identity.pin);
    await (await openLink({ at })).close();

    const next = authority.server('next', [`DNS:${host}`]);
    replaceFile(next.keyFile, at.file('tls.key'));
    replaceFile(next.certificateFile, at.file('tls.pem'));
    await until('the gate shows the new key', () => shown().fingerprint === next.pin);
    await assert.rejects(openLink({ at }), { code: 'PIN_MISMATCH' });
    await pinned(shown().fingerprint);
    await (await openLink({ at })).close();
    // A harness that still has the old pin asks the front again; a connection of before goes on.
    await late.initialize();
    assert.equal(late.renewals, 2);
    await late.close();
    await echo(link, 'still here');
    await link.close();
    await pinned(identity.pin);
  });
});

describe('what the gate refuses in mode platform', () => {
  test('no credentials, and another scheme: 401 with a challenge that has no error', async () => {
    await assertRefused(await call(undefined), 'no_credentials', { challenge: null });
    const basic = { headers: { Authorization: 'Basic YWRhOnNlY3JldA==' } };
    await assertRefused(await call(undefined, basic), 'wrong_scheme', { challenge: null });
    const proxied = { headers: { 'Proxy-Authorization': `Bearer ${await adasToken()}` } };
    await assertRefused(await call(undefined, proxied), 'no_credentials', { challenge: null });
  });

  test('the Authorization header twice, and a token in the query', async () => {
    const token = await adasToken();
    const twice = { headers: { Authorization: [`Bearer ${token}`, `Bearer ${token}`] } };
    await assertRefused(await call(undefined, twice), 'repeated_header');
    await assertRefused(await get(`/mcp?access_token=${token}`), 'no_credentials', { challenge: null });
  });

  test("another user's token, even when both have registered the same endpoint", async () => {
    await world.register('bob', 'twin', 'external', endpoint);
    const { token } = await world.accessToken('bob-twin', ['mcp:tools']);
    await assertRefused(await call(token), 'wrong_user');
  });

  test("the user's own token for another container", async () => {
    await world.register('ada', 'desk', 'external', 'https://desk.ada.example.com/mcp');
    const { token } = await world.accessToken('ada-desk', ['mcp:tools']);
    await assertRefused(await call(token), 'wrong_audience');
  });

  test('a user claim, whether in its own header or as an access token', async () => {
    const { token } = await world.userClaim('ada', 'ada-search');
    await assertRefused(await call(token), 'wrong_type');
    const inItsHeader = { headers: { 'X-OpenClaw-User-Claim': token } };
    await assertRefused(await call(undefined, inItsHeader), 'no_credentials', { challenge: null });
    // Good in everything but its type.
    const alike = forger.sign(claims(), { ...forger.header, typ: 'user-claim+jwt' });
    await assertRefused(await call(alike), 'wrong_type');
  });

  test('an opaque token of the platform, which only the front can judge', async () => {
    const { token } = await world.issueToken('ada', ['mcp:tools']);
    await assertRefused(await call(token), 'malformed');
  });

  test('a token that has expired, though it was let in a moment before', async () => {
    const token = await until('a token of one second is let in', async () => {
      const short = await adasToken({ lifetime: '1 second' });
      return (await statusOf(short)) === 200 && short;
    });
    const answer = await until('the token expires', async () => {
      const refused = await call(token);
      return refused.status !== 200 && refused;
    });
    await assertRefused(answer, 'expired');
  });

  test('a tampered token, alg none, and HS256 with the public key', async () => {
    const [header, payload, signature] = (await adasToken()).split('.');
    const eve = segment({ ...JSON.parse(Buffer.from(payload, 'base64url')), jti: 'eve' });
    await assertRefused(await call(`${header}.${eve}.${signature}`), 'invalid_signature');
    await assertRefused(await call(`${segment({ alg: 'none', typ: 'at+jwt' })}.${payload}.`), 'malformed');
    for (const alg of ['none', 'None', 'nOnE']) {
      const none = segment({ alg, typ: 'at+jwt', kid: forger.kid });
      await assertRefused(await call(`${none}.${payload}.${signature}`), 'unsupported_algorithm');
    }
    const pem = forger.publicKey.export({ type: 'spki', format: 'pem' });
    for (const secret of [pem, JSON.stringify(forger.jwk)]) {
      const symmetric = hmacSigned(secret, claims(), { ...forger.header, alg: 'HS256' });
      await assertRefused(await call(symmetric), 'unsupported_algorithm');
    }
  });

  test('claims that are not as they must be, under a good signature', async () => {
    const { user_id: _, ...withoutUser } = claims();
    const { exp: __, ...withoutExpiry } = claims();
    const cases = {
      wrong_issuer: [claims({ iss: `${world.issuer}/` }), claims({ iss: 'https://evil.example' })],
      wrong_audience: [claims({ aud: 'https://mcp.ada.example.com' }), claims({ aud: `${endpoint}/` }),
        claims({ aud: ['https://desk.ada.example.com/mcp'] })],
      wrong_user: [claims({ user_id: 'bob', sub: 'bob' }), claims({ sub: 'bob' }), withoutUser],
      not_yet_valid: [claims({ nbf: seconds() + 300 }), claims({ iat: seconds() + 300, exp: seconds() + 600 })],
      expired: [claims({ exp: seconds() - 1 })],
      malformed: [withoutExpiry, claims({ exp: `${seconds() + 60}` })],
    };
    assert.equal(await statusOf(forger.sign(claims())), 200);
    for (const [reason, refused] of Object.entries(cases)) {
      for (const payload of refused) await assertRefused(await call(forger.sign(payload)), reason);
    }
  });

  test('a token without the scope: 403, and the challenge names all that is needed', async () => {
    const at = await startGate({ scopes: ['mcp:tools', 'data:read'] });
    const answer = await call(await adasToken(), { at });
    assert.equal(answer.status, 403);
    assert.equal(answer.json.error, 'insufficient_scope');
    const { error, scope, resourceMetadataUrl } = sdk.extractWWWAuthenticateParams(asResponse(answer));
    assert.equal(error, 'insufficient_scope');
    assert.deepEqual(scope.split(' ').sort(), ['data:read', 'mcp:tools']);
    assert.equal(resourceMetadataUrl.href, metadataUrl);
    assert.ok(!reached(answer));
    const { token } = await world.accessToken('ada-laptop', ['mcp:*', 'data:read']);
    assert.equal(await statusOf(token, { at }), 200);
  });
});

// The answers of gate_world, as fetch gives them.
const asResponse = ({ status, headers, body }) => new Response(body, { status, headers });

describe('what the gate says of itself in mode platform', () => {
  const documents = ['/.well-known/oauth-protected-resource', '/.well-known/oauth-protected-resource/mcp'];

  test('the metadata at root and path are one document, whatever the Host', async () => {
    const bodies = new Set();
    for (const path of documents) {
      for (const named of [host, `${host}:8443`, '127.0.0.1', 'localhost', '[::1]:3100', 'evil.example']) {
        const answer = await get(path, { host: named });
        assert.equal(answer.status, 200, `${path} at ${named}`);
        assert.equal(answer.headers['content-type'], 'application/json');
        assert.equal(answer.headers['access-control-allow-origin'], '*');
        bodies.add(answer.body);
      }
    }
    assert.deepEqual([...bodies].map(JSON.parse), [{
      resource: endpoint, authorization_servers: [world.issuer], scopes_supported: ['mcp:tools'],
      bearer_methods_supported: ['header'],
    }]);
  });

  test('the metadata can be read and nothing else; beside them another Host is refused', async () => {
    const options = { ...overTls, tls: { ...overTls.tls, ca: authority.cert } };
    const head = await gate.request('HEAD', documents[1], options);
    assert.deepEqual([head.status, head.body], [200, '']);
    const whole = await get(documents[1]);
    assert.equal(head.headers['content-length'], `${whole.bytes.length}`);
    for (const method of ['POST', 'DELETE']) {
      assert.equal((await gate.request(method, documents[0], options)).status, 405);
    }
    for (const path of [`${documents[1]}/`, `${documents[0]}/other`, `${documents[0]}x`]) {
      await assertRefused(await get(path), 'no_credentials', { challenge: null });
    }
    const foreign = await get('/mcp', { host: 'evil.example', bearer: await adasToken() });
    assert.deepEqual([foreign.status, foreign.json.error], [403, 'forbidden_host']);
  });

  test('any page may read the metadata, also one that asks first', async () => {
    const headers = { Origin: 'https://inspector.example', 'Access-Control-Request-Method': 'GET',
      'Access-Control-Request-Headers': 'mcp-protocol-version' };
    for (const document of documents) {
      const preflight = await gate.request('OPTIONS', document,
        { ...overTls, headers, tls: { ...overTls.tls, ca: authority.cert } });
      assert.equal(preflight.status, 204);
      assert.equal(preflight.headers['access-control-allow-origin'], '*');
      assert.equal(preflight.headers['access-control-allow-headers'], '*');
    }
  });

  test("the MCP SDK finds the authorization server from the challenge, and by itself", async () => {
    // Names are resolved here: the container's is the gate, the issuer's the front.
    const fetchFn = async (url, { headers } = {}) => {
      const { host: named, pathname } = new URL(url);
      if (`https://${named}` === world.issuer) return asResponse(await world.front.get(pathname));
      assert.equal(named, host);
      return asResponse(await get(pathname, { headers: Object.fromEntries(new Headers(headers)) }));
    };
    const { resourceMetadataUrl, scope } = sdk.extractWWWAuthenticateParams(asResponse(await call(undefined)));
    assert.equal(resourceMetadataUrl.href, metadataUrl);
    assert.equal(scope, 'mcp:tools');
    const discover = (options) => sdk.discoverOAuthProtectedResourceMetadata(endpoint, options, fetchFn);
    const metadata = await discover({ resourceMetadataUrl });
    assert.equal(metadata.resource, endpoint);
    assert.deepEqual(await discover(), metadata);

    const [server] = metadata.authorization_servers;
    const [{ url }] = sdk.buildDiscoveryUrls(server);
    assert.equal((await (await fetchFn(url)).json()).issuer, server);
    assert.equal((await sdk.selectResourceURL(endpoint, {}, metadata)).href, endpoint);
  });
});

describe('the keys of the gate, and time', { concurrency: true }, () => {
  test('a harness with tokens of ten seconds goes on beyond their end without one failed call', async () => {
    await world.sql(`alter role "${world.role}" set openclaw.access_token_lifetime = '10s'`);
    const link = await openLink({ front: await world.startFront() });
    await world.sql(`alter role "${world.role}" reset openclaw.access_token_lifetime`);
    const first = link.answer;
    // A call that outlives its token goes on to its end.
    const steps = [];
    const long = link.client.callTool(
      { name: 'trigger-long-running-operation', arguments: { duration: 12, steps: 12 } }, undefined,
      { onprogress: ({ progress }) => steps.push(progress), timeout: 30_000 });
    for (let i = 0; Date.now() <= (first.expires_at + 1) * 1000; ++i) await echo(link, `call ${i}`);
    assert.equal(link.renewals, 2);
    world.secrets.add(link.answer.headers.Authorization.slice('Bearer '.length));
    await assertRefused(await call(first.headers.Authorization.slice('Bearer '.length)), 'expired');
    assert.match((await long).content[0].text, /completed/);
    assert.equal(steps.length, 12);
    await link.close();
  });

  test('a key that was not there at the last fetch is found by the one refetch', async () => {
    const source = await startSource(relayTo(world.front));
    const at = await startGate({ platform_jwks_url: `${source.url}${jwksPath}` });
    const started = Date.now();
    const es256 = (options) => adasToken({ alg: 'ES256', ...options });
    assert.equal(await statusOf(await es256(), { at }), 200);
    const successor = await world.value(
      `select openclaw.rotate_signing_key('ES256', activate_after => '1 second')`);
    const token = await until('the successor signs', async () => {
      const issued = await world.accessToken('ada-laptop', ['mcp:tools'], { alg: 'ES256' });
      return issued.kid === successor && issued.token;
    });
    await until('a refetch is due', () => Date.now() - started > betweenRefetches, 2 * betweenRefetches);
    assert.equal(keyFetches(source), 1);
    // Many at once join one flight.
    const calls = await Promise.all(Array.from({ length: 8 }, () => call(token, { at })));
    assert.deepEqual(calls.map(({ status }) => status), Array(8).fill(200));
    assert.equal(keyFetches(source), 2);
  });

  test('a flood of unknown kids costs a bounded number of fetches, and known keys go on', async () => {
    const source = await startSource(relayTo(world.front));
    const at = await startGate({ platform_jwks_url: `${source.url}${jwksPath}` });
    const started = Date.now();
    const stranger = await ForgerKey.generate('EdDSA');
    for (let round = 0; round < 10; ++round) {
      const flood = Array.from({ length: 40 }, (_, i) =>
        call(stranger.sign(claims(), { ...stranger.header, kid: `stranger-${round}-${i}` }), { at }));
      const known = Array.from({ length: 4 }, async () => statusOf(await adasToken(), { at }));
      const answers = await Promise.all(flood);
      assert.deepEqual(answers.map(({ status }) => status), Array(40).fill(401));
      await assertRefused(answers[0], 'unknown_key', { at });
      assert.deepEqual(await Promise.all(known), Array(4).fill(200));
    }
    const due = 1 + Math.ceil((Date.now() - started) / betweenRefetches);
    assert.ok(keyFetches(source) <= due, `${keyFetches(source)} fetches, of which ${due} are due`);
  });

  test('a key that is revoked in an emergency is out with the next status list, and all it signed', async () => {
    const source = await startSource(relayTo(world.front));
    const at = await startGate({ platform_jwks_url: `${source.url}${jwksPath}`, status_period: '2s' });
    const { token, kid } = await world.accessToken('ada-laptop', ['mcp:tools'], { alg: 'RS256' });
    const other = await adasToken();
    for (let i = 0; i < 2; ++i) assert.equal(await statusOf(token, { at }), 200);
    assert.equal(await statusOf(other, { at }), 200);
    assert.equal(await world.value('select openclaw.revoke_signing_key($1)', [kid]), true);
    await refusedFor('unknown_key', token, at);
    assert.equal(await statusOf(other, { at }), 200);
  });

  test('what the platform revokes is refused within the period: one JWT, a container\'s all, a user\'s all', async () => {
    await world.sql(`select openclaw.create_user(user_id => 'carol')`);
    await world.register('carol', 'laptop', 'external', endpoint);
    const at = await startGate({ expected_user_id: 'carol', status_period: '2s' });
    const issue = async () => (await world.accessToken('carol-laptop', ['mcp:tools'])).token;
    const tokens = [await issue(), await issue()];
    for (const token of tokens) assert.equal(await statusOf(token, { at }), 200);
    const { jti } = JSON.parse(Buffer.from(tokens[0].split('.')[1], 'base64url'));
    await world.sql('select openclaw.revoke_jwt($1, $2)', ['carol-laptop', jti]);
    await refusedFor('revoked', tokens[0], at);
    assert.equal(await statusOf(tokens[1], { at }), 200);

    const endings = [
      ['select openclaw.revoke_jwts_of($1, $2)', ['carol', 'carol-laptop']],
      ['select openclaw.revoke_container_tokens($1, $2)', ['carol', 'carol-laptop']],
      ['select openclaw.revoke_user_tokens($1)', ['carol']],
    ];
    for (const [sql, values] of endings) {
      const token = await issue();
      assert.equal(await statusOf(token, { at }), 200);
      await world.sql(sql, values);
      await refusedFor('revoked', token, at);
    }
    assert.equal(await statusOf(await issue(), { at }), 200);
  });

  test('with the front gone, known keys serve until the outage limit, then 503; back, it heals', async () => {
    const front = await world.startFront();
    const source = await startSource(relayTo(front));
    const { port } = source;
    const at = await startGate({
      platform_jwks_url: `${source.url}${jwksPath}`, jwks_outage_limit: '8s',
    });
    const remembered = await adasToken();
    assert.equal(await statusOf(remembered, { at }), 200);
    await front.stop();
    await source.close();
    const failed = () => at.eventsOf('jwks_fetched').some(({ outcome }) => outcome === 'connect');
    await until('a fetch fails', failed);
    assert.equal(await statusOf(await adasToken(), { at }), 200);
    assert.equal(await statusOf(remembered, { at }), 200);
    const stranger = await ForgerKey.generate('EdDSA');
    assert.equal(await statusOf(stranger.sign(claims()), { at }), 401);

    const unavailable = await until('the last good set is too old', async () => {
      const answer = await call(remembered, { at });
      return answer.status !== 200 && answer;
    });
    assert.equal(unavailable.status, 503);
    assert.match(unavailable.headers['retry-after'], /^[1-9]\d*$/);
    assert.equal(unavailable.headers['www-authenticate'], undefined);
    assert.ok(!reached(unavailable));
    assert.equal((await at.requestEvent(unavailable)).decision, 'unavailable');
    assert.equal((await call(undefined, { at })).status, 401);

    await startSource(relayTo(world.front), { port });
    await until('the gate has keys again', async () => (await statusOf(remembered, { at })) === 200, 20_000);
  });

  test('a gate that starts while there are no keys answers 503, and serves once there are', async () => {
    const source = await startSource((request, response) => response.writeHead(503).end());
    const at = await startGate({ platform_jwks_url: `${source.url}${jwksPath}` });
    const token = await adasToken();
    assert.equal(await statusOf(token, { at }), 503);
    source.handler = relayTo(world.front);
    await until('the gate has keys', async () => (await statusOf(token, { at })) === 200);
  });

  const json = (response, document) =>
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(document));
  const hundredMegabytes = 100 * 1024 * 1024;
  const faults = {
    'answers HTTP 500': ['http_status', (request, response) => response.writeHead(500).end()],
    'answers HTML': ['not_a_key_set', (request, response) =>
      response.writeHead(200, { 'Content-Type': 'text/html' }).end('<html><body>Sign in</body></html>')],
    'breaks off in the middle': ['connect', (request, response, good) => {
      const text = JSON.stringify(good);
      response.writeHead(200, { 'Content-Length': text.length });
      response.write(text.slice(0, -10), () => response.destroy());
    }],
    'sends half a document': ['not_a_key_set', (request, response, good) =>
      response.end(JSON.stringify(good).slice(0, -10))],
    'announces 100 MB': ['too_large', (request, response) =>
      response.writeHead(200, { 'Content-Length': hundredMegabytes }).write('{"keys":[')],
    'sends without an end': ['too_large', (request, response) => {
      const block = ' '.repeat(64 * 1024);
      const more = () => {
        while (!response.destroyed && response.write(block));
      };
      response.on('drain', more);
      more();
    }],
    'redirects to where the good set is': ['http_status', (request, response) =>
      response.writeHead(302, { Location: '/good' }).end()],
    'has two keys of one kid': ['not_a_key_set', (request, response, { keys }) =>
      json(response, { keys: [...keys, keys[0]] })],
    'has no answer for a closed connection': ['connect', (request, response) => response.destroy()],
  };

  for (const [fault, [outcome, misbehave]] of Object.entries(faults)) {
    test(`a source that ${fault} leaves the last good set in place, until the limit`, async () => {
      const key = await ForgerKey.generate('EdDSA');
      const good = { keys: [key.jwk] };
      const source = await startSource((request, response) => json(response, good));
      const at = await startGate({
        platform_jwks_url: `${source.url}/keys`, jwks_outage_limit: '8s',
      });
      assert.equal(await statusOf(key.sign(claims()), { at }), 200);
      source.handler = (request, response) =>
        request.url === '/good' ? json(response, good) : misbehave(request, response, good);
      await until('the fault is met twice',
        () => at.eventsOf('jwks_fetched').filter((event) => event.outcome === outcome).length >= 2);
      assert.equal(await statusOf(key.sign(claims({ jti: 'fresh' })), { at }), 200);
      await until('the last good set is too old',
        async () => (await statusOf(key.sign(claims()), { at })) === 503);
      assert.ok(source.requests.every(({ target }) => target === '/keys'));
      source.handler = (request, response) => json(response, good);
      await until('the gate has keys again',
        async () => (await statusOf(key.sign(claims()), { at })) === 200, 20_000);
    });
  }
});

test('no token of this file is in a log', async () => {
  await world.assertLogsHoldNoSecret();
  for (const each of gates) each.assertLogHoldsNone(world.secrets);
});

// Ends TLS as the container would, and keeps what it reads.
class MiddleMan {
  static async start(shown) {
    const middle = new MiddleMan(shown);
    middle.server.listen(0, '127.0.0.1');
    await once(middle.server, 'listening');
    middle.port = middle.server.address().port;
    return middle;
  }

  text = '';
  sockets = new Set();

  constructor(shown) {
    this.server = tls.createServer(shown.tls, (socket) => {
      socket.on('error', () => {}).on('data', (data) => (this.text += data));
    });
    this.server.on('connection', (socket) => this.sockets.add(socket)).on('tlsClientError', () => {});
  }

  async close() {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }
}

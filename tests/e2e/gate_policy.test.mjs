// Whom the gate lets in, in modes local and token, and what it says to whom it does not: challenges,
// Host and Origin, the life of a key, forward-auth, metrics and the access log.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { after, afterEach, before, describe, test } from 'node:test';
import { Gate, Upstream, apiKey, assertError, beginStream, head, openclaw, until, yaml } from './gate_world.mjs';
import { parseMetrics } from './prometheus.mjs';

const forwardAuth = '/.openclaw/forward-auth';
const publicUrl = 'https://mcp.example.com/mcp';
const page = 'https://mcp.example.com'; // public_url's own
const app = 'https://app.example.com:8443';
const scopes = ['mcp:tools', 'data:read'];

const served = (request, response) => response.end('served');
let upstream;
before(async () => (upstream = await Upstream.start(served)));
after(() => upstream.close());

// Gates of one test alone.
let temporary = [];
afterEach(async () => {
  upstream.handler = served;
  for (const gate of temporary.splice(0)) await gate.stop();
});
const startGate = async (config, world) => {
  const gate = await Gate.start({ config: { upstream: upstream.url, ...config }, ...world });
  temporary.push(gate);
  return gate;
};

// What an answer says is asked of the upstream, or is not.
const countingCalls = async (act) => {
  const before = upstream.requests.length;
  const answer = await act();
  return { answer, calls: upstream.requests.length - before };
};
const assertServed = async (act) => {
  const { answer, calls } = await countingCalls(act);
  assert.equal(answer.status, 200, answer.body);
  assert.equal(answer.body, 'served');
  assert.equal(calls, 1);
  return answer;
};
const assertKeptOut = async (act, status, error) => {
  const { answer, calls } = await countingCalls(act);
  assertError(answer, status, error);
  assert.match(answer.headers['x-request-id'], /^[\w.-]+$/);
  assert.equal(calls, 0, 'the upstream is not asked');
  return answer;
};

describe('mode token', () => {
  const secrets = [];
  let keys;
  let gate;
  before(async () => {
    keys = {
      plain: apiKey('plain'), // all that auth.scopes needs
      wide: apiKey('wide', { scopes: ['mcp:*', 'data:*'] }),
      exact: apiKey('exact', { scopes: [...scopes, 'data:write'] }),
      half: apiKey('half', { scopes: ['mcp:tools'] }),
      other: apiKey('other', { scopes: ['data:write'] }),
      past: apiKey('past'),
      unknown: apiKey('unknown'),
    };
    secrets.push(...Object.values(keys).map(({ key }) => key));
    const { plain, wide, exact, half, other, past } = keys;
    gate = await Gate.start({
      config: {
        auth: {
          mode: 'token', scopes,
          tokens: [...[plain, wide, exact, half, other].map(({ entry }) => entry),
            { ...past.entry, expires_at: '2020-01-01' }],
        },
        upstream: upstream.url,
      },
    });
  });
  after(() => gate.stop());

  const challengeOf = ({ headers }) => headers['www-authenticate'];
  const scope = `scope="${scopes.join(' ')}"`;

  test('lets in who has a key with every scope that is needed, by name or by wildcard', async () => {
    for (const { key } of [keys.plain, keys.wide, keys.exact]) {
      await assertServed(() => gate.post('/mcp', { bearer: key, body: '{}' }));
    }
    await assertServed(() => gate.get('/mcp', { headers: { Authorization: `bEARER ${keys.plain.key}` } }));
    assert.ok(!JSON.stringify(upstream.requests).includes(keys.plain.key));
  });

  test('without credentials, or with those of another kind, is 401 with a challenge that names no error', async () => {
    const basic = `Basic ${Buffer.from(`x:${keys.plain.key}`).toString('base64')}`;
    for (const options of [{}, { headers: { Authorization: basic } }, { headers: { Authorization: 'Digest a=b' } },
      { headers: { 'X-Api-Key': keys.plain.key } }, { headers: { 'Proxy-Authorization': `Bearer ${keys.plain.key}` } },
      { headers: { Cookie: `Authorization=Bearer ${keys.plain.key}` } }]) {
      const answer = await assertKeptOut(() => gate.post('/mcp', options), 401, 'unauthorized');
      assert.equal(challengeOf(answer), `Bearer ${scope}`);
    }
    await assertKeptOut(() => gate.get(`/mcp?access_token=${keys.plain.key}`), 401, 'unauthorized');
  });

  test('a key that is wrong in any way is 401 invalid_token', async () => {
    const good = keys.plain.key;
    const hash = createHash('sha256').update(good).digest('hex');
    for (const authorization of [`Bearer ${keys.unknown.key}`, `Bearer ${good.slice(0, -1)}`, `Bearer ${good}x`,
      `Bearer ${good.toUpperCase()}`, `Bearer ${good} ${good}`, `Bearer ${good},`, `Bearer "${good}"`, 'Bearer',
      'Bearer ', `Bearer ${hash}`, `Bearer sha256:${hash}`, 'Bearer null', `Bearer ${'x'.repeat(9_000)}`,
      'Bearer eyJhbGciOiJub25lIn0.eyJ1c2VyX2lkIjoiYWRhIn0.', 'Bearer ../../etc/passwd', "Bearer ' or ''='"]) {
      const ask = () => gate.get('/mcp', { headers: { Authorization: authorization } });
      const answer = await assertKeptOut(ask, 401, 'invalid_token');
      assert.equal(challengeOf(answer), `Bearer error="invalid_token", ${scope}`, authorization.slice(0, 20));
    }
  });

  test('an Authorization that is given twice is 401, were both of them good', async () => {
    const good = `Authorization: Bearer ${keys.plain.key}`;
    const ask = (...fields) => gate.raw(head('GET /mcp', 'Connection: close', ...fields));
    const before = upstream.requests.length;
    for (const second of [good, 'authorization: Bearer x', 'Authorization: Basic eDp5']) {
      assert.match(await ask(good, second), /^HTTP\/1\.1 401 [^]*error="invalid_token"/);
      assert.match(await ask(second, good), /^HTTP\/1\.1 401 /);
    }
    assert.equal(upstream.requests.length, before);
  });

  test('a key that lacks a scope is 403, and the challenge names all that are needed', async () => {
    for (const { key } of [keys.half, keys.other]) {
      const answer = await assertKeptOut(() => gate.get('/mcp', { bearer: key }), 403, 'insufficient_scope');
      assert.equal(challengeOf(answer), `Bearer error="insufficient_scope", ${scope}`);
    }
  });

  test('a key that has expired is 401', async () => {
    const answer = await assertKeptOut(() => gate.get('/mcp', { bearer: keys.past.key }), 401, 'invalid_token');
    assert.equal((await gate.requestEvent(answer)).reason, 'expired');
  });

  test('a key ends at its very second, without anything being reloaded', async () => {
    const brief = apiKey('brief', { expires: '3s' });
    const short = await startGate({ auth: { mode: 'token', tokens: [brief.entry] } });
    await assertServed(() => short.get('/mcp', { bearer: brief.key }));
    const end = Date.parse(brief.entry.expires_at);
    const refused = await until('the key is refused', async () => {
      const answer = await short.get('/mcp', { bearer: brief.key });
      if (answer.status === 200) assert.ok(Date.now() < end + 1_000, 'it is let in after its end');
      return answer.status !== 200 && answer;
    });
    assert.ok(Date.now() >= end, 'it is refused before its end');
    assertError(refused, 401, 'invalid_token');
    assert.equal(short.eventsOf('reloaded').length, 0);
  });

  test('where no scope is needed, the challenge names none', async () => {
    const plain = await startGate({ auth: { mode: 'token', tokens: [keys.plain.entry] } });
    assert.equal(challengeOf(await plain.get('/mcp')), 'Bearer realm="openclaw"');
    assert.equal(challengeOf(await plain.get('/mcp', { bearer: 'x' })), 'Bearer error="invalid_token"');
    await assertServed(() => plain.get('/mcp', { bearer: keys.plain.key }));
  });

  test('without any key in the file nobody is let in', async () => {
    const empty = await startGate({ auth: { mode: 'token' } });
    await assertKeptOut(() => empty.get('/mcp'), 401, 'unauthorized');
    await assertKeptOut(() => empty.get('/mcp', { bearer: keys.plain.key }), 401, 'invalid_token');
  });

  test('advertises no authorization server: no metadata, and none in the challenge', async () => {
    const withUrl = await startGate({ auth: { mode: 'token', tokens: [keys.plain.entry] }, public_url: publicUrl });
    for (const path of ['/.well-known/oauth-protected-resource', '/.well-known/oauth-protected-resource/mcp']) {
      for (const options of [{}, { bearer: keys.plain.key }]) {
        await assertKeptOut(() => withUrl.get(path, options), 404, 'not_found');
      }
    }
    for (const options of [{}, { bearer: 'x' }]) {
      assert.doesNotMatch(challengeOf(await withUrl.get('/mcp', options)), /resource_metadata/);
    }
  });

  test('a client that expects 100-continue is refused before it sends its body', async () => {
    const text = await gate.raw(head('POST /mcp', 'Content-Length: 100', 'Expect: 100-continue'));
    assert.deepEqual(text.match(/HTTP\/1\.1 \d{3}/g), ['HTTP/1.1 401']);
  });

  test('whoever is refused may try again on the same connection', async () => {
    const socket = await gate.connect();
    socket.write(head('GET /mcp'));
    await until('the refusal', () => /^HTTP\/1\.1 401 /.test(socket.text));
    socket.write(head('GET /mcp', `Authorization: Bearer ${keys.plain.key}`, 'Connection: close'));
    await until('the gate closes', () => socket.destroyed);
    assert.match(socket.text, /HTTP\/1\.1 200 OK/);
  });

  test('what a connection was allowed counts for that request alone', async () => {
    const good = `Authorization: Bearer ${keys.plain.key}`;
    const ask = (...fields) => head('GET /mcp', ...fields);
    const text = await gate.raw(ask(good) + ask() + ask(good) + ask('Connection: close'));
    assert.deepEqual(text.match(/HTTP\/1\.1 \d{3}/g), [200, 401, 200, 401].map((status) => `HTTP/1.1 ${status}`));
  });

  test('no key of these tests is in the log', () => gate.assertLogHoldsNone(secrets));
});

describe("a key's life in config.yaml, by changes to the file alone", () => {
  const cli = (gate, ...args) => execFileSync(openclaw,
    ['token', ...args, '--config', gate.file('config.yaml'), '--json'], { stdio: ['ignore', 'pipe', 'ignore'] });
  const status = (gate, key) => gate.get('/mcp', { bearer: key }).then((answer) => answer.status);

  test('created with the CLI it opens the gate, revoked it does not, and the others are not disturbed', async () => {
    const first = apiKey('first');
    const gate = await startGate({ auth: { mode: 'token', tokens: [first.entry] } });
    const { key } = JSON.parse(cli(gate, 'create', '--name', 'second'));
    await until('the new key opens', async () => await status(gate, key) === 200);
    assert.equal(await status(gate, first.key), 200);
    cli(gate, 'revoke', 'second');
    await until('the revoked key is refused', async () => await status(gate, key) === 401);
    assert.equal(await status(gate, first.key), 200);
    gate.assertLogHoldsNone([key, first.key]);
  });

  test('a file that is written in place, renamed into place, or swapped behind a link is noticed', async () => {
    const keys = ['renamed', 'written', 'linked', 'swapped'].map((name) => apiKey(name));
    const text = ({ entry }) => yaml({ listen: '127.0.0.1:0', upstream: upstream.url, limits: { connections: 100 },
      auth: { mode: 'token', tokens: [entry] } });
    const gate = await startGate({ auth: { mode: 'token' } });
    const opensAlone = (only) => until(`${only.name} opens, and no other`, async () => {
      const statuses = await Promise.all(keys.map(({ key }) => status(gate, key)));
      return statuses.every((each, i) => each === (keys[i] === only ? 200 : 401));
    });
    const [renamed, written, linked, swapped] = keys;
    gate.writeFile('config.yaml', text(renamed), 0o640);
    await opensAlone(renamed);
    writeFileSync(gate.file('config.yaml'), text(written));
    await opensAlone(written);

    // As Kubernetes mounts a ConfigMap: config.yaml -> ..data/config.yaml, and ..data -> a folder.
    const link = (target, name) => {
      symlinkSync(target, gate.file('link'));
      renameSync(gate.file('link'), gate.file(name));
    };
    for (const key of [linked, swapped]) {
      mkdirSync(gate.file(key.name));
      writeFileSync(gate.file(`${key.name}/config.yaml`), text(key), { mode: 0o640 });
    }
    link('linked', '..data');
    link('..data/config.yaml', 'config.yaml');
    await opensAlone(linked);
    link('swapped', '..data');
    await opensAlone(swapped);
  });

  test('a file that becomes open to others is not taken, and the keys of before stay', async () => {
    const { key, entry } = apiKey('kept');
    const gate = await startGate({ auth: { mode: 'token', tokens: [entry] } });
    const { event } = await gate.reloadedBy(() => chmodSync(gate.file('config.yaml'), 0o644));
    assert.equal(event, 'reload_refused');
    assert.equal(await status(gate, key), 200);
  });
});

describe('mode local', () => {
  let gate;
  before(async () => {
    gate = await Gate.start({
      config: { auth: { mode: 'local', scopes }, upstream: upstream.url, public_url: publicUrl },
    });
  });
  after(() => gate.stop());

  test('lets everybody in who calls loopback by its name, and asks for nothing', async () => {
    for (const host of ['localhost', 'LocalHost:3100', '127.0.0.1', '127.0.0.1:1', '127.8.9.10', '[::1]',
      '[::1]:3100']) {
      await assertServed(() => gate.post('/mcp', { host, body: '{}' }));
    }
    await assertServed(() => gate.get('/mcp', { bearer: 'whatever' }));
  });

  test("refuses a name that a browser was led here by, be it public_url's (DNS rebinding)", async () => {
    for (const host of ['evil.example', 'evil.example:3100', 'mcp.example.com', 'localhost.evil.example',
      '127.0.0.1.nip.io', 'localhost.', '192.168.1.5', '0.0.0.0', '[::]', '[::ffff:127.0.0.1]', '10.0.0.1:3100']) {
      for (const path of ['/mcp', forwardAuth]) {
        await assertKeptOut(() => gate.get(path, { host }), 403, 'forbidden_host');
      }
    }
  });

  test('refuses pages of foreign origins that call loopback by its name', async () => {
    for (const origin of ['https://evil.example', 'http://evil.example:3100', 'null']) {
      const ask = () => gate.post('/mcp', { headers: { Origin: origin }, body: '{}' });
      await assertKeptOut(ask, 403, 'forbidden_origin');
    }
  });

  test('has no metadata', async () => {
    for (const path of ['/.well-known/oauth-protected-resource', '/.well-known/oauth-protected-resource/mcp']) {
      await assertKeptOut(() => gate.get(path), 404, 'not_found');
    }
  });
});

describe('Host and Origin', () => {
  let key;
  let gate;
  before(async () => {
    const made = apiKey('browser');
    ({ key } = made);
    gate = await Gate.start({
      config: {
        auth: { mode: 'token', tokens: [made.entry] },
        upstream: upstream.url, public_url: publicUrl, allowed_origins: [app],
      },
    });
  });
  after(() => gate.stop());

  const preflight = (origin, path = '/mcp', extra = {}) => gate.request('OPTIONS', path, {
    headers: { Origin: origin, 'Access-Control-Request-Method': 'POST',
      'Access-Control-Request-Headers': 'authorization,content-type,mcp-protocol-version', ...extra },
  });
  const list = (value) => value.toLowerCase().split(',').map((item) => item.trim());

  test("Host may be public_url's, an address or localhost, with any port", async () => {
    for (const host of ['mcp.example.com', 'MCP.example.com:443', 'mcp.example.com:8443', '192.0.2.7',
      '[2001:db8::1]:3100', 'localhost:1']) {
      await assertServed(() => gate.get('/mcp', { host, bearer: key }));
    }
  });

  test('Host that is anything else is 403, with the best of keys', async () => {
    for (const host of ['evil.example', 'example.com', 'xmcp.example.com', 'mcp.example.com.evil.example',
      'mcp.example.com.', 'mcp.example.com@evil.example', 'mcp.example.com/x', 'mcp-example.com']) {
      await assertKeptOut(() => gate.get('/mcp', { host, bearer: key }), 403, 'forbidden_host');
      await assertKeptOut(() => gate.get(forwardAuth, { host, bearer: key }), 403, 'forbidden_host');
    }
  });

  test('X-Forwarded-Host and Forwarded speak for nobody', async () => {
    const headers = { 'X-Forwarded-Host': 'mcp.example.com', Forwarded: 'host=mcp.example.com' };
    await assertKeptOut(() => gate.get('/mcp', { host: 'evil.example', bearer: key, headers }), 403, 'forbidden_host');
  });

  test("Origin may be public_url's or an allowed one", async () => {
    for (const origin of [page, app]) {
      await assertServed(() => gate.post('/mcp', { bearer: key, headers: { Origin: origin }, body: '{}' }));
    }
  });

  test('Origin that is anything else is 403, with the best of keys, and no page may read that', async () => {
    for (const origin of ['https://evil.example', 'http://mcp.example.com', 'https://mcp.example.com:8443',
      'https://mcp.example.com.evil.example', 'https://evil.example#https://mcp.example.com',
      'https://app.example.com', `${app}/`, `${page}/mcp`, 'null', 'file://', '', `${page} ${app}`,
      `${page},${app}`, 'mcp.example.com', 'https://MCP.example.com', '*']) {
      for (const path of ['/mcp', forwardAuth]) {
        const ask = () => gate.post(path, { bearer: key, headers: { Origin: origin } });
        const answer = await assertKeptOut(ask, 403, 'forbidden_origin');
        assert.equal(answer.headers['access-control-allow-origin'], undefined);
      }
      assert.equal((await preflight(origin)).status, 403);
    }
  });

  test('two Origins are 400', async () => {
    const text = await gate.raw(head('GET /mcp', `Origin: ${page}`, `Origin: ${page}`, `Authorization: Bearer ${key}`));
    assert.match(text, /^HTTP\/1\.1 400 /);
  });

  test('a preflight of an allowed page is answered by the gate, without a key, and allows what MCP sends', async () => {
    for (const origin of [page, app]) {
      const { answer, calls } = await countingCalls(() => preflight(origin));
      assert.equal(calls, 0);
      assert.equal(answer.status, 204);
      assert.equal(answer.body, '');
      const { headers } = answer;
      assert.equal(headers['access-control-allow-origin'], origin);
      assert.ok(list(headers.vary).includes('origin'));
      const methods = list(headers['access-control-allow-methods']);
      for (const method of ['get', 'post', 'delete']) assert.ok(methods.includes(method), method);
      // `*` covers all but Authorization (Fetch standard, CORS-preflight fetch).
      const allowed = list(headers['access-control-allow-headers']);
      assert.ok(allowed.includes('authorization'));
      for (const name of ['content-type', 'accept', 'mcp-session-id', 'mcp-protocol-version', 'last-event-id',
        'mcp-method', 'mcp-name', 'mcp-param-region']) {
        assert.ok(allowed.includes('*') || allowed.includes(name), name);
      }
      assert.equal(headers['access-control-allow-credentials'], undefined);
    }
  });

  test('OPTIONS that is no preflight is a request like any other', async () => {
    const ask = (headers, bearer) => gate.request('OPTIONS', '/mcp', { headers, bearer });
    await assertKeptOut(() => ask({ Origin: page }), 401, 'unauthorized');
    await assertServed(() => ask({ Origin: page }, key));
    await assertKeptOut(() => ask({ 'Access-Control-Request-Method': 'POST' }), 401, 'unauthorized');
  });

  test('an allowed page may read answers and refusals, whatever the upstream has to say about that', async () => {
    upstream.handler = (request, response) => response.writeHead(200, {
      'Access-Control-Allow-Origin': '*', 'Access-Control-Expose-Headers': '*',
      'Access-Control-Allow-Credentials': 'true', 'Mcp-Session-Id': 's',
    }).end('served');
    const served = await assertServed(() => gate.get('/mcp', { bearer: key, headers: { Origin: app } }));
    const refused = await assertKeptOut(() => gate.get('/mcp', { headers: { Origin: app } }), 401, 'unauthorized');
    for (const { headers, rawHeaders } of [served, refused]) {
      assert.equal(headers['access-control-allow-origin'], app);
      assert.equal(rawHeaders.filter((name) => /^access-control-allow-origin$/i.test(name)).length, 1);
      assert.equal(headers['access-control-allow-credentials'], undefined);
      assert.ok(list(headers.vary).includes('origin'));
      const exposed = list(headers['access-control-expose-headers']);
      for (const name of ['mcp-session-id', 'www-authenticate']) assert.ok(exposed.includes(name), name);
      assert.ok(!exposed.includes('*'));
    }
  });

  test('who is no page gets no word of CORS', async () => {
    for (const answer of [await gate.get('/mcp', { bearer: key }), await gate.get('/mcp')]) {
      assert.deepEqual(Object.keys(answer.headers).filter((name) => name.startsWith('access-control-')), []);
    }
  });
});

describe('forward-auth', () => {
  let keys;
  let gate;
  before(async () => {
    keys = { good: apiKey('good'), poor: apiKey('poor', { scopes: ['data:write'] }) };
    gate = await Gate.start({
      config: {
        auth: { mode: 'token', scopes, tokens: [keys.good.entry, keys.poor.entry] },
        upstream: 'none', public_url: publicUrl,
      },
    });
  });
  after(() => gate.stop());

  test('answers 200 without a body for a good key, for any method, and on every path below', async () => {
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
      for (const rest of ['', '?x=y', '/', '/mcp', '/any/where?x']) {
        const answer = await gate.request(method, forwardAuth + rest, { bearer: keys.good.key });
        assert.equal(answer.status, 200, `${method} ${rest}`);
        assert.equal(answer.body, '');
        assert.equal(answer.headers['cache-control'], 'no-store');
      }
    }
  });

  test('a preflight is no reason to pass: it is judged like any other question', async () => {
    const headers = { Origin: 'https://mcp.example.com', 'Access-Control-Request-Method': 'GET' };
    assert.equal((await gate.request('OPTIONS', `${forwardAuth}/mcp`, { headers })).status, 401);
  });

  test('answers 401 and 403 with the challenge that the client is to see', async () => {
    const scope = `scope="${scopes.join(' ')}"`;
    for (const path of [forwardAuth, `${forwardAuth}/mcp`]) {
      const none = await assertKeptOut(() => gate.get(path), 401, 'unauthorized');
      assert.equal(none.headers['www-authenticate'], `Bearer ${scope}`);
      const wrong = await assertKeptOut(() => gate.post(path, { bearer: 'wrong' }), 401, 'invalid_token');
      assert.equal(wrong.headers['www-authenticate'], `Bearer error="invalid_token", ${scope}`);
      const poor = await assertKeptOut(() => gate.get(path, { bearer: keys.poor.key }), 403, 'insufficient_scope');
      assert.equal(poor.headers['www-authenticate'], `Bearer error="insufficient_scope", ${scope}`);
    }
  });

  test('a key proves no user: none is named, and the name that the client gives does not come back', async () => {
    const answer = await gate.get(forwardAuth,
      { bearer: keys.good.key, headers: { 'X-OpenClaw-User-Id': 'user_eve' } });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['x-openclaw-user-id'], undefined);
  });

  test('keeps its connection for the next question, whatever body came with the first', async () => {
    const ask = (method, ...fields) =>
      head(`${method} ${forwardAuth}`, `Authorization: Bearer ${keys.good.key}`, ...fields);
    const text = await gate.raw(
      `${ask('GET')}${ask('POST', 'Content-Length: 4')}body${ask('GET', 'Connection: close')}`);
    assert.deepEqual(text.match(/HTTP\/1\.1 \d{3}/g), ['HTTP/1.1 200', 'HTTP/1.1 200', 'HTTP/1.1 200']);
  });

  test('there is nothing else: 404 beside it, and without an upstream everywhere', async () => {
    for (const path of ['/.openclaw/', '/.openclaw/forward-authx', '/.openclaw/config', '/.openclaw/forward', '/',
      '/mcp', '/.openclaw']) {
      assertError(await gate.get(path, { bearer: keys.good.key }), 404, 'not_found');
      assertError(await gate.get(path), 401, 'unauthorized');
    }
  });

  test('is answered beside an upstream too, which hears nothing of it', async () => {
    const both = await startGate({ auth: { mode: 'token', tokens: [keys.good.entry] } });
    const { answer, calls } = await countingCalls(() => both.get(`${forwardAuth}/mcp`, { bearer: keys.good.key }));
    assert.equal(answer.status, 200);
    assert.equal(calls, 0);
    for (const path of ['/.openclaw/', '/.openclaw/other']) {
      await assertKeptOut(() => both.get(path, { bearer: keys.good.key }), 404, 'not_found');
    }
  });
});

describe('metrics', () => {
  let keys;
  let gate;
  before(async () => {
    keys = { good: apiKey('good'), poor: apiKey('poor', { scopes: ['data:write'] }) };
    gate = await Gate.start({
      config: {
        auth: { mode: 'token', scopes, tokens: [keys.good.entry, keys.poor.entry] },
        upstream: upstream.url, metrics: '127.0.0.1:0',
      },
    });
  });
  after(() => gate.stop());

  // { 'openclaw_gate_requests_total{decision="allowed",reason="ok"}': 3, ... }
  const read = async () => parseMetrics((await gate.metrics()).body).samples;
  const name = (metric, labels = {}) => {
    const set = Object.entries(labels).map(([label, value]) => `${label}="${value}"`).join(',');
    return `openclaw_gate_${metric}${set && `{${set}}`}`;
  };
  // Counters are raised when a request has ended, which its client sees a little earlier.
  const risesBy = async (expected, act) => {
    const earlier = await read();
    await act();
    for (const [metric, by] of expected) {
      await until(`${metric} rises by ${by}`, async () => (await read())[metric] === (earlier[metric] ?? 0) + by);
    }
  };

  test('are text that Prometheus reads: each of them declared, with a help and a type', async () => {
    await gate.get('/mcp', { bearer: keys.good.key });
    const answer = await gate.metrics();
    assert.equal(answer.status, 200);
    assert.match(answer.headers['content-type'], /^text\/plain; version=0\.0\.4/);
    const { declared } = parseMetrics(answer.body);
    for (const metric of ['requests_total', 'responses_total', 'connections', 'exchanges', 'remembered_tokens',
      'jwks_keys', 'jwks_fetches_total', 'config_reloads_total', 'upstream_connections_total',
      'upstream_failures_total']) {
      assert.ok(declared.has(name(metric)), metric);
    }
  });

  test('count requests by decision and reason, and answers by class', async () => {
    await risesBy([
      [name('requests_total', { decision: 'allowed', reason: 'ok' }), 3],
      [name('requests_total', { decision: 'unauthenticated', reason: 'no_credentials' }), 2],
      [name('requests_total', { decision: 'unauthenticated', reason: 'unknown' }), 1],
      [name('requests_total', { decision: 'insufficient_scope', reason: 'insufficient_scope' }), 1],
      [name('requests_total', { decision: 'refused', reason: 'forbidden_host' }), 1],
      [name('responses_total', { class: '2xx' }), 3],
      [name('responses_total', { class: '4xx' }), 5],
    ], async () => {
      for (let i = 0; i < 3; ++i) await gate.get('/mcp', { bearer: keys.good.key });
      for (let i = 0; i < 2; ++i) await gate.get('/mcp');
      await gate.get('/mcp', { bearer: apiKey('stranger').key });
      await gate.get('/mcp', { bearer: keys.poor.key });
      await gate.get('/mcp', { host: 'evil.example', bearer: keys.good.key });
    });
  });

  test('count what the upstream fails at, and reloads', async () => {
    await risesBy([[name('upstream_failures_total'), 1], [name('responses_total', { class: '5xx' }), 1]], async () => {
      upstream.handler = (request) => request.socket.destroy();
      assert.equal((await gate.post('/mcp', { bearer: keys.good.key, body: '{}' })).status, 502);
      upstream.handler = served;
    });
    await risesBy([[name('config_reloads_total', { outcome: 'ok' }), 1]], () => gate.reload());
  });

  test('show how many are connected and how many calls are under way', async () => {
    upstream.handler = beginStream;
    const streams = [];
    for (let i = 0; i < 3; ++i) streams.push(await gate.open('GET', '/mcp', { bearer: keys.good.key }));
    const idle = await gate.connect();
    await until('they are counted', async () => {
      const now = await read();
      return now[name('exchanges')] === 3 && now[name('connections')] === 4;
    });
    for (const stream of streams) stream.leave();
    idle.destroy();
    await until('they are gone', async () => {
      const now = await read();
      return now[name('exchanges')] === 0 && now[name('connections')] === 0;
    });
  });

  test('have a port of their own, with /healthz, and nothing else there', async () => {
    const there = { port: gate.metricsPort };
    assert.notEqual(gate.metricsPort, gate.port);
    const healthy = await gate.get('/healthz', there);
    assert.equal(healthy.status, 200);
    assert.equal(healthy.body.trim(), 'ok');
    for (const path of ['/', '/mcp', '/metrics/x', forwardAuth]) {
      assert.equal((await gate.get(path, there)).status, 404, path);
    }
    assert.equal((await gate.post('/metrics', there)).status, 405);
    await assertServed(() => gate.get('/metrics', { bearer: keys.good.key }));
    await assertKeptOut(() => gate.get('/metrics'), 401, 'unauthorized');
  });

  test('whoever idles at their port does not keep the gate from ending', async () => {
    const other = await Gate.start({
      config: { auth: { mode: 'local' }, upstream: upstream.url, metrics: '127.0.0.1:0' } });
    const idler = net.connect(other.metricsPort, '127.0.0.1');
    await once(idler, 'connect');
    idler.on('error', () => {});
    assert.equal((await other.get('/mcp')).status, 200);
    other.process.kill('SIGTERM');
    await until('the gate ends', () => other.process.exitCode === 0, 5000);
    idler.destroy();
    await other.stop();
  });

  test('name no key, no user and no path', async () => {
    await gate.get('/secret-path?secret-query', { bearer: keys.good.key });
    const { body } = await gate.metrics();
    for (const part of ['secret', 'good', keys.good.key.slice(4, 20)]) assert.ok(!body.includes(part), part);
  });
});

describe('the access log', () => {
  test('has a line for each request, with the decision and its reason, and no secret', async () => {
    const good = apiKey('my laptop');
    const poor = apiKey('poor', { scopes: ['data:write'] });
    const stranger = apiKey('stranger');
    const gate = await startGate({ auth: { mode: 'token', scopes, tokens: [good.entry, poor.entry] } });
    const canaries = ['in-the-query', 'in-a-header', 'in-the-body', 'in-the-path', 'in-a-cookie'];
    const ask = (options) => gate.post('/in-the-path?q=in-the-query', {
      body: 'in-the-body', ...options,
      headers: { 'X-Own': 'in-a-header', Cookie: 'in-a-cookie', ...options.headers },
    });
    const expectations = [
      [{ bearer: good.key }, { status: 200, decision: 'allowed', reason: 'ok', key: 'my laptop' }],
      [{}, { status: 401, decision: 'unauthenticated', reason: 'no_credentials' }],
      [{ headers: { Authorization: 'Basic in-a-header' } },
        { status: 401, decision: 'unauthenticated', reason: 'wrong_scheme' }],
      [{ bearer: stranger.key }, { status: 401, decision: 'unauthenticated', reason: 'unknown' }],
      [{ bearer: poor.key }, { status: 403, decision: 'insufficient_scope', reason: 'insufficient_scope' }],
      [{ host: 'evil.example', bearer: good.key }, { status: 403, decision: 'refused', reason: 'forbidden_host' }],
      [{ headers: { Origin: 'https://evil.example' }, bearer: good.key },
        { status: 403, decision: 'refused', reason: 'forbidden_origin' }],
    ];
    for (const [options, expected] of expectations) {
      const answer = await ask(options);
      const event = await gate.requestEvent(answer);
      for (const [member, value] of Object.entries(expected)) assert.equal(event[member], value, JSON.stringify(event));
      assert.equal(event.status, answer.status);
      assert.equal(event.method, 'POST');
      assert.equal(event.level, 'info');
      assert.equal(event.bytes, answer.bytes.length);
      assert.ok(!Number.isNaN(Date.parse(event.time)));
      if (!expected.key) assert.ok(!event.key, 'no key is named that did not let in');
      assert.ok(!event.user_id);
    }
    const malformed = await gate.raw('GET /mcp HTTP/1.1\r\nHost: a\r\nHost: b\r\nX: in-a-header\r\n\r\n');
    const [, id] = /X-Request-Id: (\S+)/i.exec(malformed);
    const refused = await gate.requestEvent({ headers: { 'x-request-id': id } });
    assert.equal(refused.status, 400);
    assert.equal(refused.decision, 'refused');
    assert.equal(gate.eventsOf('request').length, expectations.length + 1);
    gate.assertLogHoldsNone([...canaries, good.key, poor.key, stranger.key, 'evil.example']);
  });

  test('has a line for a call whose client left, and for one whose upstream broke off', async () => {
    const gate = await startGate({ auth: { mode: 'local' } });
    upstream.handler = beginStream;
    for (const end of [(answer) => answer.leave(), () => upstream.server.closeAllConnections()]) {
      const before = gate.eventsOf('request').length;
      const answer = await gate.open('GET', '/mcp');
      await answer.seen('data: 1');
      assert.equal(gate.eventsOf('request').length, before, 'not before it has ended');
      end(answer);
      const event = await gate.requestEvent(answer);
      assert.equal(event.decision, 'allowed');
      assert.equal(event.bytes, 'data: 1\n\n'.length);
    }
  });

  test('is as talkative as --log-level says', async () => {
    const quiet = await startGate({ auth: { mode: 'local' } }, { options: ['--log-level', 'info'] });
    await quiet.requestEvent(await quiet.get('/mcp'));
    const text = readFileSync(quiet.file('config.yaml'), 'utf8');
    await quiet.stop();
    temporary = temporary.filter((gate) => gate !== quiet);
    const config = text.replace('127.0.0.1:0', `127.0.0.1:${quiet.port}`);
    const silent = Gate.launch({ config, options: ['--log-level', 'error'] });
    silent.port = quiet.port;
    await until('it listens', async () => (await silent.get('/mcp').catch(() => undefined))?.status === 200);
    assert.deepEqual(await silent.stop(), { code: 0, signal: null });
    assert.equal(silent.log, '');
  });
});

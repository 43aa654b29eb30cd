// Forward-auth: an owner's own proxy asks the gate. nginx is the real one, with the configuration of
// docs/how-to/forward-auth.md; Traefik and Envoy are not in Debian, so their questions are sent as
// they document them.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { Authority } from './certificates.mjs';
import { Everything, relayTo } from './everything.mjs';
import { ForgerKey } from './forger.mjs';
import { Gate, Upstream, apiKey, bodyOf, root, until } from './gate_world.mjs';
import { fetchOver } from './harness.mjs';

const host = 'mcp.example.com';
const endpoint = `https://${host}/mcp`;
const issuer = 'https://auth.example.com';
const forwardAuth = '/.openclaw/forward-auth';
const challenge = `Bearer scope="mcp:tools", ` +
  `resource_metadata="https://${host}/.well-known/oauth-protected-resource/mcp"`;
const challengeWith = (error) => challenge.replace('Bearer ', `Bearer error="${error}", `);

const seconds = () => Math.floor(Date.now() / 1000);

let folder;
let authority;
let key; // the platform's
let jwks;
let upstream; // the MCP server behind the proxy
let gate;
let nginx;
const started = []; // in this order, and ended in the other

// Each has stop() or close().
function ending(each) {
  started.push(each);
  return each;
}

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'openclaw-forward-auth-'));
  authority = new Authority(folder);
  key = await ForgerKey.generate('EdDSA');
  jwks = ending(await Upstream.start((request, response) => response.end(JSON.stringify({ keys: [key.jwk] }))));
  upstream = ending(await Upstream.start());
  gate = ending(await Gate.start({ config: config() }));
  nginx = ending(await Nginx.start({ gate, upstream }));
});

after(async () => {
  for (const each of started.reverse()) await ((each.stop ?? each.close).call(each));
  rmSync(folder, { recursive: true });
});

const config = (auth = {}) => ({
  upstream: 'none', public_url: endpoint,
  auth: {
    mode: 'platform', platform_jwks_url: jwks.url, issuer, expected_user_id: 'ada', scopes: ['mcp:tools'],
    ...auth,
  },
});

const token = (changes) => key.sign({
  iss: issuer, sub: 'ada', user_id: 'ada', aud: endpoint, scope: 'mcp:tools', client_id: 'harness',
  iat: seconds(), exp: seconds() + 60, jti: 'one', ...changes,
});

describe('nginx with auth_request', () => {
  test('lets a good token through, and the upstream gets the user and not the token', async () => {
    const answer = await nginx.request('POST', '/mcp?x=1', { bearer: token(), body: 'hello' });
    assert.deepEqual([answer.status, answer.body], [200, 'ok']);
    const { method, target, headers, rawHeaders } = upstream.last;
    assert.deepEqual([method, target], ['POST', '/mcp?x=1']);
    assert.equal(headers['x-openclaw-user-id'], 'ada');
    assert.equal(headers.authorization, undefined);
    assert.equal(rawHeaders.filter((name) => /^x.openclaw/i.test(name)).length, 1);
  });

  test("replaces the client's own X-OpenClaw-User-Id, in each of its spellings", async () => {
    for (const name of ['X-OpenClaw-User-Id', 'x-openclaw-user-id', 'X_OpenClaw_User_Id']) {
      const headers = { [name]: ['root', 'eve'] };
      assert.equal((await nginx.request('GET', '/mcp', { bearer: token(), headers })).status, 200);
      assert.equal(upstream.last.headers['x-openclaw-user-id'], 'ada');
      assert.ok(!upstream.last.rawHeaders.some((text) => /root|eve/.test(text)));
    }
  });

  const refused = async (answer, status, challenged) => {
    assert.equal(answer.status, status, answer.body);
    const challenges = answer.rawHeaders.filter((_, i, all) => i % 2 === 1 && /^www-auth/i.test(all[i - 1]));
    assert.deepEqual(challenges, challenged ? [challenged] : []);
    assert.equal(answer.headers['x-openclaw-user-id'], undefined);
  };

  test('relays 401 with its challenge, once', async () => {
    const { length } = upstream.requests;
    await refused(await nginx.request('POST', '/mcp', { body: '{}' }), 401, challenge);
    for (const bad of [token({ exp: seconds() - 1 }), token({ user_id: 'eve', sub: 'eve' }), `${token()}x`,
      token({ aud: 'https://other.example.com/mcp' })]) {
      await refused(await nginx.request('POST', '/mcp', { bearer: bad, body: '{}' }), 401,
        challengeWith('invalid_token'));
    }
    assert.equal(upstream.requests.length, length);
  });

  test('relays 403 with the challenge that names the scope', async () => {
    const { length } = upstream.requests;
    const narrow = token({ scope: 'data:read' });
    await refused(await nginx.request('POST', '/mcp', { bearer: narrow, body: '{}' }), 403,
      challengeWith('insufficient_scope'));
    assert.equal(upstream.requests.length, length);
  });

  test('a page of a foreign origin is refused, whatever its token', async () => {
    const { length } = upstream.requests;
    const headers = { Origin: 'https://evil.example' };
    await refused(await nginx.request('POST', '/mcp', { bearer: token(), headers, body: '{}' }), 403);
    assert.equal(upstream.requests.length, length);
    headers.Origin = `https://${host}`;
    const own = await nginx.request('POST', '/mcp', { bearer: token(), headers, body: '{}' });
    assert.equal(own.status, 200);
  });

  test('bodies with and without a length arrive whole, and are not sent to the gate', async () => {
    const bodies = [];
    upstream.handler = async (request, response) => {
      bodies.push(await bodyOf(request));
      response.end('read');
    };
    const body = Buffer.alloc(300_000, 'x');
    const bearer = token();
    assert.equal((await nginx.request('POST', '/mcp', { bearer, body })).body, 'read');
    const chunked = { 'Transfer-Encoding': 'chunked' };
    assert.equal((await nginx.request('POST', '/mcp', { bearer, body, headers: chunked })).body, 'read');
    assert.ok(bodies.every((each) => each.equals(body)) && bodies.length === 2);
    upstream.handler = (request, response) => response.end('ok');
  });

  test('the metadata come through, and the forward-auth endpoint is not for the outside', async () => {
    const answer = await nginx.request('GET', '/.well-known/oauth-protected-resource/mcp');
    assert.equal(answer.status, 200);
    assert.equal(JSON.parse(answer.body).resource, endpoint);
    assert.equal((await nginx.request('GET', forwardAuth, { bearer: token() })).status, 404);
  });

  test('in mode token a key opens, and no user is named, whatever the client says', async () => {
    const { key: secret, entry } = apiKey('laptop', { scopes: ['mcp:tools'] });
    const keyed = ending(await Gate.start({
      config: {
        upstream: 'none', public_url: endpoint, auth: { mode: 'token', scopes: ['mcp:tools'], tokens: [entry] },
      },
    }));
    const proxy = ending(await Nginx.start({ gate: keyed, upstream }));
    const headers = { 'X-OpenClaw-User-Id': 'root' };
    assert.equal((await proxy.request('GET', '/mcp', { bearer: secret, headers })).status, 200);
    assert.ok(!upstream.last.rawHeaders.some((name) => /^x.openclaw/i.test(name)));
    await refused(await proxy.request('GET', '/mcp'), 401, 'Bearer scope="mcp:tools"');
  });

  test('the MCP SDK calls server-everything through it, and progress is streamed', async () => {
    const everything = ending(await Everything.start());
    upstream.handler = relayTo(everything);
    const fetch = (url, init) => fetchOver({ ...nginx.address, agent: false }, url, init);
    const requestInit = { headers: { Authorization: `Bearer ${token()}` } };
    const client = new Client({ name: 'test', version: '1.0.0' });
    await client.connect(new StreamableHTTPClientTransport(new URL(endpoint), { fetch, requestInit }));
    const seen = [];
    await client.callTool({ name: 'trigger-long-running-operation', arguments: { duration: 1, steps: 4 } },
      undefined, { onprogress: () => seen.push(Date.now()) });
    assert.equal(seen.length, 4);
    assert.ok(seen[3] - seen[0] > 250, 'events that were buffered come at the same moment');
    await client.close();
    upstream.handler = (request, response) => response.end('ok');
  });

  test('a gate without keys, and one that is gone, let nothing through', async () => {
    const empty = ending(await Upstream.start((request, response) => response.writeHead(500).end()));
    const blind = await Gate.start({ config: config({ platform_jwks_url: empty.url }) });
    const proxy = ending(await Nginx.start({ gate: blind, upstream }));
    const { length } = upstream.requests;
    assert.equal((await proxy.request('GET', '/mcp', { bearer: token() })).status, 500);
    await blind.stop();
    assert.equal((await proxy.request('GET', '/mcp', { bearer: token() })).status, 500);
    assert.equal(upstream.requests.length, length);
  });
});

describe('the forward-auth endpoint', () => {
  const allowed = (answer, user = 'ada') => {
    assert.equal(answer.status, 200, answer.body);
    assert.equal(answer.body, '');
    assert.equal(answer.headers['x-openclaw-user-id'], user);
    assert.equal(answer.headers['cache-control'], 'no-store');
    assert.match(answer.headers['x-request-id'], /^[\w.-]{1,64}$/);
  };
  const unauthenticated = (answer, challenged) => {
    assert.equal(answer.status, 401, answer.body);
    assert.equal(answer.headers['www-authenticate'], challenged);
    assert.equal(answer.headers['x-openclaw-user-id'], undefined);
  };

  test("answers Traefik's question: GET at its address, the client's headers, X-Forwarded-*", async () => {
    const ask = (bearer, headers) => gate.get(forwardAuth, {
      bearer,
      headers: {
        'X-Forwarded-Method': 'POST', 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': host,
        'X-Forwarded-Uri': '/mcp', 'X-Forwarded-For': '203.0.113.7', 'X-Forwarded-Port': '443',
        'Content-Type': 'application/json', Accept: 'application/json, text/event-stream',
        'Mcp-Session-Id': 'session', 'User-Agent': 'client', ...headers,
      },
    });
    allowed(await ask(token()));
    allowed(await ask(token(), { 'X-OpenClaw-User-Id': 'root', 'X-Forwarded-User': 'root' }));
    unauthenticated(await ask(undefined), challenge);
    const claimed = { 'X-OpenClaw-User-Id': 'ada', 'X-Forwarded-User': 'ada' };
    unauthenticated(await ask(undefined, claimed), challenge);
    unauthenticated(await ask(`${token()}x`), challengeWith('invalid_token'));
  });

  test("answers Envoy's question: the request's own method, host and path behind the prefix", async () => {
    for (const method of ['GET', 'POST', 'DELETE', 'OPTIONS', 'PUT', 'HEAD']) {
      for (const path of ['', '/', '/mcp', '/mcp?session=1', '/mcp/deeper/path']) {
        const options = { host, headers: { 'Content-Length': '0' } };
        const ask = (bearer) => gate.request(method, `${forwardAuth}${path}`, { ...options, bearer });
        allowed(await ask(token()));
        unauthenticated(await ask(undefined), challenge);
      }
    }
  });

  test('a token without the scope is 403 with the challenge, one of another user 401', async () => {
    const narrow = await gate.get(forwardAuth, { bearer: token({ scope: 'data:read' }) });
    assert.equal(narrow.status, 403);
    assert.equal(narrow.headers['www-authenticate'], challengeWith('insufficient_scope'));
    unauthenticated(await gate.get(forwardAuth, { bearer: token({ user_id: 'eve', sub: 'eve' }) }),
      challengeWith('invalid_token'));
  });

  test('lies at its path alone: whatever else a proxy asks is no permission', async () => {
    for (const path of ['/', '/mcp', `${forwardAuth}x`, '/.openclaw/', '/.openclaw/forward-aut',
      '/.openclaw/Forward-Auth']) {
      const { status, headers } = await gate.get(path, { bearer: token() });
      assert.equal(status, 404, path);
      assert.equal(headers['x-openclaw-user-id'], undefined);
    }
    const climbing = await gate.get(`${forwardAuth}/../../mcp`, { bearer: token() });
    assert.equal(climbing.status, 400);
  });

  test('the access log says of each question what was decided, and why', async () => {
    const logged = async (bearer) => gate.requestEvent(await gate.get(forwardAuth, { bearer }));
    const passed = await logged(token());
    assert.deepEqual([passed.decision, passed.user_id, passed.status], ['allowed', 'ada', 200]);
    const refused = await logged(token({ exp: 1 }));
    assert.deepEqual([refused.decision, refused.reason, refused.status], ['unauthenticated', 'expired', 401]);
  });

  test('a gate that has an upstream answers it too, and does not pass it on', async () => {
    const both = ending(await Gate.start({ config: { ...config(), upstream: upstream.url } }));
    const { length } = upstream.requests;
    allowed(await both.get(`${forwardAuth}/mcp`, { bearer: token() }));
    unauthenticated(await both.get(forwardAuth), challenge);
    assert.equal(upstream.requests.length, length);
  });
});

// The real nginx, run by the user who runs the tests, with the document's server block: the
// addresses are other ones, and it listens on a Unix socket.
class Nginx {
  static async start(world) {
    const nginx = new Nginx(world);
    await until('nginx listens', () => {
      assert.equal(nginx.process.exitCode, null, `nginx ended: ${nginx.log}`);
      return nginx.request('GET', '/ready').then(() => true, () => false);
    });
    return nginx;
  }

  constructor({ gate: asked, upstream: behind }) {
    this.folder = mkdtempSync(join(folder, 'nginx-'));
    const shown = authority.server(`nginx-${asked.port}`, [`DNS:${host}`]);
    const socketPath = join(this.folder, 'socket');
    this.address = { socketPath, servername: host, ca: authority.cert };
    const server = documented('nginx', {
      'listen 443 ssl': `listen unix:${socketPath} ssl`,
      '/etc/ssl/mcp.pem': shown.certificateFile,
      '/etc/ssl/mcp.key': shown.keyFile,
      'http://127.0.0.1:3100': `http://127.0.0.1:${asked.port}`,
      'http://127.0.0.1:3001': behind.url,
    });
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
      .map((name) => `${name}_temp_path ${join(this.folder, name)};`).join('\n');
    writeFileSync(join(this.folder, 'nginx.conf'), `
      daemon off;
      ${process.getuid() === 0 ? `user ${userInfo().username};` : ''}
      worker_processes 1;
      pid ${join(this.folder, 'pid')};
      error_log stderr warn;
      events {}
      http { access_log off; ${temporary} ${server} }`);
    this.log = '';
    this.process = spawn('nginx', ['-p', this.folder, '-c', join(this.folder, 'nginx.conf'), '-e', 'stderr'],
      { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` } });
    this.process.stderr.setEncoding('utf8').on('data', (text) => (this.log += text));
    this.exited = once(this.process, 'close');
  }

  async request(method, path, { bearer, headers = {}, body } = {}) {
    const fields = { Host: host, ...headers };
    if (bearer !== undefined) fields.Authorization = `Bearer ${bearer}`;
    if (body !== undefined && !fields['Transfer-Encoding']) fields['Content-Length'] = Buffer.byteLength(body);
    const request = https.request({ ...this.address, method, path, headers: fields, agent: false }).end(body);
    const [response] = await once(request, 'response');
    return { status: response.statusCode, headers: response.headers, rawHeaders: response.rawHeaders,
      body: (await bodyOf(response)).toString() };
  }

  async stop() {
    this.process.kill('SIGTERM');
    await this.exited;
  }
}

// The document's code block of this language, with each of `changes` made: one that it no longer
// holds is an error.
function documented(language, changes) {
  const text = readFileSync(`${root}docs/how-to/forward-auth.md`, 'utf8');
  let block = new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``).exec(text)[1];
  for (const [from, to] of Object.entries(changes)) {
    assert.ok(block.includes(from), `the document's ${language} has no ${from}`);
    block = block.replaceAll(from, to);
  }
  return block;
}

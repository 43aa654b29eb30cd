// The gate as a proxy, between clients and upstreams that speak HTTP as it comes: what passes, how it
// streams, what is refused, and that nobody's misbehaviour costs another client anything.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { Authority } from './certificates.mjs';
import { Gate, Upstream, apiKey, assertError, beginStream, bodyOf, head, until } from './gate_world.mjs';

const local = { mode: 'local' };
const digest = (bytes) => createHash('sha256').update(bytes).digest('hex');
const statusOf = (text) => Number(/^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1]);
const statuses = (text) => [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
const lastOfConnection = 'Connection: close';

// Header names as upstreams read them: CGI and WSGI see `_` and `-` as the same.
const folded = (name) => name.toLowerCase().replaceAll('_', '-');
function fieldsOf({ rawHeaders }) {
  const fields = [];
  for (let i = 0; i < rawHeaders.length; i += 2) fields.push([folded(rawHeaders[i]), rawHeaders[i + 1]]);
  return fields;
}
const namesOf = (message) => fieldsOf(message).map(([name]) => name);
const valuesOf = (message, wanted) =>
  fieldsOf(message).filter(([name]) => name === wanted).map(([, value]) => value);

// An agent with one connection at a time, which counts those that it has opened.
class OneConnection extends http.Agent {
  opened = 0;

  constructor() {
    super({ keepAlive: true, maxSockets: 1 });
  }

  createConnection(...args) {
    ++this.opened;
    return super.createConnection(...args);
  }
}

// A server of bytes: `serve` gets each connection's socket.
async function rawUpstream(serve) {
  const sockets = new Set();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.setNoDelay().on('error', () => {});
    serve(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

describe('the gate as a proxy', () => {
  const answered = (request, response) => response.end('ok');
  let upstream;
  let gate;
  before(async () => {
    upstream = await Upstream.start();
    gate = await Gate.start({
      config: { auth: local, upstream: upstream.url, allowed_origins: ['https://app.example.com'],
        limits: { body: '64MiB' } },
    });
  });
  after(async () => {
    await gate.stop();
    await upstream.close();
  });
  beforeEach(() => (upstream.handler = answered));

  // Gates and upstreams of one test alone.
  let temporary = [];
  afterEach(async () => {
    for (const each of temporary.reverse()) await (each.stop ?? each.close).call(each);
    temporary = [];
  });
  const keep = (each) => (temporary.push(each), each);
  const startGate = async (world) => keep(await Gate.start(world));
  const startUpstream = async (handler, options) => keep(await Upstream.start(handler, options));
  const behindGate = async (serve) => {
    const { url } = keep(await rawUpstream(serve));
    return startGate({ config: { auth: local, upstream: url } });
  };

  describe('what passes', () => {
    test("the headers of MCP and of the client's own pass upstream with every value", async () => {
      const headers = {
        'Mcp-Session-Id': 'session-1', 'MCP-Protocol-Version': '2026-07-28', 'Last-Event-ID': 'event_7',
        'Mcp-Method': 'tools/call', 'Mcp-Name': 'echo', 'Mcp-Param-Region': '=?base64?w6Q=?=',
        Accept: 'application/json, text/event-stream', 'Content-Type': 'application/json; charset=utf-8',
        'User-Agent': 'client/1', Cookie: 'a=1; b=2', 'If-None-Match': '"etag"', 'X-Own': 'my own', 'X-Empty': '',
        traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
      };
      await gate.post('/mcp', { headers: { ...headers, 'X-List': ['one', 'two'] }, body: '{}' });
      for (const [name, value] of Object.entries(headers)) {
        assert.deepEqual(valuesOf(upstream.last, folded(name)), [value], name);
      }
      assert.deepEqual(valuesOf(upstream.last, 'x-list'), ['one', 'two']);
    });

    test("the upstream's headers pass to the client with every value", async () => {
      upstream.handler = (request, response) => response.writeHead(200, {
        'Mcp-Session-Id': 'session-1', 'Content-Type': 'application/json; charset=utf-8',
        'Set-Cookie': ['a=1', 'b=2'], ETag: '"x"', 'Cache-Control': 'no-cache, no-transform',
        'X-Own': 'its own', 'WWW-Authenticate': 'Basic realm="upstream"', Date: 'Tue, 01 Jan 2030 00:00:00 GMT',
      }).end('{}');
      const answer = await gate.get('/mcp');
      for (const [name, values] of Object.entries({
        'mcp-session-id': ['session-1'], 'content-type': ['application/json; charset=utf-8'],
        'set-cookie': ['a=1', 'b=2'], etag: ['"x"'], 'cache-control': ['no-cache, no-transform'],
        'x-own': ['its own'], 'www-authenticate': ['Basic realm="upstream"'],
        date: ['Tue, 01 Jan 2030 00:00:00 GMT'], 'content-length': ['2'],
      })) {
        assert.deepEqual(valuesOf(answer, name), values, name);
      }
    });

    test("no credential and no identity of the client's own reaches the upstream, however it is spelt", async () => {
      const names = ['Authorization', 'Proxy-Authorization', 'Forwarded', 'X-Forwarded-For', 'X-Forwarded-Proto',
        'X-Forwarded-Host', 'X-Forwarded-User', 'X-Forwarded-Email', 'X-Forwarded-Groups',
        'X-Forwarded-Access-Token', 'X-Forwarded-Preferred-Username', 'X-Forwarded-Client-Cert', 'X-Real-IP',
        'X-OpenClaw-User-Id', 'X-OpenClaw-User-Claim', 'X-OpenClaw-Container-Id', 'X-OpenClaw-Scope',
        'X-OpenClaw-', 'Remote-User', 'X-Remote-User', 'X-Auth-Request-User', 'X-Auth-Request-Email',
        'X-Auth-Request-Access-Token'];
      const spellings = [(name) => name, (name) => name.toLowerCase(), (name) => name.toUpperCase(),
        (name) => name.replaceAll('-', '_'), (name) => name.replace(/-([^-]*)$/, '_$1').toLowerCase()];
      for (const spell of spellings) {
        const fields = names.map((name) => `${spell(name)}: user_eve`);
        const text = await gate.raw(head('GET /mcp', ...fields, 'X-Harmless: kept', lastOfConnection));
        assert.equal(statusOf(text), 200);
        assert.deepEqual(valuesOf(upstream.last, 'x-harmless'), ['kept']);
        const through = fieldsOf(upstream.last).filter(([, value]) => value.includes('eve'));
        assert.deepEqual(through, [], fields[0]);
      }
    });

    test('an identity header that is sent twice, encoded or folded is never believed', async () => {
      const seen = async (...fields) => {
        const before = upstream.requests.length;
        const status = statusOf(await gate.raw(head('GET /mcp', ...fields, lastOfConnection)));
        const requests = upstream.requests.slice(before);
        assert.ok(requests.every((each) => !/eve/.test(JSON.stringify(each.rawHeaders))), fields[0]);
        return status;
      };
      const name = 'X-OpenClaw-User-Id';
      assert.equal(await seen(`${name}: user_ada`, `${name}: user_eve`), 200);
      assert.equal(await seen(`${name}: user_eve`, `x-openclaw-user-id: user_ada`), 200);
      assert.equal(await seen(`${name}: user_%65ve`, `${name}: user%5Feve`), 200);
      assert.equal(await seen(`${name}: user_ada, user_eve`), 200);
      assert.equal(await seen(`X-Own: a\r\n ${name}: user_eve`), 400);
      assert.equal(await seen(`${name}:\r\n user_eve`), 400);
      assert.equal(await seen(`${name} : user_eve`), 400);
      assert.equal(await seen(` ${name}: user_eve`), 400);
      assert.equal(await seen(`${name}\t: user_eve`), 400);
      assert.equal(await seen(`X-Own: a\n${name}: user_eve`), 400);
      assert.equal(await seen(`X-Own: a\r${name}: user_eve`), 400);
    });

    const hop = ['keep-alive', 'proxy-connection', 'te', 'trailer', 'upgrade', 'proxy-authenticate', 'x-hop', 'x-leg'];
    const hopLines = ['Keep-Alive: timeout=77', 'Proxy-Connection: keep-alive', 'TE: trailers', 'Trailer: X-T',
      'Upgrade: websocket', 'Proxy-Authenticate: Basic', 'X-Hop: 1', 'x-LEG: 1', 'X-Kept: 1'];
    const assertEndToEnd = (message) => {
      const names = namesOf(message);
      assert.deepEqual(hop.filter((name) => names.includes(name)), []);
      assert.deepEqual(valuesOf(message, 'x-kept'), ['1']);
      assert.doesNotMatch(valuesOf(message, 'connection').join(), /x-|upgrade/i);
    };

    test("a client's hop-by-hop headers, and those that its Connection names, stay on their hop", async () => {
      for (const connection of [['Connection: upgrade, X-Hop, x-leg, close'],
        ['Connection: Upgrade', 'connection: x-hop,', 'CONNECTION: , X-Leg', lastOfConnection]]) {
        assert.equal(statusOf(await gate.raw(head('GET /mcp', ...connection, ...hopLines))), 200);
        assertEndToEnd(upstream.last);
      }
    });

    test("an upstream's hop-by-hop headers, and those that its Connection names, stay on their hop", async () => {
      const behind = await behindGate((socket) => socket.on('data', () => socket.end(['HTTP/1.1 200 OK',
        'Connection: close, X-Hop', 'Connection: X-Leg', ...hopLines, 'Content-Length: 2', '', 'ok'].join('\r\n'))));
      const agent = new OneConnection();
      for (let i = 0; i < 3; ++i) {
        const answer = await behind.get('/mcp', { agent });
        assert.equal(answer.body, 'ok');
        assertEndToEnd(answer);
      }
      assert.equal(agent.opened, 1, "the upstream's Connection says nothing about the client's connection");
      agent.destroy();
    });

    test('a Connection that names Host or Content-Length takes neither away', async () => {
      let body;
      upstream.handler = async (request, response) => {
        body = (await bodyOf(request)).toString();
        response.end('ok');
      };
      const text = await gate.raw(head('POST /mcp', 'Content-Length: 4',
        'Connection: close, Host, Content-Length, X-Request-Id, Transfer-Encoding'), 'body');
      assert.equal(statusOf(text), 200);
      assert.equal(body, 'body');
      assert.deepEqual(valuesOf(upstream.last, 'host'), [upstream.url.slice('http://'.length)]);
      assert.equal(valuesOf(upstream.last, 'x-request-id').length, 1);
    });

    test("Host is the upstream's own, Origin stays at the gate", async () => {
      const answer = await gate.get('/mcp', { host: 'localhost:9', headers: { Origin: 'https://app.example.com' } });
      assert.equal(answer.status, 200);
      assert.deepEqual(valuesOf(upstream.last, 'host'), [upstream.url.slice('http://'.length)]);
      assert.deepEqual(valuesOf(upstream.last, 'origin'), []);
    });

    test("X-Request-Id is the client's where it is plain, else a new one, the same on both sides", async () => {
      const ids = new Set();
      for (const [sent, kept] of [['client-1.A_z', true], ['x'.repeat(64), true], ['x'.repeat(65), false],
        ['a b', false], ['"q"', false], ['', false], [['one', 'two'], false], [undefined, false]]) {
        const answer = await gate.get('/mcp', { headers: sent === undefined ? {} : { 'X-Request-Id': sent } });
        const [id, ...more] = valuesOf(answer, 'x-request-id');
        assert.deepEqual(more, []);
        assert.match(id, /^[A-Za-z0-9._-]{1,64}$/);
        assert.equal(id === sent, kept, `${sent} becomes ${id}`);
        assert.deepEqual(valuesOf(upstream.last, 'x-request-id'), [id]);
        assert.equal((await gate.requestEvent(answer)).status, 200);
        ids.add(id);
      }
      assert.equal(ids.size, 8);
    });

    test("an X-Request-Id of the upstream's own does not make a second one", async () => {
      upstream.handler = (request, response) => response.setHeader('X-Request-Id', 'theirs').end('ok');
      const answer = await gate.get('/mcp', { headers: { 'X-Request-Id': 'ours' } });
      assert.deepEqual(valuesOf(answer, 'x-request-id'), ['ours']);
    });

    test('method, path and query pass byte for byte', async () => {
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
        for (const target of ['/', '/mcp', '/mcp/', '/a//b', '/caf%C3%A9/%20', '/a;b=c,d/~!$&\'()*+:@-._',
          '/mcp?a=1&b=%26&c', '/mcp?', '/mcp?q=/x/../y?z', `/mcp?${'x'.repeat(4000)}`]) {
          assert.equal((await gate.request(method, target)).status, 200, target);
          assert.equal(upstream.last.target, target);
          assert.equal(upstream.last.method, method);
        }
      }
    });

    test("with a path in upstream, public_url's path becomes that one, and no other path is there", async () => {
      const inner = await startGate({ config: { auth: local, public_url: 'https://mcp.example.com/ada/mcp',
        upstream: `${upstream.url}/inner` } });
      for (const [target, becomes] of [['/ada/mcp', '/inner'], ['/ada/mcp/', '/inner/'],
        ['/ada/mcp?a=/b', '/inner?a=/b'], ['/ada/mcp/x/y?z', '/inner/x/y?z'], ['/ada/mcp/ada/mcp', '/inner/ada/mcp']]) {
        assert.equal((await inner.get(target)).status, 200, target);
        assert.equal(upstream.last.target, becomes);
      }
      const before = upstream.requests.length;
      for (const target of ['/', '/ada', '/ada/', '/ada/mcpx', '/ada/MCP', '/ada//mcp', '/bob/mcp', '/inner',
        '/x/ada/mcp', '/ada/mcp%2Fx']) {
        assert.ok([400, 404].includes((await inner.get(target)).status), target);
      }
      assertError(await inner.get('/other'), 404, 'not_found');
      assert.equal(upstream.requests.length, before);
    });
  });

  describe('framing', () => {
    // Each on the same connection, so that a byte too many or too few breaks the next.
    test('200, 202, 204, 205, 304, 405, HEAD and DELETE keep their form and the connection', async () => {
      const agent = new OneConnection();
      const ask = async (method, status, headers, body, options) => {
        upstream.handler = (request, response) => response.writeHead(status, headers).end(body);
        const answer = await gate.request(method, '/mcp', { agent, ...options });
        assert.equal(answer.status, status);
        return answer;
      };
      assert.equal((await ask('POST', 200, { 'Content-Length': 2 }, '{}', { body: '{"id":1}' })).body, '{}');
      for (const headers of [{}, { 'Content-Length': 0 }]) {
        assert.equal((await ask('POST', 202, headers, undefined, { body: '{}' })).body, '');
      }
      const none = await ask('DELETE', 204, {});
      assert.equal(none.headers['content-length'], undefined);
      assert.equal(none.headers['transfer-encoding'], undefined);
      assert.equal((await ask('POST', 205, { 'Content-Length': 0 })).body, '');
      assert.equal((await ask('GET', 304, { ETag: '"x"', 'Content-Length': 500 })).headers.etag, '"x"');
      assert.equal((await ask('GET', 405, { Allow: 'POST, DELETE' }, 'no')).headers.allow, 'POST, DELETE');
      const headOnly = await ask('HEAD', 200, { 'Content-Length': 5 });
      assert.equal(headOnly.headers['content-length'], '5');
      assert.equal(headOnly.body, '');
      assert.equal((await ask('DELETE', 200, {}, 'gone')).body, 'gone');
      assert.equal((await ask('GET', 200, {}, '')).body, '');
      assert.equal((await ask('GET', 500, {}, 'broken')).body, 'broken');
      assert.equal((await ask('GET', 599, {}, 'odd')).body, 'odd');
      const large = await ask('POST', 200, {}, 'x'.repeat(100_000), { body: 'y'.repeat(100_000) });
      assert.equal(large.body, 'x'.repeat(100_000));
      assert.equal(agent.opened, 1);
      agent.destroy();
    });

    test('an answer to HEAD has no body, whatever its header says, and the next one follows it', async () => {
      for (const headers of [{ 'Content-Length': 5 }, { 'Transfer-Encoding': 'chunked' }, {}]) {
        upstream.handler = (request, response) => response.writeHead(200, headers).end();
        const text = await gate.raw(head('HEAD /mcp'), head('HEAD /mcp'), head('HEAD /mcp', lastOfConnection));
        assert.deepEqual(statuses(text), [200, 200, 200]);
        assert.ok(text.split('\r\n\r\n').every((part) => part === '' || part.startsWith('HTTP/1.1 200 ')), text);
      }
    });

    test('a POST without a body says so to the upstream, a GET need not', async () => {
      upstream.handler = async (request, response) => response.end(`${(await bodyOf(request)).length}`);
      assert.match(await gate.raw(head('POST /mcp', lastOfConnection)), /\r\n\r\n0$/);
      assert.deepEqual(valuesOf(upstream.last, 'content-length'), ['0']);
      assert.equal((await gate.get('/mcp')).body, '0');
      assert.deepEqual(valuesOf(upstream.last, 'content-length'), []);
      assert.deepEqual(valuesOf(upstream.last, 'transfer-encoding'), []);
      assert.equal((await gate.get('/mcp', { body: 'four' })).body, '4');
      assert.equal((await gate.request('DELETE', '/mcp', { body: 'four' })).body, '4');
    });

    test('an answer without a length, ended by the close of the connection, arrives whole', async () => {
      const content = randomBytes(300_000).toString('hex');
      const behind = await behindGate((socket) => socket.once('data', () => {
        socket.end(`HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n${content}`);
      }));
      const answer = await behind.get('/mcp');
      assert.equal(digest(answer.body), digest(content));
    });

    test('an answer of HTTP/1.0 is one like any other', async () => {
      const behind = await behindGate((socket) => socket.on('data', () => {
        socket.end('HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok');
      }));
      const agent = new OneConnection();
      for (let i = 0; i < 3; ++i) assert.equal((await behind.get('/mcp', { agent })).body, 'ok');
      assert.equal(agent.opened, 1);
      agent.destroy();
    });

    test('a body in chunks arrives whole, whatever the chunks, with or without trailers', async () => {
      upstream.handler = async (request, response) => response.end(digest(await bodyOf(request)));
      const content = randomBytes(3 * 2 ** 20);
      for (const size of [1, 1000, 2 ** 20]) {
        const bytes = content.subarray(0, size * 1000);
        const pieces = [];
        for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
        assert.equal((await gate.post('/mcp', { body: Readable.from(pieces) })).body, digest(bytes));
      }
      const text = await gate.raw(head('POST /mcp', 'Transfer-Encoding: chunked', 'Trailer: X-T', lastOfConnection),
        '5;ext="a;b"\r\nhello\r\n', '0000000', '1\r\n!\r\n0\r\nX-T: 1\r\nX-OpenClaw-User-Id: user_eve\r\n\r\n');
      assert.ok(text.endsWith(digest('hello!')) || text.includes(`${digest('hello!')}\r\n0\r\n`), text);
      assert.ok(!JSON.stringify(upstream.last.rawHeaders).includes('eve'));
    });

    test('chunks that come in parts, cut anywhere, are the same body', async () => {
      upstream.handler = async (request, response) => response.end(`got ${await bodyOf(request)}`);
      const chunks = '5;x=y\r\nhello\r\n00a\r\n0123456789\r\n0\r\nX-T: 1\r\n\r\n';
      for (let cut = 1; cut < chunks.length; ++cut) {
        const before = upstream.requests.length;
        const socket = await gate.connect();
        socket.write(head('POST /mcp', 'Transfer-Encoding: chunked', lastOfConnection) + chunks.slice(0, cut));
        await until('the upstream is asked', () => upstream.requests.length > before);
        socket.write(chunks.slice(cut));
        await until('the gate closes', () => socket.destroyed);
        assert.match(socket.text, /got hello0123456789/, `cut at ${cut}`);
      }
    });

    test("an upstream's chunks that come in parts, cut anywhere, are the same answer", async () => {
      const chunks = '5;x=y\r\nhello\r\n00a\r\n0123456789\r\n0\r\nX-T: 1\r\n\r\n';
      let socket;
      const behind = await behindGate((each) => each.on('data', () => {
        socket = each;
        each.write(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunks.slice(0, cut)}`);
      }));
      let cut;
      for (cut = 1; cut < chunks.length; ++cut) {
        const answer = await behind.open('GET', '/mcp');
        socket.write(chunks.slice(cut));
        assert.equal(await answer.end(), 'whole');
        assert.equal(answer.text, 'hello0123456789', `cut at ${cut}`);
      }
    });

    test('chunk headers that can be read in two ways are 400, or end the connection', async () => {
      upstream.handler = async (request, response) => response.end((await bodyOf(request)).toString());
      const smuggled = head('GET /smuggled');
      for (const chunks of ['x\r\n', '-1\r\n', '0x5\r\nhello\r\n0\r\n\r\n', '5 \r\nhello\r\n0\r\n\r\n',
        '5\nhello\n0\n\n', '5\r\nhelloX\r\n0\r\n\r\n', 'fffffffffffffffff\r\nhello',
        '5\r\nhello\r\n0\r\nBad Trailer\r\n\r\n', '+5\r\nhello\r\n0\r\n\r\n', ';\r\n', '\r\n']) {
        const text = await gate.raw(head('POST /mcp', 'Transfer-Encoding: chunked'), chunks, smuggled);
        assert.ok([400, NaN].includes(statusOf(text)), `${JSON.stringify(chunks)}: ${text}`);
        assert.ok(statuses(text).length <= 1);
      }
      assert.ok(upstream.requests.every(({ target }) => target !== '/smuggled'));
    });

    test('several MiB stream both ways at once, and arrive as they were sent', async () => {
      upstream.handler = (request, response) => request.pipe(response);
      const content = randomBytes(12 * 2 ** 20);
      const [whole, chunked] = await Promise.all([
        gate.post('/mcp', { body: content }),
        gate.post('/mcp', { body: Readable.from(content) }),
      ]);
      assert.equal(digest(whole.bytes), digest(content));
      assert.equal(digest(chunked.bytes), digest(content));
    });

    test('a request body passes on as it comes, and an answer may begin before it has ended', async () => {
      upstream.handler = (request, response) => {
        response.flushHeaders();
        request.pipe(response);
      };
      const body = new Readable({ read() {} });
      const answer = await gate.open('POST', '/mcp', { body });
      for (const part of ['one', 'two', 'three']) {
        body.push(part);
        await answer.seen(part);
      }
      body.push(null);
      assert.equal(await answer.end(), 'whole');
      assert.equal(answer.text, 'onetwothree');
    });

    test('an upstream that answers without reading the body is heard all the same', async () => {
      upstream.handler = (request, response) => response.writeHead(413, { Connection: 'close' }).end('too much');
      for (const body of [Buffer.alloc(8 * 2 ** 20), Readable.from(Buffer.alloc(8 * 2 ** 20))]) {
        const answer = await gate.post('/mcp', { body });
        assert.equal(answer.status, 413);
        assert.equal(answer.body, 'too much');
      }
    });

    test('Expect: 100-continue is answered before the body is sent', async () => {
      upstream.handler = async (request, response) => response.end((await bodyOf(request)).toString());
      const socket = await gate.connect();
      socket.write(head('POST /mcp', 'Content-Length: 4', 'Expect: 100-continue', lastOfConnection));
      await until('the gate asks for the body', () => socket.text.includes('\r\n\r\n'));
      assert.match(socket.text, /^HTTP\/1\.1 100 /);
      socket.write('body');
      await until('the gate closes', () => socket.destroyed);
      assert.deepEqual(statuses(socket.text), [100, 200]);
      assert.match(socket.text, /body/);
    });

    test('with Expect, a body that is too large is refused before it is sent', async () => {
      const text = await gate.raw(head('POST /mcp', `Content-Length: ${65 * 2 ** 20}`, 'Expect: 100-continue'));
      assert.deepEqual(statuses(text), [413]);
    });

    test("the upstream's interim answers do not take the place of the final one", async () => {
      upstream.handler = (request, response) => {
        response.writeProcessing();
        response.writeEarlyHints({ link: '</style.css>; rel=preload' });
        response.writeContinue();
        response.end('final');
      };
      const agent = new OneConnection();
      for (const method of ['GET', 'POST', 'GET']) {
        const answer = await gate.request(method, '/mcp', { agent });
        assert.equal(answer.status, 200);
        assert.equal(answer.body, 'final');
      }
      assert.equal(agent.opened, 1);
      agent.destroy();
    });
  });

  describe('streams', () => {
    for (const method of ['GET', 'POST']) {
      test(`each event of a ${method}'s stream is with the client before the upstream sends the next`, async () => {
        let events;
        upstream.handler = (request, response) => {
          events = response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' });
          response.flushHeaders();
        };
        const answer = await gate.open(method, '/mcp', { headers: { Accept: 'text/event-stream' },
          ...(method === 'POST' && { body: '{}' }) });
        assert.equal(answer.headers['content-type'], 'text/event-stream');
        for (let i = 0; i < 50; ++i) {
          const event = `id: ${i}\ndata: {"progress":${i}}\n\n`;
          events.write(event);
          await answer.seen(event);
        }
        events.end();
        assert.equal(await answer.end(), 'whole');
      });

      test(`a client that leaves a ${method}'s stream ends the upstream's request`, async () => {
        upstream.handler = beginStream;
        const answer = await gate.open(method, '/mcp', method === 'POST' ? { body: '{}' } : {});
        await answer.seen('data: 1');
        const asked = upstream.last;
        assert.equal(asked.left, false);
        answer.leave();
        await until('the upstream is told', () => asked.left);
      });
    }

    test('a client that leaves before there is any answer ends the upstream\'s request', async () => {
      upstream.handler = () => {}; // it never answers
      for (const message of [head('GET /mcp'), `${head('POST /mcp', 'Content-Length: 2')}{}`,
        `${head('POST /mcp', 'Content-Length: 20')}{}`,
        `${head('POST /mcp', 'Transfer-Encoding: chunked')}2\r\n{}\r\n`]) {
        const before = upstream.requests.length;
        const socket = await gate.connect();
        socket.write(message);
        await until('the upstream is asked', () => upstream.requests.length > before);
        socket.destroy();
        await until('the upstream is told', () => upstream.last.left);
      }
    });

    test('a slow reader holds back the upstream, and not in the memory of the gate', async (t) => {
      const total = 96 * 2 ** 20;
      const block = randomBytes(2 ** 16);
      let sent = 0;
      upstream.handler = (request, response) => {
        response.writeHead(200, { 'Content-Length': total });
        new Readable({
          read() {
            if (sent < total) sent += block.length;
            else return this.push(null);
            return this.push(block);
          },
        }).pipe(response);
      };
      const peak = () => {
        const status = readFileSync(`/proc/${gate.process.pid}/status`, 'utf8');
        return Number(/VmHWM:\s+(\d+) kB/.exec(status)[1]) / 1024;
      };
      const before = peak();
      const socket = net.connect({ host: '127.0.0.1', port: gate.port });
      socket.write(head('GET /mcp', lastOfConnection));
      await until('the upstream has begun', () => sent > 0);
      // Held back: it sends nothing more while the gate has had time to serve others.
      let heldAt = -1;
      while (heldAt !== sent) {
        heldAt = sent;
        for (let i = 0; i < 100; ++i) await gate.get('/.openclaw/nothing');
      }
      assert.ok(sent < total / 2, `the upstream could send ${sent} bytes`);
      const received = await bodyOf(socket);
      const content = received.subarray(received.indexOf('\r\n\r\n') + 4);
      assert.equal(content.length, total);
      for (let i = 0; i < total; i += block.length) assert.ok(content.subarray(i, i + block.length).equals(block));
      const grown = peak() - before;
      assert.ok(grown < 16, `the gate has grown by ${grown} MiB`);
      t.diagnostic(`held back after ${heldAt / 2 ** 20} MiB; the gate has grown by ${grown} MiB`);
    });
  });

  describe('what is refused', () => {
    // Each is answered with the status alone and a closed connection; the upstream is not asked, and
    // the next client is served.
    const assertRefused = async (message, status, who = gate) => {
      const before = upstream.requests.length;
      const text = await who.raw(message);
      assert.deepEqual(statuses(text), [status], JSON.stringify(message.slice(0, 100)));
      assert.match(text, /\r\nConnection: close\r\n/i);
      assert.match(text, /\r\nCache-Control: no-store\r\n/i);
      assert.match(text, /\r\nX-Request-Id: \S+\r\n/i);
      const { error, error_description: description } = JSON.parse(text.slice(text.indexOf('\r\n\r\n') + 4));
      assert.ok(error && description, text);
      assert.equal(upstream.requests.length, before, 'the upstream is not asked');
      assert.equal((await who.get('/mcp')).status, 200);
    };

    test('a target that is no plain path is 400: traversal, NUL, backslash, absolute-form', async () => {
      for (const target of ['/../mcp', '/x/../mcp', '/..', '/x/..', '/./mcp', '/x/.', '/%2e%2e/mcp', '/%2E%2e/mcp',
        '/.%2e/mcp', '/%2e./mcp', '/%2e/mcp', '/x/%2e%2E', '/mcp%00', '/mcp\0', '/\0', '/a%2fb', '/a%2Fb',
        '/a%5cb', '/a%5Cb', '/a\\b', '/mc\tp', '/m\x7f', '/\xff', '/mcp%', '/mcp%2', '/mcp%zz', '\\mcp', 'mcp', '*',
        'http://localhost/mcp', 'https://localhost/mcp', 'HTTP://evil.example/', 'localhost:443', '//../x', '/mcp#f',
        '/mcp?a=\0', '/mcp?a%', '?a=b', '/mcp?a=\x01']) {
        await assertRefused(head(`GET ${target}`), 400);
      }
    });

    test('a request line that is none is 400: HTTP/0.9, TLS, other protocols, bare line ends', async () => {
      for (const text of ['GET\r\n\r\n', 'GET /mcp\r\n\r\n', ' GET /mcp HTTP/1.1\r\n\r\n', '\0\r\n\r\n',
        '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n', 'SSH-2.0-x\r\n\r\n',
        'GET /mcp HTTP/1.1\nHost: localhost\n\n', 'GET  /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n',
        'G\0T /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n', 'G(T /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n',
        'GET /mcp HTTP/1.1\r\r\nHost: localhost\r\n\r\n', 'GET\t/mcp\tHTTP/1.1\r\nHost: localhost\r\n\r\n']) {
        await assertRefused(text, 400);
      }
    });

    test('a version other than HTTP/1.0 and HTTP/1.1 is 505', async () => {
      for (const version of ['HTTP/2.0', 'HTTP/0.9', 'HTTP/1.2', 'HTTP/9.9', 'HTTP/1.10', 'HTTP/11', 'http/1.1',
        'HTTP/1.1 ', 'b HTTP/1.1']) {
        await assertRefused(`GET /mcp ${version}\r\nHost: localhost\r\n\r\n`, 505);
      }
      await assertRefused('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505);
    });

    test('CONNECT, TRACE and methods that nobody knows are 501', async () => {
      for (const method of ['TRACE', 'XYZZY', 'get']) {
        await assertRefused(head(`${method} /mcp`, lastOfConnection), 501);
      }
      await assertRefused('CONNECT localhost:443 HTTP/1.1\r\nHost: localhost:443\r\nConnection: close\r\n\r\n', 501);
    });

    test('Host that is missing or given twice is 400, one that is none of ours 403', async () => {
      await assertRefused('GET /mcp HTTP/1.1\r\n\r\n', 400);
      await assertRefused('GET /mcp HTTP/1.0\r\n\r\n', 400);
      await assertRefused(head('GET /mcp', 'Host: localhost'), 400);
      await assertRefused(head('GET /mcp', 'hOST: evil.example'), 400);
      await assertRefused('GET /mcp HTTP/1.1\r\nHost: a\0b\r\n\r\n', 400);
      for (const host of ['', ' ', 'a b', 'localhost/b', 'x@localhost', 'localhost,localhost', '<x>', 'localhost:x',
        'localhost:99999', 'localhost:-1', '[::1', '::1', '[::1]x', 'localhost.evil.example', '127.0.0.1.evil.example',
        'evil.example:127.0.0.1', '127.1', '2130706433', '0x7f.1', '0177.0.0.1', '%6cocalhost']) {
        await assertRefused(`GET /mcp HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`, 403);
      }
    });

    test('a body whose length can be read in two ways is refused, and its rest is no request', async () => {
      const smuggled = head('GET /smuggled');
      for (const [status, ...fields] of [
        [400, 'Content-Length: 5', 'Transfer-Encoding: chunked'],
        [400, 'Transfer-Encoding: chunked', 'Content-Length: 5'],
        [400, 'Content-Length: 5', 'Content-Length: 5'], [400, 'Content-Length: 5', 'Content-Length: 6'],
        [400, 'Content-Length: 5, 5'], [400, 'Content-Length: 5, 6'], [400, 'Content-Length: +5'],
        [400, 'Content-Length: -1'], [400, 'Content-Length: 0x5'], [400, 'Content-Length: 5 5'],
        [400, 'Content-Length:'], [400, 'Content-Length : 5'], [400, ' Content-Length: 5'],
        [400, 'Content-Length: \x0b5'], [400, 'Transfer-Encoding : chunked'], [400, 'Content-Length: 5\r\n 0'],
        [501, 'Transfer-Encoding: xchunked'], [501, 'Transfer-Encoding: identity'],
        [501, 'Transfer-Encoding: gzip, chunked'], [501, 'Transfer-Encoding: gzip'],
      ]) {
        await assertRefused(`${head('POST /mcp', ...fields)}0\r\n\r\n${smuggled}`, status);
      }
      for (const fields of [['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'],
        ['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], ['Transfer-Encoding: chunked, chunked'],
        ['Transfer-Encoding: chunked, identity'], ['Transfer-Encoding: \x0bchunked'], ['Transfer-Encoding:']]) {
        const text = await gate.raw(`${head('POST /mcp', ...fields)}0\r\n\r\n${smuggled}`);
        assert.ok([400, 501].includes(statusOf(text)) && statuses(text).length === 1, `${fields}: ${text}`);
      }
      assert.ok(upstream.requests.every(({ target }) => target !== '/smuggled'));
    });

    test('HTTP/1.0 with Transfer-Encoding is refused', async () => {
      await assertRefused(`POST /mcp HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400);
    });

    test('a field that is malformed, folded or spaced is 400', async () => {
      for (const field of ['NoColon', ': x', 'A B: x', 'A : x', ' A: x', 'A: x\r\n folded', 'A: x\r\n\tfolded', 'A: \0',
        'A: \x01', 'A: \x7f', 'A: x\ny', 'A: x\ry', 'A\0: x', '\xc4: x', '(A): x', 'A\t: x']) {
        await assertRefused(head('GET /mcp', field), 400);
      }
    });

    test('a header section over 16 KiB or 100 fields is 431, however much follows', async () => {
      await assertRefused(head('GET /mcp', `X: ${'x'.repeat(17 * 2 ** 10)}`), 431);
      await assertRefused(head('GET /mcp', `X: ${'x'.repeat(2 ** 20)}`), 431);
      await assertRefused(head('GET /mcp', ...Array(2000).fill('X: 12345678')), 431);
      await assertRefused(head('GET /mcp', ...Array(100).fill('X: x')), 431); // Host is one more
      await assertRefused(`GET /mcp HTTP/1.1\r\n${'x'.repeat(20_000)}`, 431);
      for (const text of [`GET /${'x'.repeat(20_000)}`, head(`GET /${'x'.repeat(20_000)}`)]) {
        assert.ok([414, 431].includes(statusOf(await gate.raw(text))));
      }
    });

    test('a header section of 15 KiB and one of 100 fields pass', async () => {
      assert.equal((await gate.get('/mcp', { headers: { 'X-Long': 'x'.repeat(15 * 2 ** 10) } })).status, 200);
      assert.equal(valuesOf(upstream.last, 'x-long')[0].length, 15 * 2 ** 10);
      const fields = Array.from({ length: 98 }, (_, i) => `X-${i}: x`);
      assert.equal(statusOf(await gate.raw(head('GET /mcp', ...fields, lastOfConnection))), 200);
      assert.equal(namesOf(upstream.last).filter((name) => /^x-\d+$/.test(name)).length, 98);
    });

    test('a body over limits.body is 413 as soon as that is known, by its length or from its chunks', async () => {
      const small = await startGate({ config: { auth: local, upstream: upstream.url, limits: { body: '1KiB' } } });
      upstream.handler = async (request, response) => response.end(String((await bodyOf(request)).length));
      assert.equal((await small.post('/mcp', { body: 'x'.repeat(1024) })).body, '1024');
      assert.equal((await small.post('/mcp', { body: Readable.from(['x'.repeat(1024)]) })).body, '1024');
      for (const length of ['1025', '1073741824', '18446744073709551615']) {
        await assertRefused(head('POST /mcp', `Content-Length: ${length}`), 413, small);
      }
      for (const length of ['18446744073709551616', '9'.repeat(400)]) {
        const text = await small.raw(head('POST /mcp', `Content-Length: ${length}`));
        assert.ok([400, 413].includes(statusOf(text)), length);
      }
      const chunked = head('POST /mcp', 'Transfer-Encoding: chunked');
      for (const chunks of [`401\r\n${'x'.repeat(1025)}`, '40000000\r\n', `3ff\r\n${'x'.repeat(1023)}\r\n2\r\n`]) {
        const before = upstream.requests.length;
        assert.equal(statusOf(await small.raw(chunked, chunks)), 413);
        await until('the upstream is rid of the request',
          () => upstream.requests.slice(before).every(({ left }) => left));
      }
    });

    test('a client that sends on after its refusal still gets to read it', async () => {
      const body = 'x'.repeat(2_000_000);
      const text = await gate.raw(head('POST /mcp', 'Host: twice', `Content-Length: ${body.length}`), body);
      assert.equal(statusOf(text), 400);
      assert.match(text, /"error":/);
    });

    test('HTTP/1.0 is answered and closed, and kept when it asks for that', async () => {
      assert.equal(statusOf(await gate.raw('GET /mcp HTTP/1.0\r\nHost: localhost\r\n\r\n')), 200);
      const kept = 'GET /mcp HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n';
      assert.deepEqual(statuses(await gate.raw(kept, 'GET /mcp HTTP/1.0\r\nHost: localhost\r\n\r\n')), [200, 200]);
    });

    test('an answer without a length goes to an HTTP/1.0 client without chunks', async () => {
      upstream.handler = (request, response) => {
        response.write('one');
        response.end('two');
      };
      const text = await gate.raw('GET /mcp HTTP/1.0\r\nHost: localhost\r\n\r\n');
      assert.doesNotMatch(text, /transfer-encoding/i);
      assert.ok(text.endsWith('\r\n\r\nonetwo'), text);
    });
  });

  describe('many requests', () => {
    test('pipelined requests are answered in their order, whichever the upstream answers first', async () => {
      const held = [];
      upstream.handler = (request, response) => {
        if (request.url === '/first') held.push(response);
        else response.end('ok');
      };
      const ids = Array.from({ length: 50 }, (_, i) => `pipelined-${i}`);
      const socket = await gate.connect();
      socket.write(ids.map((id, i) => head(`GET /${i ? 'later' : 'first'}`, `X-Request-Id: ${id}`,
        ...(i === ids.length - 1 ? [lastOfConnection] : []))).join(''));
      (await until('the first is with the upstream', () => held[0])).end('ok');
      await until('the gate closes', () => socket.destroyed);
      assert.deepEqual([...socket.text.matchAll(/X-Request-Id: (\S+)/gi)].map(([, id]) => id), ids);
    });

    test('a pipelined POST is no part of the one before', async () => {
      upstream.handler = async (request, response) => response.end(`(${request.url} ${await bodyOf(request)})`);
      const text = await gate.raw([head('POST /a', 'Content-Length: 3'), 'one',
        head('POST /b', 'Transfer-Encoding: chunked'), '3\r\ntwo\r\n0\r\n\r\n',
        head('POST /c', 'Content-Length: 0'), head('GET /d', lastOfConnection)].join(''));
      assert.deepEqual(text.match(/\(.*?\)/g), ['(/a one)', '(/b two)', '(/c )', '(/d )']);
    });

    test('a request that comes byte by byte is one request', async () => {
      upstream.handler = async (request, response) => response.end(`got ${await bodyOf(request)}`);
      const text = await gate.raw(...head('POST /mcp', lastOfConnection, 'Content-Length: 5'), ...'hello');
      assert.deepEqual(statuses(text), [200]);
      assert.match(text, /got hello/);
    });

    test('requests one after the other share a connection to the upstream', async () => {
      const before = upstream.connections;
      for (let i = 0; i < 20; ++i) assert.equal((await gate.get('/mcp')).status, 200);
      assert.ok(upstream.connections - before <= 1, `${upstream.connections - before} new connections`);
    });

    test('a hundred calls at once are all answered, each with its own', async () => {
      upstream.handler = async (request, response) => response.end(`${request.url}=${await bodyOf(request)}`);
      const calls = Array.from({ length: 100 }, (_, i) => gate.post(`/${i}`, { body: `body ${i}` }));
      const answers = await Promise.all(calls);
      answers.forEach(({ body }, i) => assert.equal(body, `/${i}=body ${i}`));
    });

    test('with a thousand idle and a thousand slow clients connected, others are served', async (t) => {
      upstream.handler = async (request, response) => response.end(String((await bodyOf(request)).length));
      const sockets = [];
      for (let i = 0; i < 20; ++i) {
        sockets.push(...await Promise.all(Array.from({ length: 100 }, () => gate.connect())));
      }
      const slow = sockets.filter((_, i) => i % 2);
      for (const [i, socket] of slow.entries()) {
        socket.write(i % 2 ? 'GET /mcp HTTP/1.1\r\nX: ' : head('POST /mcp', 'Content-Length: 1000'));
      }
      for (const socket of slow) socket.write('x');
      const began = Date.now();
      for (let i = 0; i < 20; ++i) assert.equal((await gate.get('/mcp')).status, 200);
      const spent = Date.now() - began;
      assert.ok(spent < 5_000, `${spent} ms`);
      assert.ok(sockets.every((socket) => !socket.destroyed));
      t.diagnostic(`20 answers in ${spent} ms`);
      for (const socket of sockets) socket.destroy();
    });

    test('with five hundred streams held open, others are served, and each stream still gets its events', async () => {
      const streams = [];
      upstream.handler = (request, response) => {
        if (request.url !== '/stream') return response.end('ok');
        streams.push(response);
        return response.writeHead(200, { 'Content-Type': 'text/event-stream' }).write('data: first\n\n');
      };
      const answers = [];
      for (let i = 0; i < 5; ++i) {
        answers.push(...await Promise.all(Array.from({ length: 100 }, () => gate.open('GET', '/stream'))));
      }
      for (let i = 0; i < 20; ++i) assert.equal((await gate.get('/mcp')).body, 'ok');
      for (const stream of streams) stream.write('data: second\n\n');
      await Promise.all(answers.map((answer) => answer.seen('data: second')));
      for (const answer of answers) answer.leave();
    });

    test('more clients than limits.connections get 503, and one that leaves makes room', async () => {
      const small = await startGate({ config: { auth: local, upstream: upstream.url, limits: { connections: 3 } } });
      const held = await Promise.all([small.connect(), small.connect(), small.connect()]);
      await until('the door is closed', async () => statusOf(await small.raw()) === 503);
      held[0].destroy();
      const status = async () => (await small.get('/mcp').catch(() => undefined))?.status;
      await until('there is room again', async () => (await status()) === 200);
      for (const socket of held) socket.destroy();
    });
  });

  describe('an upstream that fails', () => {
    test('in the middle of an answer: the client sees that it is not whole, and others are served', async () => {
      for (const headers of [{ 'Content-Length': 100 }, { 'Transfer-Encoding': 'chunked' },
        { 'Content-Type': 'text/event-stream' }]) {
        let begun;
        upstream.handler = (request, response) => {
          if (request.url !== '/dies') return response.end('ok');
          begun = response;
          return response.writeHead(200, headers).write('part');
        };
        const answer = await gate.open('GET', '/dies');
        await answer.seen('part');
        begun.destroy();
        assert.equal(await answer.end(), 'broken', JSON.stringify(headers));
        assert.equal((await gate.get('/mcp')).body, 'ok');
      }
    });

    test('before its answer, or with one that is no HTTP: 502', async () => {
      const answers = ['', 'HTTP/1.1 200 OK', 'HTTP/1.1 200 OK\r\nContent-Length: 5', 'SSH-2.0-OpenSSH\r\n\r\n',
        '<html>\r\n\r\n', 'HTTP/1.1 xyz OK\r\n\r\n', 'HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n',
        'HTTP/1.1 200 OK\nContent-Length: 2\n\nok',
        'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
        'HTTP/1.1 200 OK\r\nX: a\rY: b\r\nContent-Length: 2\r\n\r\nok', 'HTTP/1.1 200 OK\r\nNoColon\r\n\r\n',
        'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok',
        'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n', 'HTTP/1.1 200 OK\r\nContent-Length: 2x\r\n\r\nok',
        'HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n',
        `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(2 ** 20)}\r\nContent-Length: 0\r\n\r\n`,
        'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'];
      let bytes;
      const behind = await behindGate((socket) => socket.once('data', () => socket.end(bytes)));
      for (bytes of answers) {
        const answer = await behind.post('/mcp', { body: '{}' }).catch((problem) => problem);
        assert.equal(answer.status, 502, JSON.stringify(bytes.slice(0, 60)));
        assertError(answer, 502, 'bad_gateway');
      }
      bytes = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
      assert.equal((await behind.get('/mcp')).body, 'ok');
    });

    test('with what can be no answer, is not waited for: 502', async () => {
      let bytes;
      const behind = await behindGate((socket) => socket.once('data', () => socket.write(bytes)));
      for (bytes of ['SSH-2.0-OpenSSH\r\n', 'HTTP/1.1 099 Low\r\nContent-Length: 0\r\n\r\n',
        'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n']) {
        const answer = await behind.post('/mcp', { body: '{}' }).catch((problem) => problem);
        assert.equal(answer.status, 502, JSON.stringify(bytes));
      }
    });

    const smuggled = 'HTTP/1.1 200 OK\r\nX-Smuggled: 1\r\nContent-Length: 0\r\n\r\n';

    test('an answer that is both chunked and of a length does not smuggle a second one', async () => {
      const behind = await behindGate((socket) => socket.on('data', () => socket.write(
        `HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`)));
      const agent = new OneConnection();
      for (let i = 0; i < 3; ++i) {
        const answer = await behind.get('/mcp', { agent });
        assert.ok([200, 502].includes(answer.status));
        assert.equal(answer.headers['x-smuggled'], undefined);
      }
      agent.destroy();
    });

    test('a body behind an answer that has none is not the next answer', async () => {
      let start;
      const behind = await behindGate((socket) => socket.on('data', () => socket.write(
        `HTTP/1.1 ${start}\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`)));
      for (const [method, status] of [['GET', 204], ['GET', 304], ['HEAD', 200]]) {
        start = `${status} Bodyless`;
        const ask = (...fields) => head(`${method} /mcp`, ...fields);
        const text = await behind.raw(ask() + ask() + ask(lastOfConnection));
        assert.deepEqual(statuses(text), [status, status, status]);
        assert.doesNotMatch(text, /smuggled/i);
      }
    });

    test('bytes after an answer are not the next one', async () => {
      const behind = await behindGate((socket) => socket.on('data', () => socket.write(
        `HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok${smuggled}`)));
      for (let i = 0; i < 10; ++i) {
        const answer = await behind.get('/mcp');
        assert.equal(answer.body, 'ok');
        assert.equal(answer.headers['x-smuggled'], undefined);
      }
    });

    test('that is down: 502, and calls again once it is back', async () => {
      const first = await Upstream.start(answered);
      const behind = await startGate({ config: { auth: local, upstream: first.url } });
      assert.equal((await behind.get('/mcp')).status, 200);
      await first.close();
      for (const method of ['GET', 'POST']) assertError(await behind.request(method, '/mcp'), 502, 'bad_gateway');
      await startUpstream(answered, { port: first.port });
      for (const method of ['POST', 'GET']) assert.equal((await behind.request(method, '/mcp')).status, 200);
    });

    test('a connection that the upstream has closed while it was idle fails no call', async () => {
      const sometimes = await startUpstream(async (request, response) => response.end(await bodyOf(request)));
      const behind = await startGate({ config: { auth: local, upstream: sometimes.url } });
      for (let i = 0; i < 100; ++i) {
        const answer = await behind.request(i % 2 ? 'GET' : 'POST', '/mcp', i % 2 ? {} : { body: `${i}` });
        assert.equal(answer.status, 200);
        sometimes.server.closeIdleConnections();
      }
      assert.equal(sometimes.requests.length, 100);
    });

    test('a connection that closes in the face of a second call: GET is asked again, POST never twice', async () => {
      const asked = [];
      const behind = await behindGate((socket) => {
        let calls = 0;
        socket.on('data', (chunk) => {
          asked.push(chunk.toString().split(' ', 1)[0]);
          if (++calls === 1) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
          else socket.destroy();
        });
      });
      assert.equal((await behind.get('/mcp')).status, 200);
      assert.equal((await behind.get('/mcp')).status, 200);
      assert.deepEqual(asked, ['GET', 'GET', 'GET']);
      asked.length = 0;
      assertError(await behind.post('/mcp', { body: '{}' }), 502, 'bad_gateway');
      assert.deepEqual(asked, ['POST']);
    });

    test('trailers of a body are no fields of the head, whether they come with it or later', async () => {
      const body = '2\r\n{}\r\n0\r\n';
      const trailers = 'Content-Type: text/evil\r\nMcp-Session-Id: stolen\r\n\r\n';
      const start = head('POST /mcp', 'Content-Type: application/json', 'Transfer-Encoding: chunked',
        'Connection: close');
      for (const parts of [[start + body + trailers], [start, body + trailers]]) {
        upstream.requests.length = 0;
        assert.equal(statusOf(await gate.raw(...parts)), 200);
        const [seen] = upstream.requests;
        assert.deepEqual(valuesOf(seen, 'content-type'), ['application/json']);
        assert.deepEqual(valuesOf(seen, 'mcp-session-id'), []);
      }
      const behind = await behindGate((socket) => socket.once('data', () => socket.write(
        'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Late\r\n\r\n2\r\nok\r\n0\r\nX-Late: 1\r\n\r\n')));
      const answer = await behind.get('/mcp');
      assert.equal(answer.body, 'ok');
      assert.equal(answer.headers['x-late'], undefined);
    });

    test('an answer before the end of the body is the last of its connection: the rest is no request', async () => {
      const behind = await behindGate((socket) => socket.once('data', () => socket.end(
        'HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n')));
      const text = await behind.raw(head('POST /mcp', 'Content-Length: 5000') + 'x'.repeat(100),
        head('GET /smuggled'));
      assert.deepEqual(statuses(text), [413]);
      assert.ok(text.includes(lastOfConnection));
    });

    test('HTTP/1.0 is told of no 100 Continue', async () => {
      upstream.handler = async (request, response) => response.end(await bodyOf(request));
      const socket = await gate.connect();
      socket.write('POST /mcp HTTP/1.0\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n');
      await until('the upstream has its head', () => upstream.requests.length > 0);
      socket.write('ok');
      await until('the answer', () => socket.text.endsWith('ok'));
      assert.deepEqual(statuses(socket.text), [200]);
      socket.destroy();
    });

    test('an answer without a length whose connection is reset does not look whole', async () => {
      const behind = await behindGate((socket) => socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\npart');
        setImmediate(() => socket.resetAndDestroy());
      }));
      await assert.rejects(behind.get('/mcp').then((answer) => assert.equal(answer.status, 502)
        ?? assert.fail('502 is no whole answer either')));
      const whole = await behind.raw(head('GET /mcp'));
      assert.ok(!whole.endsWith('0\r\n\r\n'), whole);
    });

    test('a chunk that is none in the middle of an answered call breaks it off', async () => {
      const behind = await behindGate((socket) => socket.once('data', () => socket.write(
        'HTTP/1.1 200 OK\r\n\r\npart')));
      const socket = await behind.connect();
      socket.write(head('POST /mcp', 'Transfer-Encoding: chunked') + '1\r\na\r\n');
      await until('the answer begins', () => socket.text.includes('part'));
      socket.write('zz\r\n');
      await until('the gate closes', () => socket.destroyed);
      assert.ok(!socket.text.endsWith('0\r\n\r\n'), socket.text);
    });
  });

  describe('a new configuration', () => {
    const streaming = (request, response) => {
      if (request.url === '/stream') beginStream(request, response);
      else response.end('ok');
    };
    // The upstream's side of the last stream that was begun.
    const withStreams = (target) => {
      target.handler = (request, response) => {
        if (request.url === '/stream') target.stream = response;
        streaming(request, response);
      };
      return target;
    };

    test('with another listener ends the connections of the old one, which prove nothing there', async () => {
      const key = apiKey('owner');
      const reloaded = await startGate({
        config: { listen: '127.0.0.1:0', upstream: upstream.url, auth: { mode: 'token', tokens: [key.entry] } },
      });
      const stranger = await reloaded.connect();
      stranger.write(head('GET /mcp'));
      await until('401', () => stranger.text.includes(' 401 '));
      await reloaded.reloadedBy(() =>
        reloaded.writeConfig({ listen: '127.0.0.2:0', upstream: upstream.url, auth: local }));
      stranger.write(head('GET /mcp'));
      await until('the gate closes the connection', () => stranger.destroyed);
      assert.deepEqual(statuses(stranger.text), [401]);
    });

    test('with TLS ends the connections that have none', async () => {
      const reloaded = await startGate({ config: { auth: local, upstream: upstream.url } });
      const plain = await reloaded.connect();
      plain.write(head('GET /mcp'));
      await until('200', () => plain.text.includes(' 200 '));
      const authority = new Authority(dirname(reloaded.file('config.yaml')));
      const { certificateFile, keyFile } = authority.server('gate', ['DNS:localhost']);
      await reloaded.reloadedBy(() => reloaded.writeConfig({
        auth: local, upstream: upstream.url, tls: { certificate: certificateFile, key: keyFile },
      }));
      await until('the gate closes the connection', () => plain.destroyed);
    });

    test('takes effect for new calls, and a running stream goes on', async () => {
      const first = withStreams(await startUpstream());
      const second = await startUpstream((request, response) => response.end('second'));
      const reloaded = await startGate({ config: { auth: local, upstream: first.url } });
      const stream = await reloaded.open('GET', '/stream');
      await stream.seen('data: 1');
      const agent = new OneConnection();
      assert.equal((await reloaded.get('/mcp', { agent })).body, 'ok');

      const { key, entry } = apiKey('laptop');
      const { event } = await reloaded.reloadedBy(() => reloaded.writeConfig(
        { auth: { mode: 'token', tokens: [entry] }, upstream: second.url }));
      assert.equal(event, 'reloaded');
      assert.equal((await reloaded.get('/mcp')).status, 401);
      assert.equal((await reloaded.get('/mcp', { agent })).status, 401, 'on a connection from before, too');
      assert.equal((await reloaded.get('/mcp', { bearer: key })).body, 'second');
      for (const data of ['data: 2\n\n', 'data: 3\n\n']) {
        first.stream.write(data);
        await stream.seen(data);
      }
      first.stream.end();
      assert.equal(await stream.end(), 'whole');
      agent.destroy();
    });

    test('leaves no connection to an upstream that it no longer names, once its calls have ended', async () => {
      const former = withStreams(await startUpstream());
      former.server.keepAliveTimeout = 0; // it closes none by itself
      const reloaded = await startGate({ config: { auth: local, upstream: former.url } });
      const stream = await reloaded.open('GET', '/stream');
      await reloaded.reloadedBy(() => reloaded.writeConfig({ auth: local, upstream: upstream.url }));
      former.stream.end();
      assert.equal(await stream.end(), 'whole');
      const open = () => new Promise((resolve) => former.server.getConnections((error, count) => resolve(count)));
      await until('the connection is closed', async () => await open() === 0);
    });

    test('that is refused leaves the old one in place and says where it is wrong', async () => {
      const reloaded = await startGate({ config: { auth: local, upstream: upstream.url } });
      const good = readFileSync(reloaded.file('config.yaml'), 'utf8');
      upstream.handler = streaming;
      const stream = await reloaded.open('GET', '/stream');
      for (const [text, where] of [
        [good.replace('"local"', '"tokn"'), /:\d+:\d+: auth\.mode/], [`${good}nonsense: 1\n`, /nonsense/], ['', /auth/],
        ['\0', /control character/], [good.replace(/upstream.*\n/, ''), /upstream/],
        [good.replace('127.0.0.1:0', '0.0.0.0:0'), /listen/],
      ]) {
        const { event, problem } = await reloaded.reloadedBy(() => reloaded.writeConfig(text));
        assert.equal(event, 'reload_refused');
        assert.match(problem, where);
        assert.equal((await reloaded.get('/mcp')).status, 200);
      }
      const { event } = await reloaded.reloadedBy(() => reloaded.writeFile('config.yaml', good, 0o644));
      assert.equal(event, 'reload_refused', 'open to others');
      assert.equal(stream.ended, undefined);
      stream.leave();
      const mended = await reloaded.reloadedBy(() => reloaded.writeConfig(good));
      assert.equal(mended.event, 'reloaded');
    });

    test('fails no call, however often it comes', async () => {
      const reloaded = await startGate({ config: { auth: local, upstream: upstream.url } });
      const agent = new http.Agent({ keepAlive: true, maxSockets: 10 });
      let going = true;
      let calls = 0;
      const callOn = async () => {
        for (; going; ++calls) assert.equal((await reloaded.post('/mcp', { agent, body: '{}' })).body, 'ok');
      };
      const callers = Array.from({ length: 10 }, callOn);
      for (let i = 0; i < 10; ++i) {
        await reloaded.reloadedBy(() => reloaded.writeConfig(
          { auth: local, upstream: upstream.url, limits: { connections: 1000 + i } }));
      }
      going = false;
      await Promise.all(callers);
      assert.ok(calls > 10, `${calls} calls`);
      agent.destroy();
    });

    test('is read on SIGHUP, too', async () => {
      const reloaded = await startGate({ config: { auth: local, upstream: upstream.url } });
      assert.equal((await reloaded.reload()).event, 'reloaded');
      assert.equal((await reloaded.get('/mcp')).status, 200);
    });

    test('that is wrong at the start ends the gate with 2 and FILE:LINE:COLUMN', async () => {
      for (const [config, problem] of [
        ['auth:\n  mode: "tokn"\nupstream: "http://127.0.0.1:1"\n', /config\.yaml:2:9: auth\.mode must be/],
        ['auth:\n  mode: "local"\nlisten: "0.0.0.0:0"\nupstream: "http://127.0.0.1:1"\n',
          /config\.yaml:3:\d+: .*listen must be/],
        ['auth:\n  mode: "local"\n', /config\.yaml:.*upstream is missing/],
      ]) {
        const refused = Gate.launch({ config });
        assert.deepEqual(await refused.exited, { code: 2, signal: null });
        assert.match(refused.log, problem);
        refused.removeFolder();
      }
    });

    test('that names a port which is taken ends the gate with a sentence', async () => {
      const taken = Gate.launch({
        config: { auth: local, listen: `127.0.0.1:${upstream.port}`, upstream: upstream.url },
      });
      assert.deepEqual(await taken.exited, { code: 2, signal: null });
      assert.match(taken.log, /listen: cannot listen on 127\.0\.0\.1 port \d+: Address already in use/);
      taken.removeFolder();
    });
  });

  describe('the end', () => {
    test('SIGTERM lets a running call finish, takes no new one, and ends with 0', async () => {
      const slow = await startUpstream();
      let running;
      slow.handler = (request, response) => (running = response).flushHeaders();
      const drained = await startGate({ config: { auth: local, upstream: slow.url } });
      const idle = await drained.connect();
      const agent = new OneConnection(); // which would use its connection again
      const answer = await drained.open('POST', '/mcp', { agent, body: '{}' });
      drained.process.kill('SIGTERM');
      await until('the gate drains', () => drained.eventsOf('draining').length);
      await until('nobody is let in', () => drained.connect().then((socket) => socket.destroy(), () => true));
      await until('an idle connection is closed', () => idle.destroyed);
      running.write('late ');
      await answer.seen('late ');
      assert.equal(drained.process.exitCode, null);
      running.end('but whole');
      assert.equal(await answer.end(), 'whole');
      assert.equal(answer.text, 'late but whole');
      assert.deepEqual(await drained.exited, { code: 0, signal: null });
      assert.equal(drained.eventsOf('stopped').length, 1);
      agent.destroy();
    });

    test('an answer that is given while the gate drains says that its connection closes', async () => {
      const slow = await startUpstream();
      let running;
      slow.handler = (request, response) => (running = response);
      const drained = await startGate({ config: { auth: local, upstream: slow.url } });
      const agent = new OneConnection();
      const call = drained.post('/mcp', { agent, body: '{}' });
      await until('the upstream is asked', () => running);
      drained.process.kill('SIGTERM');
      await until('the gate drains', () => drained.eventsOf('draining').length);
      running.end('ok');
      const answer = await call;
      assert.equal(answer.body, 'ok');
      assert.equal(answer.headers.connection, 'close');
      assert.deepEqual(await drained.exited, { code: 0, signal: null });
      agent.destroy();
    });

    test('a second signal ends it at once', async () => {
      const stuck = await startUpstream((request, response) => response.flushHeaders());
      const drained = await startGate({ config: { auth: local, upstream: stuck.url } });
      const answer = await drained.open('GET', '/mcp');
      drained.process.kill('SIGINT');
      await until('the gate drains', () => drained.eventsOf('draining').length);
      drained.process.kill('SIGINT');
      let ended;
      drained.exited.then(() => (ended = true));
      await until('the gate ends', () => ended, 2_000);
      assert.equal(await answer.end(), 'broken');
    });
  });

  // All at the same time: each of them is over after ten seconds.
  describe('what lasts too long', { concurrency: true }, () => {
    const patience = 15_000;
    const assertTimedOut = async (socket) => {
      await until('the gate closes the connection', () => socket.destroyed, patience);
      assert.deepEqual(statuses(socket.text), [408]);
      assert.match(socket.text, /\r\nConnection: close\r\n/i);
    };

    test('a head that stops on its way is 408', async () => {
      const starts = ['G', 'GET /mcp HTTP/1.1\r\n', 'GET /mcp HTTP/1.1\r\nHost: localhost\r\nX: '];
      await Promise.all(starts.map(async (start) => {
        const socket = await gate.connect();
        socket.write(start);
        await assertTimedOut(socket);
      }));
    });

    test('a head that trickles in is 408 all the same', async () => {
      const socket = await gate.connect();
      socket.write('GET /mcp HTTP/1.1\r\nHost: localhost\r\nX: ');
      const trickle = setInterval(() => socket.writable && socket.write('x'), 100);
      await assertTimedOut(socket).finally(() => clearInterval(trickle));
    });

    test('a stream that has no end does not keep the gate from ending', async (t) => {
      const endless = await Upstream.start(beginStream);
      t.after(() => endless.close());
      const drained = await Gate.start({ config: { auth: local, upstream: endless.url } });
      t.after(() => drained.stop());
      const answer = await drained.open('GET', '/mcp');
      drained.process.kill('SIGTERM');
      let ended;
      drained.exited.then((outcome) => (ended = outcome));
      assert.deepEqual(await until('the gate ends', () => ended, patience), { code: 0, signal: null });
      assert.equal(await answer.end(), 'broken');
    });
  });
});

// Attack 46: HTTP as no honest client writes it, and clients by the thousand that do nothing.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { text as textOf } from 'node:stream/consumers';
import { World, until } from './world.mjs';

describe('the front and broken HTTP', () => {
  let world;
  let impatient; // the same with short timeouts
  before(async () => {
    world = await World.open();
    impatient = await world.startFront('--header-timeout', '300ms', '--body-timeout', '300ms',
      '--idle-timeout', '300ms');
  });
  after(() => world.close());

  const statusOf = (text) => Number(/^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1]);
  const get = (target, ...fields) => ['GET', target, 'HTTP/1.1', ...fields];
  const head = ([method, target, version, ...fields]) =>
    [`${method} ${target} ${version}`, 'Host: x', ...fields, '', ''].join('\r\n');
  // Each is answered with the status and a closed connection, and does no harm to the next client.
  const assertRefused = async (message, status, front = world.front) => {
    const text = await front.raw(message);
    assert.equal(statusOf(text), status, JSON.stringify(message.slice(0, 80)));
    assert.match(text, /\r\nConnection: close\r\n/i);
    assert.equal(text.match(/^HTTP\/1\.1 \d{3} /gm).length, 1);
    assert.equal((await front.get('/healthz')).status, 200);
  };

  test('a target that is no plain path is 400: traversal, NUL, escapes, absolute-form', async () => {
    const targets = ['/../healthz', '/x/../healthz', '/./healthz', '/%2e%2e/healthz', '/healthz%00',
      '/healthz\0', '/\0', '/heal\tthz', '/h\x7f', '/\xff', '/healthz%', '//../x', '\\healthz',
      'healthz', '*', 'http://x/healthz', 'https://127.0.0.1/healthz', 'x:443', '/healthz#f', '/a"b', '/<x>',
      '/healthz?a=\0', '/healthz?a b'];
    for (const target of targets) await assertRefused(head(get(target)), 400);
  });

  test('a path that is not one of ours is 404, whatever it is similar to', async () => {
    for (const target of ['/', '/healthz/', '//healthz', '/HEALTHZ', '/healthz;a', '/healthz.',
      '/oauth/tokens', '/maintain', '/.well-known/', '/etc/passwd', '/v1/verify/..x']) {
      assert.equal((await world.front.get(target)).status, 404, target);
    }
  });

  test('a path of any length is 404 or is taken, and the front lives', async () => {
    for (const below of ['/oauth/status/', '/.well-known/openid-configuration/',
      '/.well-known/oauth-authorization-server/', '/oauth/token/', '/']) {
      for (const length of [150, 250, 1000, 4000, 8000]) {
        const { status } = await world.front.get(below + 'a'.repeat(length));
        assert.equal(status, 404, `${below} and ${length} more`);
      }
    }
    assert.equal((await world.front.get('/healthz')).status, 200);
  });

  test('a request line that is none is 400: HTTP/0.9, TLS, other protocols, bare line ends', async () => {
    for (const text of ['GET /healthz\r\n', 'GET\r\n', ' GET /healthz HTTP/1.1\r\n', '\r\n\r\n', '\0',
      '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 'SSH-2.0-x\r\n', 'GET /healthz HTTP/1.1\nHost: x\n\n',
      'GET  /healthz HTTP/1.1\r\n', 'GET /healthz HTTP/1.1 \r\n', 'GET /healthz http/1.1\r\n',
      'GET /healthz HTTP/1.10\r\n', 'GET /healthz HTTP/11\r\n', 'G\0T /healthz HTTP/1.1\r\n',
      'GET /healthz HTTP/1.1\r\r\n']) {
      await assertRefused(text, 400);
    }
  });

  test('another version is 505, an unknown method 501', async () => {
    for (const version of ['HTTP/2.0', 'HTTP/0.9', 'HTTP/1.2', 'HTTP/9.9']) {
      await assertRefused(`GET /healthz ${version}\r\n`, 505);
    }
    await assertRefused('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505);
    await assertRefused('PROPFIND /healthz HTTP/1.1\r\n', 501);
    await assertRefused('get /healthz HTTP/1.1\r\n', 501);
  });

  test('HTTP/1.0 is answered and closed, or kept when it asks for that', async () => {
    const text = await world.front.raw('GET /healthz HTTP/1.0\r\n\r\n');
    assert.equal(statusOf(text), 200);
    const twice = await world.front.raw(
      'GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /healthz HTTP/1.0\r\n\r\n');
    assert.equal(twice.match(/HTTP\/1\.1 200 /g).length, 2);
  });

  test('Host that is missing, empty, malformed or given twice is 400', async () => {
    await assertRefused('GET /healthz HTTP/1.1\r\n\r\n', 400);
    for (const host of ['', 'a b', 'a/b', 'a\0b', 'x@y', 'a,b', '<x>']) {
      const expected = host.includes(',') ? [200, 400] : [400];
      const text = await world.front.raw(
        `GET /healthz HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
      assert.ok(expected.includes(statusOf(text)), host);
    }
    await assertRefused(head(get('/healthz', 'Host: x')), 400);
    await assertRefused(head(get('/healthz', 'hOST: y')), 400);
  });

  test('a body whose length can be read in two ways is refused, and its rest is no request', async () => {
    const post = (...fields) => head(['POST', '/oauth/introspect', 'HTTP/1.1', ...fields]);
    const smuggled = 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n';
    const cases = [
      [400, 'Content-Length: 5', 'Transfer-Encoding: chunked'],
      [400, 'Transfer-Encoding: chunked', 'Content-Length: 5'],
      [400, 'Content-Length: 5', 'Content-Length: 5'], [400, 'Content-Length: 5', 'Content-Length: 6'],
      [400, 'Content-Length: 5, 5'], [400, 'Content-Length: +5'], [400, 'Content-Length: -1'],
      [400, 'Content-Length: 0x5'], [400, 'Content-Length: 5 5'], [400, 'Content-Length:'],
      [400, 'Content-Length : 5'], [400, ' Content-Length: 5'], [400, 'Content-Length: \x0b5'],
      [400, 'Transfer-Encoding: chunked', 'Transfer-Encoding: identity'],
      [411, 'Transfer-Encoding: chunked'], [411, 'Transfer-Encoding: xchunked'],
      [411, 'Transfer-Encoding: identity'],
    ];
    for (const [status, ...fields] of cases) {
      await assertRefused(`${post(...fields)}0\r\n\r\n${smuggled}`, status);
    }
  });

  test('a POST without Content-Length has no body, and what follows is the next request', async () => {
    const text = await world.front.raw(
      head(['POST', '/oauth/introspect', 'HTTP/1.1', `Authorization: Bearer ${world.harness}`]),
      head(get('/healthz', 'Connection: close')));
    assert.deepEqual([...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, s]) => s), ['400', '200']);
  });

  test('a field that is malformed, folded or spaced is 400', async () => {
    for (const field of ['NoColon', ': x', 'A B: x', 'A : x', ' A: x', 'A: x\r\n folded', 'A: \0', 'A: \x01',
      'A: x\ny', 'A: x\ry', 'A\0: x', 'Ä: x', '(A): x']) {
      await assertRefused(head(get('/healthz', field)), 400);
    }
  });

  test('an Authorization given twice is 400, not the first or the last of them', async () => {
    const good = `Authorization: Bearer ${world.harness}`;
    await assertRefused(head(get('/v1/verify?audience=x', good, good)), 400);
    await assertRefused(head(get('/v1/verify?audience=x', good, 'authorization: Bearer x')), 400);
  });

  test('what is too large is refused as soon as that is known', async () => {
    await assertRefused(`GET /${'x'.repeat(10_000)}`, 414);
    await assertRefused(head(get('/healthz', `X: ${'x'.repeat(2 ** 20)}`)), 431);
    await assertRefused(head(get('/healthz', ...Array(101).fill('X: x'))), 431);
    await assertRefused(`GET /healthz HTTP/1.1\r\n${'x'.repeat(20_000)}`, 431);
    for (const length of ['65537', '1073741824', '18446744073709551616', '9'.repeat(400)]) {
      await assertRefused(head(['POST', '/oauth/introspect', 'HTTP/1.1', `Content-Length: ${length}`]), 413);
    }
  });

  test('a client that sends on after its refusal still gets to read it', async () => {
    const text = await world.front.raw(
      head(['POST', '/oauth/introspect', 'HTTP/1.1', 'Content-Length: 200000']), 'x'.repeat(200_000));
    assert.equal(statusOf(text), 413);
    assert.match(text, /"error":"invalid_request"/);
  });

  test('a client that reads nothing until it has sent all of 12 MB gets its refusal', async () => {
    const socket = await world.front.connect();
    socket.pause();
    socket.write(head(['POST', '/oauth/introspect', 'HTTP/1.1', `Content-Length: ${12 * 2 ** 20}`]));
    await new Promise((resolve, reject) => {
      socket.write('x'.repeat(12 * 2 ** 20), (error) => (error ? reject(error) : resolve()));
    });
    socket.end();
    assert.equal(statusOf(await textOf(socket)), 413);
  });

  test('Expect is 417, Range and Upgrade are not looked at', async () => {
    await assertRefused(head(['POST', '/oauth/introspect', 'HTTP/1.1', 'Content-Length: 3',
      'Expect: 100-continue']), 417);
    const whole = await world.front.get('/.well-known/jwks.json');
    for (const headers of [{ Range: 'bytes=0-1' }, { Range: `bytes=${'0-,'.repeat(4000)}0-` },
      { Upgrade: 'h2c', Connection: 'Upgrade' }]) {
      const answer = await world.front.get('/.well-known/jwks.json', { headers });
      assert.equal(answer.status, 200);
      assert.equal(answer.body, whole.body);
    }
  });

  test('pipelined requests are answered in their order', async () => {
    const ids = Array.from({ length: 50 }, (_, i) => `pipelined-${i}`);
    const requests = ids.map((id, i) => head(get(i % 2 ? '/readyz' : '/healthz', `X-Request-Id: ${id}`,
      ...(i === ids.length - 1 ? ['Connection: close'] : []))));
    const text = await world.front.raw(requests.join(''));
    assert.deepEqual([...text.matchAll(/X-Request-Id: (\S+)/gi)].map(([, id]) => id), ids);
  });

  test('a request that comes byte by byte is one request', async () => {
    const { token } = await world.issueToken('ada', ['mcp:tools']);
    const body = `token=${token}`;
    const text = await world.front.raw(...head(['POST', '/oauth/introspect', 'HTTP/1.1', 'Connection: close',
      `Authorization: Bearer ${world.harness}`, 'Content-Type: application/x-www-form-urlencoded',
      `Content-Length: ${body.length}`]), ...body);
    assert.equal(statusOf(text), 200);
    assert.match(text, /"active":true/);
  });

  test('a slow head or body is 408, an idle connection is closed', async () => {
    assert.equal(statusOf(await impatient.raw('GET /healthz HTTP/1.1\r\nHo')), 408);
    assert.equal(statusOf(await impatient.raw(
      head(['POST', '/oauth/introspect', 'HTTP/1.1', 'Content-Length: 5']), 'tok')), 408);
    assert.equal(await impatient.raw(), '');
  });

  test('a head that trickles in is cut off all the same', async () => {
    const socket = await impatient.connect();
    let text = '';
    socket.on('data', (chunk) => (text += chunk));
    socket.write('GET /healthz HTTP/1.1\r\n');
    await until('the front closes the connection', () => {
      if (socket.writable) socket.write('a');
      return socket.destroyed || statusOf(text);
    });
    assert.equal(statusOf(text), 408);
    socket.destroy();
  });

  test('a client that never reads its answers is dropped, and costs nobody else anything', async () => {
    const socket = await impatient.connect();
    socket.pause();
    const jwks = head(get('/.well-known/jwks.json'));
    const dropped = until('the client is dropped', () => {
      if (socket.writable && socket.writableLength < 2 ** 20) socket.write(jwks.repeat(200));
      return socket.destroyed;
    });
    await dropped;
    assert.equal((await impatient.get('/healthz')).status, 200);
  });

  test('with 1000 idle and 1000 slow clients connected, a new one is answered', async (t) => {
    const { token } = await world.issueToken('ada', ['mcp:tools']);
    const sockets = [];
    for (let i = 0; i < 20; ++i) {
      sockets.push(...await Promise.all(Array.from({ length: 100 }, () => world.front.connect())));
    }
    const slow = sockets.filter((_, i) => i % 2);
    for (const [i, socket] of slow.entries()) {
      socket.write(i % 2 ? 'GET /healthz HTTP/1.1\r\nX: ' : head(['POST', '/oauth/introspect', 'HTTP/1.1',
        'Content-Length: 1000']));
    }
    for (const socket of slow) socket.write('x');
    const began = Date.now();
    const answer = await world.introspect(token);
    const spent = Date.now() - began;
    assert.equal(answer.json.active, true);
    assert.ok(spent < 5_000, `${spent} ms`);
    assert.ok(sockets.every((socket) => !socket.destroyed));
    t.diagnostic(`answered in ${spent} ms`);
    for (const socket of sockets) socket.destroy();
  });

  test('more clients than --max-clients get 503, and one that leaves makes room', async () => {
    const small = await world.startFront('--max-clients', '3');
    const held = await Promise.all([small.connect(), small.connect(), small.connect()]);
    const refused = await until('the door is closed', async () => {
      const socket = await small.connect();
      let text = '';
      socket.on('data', (chunk) => (text += chunk));
      await until('the front closes the connection', () => socket.destroyed);
      return statusOf(text) === 503 && text;
    });
    assert.match(refused, /\r\nRetry-After: 1\r\n/);
    assert.equal(JSON.parse(refused.split('\r\n\r\n')[1]).error, 'temporarily_unavailable');
    held[0].destroy();
    const status = async () => (await small.get('/healthz').catch(() => undefined))?.status;
    await until('there is room again', async () => (await status()) === 200);
    for (const socket of held) socket.destroy();
  });

  test('no token of this file is in a log', () => world.assertLogsHoldNoSecret());
});

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { Front, World, frontProgram, until } from './world.mjs';

// A front that is expected to end by itself, at once.
async function run(options, environment = {}) {
  const child = spawn(frontProgram, options, { env: { ...process.env, ...environment } });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr']) {
    child[name].setEncoding('utf8').on('data', (text) => (output[name] += text));
  }
  const code = await new Promise((resolve) => child.on('close', resolve));
  return { code, ...output };
}

describe("the front's settings, and its end", () => {
  let world;
  before(async () => (world = await World.open()));
  after(() => world.close());

  const assertRefused = ({ code, stdout, stderr }, why) => {
    assert.equal(code, 2, why);
    assert.equal(stdout, '');
    assert.match(stderr, /^openclaw-front: [^\n]{10,}\n$/, why);
  };

  const bad = {
    listen: ['8080', '127.0.0.1', 'localhost:80', '127.0.0.1:', '127.0.0.1:65536', '127.0.0.1:-1',
      '127.0.0.1:80x', '::1:80', '[::1]', '1.2.3:80', ':80', 'unix:', 'unix:front.sock', ''],
    metrics: ['9101', 'localhost:9101', '127.0.0.1:', '127.0.0.1:65536', '0.0.0.0:9101', '192.0.2.1:9101', '[::]:0',
      '[2001:db8::1]:9101', 'unix:/run/metrics.sock', ''],
    threads: ['0', '65', '-1', 'x', '1.5', '1x'],
    connections: ['0', '65'],
    'max-batch': ['0', '1025'],
    'max-clients': ['0', '1000001', '99999999999999999999'],
    'max-waiting': ['0', '65537'],
    'request-timeout': ['0', '99ms', '6min', '1h', '-1s', '1 s', 's', '99999999999s'],
    'header-timeout': ['0', '11min'],
    'body-timeout': ['0', '11min'],
    'idle-timeout': ['0', '61min'],
    'drain-timeout': ['11min', 'soon'],
    'log-level': ['loud', 'INFO', ''],
    'maintenance-interval': ['61min', 'never'],
    'token-use-interval': ['61min', 'never'],
    'max-lag': ['0', '499ms', '11min'],
    'base-path': ['auth', '/', '/auth/', '/a//b', '/a b'],
    pooler: ['session', ''],
    database: ['nonsense', 'dbname', 'no_such_key=1', 'postgresql://[', "dbname='x"],
    standby: ['nonsense', 'dbname', 'no_such_key=1', 'postgresql://[', "dbname='x"],
  };
  const switches = ['core-dumps', 'trust-client-cert'];
  const variable = (flag) => `OPENCLAW_${flag.toUpperCase().replaceAll('-', '_')}`;
  for (const [flag, values] of Object.entries(bad)) {
    test(`a bad --${flag}, or its environment variable, ends the front with 2 and a sentence`, async () => {
      for (const value of values) {
        assertRefused(await run([`--${flag}=${value}`]), `--${flag}=${value}`);
        if (value === '') continue; // an empty variable is an absent one
        assertRefused(await run([], { [variable(flag)]: value }), `${variable(flag)}=${value}`);
      }
    });
  }

  test('what is no option of the front ends it with 2 and a sentence', async () => {
    for (const options of [['--lisen=127.0.0.1:0'], ['-x'], ['serve'], ['--listen'], ['--password=x']]) {
      assertRefused(await run(options), options.join(' '));
    }
  });

  test('a password in --database is refused and not repeated', async () => {
    for (const database of ['dbname=x password=hunter2-secret', 'postgresql://u:hunter2-secret@h/d',
      'postgresql://h/d?password=hunter2-secret', 'sslpassword=hunter2-secret', "password='hunter2-secret"]) {
      for (const result of [await run(['--database', database]), await run([], { OPENCLAW_DATABASE: database })]) {
        assertRefused(result, database);
        assert.ok(!result.stderr.includes('hunter2'));
      }
    }
  });

  test('--help names every flag with its environment variable, and ends with 0', async () => {
    const { code, stdout, stderr } = await run(['--help']);
    assert.equal(code, 0);
    assert.equal(stderr, '');
    const flags = [...stdout.matchAll(/^ +--(\S+)(?: .*)? \(Env:(\S+)\)$/gm)];
    for (const [, flag, name] of flags) assert.equal(name, variable(flag));
    // Each is listed here too, so that none goes without a bad value above.
    assert.deepEqual(flags.map(([, flag]) => flag).sort(), [...Object.keys(bad), ...switches].sort());
    const others = [...stdout.matchAll(/^ +(-.*)$/gm)].filter(([line]) => !line.includes('(Env:'));
    assert.deepEqual(others.map(([, option]) => option.split(' ')[0]), ['-h,--help', '--version']);
  });

  test('--version says name and version, and ends with 0', async () => {
    const control = readFileSync(new URL('../../extension/openclaw.control', import.meta.url), 'utf8');
    const [, version] = /^default_version = '(.+)'$/m.exec(control);
    assert.deepEqual(await run(['--version']), { code: 0, stdout: `openclaw-front ${version}\n`, stderr: '' });
  });

  test('an address that is taken ends the front with 2 and says so', async () => {
    const result = await run([`--listen=127.0.0.1:${world.front.port}`]);
    assertRefused(result);
    assert.match(result.stderr, /in use/);
    const metrics = await run(['--listen=127.0.0.1:0', `--metrics=127.0.0.1:${world.front.port}`]);
    const event = /^\{.*\}\n/gm; // the log, which has begun by then
    assertRefused({ ...metrics, stderr: metrics.stderr.replaceAll(event, '') });
    assert.match(metrics.stderr, new RegExp(`cannot listen on 127\\.0\\.0\\.1 port ${world.front.port}: .* in use`));
  });

  describe('--listen unix:PATH', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'openclaw-socket-'));
    after(() => rmSync(folder, { recursive: true }));
    const socketPath = path.join(folder, 'front.sock');
    const get = async (target) => {
      const request = http.request({ socketPath, path: target, agent: false }).end();
      const [response] = await once(request, 'response');
      return { status: response.statusCode, json: JSON.parse(await text(response)) };
    };
    const start = async () => {
      const front = new Front(
        ['--listen', `unix:${socketPath}`, '--database', `dbname='${world.database}' user='${world.role}'`], {});
      await until('the front listens', () => front.events().some(({ event }) => event === 'listening'));
      await until('the front is ready', async () => (await get('/readyz')).status === 200);
      return front;
    };

    test('serves its owner and group there, and takes the file away at its end', async () => {
      const front = await start();
      assert.equal(statSync(socketPath).mode & 0o777, 0o660);
      assert.equal((await get('/.well-known/jwks.json')).json.keys.length > 0, true);
      assert.equal(front.events().find(({ event }) => event === 'listening').address, `unix:${socketPath}`);
      await until('the request is logged',
        () => front.events().some(({ route, client }) => route === 'jwks' && client === 'unix:'));
      await front.stop();
      assert.equal(existsSync(socketPath), false);
    });

    test('takes the place of one that was killed, but of none that lives', async () => {
      const killed = await start();
      killed.process.kill('SIGKILL');
      await killed.exited;
      assert.equal(existsSync(socketPath), true);
      const front = await start();
      const second = await run([`--listen=unix:${socketPath}`]);
      assertRefused(second);
      assert.match(second.stderr, /in use/);
      assert.equal((await get('/healthz')).status, 200);
      await front.stop();
    });

    test('takes away no socket that is another one by now', async () => {
      const first = await start();
      rmSync(socketPath);
      const second = await start();
      await first.stop();
      assert.equal((await get('/healthz')).status, 200);
      await second.stop();
    });

    test('takes away no file that is no socket', async () => {
      writeFileSync(socketPath, 'mine');
      const result = await run([`--listen=unix:${socketPath}`]);
      assertRefused(result);
      assert.match(result.stderr, /in use/);
      assert.equal(readFileSync(socketPath, 'utf8'), 'mine');
    });

    test('says why there can be none', async () => {
      const result = await run([`--listen=unix:${folder}/none/front.sock`]);
      assertRefused(result);
      assert.match(result.stderr, /none\/front\.sock: No such file or directory/);
    });
  });

  test('more clients than open files are possible is refused at the start', async () => {
    assertRefused(await run(['--listen=127.0.0.1:0', '--max-clients=1000000']));
  });

  test('a flag wins over its environment variable', async () => {
    const result = await run(['--log-level=info', `--listen=127.0.0.1:${world.front.port}`],
      { OPENCLAW_LISTEN: 'nonsense' });
    assert.match(result.stderr, /in use/);
  });

  test('SIGTERM: requests in flight are answered, new clients refused, and the end is 0', async () => {
    const front = await world.startFront('--request-timeout', '30s', '--drain-timeout', '30s');
    const { token } = await world.issueToken('ada', ['mcp:tools']);
    const idle = await front.connect();
    const flight = await world.whileTokensAreLocked(async () => {
      const request = world.introspect(token, world.platform, front);
      await world.frontWaits();
      front.process.kill('SIGTERM');
      await until('new clients are refused', () =>
        front.connect().then((socket) => void socket.destroy(), ({ code }) => code === 'ECONNREFUSED'));
      await until('idle clients are gone', () => idle.destroyed);
      assert.equal(front.process.exitCode, null);
      return { request }; // not awaited here, since it waits for the lock
    });
    const answer = await flight.request;
    assert.equal(answer.status, 200);
    assert.equal(answer.json.active, true);
    assert.equal(answer.headers.connection, 'close');
    assert.deepEqual(await front.exited, { code: 0, signal: null });
    assert.equal(front.events().at(-1).event, 'stopped');
  });

  test('when --drain-timeout is over whoever still waits gets 503, and the front ends with 0', async () => {
    const front = await world.startFront('--request-timeout', '30s', '--drain-timeout', '200ms');
    await world.whileTokensAreLocked(async () => {
      const request = world.introspect('x'.repeat(53), world.platform, front);
      await world.frontWaits();
      front.process.kill('SIGTERM');
      assert.deepEqual(await front.exited, { code: 0, signal: null });
      assert.equal((await request).status, 503);
    });
  });

  test('a second signal ends the front at once', async () => {
    const front = await world.startFront('--request-timeout', '30s', '--drain-timeout', '5min');
    await world.whileTokensAreLocked(async () => {
      const request = world.introspect('x'.repeat(53), world.platform, front);
      const ended = request.then(({ status }) => status, ({ code }) => code);
      await world.frontWaits();
      front.process.kill('SIGINT');
      await until('the front drains', () => front.events().some(({ event }) => event === 'draining'));
      front.process.kill('SIGTERM');
      assert.deepEqual(await front.exited, { code: null, signal: 'SIGTERM' });
      assert.equal(await ended, 'ECONNRESET');
    });
  });

  test('no token of this file is in a log', () => world.assertLogsHoldNoSecret());
});

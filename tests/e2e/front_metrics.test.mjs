// What the front counts, and how it tells Prometheus.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import { parseMetrics } from './prometheus.mjs';
import { World, until } from './world.mjs';

const metric = (name, labels = {}) => {
  const set = Object.entries(labels).map(([label, value]) => `${label}="${value}"`).join(',');
  return `openclaw_front_${name}${set && `{${set}}`}`;
};
const requests = (route, status) => metric('requests_total', { route, status });
const statements = (route, outcome, server = 'primary') => metric('sql_statements_total', { route, server, outcome });

// One loop with one connection, so that what waits for it goes together; nothing of its own accord.
const flags = ['--metrics', '127.0.0.1:0', '--threads', '1', '--connections', '1', '--maintenance-interval', '0',
  '--token-use-interval', '0'];

describe("the front's metrics", () => {
  let world;
  let front;
  let good;
  before(async () => {
    world = await World.open();
    front = await world.startFront(...flags);
    good = (await world.issueToken('ada', ['mcp:tools'])).token;
  });
  after(() => world.close());

  const sumOf = (samples, name) => Object.entries(samples)
    .reduce((sum, [key, value]) => sum + (key.startsWith(`openclaw_front_${name}{`) ? value : 0), 0);
  // All that rose while `act` ran, of the metrics that are named. A request is counted when it is
  // answered, which its client sees a little earlier.
  const rises = async (act, count, ...names) => {
    const earlier = await front.metrics();
    await act();
    const later = await until(`${count} requests are counted`, async () => {
      const now = await front.metrics();
      return sumOf(now, 'requests_total') - sumOf(earlier, 'requests_total') === count && now;
    });
    return Object.fromEntries(Object.entries(later)
      .filter(([key]) => names.some((name) => key.startsWith(`openclaw_front_${name}`)))
      .map(([key, value]) => [key, value - (earlier[key] ?? 0)]).filter(([, by]) => by !== 0));
  };
  const get = (path, options) => front.get(path, { port: front.metricsPort, ...options });

  test('are text that Prometheus reads, each of them declared', async () => {
    const answer = await get('/metrics');
    assert.equal(answer.status, 200);
    assert.match(answer.headers['content-type'], /^text\/plain; version=0\.0\.4/);
    const { declared, samples } = parseMetrics(answer.body);
    assert.deepEqual([...declared.keys()].map((name) => name.replace(/^openclaw_front_/, '')).sort(), [
      'build_info', 'clients', 'clients_turned_away_total', 'log_lines_lost_total', 'request_duration_seconds',
      'requests_total', 'sql_batch_requests', 'sql_connections', 'sql_statements_total', 'sql_waiting',
      'standby_within_bound']);
    assert.equal(samples[metric('log_lines_lost_total')], 0);
    const [build] = Object.keys(samples).filter((key) => key.startsWith('openclaw_front_build_info'));
    const version = await world.value(`select extversion from pg_extension where extname = 'openclaw'`);
    assert.equal(build, metric('build_info', { version }));
  });

  test('have a listener of their own, with /healthz, and nothing else there', async () => {
    assert.equal((await get('/healthz')).status, 200);
    for (const path of ['/', '/readyz', '/metrics/x', '/.well-known/jwks.json']) {
      assert.equal((await get(path)).status, 404, path);
    }
    assert.equal((await front.post('/metrics', { port: front.metricsPort })).status, 405);
    assert.equal((await front.get('/metrics')).status, 404);
    assert.equal(world.front.metricsPort, undefined); // without --metrics there is none
  });

  test('count requests by route and status, exactly, and know no path but those of the table', async () => {
    const act = async () => {
      for (let i = 0; i < 3; i += 1) assert.equal((await world.introspect(good, world.platform, front)).json.active, true);
      assert.equal((await world.introspect(good, 'och_nobody', front)).status, 401);
      assert.equal((await front.get('/oauth/introspect')).status, 405);
      assert.equal((await front.get('/healthz')).status, 200);
      assert.equal((await front.get(`/secret-path?token=${good}`)).status, 404);
      assert.equal((await front.get('/oauth/introspect/below')).status, 404);
      assert.match(await front.raw('NONSENSE\r\n\r\n'), /^HTTP\/1\.1 400 /);
    };
    const risen = await rises(act, 9, 'requests_total', 'request_duration_seconds_count', 'sql_statements_total');
    const duration = (route) => metric('request_duration_seconds_count', { route });
    assert.deepEqual(risen, {
      [requests('introspect', '200')]: 3,
      [requests('introspect', '401')]: 1,
      [requests('introspect', '405')]: 1,
      [requests('healthz', '200')]: 1,
      [requests('-', '404')]: 2,
      [requests('-', '400')]: 1,
      [duration('introspect')]: 5,
      [duration('healthz')]: 1,
      [duration('-')]: 3,
      [statements('introspect', 'ok')]: 4,
    });
  });

  test('show what waits for Postgres, and how many requests a statement took', async () => {
    const bucket = (le) => metric('sql_batch_requests_bucket', { le });
    const act = () => world.whileTokensAreLocked(async () => {
      const first = world.introspect(good, world.platform, front);
      await world.frontWaits();
      const others = Array.from({ length: 5 }, () => world.introspect(good, world.platform, front));
      await until('five wait', async () => {
        const now = await front.metrics();
        return now[metric('sql_waiting')] === 5 && now[metric('clients')] === 6 &&
          now[metric('sql_connections', { server: 'primary', state: 'busy' })] === 1;
      });
      return { answers: [first, ...others] };
    }).then(async ({ answers }) => {
      for (const { status } of await Promise.all(answers)) assert.equal(status, 200);
    });
    const risen = await rises(act, 6, 'sql_batch_requests', 'sql_statements_total');
    const inBuckets = Object.fromEntries(['8', '16', '32', '64', '128', '256', '512', '1024', '+Inf']
      .map((le) => [bucket(le), 2]));
    assert.deepEqual(risen, {
      [bucket('1')]: 1, [bucket('2')]: 1, [bucket('4')]: 1, ...inBuckets,
      [metric('sql_batch_requests_sum')]: 6,
      [metric('sql_batch_requests_count')]: 2,
      [statements('introspect', 'ok')]: 2,
    });
    await until('nobody waits, and nobody is connected', async () => {
      const now = await front.metrics();
      return now[metric('sql_waiting')] === 0 && now[metric('clients')] === 0 &&
        now[metric('sql_connections', { server: 'primary', state: 'idle' })] === 1;
    });
  });

  test('tell a statement that failed, one that took too long, and one whose connection ended', async () => {
    await world.sql('alter function openclaw.front_introspections rename to front_introspections_away');
    const renamed = await rises(async () => {
      assert.equal((await world.introspect(good, world.platform, front)).status, 500);
    }, 1, 'requests_total', 'sql_statements_total')
      .finally(() => world.sql('alter function openclaw.front_introspections_away rename to front_introspections'));
    assert.deepEqual(renamed, { [requests('introspect', '500')]: 1, [statements('introspect', 'failed')]: 1 });

    const hurried = await world.startFront(...flags, '--request-timeout', '300ms');
    await world.whileTokensAreLocked(async () => {
      assert.equal((await world.introspect(good, world.platform, hurried)).status, 503);
    });
    await until('its end is counted',
      async () => (await hurried.metrics())[statements('introspect', 'unavailable')] === 1);

    const ended = await rises(() => world.whileTokensAreLocked(async () => {
      const request = world.introspect(good, world.platform, front);
      await world.frontWaits();
      await world.sql(`select pg_terminate_backend(pid) from pg_stat_activity
                       where usename = $1 and wait_event_type = 'Lock'`, [world.role]);
      assert.equal((await request).status, 503);
    }), 1, 'requests_total', 'sql_statements_total');
    assert.deepEqual(ended, { [requests('introspect', '503')]: 1, [statements('introspect', 'lost')]: 1 });
    await front.ready();
  });

  test('count the clients that are turned away, whose requests nobody read', async () => {
    const small = await world.startFront(...flags, '--max-clients', '2');
    await until('the one that asked for readiness is gone', async () => (await small.metrics())[metric('clients')] === 0);
    const before = await small.metrics();
    const held = [await small.connect(), await small.connect()];
    await until('two are counted', async () => (await small.metrics())[metric('clients')] === 2);
    assert.match(await small.raw(''), /^HTTP\/1\.1 503 /);
    const now = await small.metrics();
    assert.equal(now[metric('clients_turned_away_total')], 1);
    assert.equal(sumOf(now, 'requests_total'), sumOf(before, 'requests_total'));
    for (const socket of held) socket.destroy();
    await until('they are gone', async () => (await small.metrics())[metric('clients')] === 0);
  });

  test('come while the front drains, and hold up neither that nor its clients', async () => {
    const other = await world.startFront(...flags, '--request-timeout', '30s', '--drain-timeout', '30s');
    const { metricsPort } = other;
    const idlers = [];
    for (const part of ['', 'GET /metr', 'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n']) {
      const idler = net.connect(metricsPort, '127.0.0.1');
      await once(idler, 'connect');
      idler.on('error', () => {}).write(part); // and reads nothing
      idlers.push(idler);
    }
    const flight = await world.whileTokensAreLocked(async () => {
      const request = world.introspect(good, world.platform, other);
      await world.frontWaits();
      other.process.kill('SIGTERM');
      await until('the front drains', () => other.events().some(({ event }) => event === 'draining'));
      assert.equal((await other.metrics())[metric('clients')], 1);
      return { request };
    });
    assert.equal((await flight.request).status, 200);
    assert.deepEqual(await other.exited, { code: 0, signal: null });
    for (const idler of idlers) idler.destroy();
    await assert.rejects(other.get('/metrics', { port: metricsPort }), { code: 'ECONNREFUSED' });
  });

  test('name no token, user or path', async () => {
    const { body } = await get('/metrics');
    for (const part of ['secret', 'ada', 'below', 'NONSENSE', ...world.secrets]) assert.ok(!body.includes(part), part);
    await world.assertLogsHoldNoSecret();
  });
});

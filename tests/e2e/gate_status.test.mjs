// Revocation at the gate: what the platform's Token Status Lists say of a JWT holds there within
// auth.status_period, and no request costs a look-up for it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { deflateSync } from 'node:zlib';
import { Authority } from './certificates.mjs';
import { ForgerKey, base64url } from './forger.mjs';
import { Issuer, host, seconds } from './gate_issuer.mjs';
import { Gate, Upstream, beginStream, bodyOf, openclaw, until } from './gate_world.mjs';

const challenge = `Bearer error="invalid_token", scope="mcp:tools", ` +
  `resource_metadata="https://${host}/.well-known/oauth-protected-resource/mcp"`;

let folder;
const started = []; // ended in the other order
const secrets = new Set();

function ending(each) {
  started.push(each);
  return each;
}

before(() => (folder = mkdtempSync(join(tmpdir(), 'openclaw-status-'))));

after(async () => {
  for (const each of started.reverse()) await (each.stop ?? each.close).call(each);
  rmSync(folder, { recursive: true });
});

// An issuer, an upstream and a gate between them. auth: over the usual one, which reads a list again
// after a second. keys: how many are published, of which the last one signs. The log tells of every
// reading.
async function open({ auth, config, identity, files, keys = 1 } = {}) {
  const issuer = ending(await Issuer.start(identity));
  while (issuer.published.length < keys) await issuer.newKey();
  const upstream = ending(await Upstream.start());
  const gate = ending(await Gate.start({
    config: issuer.config({
      upstream: upstream.url, metrics: '127.0.0.1:0', ...config, auth: { status_period: '2s', ...auth },
    }),
    files, options: ['--log-level', 'debug'],
  }));
  return new StatusWorld(issuer, upstream, gate);
}

class StatusWorld {
  constructor(issuer, upstream, gate) {
    Object.assign(this, { issuer, upstream, gate });
  }

  token(...args) {
    return remembered(this.issuer.token(...args));
  }

  listed(...args) {
    return remembered(this.issuer.listed(...args));
  }

  call(bearer, options) {
    return this.gate.post('/mcp', { bearer, body: '{}', ...options });
  }

  async status(bearer, options) {
    return (await this.call(bearer, options)).status;
  }

  readings(list, outcome = 'ok') {
    return this.gate.eventsOf('status_fetched')
      .filter((event) => event.list === list.uri && event.outcome === outcome).length;
  }

  // Resolves when the gate has taken a reading of the list that began from here on.
  async nextReading(list) {
    const { fetches } = list;
    await until('the gate asks for the list', () => list.fetches > fetches);
    // Each fetch ends in an event, in their order.
    await until('the gate has taken it', () => this.gate.eventsOf('status_fetched')
      .filter((event) => event.list === list.uri).length > fetches);
  }

  async assertRefused(answer, reason = 'revoked') {
    assert.equal(answer.status, 401, answer.body);
    assert.equal(answer.json.error, 'invalid_token');
    assert.equal(answer.headers['www-authenticate'], challenge);
    assert.equal(answer.headers['cache-control'], 'no-store');
    assert.ok(!this.reached(answer), 'it reached the upstream');
    assert.equal((await this.gate.requestEvent(answer)).reason, reason);
  }

  async assertUnavailable(answer) {
    assert.equal(answer.status, 503, answer.body);
    assert.equal(answer.json.error, 'temporarily_unavailable');
    assert.match(answer.headers['retry-after'], /^[1-9]\d*$/);
    assert.equal(answer.headers['www-authenticate'], undefined);
    assert.ok(!this.reached(answer), 'it reached the upstream');
    const { decision, reason } = await this.gate.requestEvent(answer);
    assert.deepEqual([decision, reason], ['unavailable', 'status_unknown']);
  }

  reached({ headers: { 'x-request-id': id } }) {
    return this.upstream.requests.some(({ headers }) => headers['x-request-id'] === id);
  }

  async metric(named) {
    const { body } = await this.gate.metrics();
    return Number(new RegExp(`^openclaw_gate_${named.replace(/[{}]/g, '\\$&')} (\\d+)$`, 'm').exec(body)?.[1]);
  }
}

function remembered(token) {
  secrets.add(token);
  return token;
}

// Makes the list wait for its answer until the function that it gives is called.
function hold(list) {
  let answer;
  const held = new Promise((resolve) => (answer = resolve));
  list.answer = async (request, response) => {
    await held;
    list.send(response, await list.token());
  };
  return answer;
}

// What `openclaw verify` says, whose list this process serves meanwhile.
async function explained(config, token) {
  const child = spawn(openclaw, ['verify', '-', '--config', config], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(token);
  const closed = once(child, 'close');
  const said = (await bodyOf(child.stdout)).toString();
  const [code] = await closed;
  assert.equal(code, said.includes('\nGOOD') ? 0 : 1, said);
  return said;
}

const gone = (request, response) => response.destroy();

describe('reading a list', { concurrency: true }, () => {
  test('the first request waits for the list, and no other request of its tokens costs a fetch', async () => {
    const world = await open({ auth: { status_period: '1h' } });
    const list = world.issuer.list();
    const tokens = Array.from({ length: 10 }, (_, idx) => world.listed(list, idx));
    for (let round = 0; round < 20; ++round) {
      const statuses = await Promise.all(tokens.map((token) => world.status(token)));
      assert.deepEqual(statuses, Array(10).fill(200));
    }
    assert.equal(list.fetches, 1);
    assert.equal(world.upstream.requests.length, 200);
  });

  test('many first requests at once are one flight, and none is let in before it has landed', async () => {
    const world = await open({ auth: { status_period: '1h' } });
    const list = world.issuer.list();
    list.revoke(0);
    const answer = hold(list);
    const calls = Array.from({ length: 20 }, (_, idx) => world.call(world.listed(list, idx)));
    await until('all of them are there', async () => (await world.metric('connections')) === 20);
    await until('the list is asked for', () => list.fetches === 1);
    assert.equal(world.upstream.requests.length, 0);
    answer();
    const [revoked, ...others] = await Promise.all(calls);
    await world.assertRefused(revoked);
    assert.deepEqual(others.map(({ status }) => status), Array(19).fill(200));
    assert.equal(list.fetches, 1);
  });

  test('a list in use is read again by itself, as often as the period asks and not with the requests', async () => {
    const world = await open();
    const list = world.issuer.list();
    const began = Date.now();
    const token = world.listed(list, 1);
    while (list.fetches < 4) assert.equal(await world.status(token), 200);
    // Half a period of two seconds between two.
    const due = 1 + Math.ceil((Date.now() - began) / 1000);
    assert.ok(list.fetches <= due, `${list.fetches} fetches, of which ${due} are due`);
    assert.ok(world.upstream.requests.length > 4 * list.fetches);
  });

  test('it is asked for below where the keys come from, as what it is, and no older than half the period', async () => {
    const world = await open({ auth: { status_period: '20s' } });
    const list = world.issuer.list();
    let seen;
    list.answer = async (request, response) => {
      seen = request;
      list.send(response, await list.token());
    };
    assert.equal(await world.status(world.listed(list, 1)), 200);
    assert.deepEqual([seen.method, seen.url], ['GET', '/oauth/status/ada-laptop/1']);
    assert.equal(seen.headers.accept, 'application/statuslist+jwt');
    assert.equal(seen.headers['cache-control'], 'max-age=10');
    assert.equal(seen.headers.authorization, undefined);
  });

  test('with keys from another place, the uri itself is where it is fetched', async () => {
    const issuer = ending(await Issuer.start());
    const keys = ending(await Upstream.start((request, response) =>
      response.end(JSON.stringify({ keys: [issuer.key.jwk] }))));
    issuer.name = issuer.url;
    const upstream = ending(await Upstream.start());
    const gate = ending(await Gate.start({
      config: issuer.config({
        upstream: upstream.url, auth: { platform_jwks_url: `${keys.url}/keys`, status_outage: 'refuse' },
      }),
    }));
    const world = new StatusWorld(issuer, upstream, gate);
    const list = issuer.list();
    list.revoke(2);
    assert.equal(await world.status(world.listed(list, 1)), 200);
    assert.equal(await world.status(world.listed(list, 2)), 401);
    assert.equal(list.fetches, 1);
  });

  test('over TLS the server must be one that auth.jwks_ca vouches for', async () => {
    const trusted = new Authority(folder, 'trusted');
    const identity = trusted.server('platform', ['IP:127.0.0.1']);
    const auth = { jwks_ca: 'ca.pem', status_outage: 'refuse' };
    const world = await open({ auth, identity, files: { 'ca.pem': trusted.cert } });
    const list = world.issuer.list();
    assert.equal(await world.status(world.listed(list, 1)), 200);
    // The server stays and shows another certificate, for the lists as for the keys.
    const other = new Authority(folder, 'other').server('impostor', ['IP:127.0.0.1']);
    world.issuer.server.setSecureContext(other.tls);
    const late = world.issuer.list('late/1');
    await world.assertUnavailable(await world.call(world.listed(late, 1)));
    assert.equal(late.fetches, 0);
    await until('it is told', () => world.readings(late, 'tls') >= 1);
  });

  test('a reload that changes nothing of it keeps the lists', async () => {
    const world = await open({ auth: { status_period: '1h' } });
    const list = world.issuer.list();
    list.revoke(2);
    const [good, revoked] = [world.listed(list, 1), world.listed(list, 2)];
    assert.equal(await world.status(good), 200);
    const config = world.issuer.config({
      upstream: world.upstream.url, auth: { status_period: '1h', status_outage: 'refuse', scopes: [] },
    });
    const { event } = await world.gate.reloadedBy(() => world.gate.writeConfig(config));
    assert.equal(event, 'reloaded');
    assert.equal(await world.status(good), 200);
    assert.equal(await world.status(revoked), 401);
    assert.equal(list.fetches, 1);
  });

  test('a list that no token refers to any more is forgotten, and not read again', async () => {
    const world = await open();
    const [old, used] = [world.issuer.list('old/1'), world.issuer.list('used/1')];
    assert.equal(await world.status(world.listed(used, 1)), 200);
    assert.equal(await world.status(world.listed(old, 1, { exp: seconds() + 2 })), 200);
    assert.equal(await world.metric('status_lists'), 2);
    await until('the token expires, and its list goes', async () => (await world.metric('status_lists')) === 1);
    const { fetches } = old;
    for (let i = 0; i < 2; ++i) await world.nextReading(used);
    assert.equal(old.fetches, fetches);
  });

  test('of more than 64 lists at once the others are as ones that cannot be read', async () => {
    const world = await open({ auth: { status_period: '1h', status_outage: 'refuse' } });
    const lists = Array.from({ length: 65 }, (_, i) => world.issuer.list(`many/${i}`));
    for (const list of lists.slice(0, 64)) assert.equal(await world.status(world.listed(list, 1)), 200);
    await world.assertUnavailable(await world.call(world.listed(lists[64], 1)));
    assert.equal(lists[64].fetches, 0);
    assert.equal(await world.metric('status_lists'), 64);
    assert.equal(await world.status(world.listed(lists[0], 2)), 200);
  });

  test('metrics count the readings by outcome; the log has a line for what changes, the others at debug', async () => {
    const world = await open();
    const list = world.issuer.list();
    assert.equal(await world.status(world.listed(list, 1)), 200);
    await world.nextReading(list);
    list.answer = (request, response) => response.writeHead(500).end();
    await world.nextReading(list);
    list.answer = undefined;
    await until('it is read again', () => world.readings(list) >= 3);
    const levels = world.gate.eventsOf('status_fetched').map(({ outcome, level }) => `${outcome} ${level}`);
    assert.match(levels.join(), /^ok info(,ok debug)+(,http_status warning)+,ok info/);
    assert.ok(await world.metric('status_fetches_total{outcome="ok"}') >= 3);
    assert.ok(await world.metric('status_fetches_total{outcome="http_status"}') >= 1);
    assert.equal(await world.metric('status_lists'), 1);
  });
});

describe('a revoked token', { concurrency: true }, () => {
  test('is refused from the next reading on, by its own bit alone', async () => {
    const world = await open();
    const list = world.issuer.list();
    const tokens = [7, 8, 9].map((idx) => world.listed(list, idx));
    for (const token of tokens) assert.equal(await world.status(token), 200);
    list.revoke(8);
    await world.nextReading(list);
    const { fetches } = list;
    await world.assertRefused(await world.call(tokens[1]));
    assert.equal(await world.status(tokens[0]), 200);
    assert.equal(await world.status(tokens[2]), 200);
    assert.ok(list.fetches <= fetches + 1, 'requests do not cost fetches');
  });

  test('is refused at first sight, and costs no fetch for each of its requests', async () => {
    const world = await open({ auth: { status_period: '1h' } });
    const list = world.issuer.list();
    list.revoke(3);
    const token = world.listed(list, 3);
    for (let i = 0; i < 20; ++i) await world.assertRefused(await world.call(token));
    assert.equal(list.fetches, 1);
  });

  test('is each one of a list that is all ones, and one beyond the list', async () => {
    const world = await open();
    const list = world.issuer.list();
    const tokens = [0, 1, 2 ** 17 - 1].map((idx) => world.listed(list, idx));
    for (const token of tokens) assert.equal(await world.status(token), 200);
    await world.assertRefused(await world.call(world.listed(list, 2 ** 17)));
    list.revokeAll();
    await world.nextReading(list);
    for (const token of tokens) await world.assertRefused(await world.call(token));
    await world.assertRefused(await world.call(world.listed(list, 3)));
  });

  test('is refused by forward-auth too', async () => {
    const world = await open({ config: { upstream: 'none' } });
    const list = world.issuer.list();
    list.revoke(1);
    const ask = (idx) => world.gate.get('/.openclaw/forward-auth/mcp', { bearer: world.listed(list, idx) });
    assert.equal((await ask(0)).status, 200);
    await world.assertRefused(await ask(1));
  });

  test('is refused in mode mtls, where it is the user claim', async () => {
    const authority = new Authority(folder, 'cluster');
    const server = authority.server('container', ['DNS:search-ada']);
    const caller = authority.client('harness', ['URI:spiffe://openclaw.test/ns/platform/sa/harness']);
    const auth = {
      mode: 'mtls', client_ca: 'ca.pem', trust_domain: 'openclaw.test', platform_namespace: 'platform',
    };
    const world = await open({
      auth, config: { public_url: 'search-ada:3100', tls: { certificate: 'tls.pem', key: 'tls.key' } },
      files: { 'tls.pem': server.cert, 'tls.key': server.key, 'ca.pem': authority.cert },
    });
    const list = world.issuer.list();
    const claim = (idx) => world.listed(list, idx, { aud: 'search-ada:3100' }, { header: { typ: 'user-claim+jwt' } });
    const call = (claimed) => world.gate.post('/mcp', {
      host: 'search-ada:3100', body: '{}', headers: { 'X-OpenClaw-User-Claim': claimed },
      tls: { servername: 'search-ada', ca: authority.cert, ...caller.tls },
    });
    const [good, revoked] = [claim(1), claim(2)];
    assert.equal((await call(good)).status, 200);
    assert.equal((await call(revoked)).status, 200);
    list.revoke(2);
    await world.nextReading(list);
    const answer = await call(revoked);
    assert.equal(answer.status, 401);
    assert.equal((await world.gate.requestEvent(answer)).reason, 'revoked');
    assert.equal((await call(good)).status, 200);
  });

  test('ends the stream that it opened, and no other', async () => {
    const world = await open();
    world.upstream.handler = beginStream;
    const list = world.issuer.list();
    const begin = (idx) => world.gate.open('POST', '/mcp', { bearer: world.listed(list, idx), body: '{}' });
    const [ends, goesOn] = [await begin(1), await begin(2)];
    for (const stream of [ends, goesOn]) await stream.seen('data: 1');
    list.revoke(1);
    assert.equal(await ends.end(), 'broken');
    await until('the upstream is let go', () => world.upstream.requests[0].left);
    const { decision, reason, status } = await world.gate.requestEvent(ends);
    assert.deepEqual([decision, reason, status], ['unauthenticated', 'revoked', 200]);
    await world.nextReading(list);
    assert.equal(goesOn.ended, undefined);
    assert.ok(!world.upstream.requests[1].left);
    goesOn.leave();
  });

  test('ends a call that waits for its answer with 401, and cancels it at the upstream', async () => {
    const world = await open();
    world.upstream.handler = () => {};
    const list = world.issuer.list();
    const waiting = world.call(world.listed(list, 1));
    await until('the call is at the upstream', () => world.upstream.requests.length === 1);
    list.revoke(1);
    const answer = await waiting;
    assert.deepEqual([answer.status, answer.json.error], [401, 'invalid_token']);
    assert.equal(answer.headers['www-authenticate'], challenge);
    assert.equal((await world.gate.requestEvent(answer)).reason, 'revoked');
    await until('it is cancelled', () => world.upstream.requests[0].left);
    assert.equal(world.upstream.requests.length, 1);
  });

  test('is explained by `openclaw verify`, from the same list', async () => {
    const world = await open();
    const list = world.issuer.list();
    list.revoke(2);
    const config = world.gate.file('config.yaml');
    const said = await explained(config, world.listed(list, 1));
    assert.match(said, new RegExp(`^status +passed +entry 1 of ${list.uri}: not revoked$`, 'm'));
    assert.match(said, /^GOOD/m);
    const refused = await explained(config, world.listed(list, 2));
    assert.match(refused, new RegExp(`^status +failed +entry 2 of ${list.uri}: revoked$`, 'm'));
    assert.match(refused, /^REFUSED: revoked$/m);
    list.answer = gone;
    const unread = await explained(config, world.listed(list, 2));
    assert.match(unread, /^status +not asked .*auth.status_outage is accept$/m);
    assert.match(unread, /^GOOD/m);
  });
});

describe('a list that cannot be read', { concurrency: true }, () => {
  test('never read: `accept` lets its tokens in, after one wait; read at last, it holds', async () => {
    const world = await open();
    const list = world.issuer.list();
    list.answer = gone;
    list.revoke(2);
    const [good, revoked] = [world.listed(list, 1), world.listed(list, 2)];
    assert.equal(await world.status(good), 200);
    assert.ok(list.fetches >= 1);
    assert.equal(await world.status(revoked), 200);
    list.answer = undefined;
    await world.nextReading(list);
    await world.assertRefused(await world.call(revoked));
    assert.equal(await world.status(good), 200);
  });

  test('never read: `refuse` answers 503, and lets its tokens in once it is read', async () => {
    const world = await open({ auth: { status_outage: 'refuse' } });
    const list = world.issuer.list();
    list.answer = (request, response) => response.writeHead(503).end();
    const token = world.listed(list, 1);
    for (let i = 0; i < 3; ++i) await world.assertUnavailable(await world.call(token));
    assert.equal(await world.status(world.token()), 200, 'a token without a list goes on');
    list.answer = undefined;
    await world.nextReading(list);
    assert.equal(await world.status(token), 200);
  });

  test('no longer read: `accept` goes on with what it said last', async () => {
    const world = await open();
    const list = world.issuer.list();
    list.revoke(2);
    const [good, revoked] = [world.listed(list, 1), world.listed(list, 2)];
    assert.equal(await world.status(good), 200);
    list.answer = gone;
    // Four failures take longer than the period.
    await until('it is missed', () => world.readings(list, 'connect') >= 4);
    assert.equal(await world.status(good), 200);
    await world.assertRefused(await world.call(revoked));
  });

  test('no longer read: `refuse` answers 503 after the period, and goes on once it is read again', async () => {
    const world = await open({ auth: { status_outage: 'refuse' } });
    const list = world.issuer.list();
    const [good, revoked] = [world.listed(list, 1), world.listed(list, 2)];
    list.revoke(2);
    assert.equal(await world.status(good), 200);
    list.answer = gone;
    const answer = await until('the last reading is too old', async () => {
      const given = await world.call(good);
      return given.status !== 200 && given;
    });
    await world.assertUnavailable(answer);
    await world.assertRefused(await world.call(revoked));
    list.answer = undefined;
    await until('it is read again', async () => (await world.status(good)) === 200);
  });

  test('the one that hangs holds up its first requests for a while, and no others', async () => {
    const world = await open({ auth: { status_outage: 'refuse' } });
    const list = world.issuer.list();
    list.answer = () => {};
    const token = world.listed(list, 1);
    const waiting = world.call(token);
    await until('it is asked for', () => list.fetches === 1);
    assert.equal(await world.status(world.listed(world.issuer.list('other/1'), 1)), 200);
    await world.assertUnavailable(await waiting);
    await world.assertUnavailable(await world.call(token));
    await until('it is told', () => world.readings(list, 'timeout') >= 1);
  });

  // What a list may be instead of a good one, with the outcome in the gate's log.
  const tampered = async (list) => {
    const [header, payload, signature] = (await list.token()).split('.');
    const claims = JSON.parse(Buffer.from(payload, 'base64url'));
    return [header, base64url(JSON.stringify({ ...claims, ttl: 6 })), signature].join('.');
  };
  const unsigned = async (list) => {
    const [, payload, signature] = (await list.token()).split('.');
    return [base64url(JSON.stringify({ alg: 'none', typ: 'statuslist+jwt', kid: list.issuer.key.kid })), payload,
      signature].join('.');
  };
  const bits = (count) => ({ status_list: { bits: count, lst: deflateSync(Buffer.alloc(16)).toString('base64url') } });
  const bomb = deflateSync(Buffer.alloc(256 * 1024 * 1024)).toString('base64url');
  const text = (body, status = 200) => (request, response) => response.writeHead(status).end(body);
  const faults = {
    'has the sub of another list': ['wrong_audience', { claims: { sub: 'https://auth.example.com/oauth/status/eve/1' } }],
    'has a signature that does not fit': ['invalid_signature', { made: tampered }],
    'is signed with alg none': ['unsupported_algorithm', { made: unsigned }],
    'is signed by a stranger': ['unknown_key', { made: async (list) => list.token({ key: await ForgerKey.generate('ES256') }) }],
    'has expired': ['expired', { claims: { exp: 1_700_000_000 } }],
    'is of the future': ['not_yet_valid', { claims: { iat: 4_000_000_000, exp: 4_000_000_060 } }],
    'is an access token by its typ': ['wrong_type', { header: { typ: 'at+jwt' } }],
    'has two bits for a token': ['malformed', { claims: bits(2) }],
    'unpacks to 256 MiB': ['malformed', { made: (list) => list.token({ lst: bomb }) }],
    'is no ZLIB': ['malformed', { made: (list) => list.token({ lst: 'AAAA' }) }],
    'is HTML': ['malformed', { answer: text('<html><body>Sign in</body></html>') }],
    'is three megabytes long': ['too_large', { answer: text('x'.repeat(3 * 1024 * 1024)) }],
    'is moved elsewhere': ['http_status', { answer: (request, response) =>
      response.writeHead(302, { Location: '/oauth/status/good/1' }).end() }],
    'is not there': ['http_status', { answer: text('', 404) }],
  };

  let worlds;
  before(async () => {
    worlds = await Promise.all(['accept', 'refuse'].map((outage) => open({ auth: { status_outage: outage } })));
  });

  for (const [fault, [outcome, { claims = {}, header = {}, made, answer }]] of Object.entries(faults)) {
    test(`one that ${fault} counts as not read, and its bits for nothing`, async () => {
      for (const world of worlds) {
        const list = world.issuer.list(fault.replaceAll(' ', '-'));
        list.revokeAll();
        Object.assign(list, { claims, header });
        list.answer = answer ?? (made && (async (request, response) => list.send(response, await made(list))));
        const given = await world.call(world.listed(list, 1));
        if (world === worlds[0]) assert.equal(given.status, 200);
        else await world.assertUnavailable(given);
        await until(`the gate tells of ${outcome}`, () => world.readings(list, outcome) >= 1);
      }
    });
  }

  test('a zip bomb costs the gate no more memory than a list may have', async () => {
    const [world] = worlds;
    const list = world.issuer.list('bomb/1');
    list.answer = async (request, response) => list.send(response, await list.token({ lst: bomb }));
    assert.equal(await world.status(world.listed(list, 1)), 200);
    const status = readFileSync(`/proc/${world.gate.process.pid}/status`, 'utf8');
    assert.ok(Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)[1]) < 128 * 1024);
  });
});

describe('keys and lists', { concurrency: true }, () => {
  test('a list that a new key signed makes the gate fetch the keys once, and is taken then', async () => {
    const world = await open({ auth: { status_outage: 'refuse' } });
    const token = world.listed(world.issuer.list(), 1);
    assert.equal(world.issuer.jwksFetches, 1);
    await world.issuer.newKey(); // signs the list; the token is of the old one
    assert.equal(await world.status(token), 200);
    assert.equal(world.issuer.jwksFetches, 2);
  });

  test('a key that a list tells to be revoked is out at once and stays out, though the JWKS still has it', async () => {
    const world = await open({ keys: 2 });
    const list = world.issuer.list();
    const [stolen, good] = world.issuer.published;
    const [before, sound] = [world.listed(list, 1, {}, { key: stolen }), world.listed(list, 2)];
    for (const token of [before, sound]) assert.equal(await world.status(token), 200);
    list.claims = { revoked_keys: [stolen.kid] };
    await world.nextReading(list);
    await world.assertRefused(await world.call(before), 'unknown_key');
    assert.equal(await world.status(sound), 200);
    await until('it is told', () => world.gate.eventsOf('keys_revoked').length === 1);

    // A list of a key that the gate does not know yet makes it fetch the JWKS.
    const { jwksFetches } = world.issuer;
    list.claims = {};
    await world.issuer.newKey();
    await world.nextReading(list);
    assert.ok(world.issuer.jwksFetches > jwksFetches);
    assert.ok(world.issuer.published.includes(stolen));
    await world.assertRefused(await world.call(world.listed(list, 3, {}, { key: stolen })), 'unknown_key');
    assert.equal(await world.status(world.listed(list, 3, {}, { key: good })), 200);
  });

  test('a list that the revoked key signed says nothing', async () => {
    const world = await open({ auth: { status_outage: 'refuse' }, keys: 2 });
    const [list, forged] = [world.issuer.list(), world.issuer.list('forged/1')];
    const [stolen] = world.issuer.published;
    list.claims = { revoked_keys: [stolen.kid] };
    assert.equal(await world.status(world.listed(list, 1)), 200);
    forged.answer = async (request, response) => forged.send(response, await forged.token({ key: stolen }));
    await world.assertUnavailable(await world.call(world.listed(forged, 1)));
    await until('it is told', () => world.readings(forged, 'unknown_key') >= 1);
  });

  test('a key that is revoked ends the streams that its tokens opened', async () => {
    const world = await open({ keys: 2 });
    world.upstream.handler = beginStream;
    const list = world.issuer.list();
    const [stolen] = world.issuer.published;
    // The stream's token refers to no list itself.
    const bearer = world.token({}, { key: stolen });
    const stream = await world.gate.open('POST', '/mcp', { bearer, body: '{}' });
    await stream.seen('data: 1');
    list.claims = { revoked_keys: [stolen.kid] };
    const other = await world.gate.open('POST', '/mcp', { bearer: world.listed(list, 1), body: '{}' });
    assert.equal(await stream.end(), 'broken');
    await other.seen('data: 1');
    other.leave();
  });

  test('a token whose list does not lie below the issuer is malformed, and nobody is asked', async () => {
    const world = await open();
    const stranger = ending(await Upstream.start());
    const path = world.issuer.list().path;
    for (const uri of [
      `${stranger.url}${path}`, 'https://auth.example.com', `https://auth.example.com.evil.example${path}`,
      `https://auth.example.community${path}`, `http://auth.example.com${path}`, `https://auth.example.com:8443${path}`,
      `HTTPS://auth.example.com${path}`, `https://eve@auth.example.com${path}`, `https://auth.example.com${path}?x`,
      `https://auth.example.com${path}#x`, `https://auth.example.com${path}\r\nX: 1`, path, '',
    ]) {
      const token = remembered(world.issuer.token({ status: { status_list: { idx: 1, uri } } }));
      await world.assertRefused(await world.call(token), 'malformed');
    }
    assert.equal(world.issuer.list().fetches, 0);
    assert.deepEqual(world.issuer.strays, []);
    assert.equal(stranger.connections, 0);
  });

  test('a status by other means, or without an index, is malformed', async () => {
    const world = await open();
    const { uri } = world.issuer.list();
    for (const status of [{}, { other: {} }, { status_list: { uri } }, { status_list: { idx: -1, uri } },
      { status_list: { idx: 2 ** 32, uri } }, { status_list: { idx: '1', uri } }, 'revoked', null]) {
      await world.assertRefused(await world.call(world.token({ status })), 'malformed');
    }
  });
});

test('no token of this file is in a log', () => {
  assert.ok(secrets.size > 0);
  for (const each of started) if (each instanceof Gate) each.assertLogHoldsNone(secrets);
});

// Opaque tokens over HTTP and in bulk: what waits at once is issued in one transaction and none of it
// lost in a crash, one's refusal is no other's, plans hold exactly, and nobody deadlocks.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { removeFolder, Server, serverFolder } from './servers.mjs';
import { Front, World, assertError, until } from './world.mjs';

const path = '/v1/tokens';
const range = (n) => Array.from({ length: n }, (_, i) => i);
const tally = (outcomes) => {
  const counts = {};
  for (const outcome of outcomes) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
};

describe('POST /v1/tokens', { timeout: 90_000 }, () => {
  let world;
  let issuer; // a harness of ada
  let platform; // of every user
  let narrow; // a front with one connection: what comes while a statement is out waits, and goes together
  before(async () => {
    world = await World.open();
    narrow = await world.startFront('--threads', '1', '--connections', '1');
    const rights = ['openclaw:issue', 'mcp:*'];
    const issuedFor = 'platform_harness';
    issuer = (await world.issueToken('ada', rights, { issuedFor })).token;
    platform = (await world.issueToken('ada', [...rights, 'openclaw:any-user'], { issuedFor })).token;
    await world.sql(`select openclaw.define_plan('free')`);
  });
  after(() => world.close());

  const issue = async (form, { bearer = issuer, front = world.front } = {}) => {
    const answer = await front.post(path, { bearer, form: { scope: 'mcp:tools', ...form } });
    if (answer.status === 201) for (const { token } of answer.json.tokens) world.secrets.add(token);
    return answer;
  };
  const userOn = (id, limits) => world.sql(
    `select openclaw.create_user(user_id => $1, plan_tier => $1), openclaw.define_plan($1, max_live_tokens => $2)`, [id, limits]);
  const liveTokens = (user) => world.value(
    'select count(*)::integer from openclaw.api_tokens where user_id = $1 and revoked_at is null', [user]);
  const deadlocks = async () => Number(await world.value(
    'select deadlocks from pg_stat_database where datname = current_database()'));

  // Sends `requests` while the narrow front's only statement waits for a user whom another session
  // holds, so that they go together in the next one. Gives their answers.
  async function together(requests) {
    const holder = await world.session();
    await holder.query(`begin; select from openclaw.users where id = 'bob' for update`);
    const first = issue({ user_id: 'bob' }, { bearer: platform, front: narrow });
    await world.frontWaits();
    const sent = await Promise.all(requests.map(write));
    await until('the front has read them all', async () => {
      const sockets = (await readFile('/proc/net/tcp', 'utf8')).split('\n').map((line) => line.trim().split(/\s+/));
      return sent.every(({ port }) => sockets.some(([, local, remote, , queues]) =>
        portIn(local) === narrow.port && portIn(remote) === port && queues.endsWith(':00000000')));
    });
    await holder.query('commit');
    assert.equal((await first).status, 201);
    return Promise.all(sent.map(({ answer }) => answer));
  }
  const portIn = (address) => parseInt(address?.split(':')[1], 16);

  // A request that is written whole when this resolves; its answer comes later.
  async function write(form) {
    const body = new URLSearchParams({ scope: 'mcp:tools', ...form }).toString();
    const socket = await narrow.connect();
    const chunks = [];
    const ended = once(socket.on('data', (chunk) => chunks.push(chunk)), 'end');
    await new Promise((written) => socket.write([`POST ${path} HTTP/1.1`, 'Host: front', 'Connection: close',
      `Authorization: Bearer ${platform}`, 'Content-Type: application/x-www-form-urlencoded',
      `Content-Length: ${body.length}`, '', body].join('\r\n'), written));
    const answer = ended.then(() => {
      const [head, text] = Buffer.concat(chunks).toString().split('\r\n\r\n');
      const json = JSON.parse(text);
      for (const { token } of json.tokens ?? []) world.secrets.add(token);
      return { status: Number(head.split(' ')[1]), head, json };
    });
    return { port: socket.localPort, answer };
  }

  test('a token that is good at once, shown once', async () => {
    const answer = await issue({ name: 'laptop', expires_in: 60, container_id: 'ada-laptop' });
    assert.equal(answer.status, 201, answer.body);
    assert.equal(answer.headers['content-type'], 'application/json');
    assert.equal(answer.headers['cache-control'], 'no-store');
    const { tokens: [{ token, token_id }], expires_at, ...rest } = answer.json;
    assert.deepEqual(rest, { user_id: 'ada', scope: 'mcp:tools', container_id: 'ada-laptop', expires_in: 60 });
    const { json } = await world.introspect(token);
    assert.deepEqual([json.active, json.user_id, json.container_id, json.scope, json.exp, json.jti],
      [true, 'ada', 'ada-laptop', 'mcp:tools', expires_at, token_id]);
    const [row] = await world.sql('select * from openclaw.audit_recent where target = $1', [token_id]);
    assert.deepEqual([row.action, row.user_id, row.request_id], ['issue_token', 'ada', answer.headers['x-request-id']]);
  });

  test('a thousand in one answer', async () => {
    const answer = await issue({ count: 1000 });
    assert.equal(answer.json.tokens.length, 1000);
    assert.equal(new Set(answer.json.tokens.map(({ token }) => token)).size, 1000);
    const valid = await world.value(
      'select count(*) filter (where valid)::integer from openclaw.verify_tokens($1)', [answer.json.tokens.map(({ token }) => token)]);
    assert.equal(valid, 1000);
  });

  test('refusals are errors as OAuth writes them', async () => {
    assertError(await issue({}, { bearer: world.harness }), 403, 'insufficient_scope');
    assertError(await issue({ scope: 'openclaw:issue' }), 400, 'invalid_scope');
    assertError(await issue({ user_id: 'bob' }), 404, 'not_found');
    assertError(await issue({ count: 1001 }), 400, 'invalid_request');
    assertError(await world.front.post(path, { form: { scope: 'mcp:tools' } }), 401, 'invalid_token');
    assertError(await world.front.get(path), 405, 'method_not_allowed');
  });

  test('what waits at once is one transaction, in which one refusal is no other', async () => {
    const answers = await together(range(8).map((n) => ({ user_id: n === 3 ? 'nobody' : n % 2 ? 'ada' : 'bob', name: `n${n}` })));
    assert.deepEqual(tally(answers.map(({ status }) => status)), { 201: 7, 404: 1 });
    const ids = answers.filter(({ status }) => status === 201).map(({ json }) => json.tokens[0].token_id);
    assert.equal(answers[3].status, 404);
    for (const [n, answer] of answers.entries()) {
      if (n !== 3) assert.equal((await world.introspect(answer.json.tokens[0].token)).json.user_id, n % 2 ? 'ada' : 'bob');
    }
    // Audit rows of one transaction have its time; each has its own request's id.
    const rows = await world.sql('select request_id from openclaw.audit_recent where target = any ($1)', [ids]);
    assert.deepEqual(new Set(rows.map(({ request_id: id }) => id)),
      new Set(answers.filter(({ status }) => status === 201).map(({ head }) => head.match(/^x-request-id: (.*)$/mi)[1].trim())));
    const [{ transactions }] = await world.sql(
      'select count(distinct created_at)::integer as transactions from openclaw.api_tokens where id = any ($1)', [ids]);
    assert.equal(transactions, 1);
  });

  test('a plan of five gives five to those who come at once', async () => {
    await userOn('five', 5);
    const answers = await together(range(8).map(() => ({ user_id: 'five' })));
    assert.deepEqual(tally(answers.map(({ status }) => status)), { 201: 5, 403: 3 });
    assert.equal(await liveTokens('five'), 5);
  });

  test('a user whom somebody else holds keeps nobody else waiting', async () => {
    await userOn('held', null);
    const holder = await world.session();
    await holder.query(`begin; select from openclaw.users where id = 'held' for update`);
    try {
      const answers = await together([{ user_id: 'ada' }, { user_id: 'held' }, { user_id: 'bob' }]);
      assert.deepEqual(answers.map(({ status }) => status), [201, 503, 201]);
      assert.match(answers[1].head, /^retry-after: [1-9]\d*\r?$/mi);
    } finally {
      await holder.query('rollback');
    }
  });

  test('who issues for many users at once, in any order, meets no deadlock, and limits hold', async () => {
    const users = ['v', 'w', 'x', 'y', 'z'];
    for (const user of users) await userOn(user, 20);
    const before = await deadlocks();
    const sessions = await Promise.all(range(8).map(() => world.session()));
    const gate = await world.session();
    await gate.query('begin; lock table openclaw.rate_limits in access exclusive mode');
    const calls = sessions.map((session, n) => session.query('select count(*) from openclaw.issue_tokens($1, $2, count => 5)',
      [n % 2 ? users : users.toReversed(), ['mcp:tools']]).then(() => 'ok', ({ detail, code }) => detail ?? code));
    const requests = range(40).map((n) => issue({ user_id: users[n % 5] }, { bearer: platform }));
    await until('somebody waits', async () => (await world.value(
      `select count(*)::integer from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`)) >= sessions.length);
    await gate.query('rollback');
    const outcomes = tally(await Promise.all(calls));
    const statuses = tally((await Promise.all(requests)).map(({ status }) => status));
    assert.deepEqual(Object.keys(outcomes).filter((o) => !['ok', 'reason: plan_tokens'].includes(o)), [], JSON.stringify(outcomes));
    assert.deepEqual(Object.keys(statuses).filter((s) => !['201', '403'].includes(s)), [], JSON.stringify(statuses));
    let issued = 0;
    for (const user of users) {
      const live = await liveTokens(user);
      assert.ok(live <= 20, `${user}: ${live}`);
      issued += live;
    }
    assert.equal(issued, 25 * (outcomes.ok ?? 0) + (statuses[201] ?? 0), 'what was answered is there, and nothing else');
    assert.equal(await deadlocks(), before);
  });

  test('no token is in a log', () => world.assertLogsHoldNoSecret());
});

describe('a token that was answered', { timeout: 60_000 }, () => {
  let folder;
  let server;
  let front;
  before(async () => {
    folder = serverFolder('openclaw-issued-');
    server = await new Server(folder, 'primary', 5541).init().start();
    await server.sql('create extension openclaw');
    await server.sql(`select openclaw.create_master_key(), openclaw.rotate_signing_key()`);
    await server.sql(`select openclaw.create_user(user_id => 'ada')`);
    await server.sql(`create role front login`);
    await server.sql(`select openclaw.grant_access('front', 'front')`);
    front = await Front.start(['--database', `host='${server.sockets}' port=${server.port} dbname=postgres user=front`]);
    await front.ready();
  });
  after(async () => {
    await front.stop();
    await server.stop('SIGQUIT');
    removeFolder(folder);
  });

  test('outlives a crash right after it', async () => {
    const { token: bearer } = await server.sql(
      `select token from openclaw.issue_token('ada', '{openclaw:issue,mcp:*}', issued_for => 'platform_harness')`);
    const answers = await Promise.all(range(20).map(() => front.post(path, { bearer, form: { scope: 'mcp:tools' } })));
    await server.stop('SIGQUIT'); // an immediate shutdown: recovery replays what was flushed
    await server.start();
    assert.deepEqual(tally(answers.map(({ status }) => status)), { 201: 20 });
    for (const { json: { tokens: [{ token }] } } of answers) {
      assert.equal((await server.sql('select valid from openclaw.verify_token($1)', [token])).valid, true);
    }
  });
});

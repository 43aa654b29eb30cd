// Two hot standbys, streaming, behind one front: who answers what, how old an answer can be, and what
// becomes of it when one of the servers falls behind, dies or is promoted.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { PlatformData } from './platform_data.mjs';
import { removeFolder, Server, serverFolder } from './servers.mjs';
import { assertError, Front, until } from './world.mjs';

const database = 'platform';
const role = 'front';
const endpoint = 'https://mcp.ada.example.com/mcp';
const maxLag = 2;
const logged = { log_statement: 'all' };
const rights = '{openclaw:introspect,openclaw:revoke,openclaw:connect,openclaw:any-user,mcp:*}';

describe('a front with two standbys', () => {
  let folder;
  let primary;
  let standbys;
  let data;
  let secret;
  let harness;
  let front;
  const fronts = [];

  const write = (text, values) => primary.rows(text, values, database);
  const value = async (text, values) => Object.values((await write(text, values))[0])[0];
  const issue = () => value(`select token from openclaw.issue_token('ada', '{mcp:tools}')`);
  const at = (...servers) => [`host=${servers.map(() => folder).join()}`,
    `port=${servers.map(({ port }) => port).join()}`, `dbname=${database} user=${role}`].join(' ');
  const startFront = async (...options) => {
    fronts.push(await Front.start(['--database', at(primary, standbys[1]),
      ...standbys.flatMap((standby) => ['--standby', at(standby)]), '--max-lag', `${maxLag}s`,
      '--threads', '1', '--connections', '2', '--metrics', '127.0.0.1:0', ...options]));
    return fronts.at(-1).ready();
  };

  const introspect = (token, ask = front) => ask.post('/oauth/introspect', { bearer: harness, form: { token } });
  const clientCredentials = (clientSecret, fields) => front.post('/oauth/token', { ...fields,
    form: { client_id: 'agent', client_secret: clientSecret, grant_type: 'client_credentials', resource: endpoint } });
  const source = (answer) => answer.headers['openclaw-source'];
  const active = ({ status, json }) => {
    assert.equal(status, 200);
    return json.active;
  };

  // Asserts that a standby answered, and that it was no further behind than allowed.
  const assertStandby = (answer) => {
    const [, lag] = /^standby;max-lag=(\d+\.\d{3})$/.exec(source(answer)) ?? assert.fail(`${source(answer)}`);
    assert.ok(Number(lag) <= maxLag, lag);
  };

  // How many statements of a function each server has had from the front: all up to now, since what a server
  // logs comes in order.
  let counted = 0;
  const statements = (name) => Promise.all([primary, ...standbys].map(async (server) => {
    const mark = `counted ${counted += 1}`;
    await server.sql(`select '${mark}'`);
    await until('the log is complete', () => server.log.includes(mark));
    return server.log.split(`openclaw.${name}(`).length - 1;
  }));
  const whoAnswers = async (requests, name) => {
    const begun = await statements(name);
    const answers = [];
    for (let i = 0; i < requests; i += 1) answers.push(await introspect(data.good.token));
    assert.ok(answers.every(active));
    return { answers, statements: (await statements(name)).map((n, i) => n - begun[i]) };
  };
  // Each of the front's threads has connections of its own, and clients go to them in turn.
  const everyThread = (condition) => until('every thread of the front is well', async () =>
    (await Promise.all(Array.from({ length: 8 }, () => introspect(data.good.token)))).every(condition));

  const allServe = () => until('both standbys are within the bound', async () =>
    (await whoAnswers(16, 'front_introspections')).statements.every((n, i) => (i === 0 ? n === 0 : n > 0)), 60_000);
  const pause = (standby) => standby.sql('select pg_wal_replay_pause()');
  const resume = (standby) => standby.sql('select pg_wal_replay_resume()');

  before(async () => {
    folder = serverFolder('openclaw-front-standbys-');
    primary = await new Server(folder, 'primary', 5531, { ...logged, wal_keep_size: '256MB' }).init().start();
    await primary.sql(`create database ${database}`);
    await write('create extension openclaw');
    await write('select openclaw.create_master_key()');
    data = await PlatformData.make(write);
    secret = await value(`select openclaw.rotate_client_secret('agent')`);
    harness = await value(`select token from openclaw.issue_token('ada', '${rights}', '1 day', 'platform_harness')`);
    await write(`create role ${role} login`);
    await write(`select openclaw.grant_access('${role}', 'front')`);
    standbys = await Promise.all([['first', 5532], ['second', 5533]].map(([name, port]) =>
      new Server(folder, name, port, { ...logged, shared_preload_libraries: 'openclaw' }).copyOf(primary).start()));
    front = await startFront('--token-use-interval', '0');
    await allServe();
  });
  after(async () => {
    await Promise.all(fronts.map((each) => each.stop()));
    await Promise.all([...standbys, primary].map((server) => server.stop('SIGQUIT')));
    removeFolder(folder);
  });

  test('spreads what reads over both, and says how far behind they can be', async () => {
    const { answers, statements: [atPrimary, first, second] } = await whoAnswers(64, 'front_introspections');
    answers.forEach(assertStandby);
    assert.equal(atPrimary, 0);
    assert.ok(first >= 16 && second >= 16, `${first} and ${second}`);
  });

  test('its metrics tell the standbys apart, in the order of the flags', async () => {
    const names = ['standby-1', 'standby-2'];
    const samples = await until('all connections are within the bound', async () => {
      const now = await front.metrics();
      return names.every((server) => now[`openclaw_front_standby_within_bound{server="${server}"}`] === 2) && now;
    });
    for (const server of names) {
      assert.ok(samples[`openclaw_front_sql_statements_total{route="introspect",server="${server}",outcome="ok"}`] >= 16);
    }
    const connections = (server) => ['closed', 'connecting', 'idle', 'busy'].reduce((sum, state) =>
      sum + samples[`openclaw_front_sql_connections{server="${server}",state="${state}"}`], 0);
    assert.deepEqual(['primary', ...names].map(connections), [3, 2, 2]);
  });

  test('has every kind of reading request answered there, signatures too', async () => {
    const answers = [
      await front.get('/.well-known/jwks.json'),
      await front.get('/readyz'),
      await front.get('/oauth/status/ada-laptop/0'),
      await front.get(`/v1/verify?${new URLSearchParams({ audience: endpoint, scope: 'mcp:tools' })}`, { bearer: data.goodJwt }),
      await front.post('/v1/connect', { bearer: harness, form: { container_id: 'ada-laptop' } }),
      await front.post('/v1/introspect', { bearer: harness, headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify([data.good.token, data.goodJwt]) }),
      await clientCredentials(secret),
    ];
    for (const answer of answers) {
      assert.equal(answer.status, 200, answer.body);
      assertStandby(answer);
    }
    const { access_token: jwt } = answers.at(-1).json;
    assert.equal(await value(`select (openclaw.verify_jwt($1, '${endpoint}')).valid`, [jwt]), true);
  });

  test('writes to the primary, and a revocation is known everywhere within the bound', async () => {
    const token = await issue();
    assert.equal(active(await introspect(token)), true);
    const answer = await front.post('/oauth/revoke', { bearer: harness, form: { token } });
    assert.equal(answer.status, 200);
    assert.equal(source(answer), 'primary');
    const known = Date.now() + maxLag * 1000;
    await until('it is inactive', async () => !active(await introspect(token)));
    assert.ok(Date.now() < known + 1000);
    const refreshed = await front.post('/oauth/token', { form: { client_id: 'agent', client_secret: secret,
      grant_type: 'refresh_token', refresh_token: data.refreshable } });
    assert.equal(refreshed.status, 200);
    assert.equal(source(refreshed), 'primary');
  });

  test('asks the primary about what a standby refuses: what is new is good at once, and refusals are audited', async () => {
    await Promise.all(standbys.map(pause));
    try {
      const token = await issue();
      const answer = await introspect(token);
      assert.equal(active(answer), true);
      assert.equal(source(answer), 'primary');
      const many = await front.post('/v1/introspect', { bearer: harness, headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify([data.good.token, token]) });
      assert.deepEqual(many.json.map((each) => each.active), [true, true]);
    } finally {
      await Promise.all(standbys.map(resume));
    }
    await allServe();
    const refused = await clientCredentials('a wrong secret', { headers: { 'X-Request-Id': 'refused-once' } });
    assertError(refused, 401, 'invalid_client');
    assert.equal(source(refused), 'primary');
    assert.equal(await value(`select count(*)::int from openclaw.audit_log
      where request_id = 'refused-once' and outcome = 'refused'`), 1);
  });

  test('does not ask a standby that is further behind than allowed, and asks it again when it has caught up', async () => {
    const [first, second] = standbys;
    const token = await issue();
    await until('it is known', async () => source(await introspect(token)) !== 'primary');
    const from = (server, [, atFirst, atSecond]) => (server === first ? atFirst : atSecond);
    await pause(first);
    try {
      await write('select openclaw.revoke_token($1)', [token]);
      await until('the first is not asked any more', async () =>
        from(first, (await whoAnswers(16, 'front_introspections')).statements) === 0);
      const { answers, statements: counts } = await whoAnswers(32, 'front_introspections');
      answers.forEach(assertStandby);
      assert.deepEqual(counts, [0, 0, 32]);
      assert.equal(active(await introspect(token)), false);

      await pause(second);
      await write(`select openclaw.issue_token('ada', '{mcp:tools}')`);
      await until('the primary answers', async () => source(await introspect(data.good.token)) === 'primary');
      const { statements: atPrimary } = await whoAnswers(8, 'front_introspections');
      assert.deepEqual(atPrimary, [8, 0, 0]);
      assert.ok(front.events().some(({ event }) => event === 'standby_behind'));
    } finally {
      await Promise.all(standbys.map(resume));
    }
    await allServe();
  });

  test('records on the primary what was used at a standby', async () => {
    const [{ token, token_id: id }] = await write(`select token, token_id from openclaw.issue_token('ada', '{mcp:tools}')`);
    const fromStandbys = (each, ask) => until('standbys answer', async () => (await Promise.all(
      Array.from({ length: 16 }, () => introspect(each, ask)))).every((answer) => source(answer) !== 'primary'));
    await fromStandbys(token);
    const recording = await startFront('--token-use-interval', '1s', '--maintenance-interval', '0');
    await fromStandbys(data.good.token, recording);
    assertStandby(await introspect(token, recording)); // so that no backend of the primary has seen it
    await until('it is recorded', () => value('select last_used_at from openclaw.api_tokens where id = $1', [id]));
    await recording.stop();
  });

  test('counts a standby that has everything as one that has, also where the WAL ends with a page', async () => {
    await primary.sql('select pg_switch_wal()');
    const reached = async (server) => (await server.sql('select reached from openclaw.wal_position()', [], database)).reached;
    await until('each standby is where the primary is', async () => {
      const [end, ...replayed] = await Promise.all([primary, ...standbys].map(reached));
      return replayed.every((each) => each === end);
    });
  });

  test('loses no request when a standby dies, and uses it again when it is back', async () => {
    const [first] = standbys;
    const asked = [];
    let dying = true;
    const load = (async () => {
      while (dying) asked.push(...await Promise.all(Array.from({ length: 8 }, () => introspect(data.good.token))));
    })();
    await until('there is load', () => asked.length > 32);
    await first.stop('SIGQUIT');
    const died = asked.length;
    await until('more was asked', () => asked.length > died + 32);
    dying = false;
    await load;
    assert.ok(asked.every(active));
    await first.start();
    await allServe();
  });

  test('leaves no request to standbys that hang', async () => {
    const hung = await until('the front has all of its connections', async () => {
      const pids = (await Promise.all(standbys.map((standby) =>
        standby.rows('select pid from pg_stat_activity where usename = $1', [role])))).flat();
      return pids.length === 4 && pids;
    });
    hung.forEach(({ pid }) => process.kill(pid, 'SIGSTOP'));
    try {
      const answers = await Promise.all(Array.from({ length: 8 }, () => introspect(data.good.token)));
      assert.ok(answers.every(active));
      await until('the primary answers', async () => source(await introspect(data.good.token)) === 'primary');
    } finally {
      hung.forEach(({ pid }) => process.kill(pid, 'SIGCONT'));
    }
    await allServe();
  });

  test('without the primary, reads for as long as the bound is proven, writes nothing, and is well again by itself', async () => {
    await primary.stop('SIGQUIT');
    const stopped = Date.now();
    const revocation = await front.post('/oauth/revoke', { bearer: harness, form: { token: data.good.bobs } });
    assertError(revocation, 503, 'temporarily_unavailable');
    const served = [];
    await until('nothing is proven any more', async () => {
      const answer = await introspect(data.good.token);
      if (answer.status === 200) served.push(answer);
      else assertError(answer, 503, 'temporarily_unavailable');
      return answer.status === 503;
    });
    assert.ok(served.length > 0);
    served.forEach(assertStandby);
    assert.ok(Date.now() - stopped < maxLag * 1000 + 3_000);
    await everyThread(({ status }) => status === 503);
    assertError(await front.get('/readyz'), 503, 'temporarily_unavailable');
    await primary.start();
    await everyThread(({ status }) => status === 200);
    await allServe();
  });

  test('follows a promotion, and asks no standby of what was', async () => {
    const [, second] = standbys;
    await primary.stop('SIGQUIT');
    assert.equal((await second.sql('select pg_promote()')).pg_promote, true);
    await everyThread((answer) => source(answer) === 'primary');
    const token = (await second.sql(`select token from openclaw.issue_token('ada', '{mcp:tools}')`, [], database)).token;
    assert.equal(active(await introspect(token)), true);
    const answer = await front.post('/oauth/revoke', { bearer: harness, form: { token } });
    assert.equal(answer.status, 200);
    for (let i = 0; i < 16; i += 1) {
      const answered = await introspect(token);
      assert.equal(active(answered), false);
      assert.equal(source(answered), 'primary');
    }
  });

  test('no token of this file is in the front’s log', () => {
    for (const secretText of [harness, secret, data.good.token, data.goodJwt]) {
      assert.ok(!front.log.includes(secretText.slice(4, 24)));
    }
  });
});

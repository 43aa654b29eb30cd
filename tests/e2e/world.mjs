// The world of an end-to-end test: the database that PGDATABASE names (tests/run makes one for each
// file, with the extension and the server's master key), keys, users, containers and harness tokens
// in it, and fronts on ports of their own. A test states only what differs from it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { parseMetrics } from './prometheus.mjs';

export const root = fileURLToPath(new URL('../..', import.meta.url));
export const frontProgram = process.env.OPENCLAW_FRONT ?? `${root}build/cmake/openclaw-front`;
export const algorithms = ['EdDSA', 'ES256', 'RS256'];

const patience = 10_000;
const interval = 10;

const pause = () => new Promise((resolve) => setTimeout(resolve, interval));

// Asks again and again until the answer is truthy, and gives it. The deadline is for a defect.
export async function until(what, ask, deadline = patience) {
  const end = Date.now() + deadline;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > end) assert.fail(`not within ${deadline} ms: ${what}`);
    await pause();
  }
}

// A running front. What it has logged is in `log`.
export class Front {
  static async start(options, environment = {}) {
    const front = new Front(options, environment);
    try {
      front.port = await until('the front listens', () => front.portFromLog());
      return front;
    } catch (problem) {
      front.process.kill('SIGKILL');
      throw problem;
    }
  }

  constructor(options, environment) {
    this.log = '';
    const listen = options.includes('--listen') ? [] : ['--listen', '127.0.0.1:0'];
    this.process = spawn(frontProgram, [...listen, ...options], {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.process.stderr.setEncoding('utf8').on('data', (text) => (this.log += text));
    this.exited = once(this.process, 'close').then(([code, signal]) => ({ code, signal }));
  }

  // Complete lines only: the last one may be on its way.
  events() {
    return this.log.split('\n').slice(0, -1).map((line) => JSON.parse(line));
  }

  portFromLog(name = 'listening') {
    assert.equal(this.process.exitCode, null, `the front ended: ${this.log}`);
    const listening = this.events().find(({ event }) => event === name);
    return listening && Number(listening.address.split(':').at(-1));
  }

  // Of one that was started with --metrics.
  get metricsPort() {
    return this.portFromLog('metrics_listening');
  }

  // { 'openclaw_front_clients': 1, ... }
  async metrics() {
    return parseMetrics((await this.get('/metrics', { port: this.metricsPort })).body).samples;
  }

  async ready() {
    await until('the front is ready', async () => (await this.get('/readyz')).status === 200);
    return this;
  }

  // One request on a connection of its own: { status, headers, body, json }.
  async request(method, path, { bearer, headers = {}, form, body, port = this.port } = {}) {
    const fields = { ...headers };
    if (bearer !== undefined) fields.Authorization = `Bearer ${bearer}`;
    if (form !== undefined) {
      fields['Content-Type'] = 'application/x-www-form-urlencoded';
      body = new URLSearchParams(form).toString();
    }
    if (body !== undefined) fields['Content-Length'] = Buffer.byteLength(body);
    const request = http.request({
      host: '127.0.0.1', port, method, path, headers: fields, agent: false,
    });
    request.end(body);
    const [response] = await once(request, 'response');
    const chunks = [];
    for await (const chunk of response) chunks.push(chunk);
    return new Answer(response.statusCode, response.headers, Buffer.concat(chunks).toString());
  }

  get(path, options) {
    return this.request('GET', path, options);
  }

  post(path, options) {
    return this.request('POST', path, options);
  }

  // Writes `parts` one after the other and gives all that comes back until the front closes.
  async raw(...parts) {
    const socket = await this.connect();
    let text = '';
    socket.setEncoding('latin1').on('data', (chunk) => (text += chunk));
    for (const part of parts) socket.write(part);
    await until('the front closes the connection', () => socket.destroyed);
    return text;
  }

  async connect() {
    const socket = net.connect({ host: '127.0.0.1', port: this.port });
    await once(socket, 'connect');
    socket.on('error', () => {}); // a reset is a close
    return socket;
  }

  async stop() {
    if (this.process.exitCode === null) this.process.kill('SIGTERM');
    return this.exited;
  }
}

class Answer {
  constructor(status, headers, body) {
    Object.assign(this, { status, headers, body });
  }

  get json() {
    return JSON.parse(this.body);
  }
}

// Asserts an error of the front: its status and name, and that it is JSON that no cache keeps.
export function assertError(answer, status, error) {
  assert.equal(answer.status, status, answer.body);
  assert.equal(answer.json.error, error);
  assert.deepEqual(Object.keys(answer.json), ['error', 'error_description']);
  assert.equal(answer.headers['content-type'], 'application/json');
  assert.equal(answer.headers['cache-control'], 'no-store');
}

export class World {
  secrets = new Set();
  #fronts = [];
  #sessions = [];

  static async open(...options) {
    const world = new World();
    world.db = new pg.Client();
    await world.db.connect();
    world.database = world.db.database;
    world.role = `${world.database}_front`;
    await world.#makeFrontRole();
    await world.#populate();
    world.issuer = await world.value(`select openclaw.setting('issuer')`);
    world.front = await world.startFront(...options);
    return world;
  }

  // All that this role runs is logged, so that a token in a statement or parameter would show.
  async #makeFrontRole() {
    await this.sql(`create role "${this.role}" login`);
    await this.sql(`select openclaw.grant_access($1::regrole, 'front')`, [`"${this.role}"`]);
    await this.sql(`alter role "${this.role}" set log_statement = 'all'`);
    await this.sql(`alter role "${this.role}" set log_min_duration_statement = 0`);
  }

  async #populate() {
    this.keys = {};
    for (const alg of algorithms) {
      this.keys[alg] = await this.value(`select openclaw.rotate_signing_key($1, activate_after => '0')`, [alg]);
    }
    for (const user of ['ada', 'bob']) {
      await this.sql(`select openclaw.create_user(user_id => $1)`, [user]);
      await this.register(user, 'laptop', 'external', `https://mcp.${user}.example.com/mcp`);
      await this.register(user, 'search', 'hosted', `search-${user}:3100`);
    }
    const rights = ['openclaw:introspect', 'openclaw:revoke', 'openclaw:connect', 'mcp:*'];
    const issuedFor = 'platform_harness';
    this.harness = (await this.issueToken('ada', rights, { issuedFor })).token;
    this.platform =
      (await this.issueToken('bob', [...rights, 'openclaw:any-user'], { issuedFor })).token;
  }

  async sql(text, values = []) {
    return (await this.db.query(text, values)).rows;
  }

  async value(text, values) {
    const [row] = await this.sql(text, values);
    return row && Object.values(row)[0];
  }

  // A container USER-NAME.
  register(user, name, type, endpoint) {
    return this.sql(
      `select openclaw.register_container($1, $2, $3, $4, container_id => $5)`,
      [user, name, type, endpoint, `${user}-${name}`]);
  }

  // { token, token_id, expires_at }
  async issueToken(user, scopes, { lifetime = '1 hour', issuedFor, container } = {}) {
    const [issued] = await this.sql(
      `select * from openclaw.issue_token($1, $2, $3, coalesce($4, 'user_direct'),
                                          container_id => $5)`,
      [user, scopes, lifetime, issuedFor, container]);
    this.secrets.add(issued.token);
    return issued;
  }

  // { token, jti, kid, ... }
  async accessToken(container, scopes, { lifetime, alg = 'EdDSA' } = {}) {
    const [issued] = await this.sql(
      `select * from openclaw.issue_access_token($1, $2, $3, alg => $4)`,
      [container, scopes, lifetime, alg]);
    this.secrets.add(issued.token);
    return issued;
  }

  async userClaim(user, container, { alg = 'EdDSA' } = {}) {
    const [issued] = await this.sql(
      `select * from openclaw.issue_user_claim($1, $2, alg => $3)`, [user, container, alg]);
    this.secrets.add(issued.token);
    return issued;
  }

  async startFront(...options) {
    const front = await Front.start(
      ['--database', `dbname='${this.database}' user='${this.role}'`, ...options]);
    this.#fronts.push(front);
    return front.ready();
  }

  introspect(token, bearer = this.platform, front = this.front) {
    return front.post('/oauth/introspect', { bearer, form: { token } });
  }

  verify(bearer, audience, scope, front = this.front) {
    const query = new URLSearchParams({ audience, ...(scope && { scope }) });
    return front.get(`/v1/verify?${query}`, { bearer });
  }

  async session(database = this.database) {
    const client = new pg.Client({ database });
    await client.connect();
    this.#sessions.push(client);
    return client;
  }

  // While `act` runs nobody can read a token, so that whoever must waits.
  async whileTokensAreLocked(act) {
    const session = await this.session();
    await session.query('begin; lock table openclaw.api_tokens in access exclusive mode');
    try {
      return await act();
    } finally {
      await session.query('rollback');
    }
  }

  // Resolves once the front has a statement that waits for such a lock.
  frontWaits(statements = 1) {
    return until('a request of the front waits for the lock', () => this.value(
      `select count(*) >= $2 from pg_stat_activity where usename = $1 and wait_event_type = 'Lock'
         and query !~ 'front_maintain|token_use'`, // a request, and not the upkeep beside it
      [this.role, statements]));
  }

  serverLog() {
    return readFile(`${process.env.OPENCLAW_INSTANCE}/log`, 'utf8');
  }

  // The last word of every file: what it used is in no log, and each line of the front's is JSON.
  async assertLogsHoldNoSecret() {
    const frontLogs = this.#fronts.map((front) => front.log).join('');
    for (const front of this.#fronts) assert.ok(front.events().length > 0);
    const logs = { front: frontLogs, server: await this.serverLog() };
    assert.ok(logs.server.includes(this.role), 'the server logs what the front does');
    for (const [name, log] of Object.entries(logs)) {
      for (const secret of this.secrets) {
        const leaked = tellingParts(secret).some((part) => log.includes(part));
        assert.ok(!leaked, `a ${secret.slice(0, 4)}… is in the ${name}'s log`);
      }
    }
  }

  async close() {
    await Promise.all(this.#fronts.map((front) => front.stop()));
    await Promise.all([this.db, ...this.#sessions].map((session) => session.end()));
  }
}

// Pieces of a token by which a part of it would be known: of a JWT not the header, which is public.
export function tellingParts(secret) {
  const segments = secret.includes('.') ? secret.split('.').slice(1) : [secret];
  return segments.filter((s) => s.length >= 20).flatMap((s) => [s.slice(4, 20), s.slice(-16)]);
}

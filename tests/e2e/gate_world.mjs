// The world of a test of the gate: gates with a configuration of their own, upstreams that a test
// makes up, and real API keys. No database. A test states only what differs from it.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import tls from 'node:tls';
import { root, tellingParts, until } from './world.mjs';

export { assertError, root, until } from './world.mjs';
export const openclaw = process.env.OPENCLAW_CLI ?? `${root}build/cmake/openclaw`;

const configName = 'config.yaml';
const loopback = '127.0.0.1';
// Deadlines for a defect: of an answer with all of its body, and of the end after SIGTERM, when the
// gate gives running calls ten seconds.
const answerPatience = 30_000;
const endPatience = 15_000;

// An object as YAML in blocks, which is the form that `openclaw token` edits. Values are JSON, which
// YAML takes as it is.
export function yaml(value, indent = '') {
  return Object.entries(value).filter(([, part]) => part !== undefined).map(([key, part]) => {
    if (Array.isArray(part) && part.some((item) => typeof item === 'object')) {
      const items = part.map((item) => `${indent}  - ${yaml(item, `${indent}    `).trimStart()}`);
      return `${indent}${key}:\n${items.join('')}`;
    }
    if (typeof part === 'object' && part !== null && !Array.isArray(part)) {
      return `${indent}${key}:\n${yaml(part, `${indent}  `)}`;
    }
    return `${indent}${key}: ${JSON.stringify(part)}\n`;
  }).join('');
}

// A key as its owner makes it: { key, name, entry }, `entry` being what belongs into auth.tokens.
export function apiKey(name, { scopes = [], expires } = {}) {
  const options = [...(scopes.length ? ['--scopes', scopes.join(' ')] : []),
    ...(expires ? ['--expires', expires] : [])];
  const made = JSON.parse(execFileSync(openclaw, ['token', 'create', '--name', name, ...options, '--json']));
  const entry = { name, hash: made.hash };
  if (made.scopes.length > 0) entry.scopes = made.scopes;
  if (made.expires_at) entry.expires_at = made.expires_at;
  return { key: made.key, name, entry };
}

// A running `openclaw gate` in a folder of its own. What it has logged is in `log`.
export class Gate {
  #hasMetrics = false;

  // config: an object, to which a listener on a free port is added, and room for 4000 clients, since
  // not every machine has the open files for as many as the gate takes by default; or a text, which
  // is taken word for word. files: what else lies in the folder, by name. options: of the command.
  // Resolves once the gate listens.
  static async start(world) {
    const gate = Gate.launch(world);
    try {
      await gate.listening();
    } catch (problem) {
      gate.process.kill('SIGKILL');
      gate.removeFolder();
      assert.fail(`${problem.message}: ${gate.log}`);
    }
    return gate;
  }

  // The same without waiting, for a gate that is to end by itself: see `exited`.
  static launch(world) {
    return new Gate(world);
  }

  constructor({ config, files = {}, options = [], environment = {} }) {
    this.log = '';
    this.folder = mkdtempSync(join(tmpdir(), 'openclaw-gate-'));
    for (const [name, content] of Object.entries(files)) this.writeFile(name, content);
    this.writeConfig(config);
    this.process = spawn(openclaw, ['gate', '--config', this.file(configName), ...options], {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.process.stderr.setEncoding('utf8').on('data', (text) => (this.log += text));
    this.exited = once(this.process, 'close').then(([code, signal]) => ({ code, signal }));
  }

  async listening() {
    this.port = await this.#portFromLog('listening');
    if (this.#hasMetrics) this.metricsPort = await this.#portFromLog('metrics_listening');
  }

  #portFromLog(name) {
    return until(`the gate logs "${name}"`, () => {
      assert.equal(this.process.exitCode ?? this.process.signalCode, null, 'the gate ended');
      return Number(this.eventsOf(name)[0]?.address.split(':').at(-1));
    });
  }

  // Complete lines only: the last one may be on its way.
  events() {
    return this.log.split('\n').slice(0, -1).map((line) => JSON.parse(line));
  }

  eventsOf(name) {
    return this.events().filter(({ event }) => event === name);
  }

  // The access log's line of the request that was answered with this X-Request-Id.
  requestEvent({ headers }) {
    const id = headers['x-request-id'];
    return until(`the gate logs request ${id}`,
      () => this.eventsOf('request').find(({ request_id: logged }) => logged === id));
  }

  file(name) {
    return join(this.folder, name);
  }

  // In one step, as editors and Kubernetes do it: nobody reads half a file.
  writeFile(name, content, mode = 0o600) {
    writeFileSync(this.file('new'), content, { mode });
    renameSync(this.file('new'), this.file(name));
  }

  writeConfig(config) {
    const text = typeof config === 'string' ? config : yaml({
      listen: `${loopback}:0`, ...config, limits: { connections: 4000, ...config.limits },
    });
    this.#hasMetrics = /^metrics:/m.test(text);
    this.writeFile(configName, text, 0o640);
  }

  // Resolves with the next "reloaded" or "reload_refused" after `act`.
  async reloadedBy(act) {
    const outcomes = () => this.events().filter(({ event }) => /^reload(ed|_refused)$/.test(event));
    const before = outcomes().length;
    await act();
    return until('the gate has reloaded', () => outcomes()[before]);
  }

  reload() {
    return this.reloadedBy(() => this.process.kill('SIGHUP'));
  }

  // Options of a request: headers; bearer; host, in place of the gate's address; body, a text or
  // Buffer, or a stream, which goes out in chunks; tls, the options of node:tls; agent, without
  // which a request has its own connection; port, without which it is the gate's.
  async #send(method, path, options = {}) {
    const { headers, bearer, host, body, tls: tlsOptions, agent = false, port = this.port } = options;
    const fields = { ...headers };
    if (host !== undefined) fields.Host = host;
    if (bearer !== undefined) fields.Authorization = `Bearer ${bearer}`;
    const streams = body instanceof Readable;
    if (body !== undefined && !streams) fields['Content-Length'] = Buffer.byteLength(body);
    const { request: begin } = tlsOptions ? https : http;
    const request = begin({
      host: loopback, port, method, path, headers: fields, agent,
      signal: AbortSignal.timeout(answerPatience), ...tlsOptions,
    });
    if (streams) {
      request.flushHeaders();
      body.pipe(request);
    } else {
      request.end(body);
    }
    const [response] = await once(request, 'response');
    request.on('error', () => {}); // from here on, whoever reads the response is told
    return response;
  }

  // The whole answer: { status, headers, body, bytes, json }. `headers` has lower-case names.
  async request(method, path, options) {
    const response = await this.#send(method, path, options);
    return new Answer(response, await bodyOf(response));
  }

  get(path, options) {
    return this.request('GET', path, options);
  }

  post(path, options) {
    return this.request('POST', path, options);
  }

  // Resolves with the answer's head; the body comes in as it arrives.
  async open(method, path, options) {
    return new OpenAnswer(await this.#send(method, path, options));
  }

  metrics() {
    return this.request('GET', '/metrics', { port: this.metricsPort });
  }

  // A socket whose `text` is what has come in so far. With the options of node:tls, over TLS.
  async connect(tlsOptions) {
    const address = { host: loopback, port: this.port };
    const socket = tlsOptions ? tls.connect({ ...address, ...tlsOptions }) : net.connect(address);
    socket.text = '';
    socket.setEncoding('latin1').on('data', (chunk) => (socket.text += chunk));
    await once(socket, tlsOptions ? 'secureConnect' : 'connect');
    socket.on('error', () => {}); // a reset is a close
    return socket;
  }

  // Writes `parts` one after the other and gives all that comes back until the gate closes.
  async raw(...parts) {
    const socket = await this.connect();
    for (const part of parts) socket.write(part, 'latin1');
    await until('the gate closes the connection', () => socket.destroyed).catch((problem) => {
      const said = JSON.stringify(parts.join('').slice(0, 200));
      assert.fail(`${problem.message}: after ${said} it says ${JSON.stringify(socket.text.slice(0, 200))}`);
    });
    return socket.text;
  }

  // Nothing of these, whole or in part, is in what the gate has logged, and each line is JSON.
  assertLogHoldsNone(secrets) {
    assert.ok(this.events().length > 0);
    for (const secret of secrets) {
      for (const part of [secret, ...tellingParts(secret)]) {
        assert.ok(!this.log.includes(part), `${secret.slice(0, 4)}… is in the gate's log`);
      }
    }
  }

  // Ends it as its supervisor does, and gives { code, signal }.
  async stop() {
    if ((this.process.exitCode ?? this.process.signalCode) === null) this.process.kill('SIGTERM');
    let ended;
    this.exited.then((outcome) => (ended = outcome));
    try {
      return await until('the gate ends after SIGTERM', () => ended, endPatience);
    } finally {
      this.process.kill('SIGKILL');
      this.removeFolder();
    }
  }

  removeFolder() {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

class Answer {
  constructor({ statusCode, headers, rawHeaders }, bytes) {
    Object.assign(this, { status: statusCode, headers, rawHeaders, bytes, body: bytes.toString() });
  }

  get json() {
    return JSON.parse(this.body);
  }
}

// An answer whose body is still coming: `text` is what has come, `ended` how it ended.
class OpenAnswer {
  text = '';
  ended = undefined; // 'whole' or 'broken'

  constructor(response) {
    Object.assign(this, { status: response.statusCode, headers: response.headers, response });
    response.setEncoding('utf8').on('data', (chunk) => (this.text += chunk));
    response.on('error', () => {}); // told by `ended`
    response.on('close', () => (this.ended = response.complete ? 'whole' : 'broken'));
  }

  seen(part) {
    return until(`${JSON.stringify(part)} arrives`, () => this.text.includes(part));
  }

  end() {
    return until('the answer ends', () => this.ended);
  }

  leave() {
    this.response.destroy();
  }
}

// A real server on loopback that answers as the test says and remembers what it was asked:
// `requests` has { method, target, headers, rawHeaders, finished, left } of each; `finished` once it
// is answered in full, `left` when the other side went away before that.
export class Upstream {
  static async start(handler, { port = 0, ...options } = {}) {
    const upstream = new Upstream(handler, options);
    upstream.server.listen(port, loopback);
    await once(upstream.server, 'listening');
    upstream.port = upstream.server.address().port;
    upstream.url = `http://${loopback}:${upstream.port}`;
    return upstream;
  }

  requests = [];
  connections = 0;

  constructor(handler = (request, response) => response.end('ok'), options = {}) {
    this.handler = handler;
    const serve = async (request, response) => {
      this.#remember(request, response);
      try {
        await this.handler(request, response);
      } catch (problem) {
        if (!request.errored) throw problem; // else the other side went away: `left` tells
      }
    };
    this.server = http.createServer(options, serve).on('connection', () => ++this.connections);
  }

  #remember(request, response) {
    const { method, url: target, headers, rawHeaders } = request;
    const entry = { method, target, headers, rawHeaders, finished: false, left: false };
    response.on('finish', () => (entry.finished = true));
    response.on('close', () => (entry.left = !response.writableFinished));
    this.requests.push(entry);
  }

  get last() {
    return this.requests.at(-1);
  }

  async close() {
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }
}

// A handler that begins a stream of events with one, and leaves the rest to the test.
export const beginStream = (request, response) =>
  response.writeHead(200, { 'Content-Type': 'text/event-stream' }).write('data: 1\n\n');

// A request's head for raw(), `start` being its method and target.
export const head = (start, ...fields) =>
  [`${start} HTTP/1.1`, 'Host: localhost', ...fields, '', ''].join('\r\n');

// All of a request's or an answer's body.
export async function bodyOf(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

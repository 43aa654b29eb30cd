// The front and its peers: oidc-provider, nginx with a static file, and the naive front.
import { createLocalJWKSet, jwtVerify } from 'jose';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { load } from './http_load.mjs';
import { nginxConf } from './nginx.mjs';
import { freePort, listening } from './processes.mjs';

const BENCH = path.dirname(fileURLToPath(import.meta.url));
const RESOURCE = 'https://mcp.example.com/mcp';
const SCOPE = 'data:read mcp:tools';
const FORM = 'application/x-www-form-urlencoded';
const CLIENT_CREDENTIALS = new URLSearchParams({ grant_type: 'client_credentials', resource: RESOURCE, scope: SCOPE });

// What a server that is up is measured by: its port or Unix socket, how its requests begin, and whose processor
// time and memory count. { port or socket, processes: { name: pid }, paths, authorization, tokens }
export class Fronts {
  #world;
  #servers = new Map();
  #logs = 0;

  constructor(world) {
    this.#world = world;
  }

  // All that was started has been ended.
  forget() {
    this.#servers.clear();
  }

  async #atFirstUse(key, start) {
    if (!this.#servers.has(key)) this.#servers.set(key, await start());
    return this.#servers.get(key);
  }

  // --- The servers, each started at its first use in a row ----------------------------------------

  front(...flags) {
    return this.#atFirstUse(`front ${flags.join(' ')}`, () => this.#serve(flags));
  }

  async #serve(flags) {
    const { pid, ...at } = await this.#startFront(flags);
    const server = {
      ...at, processes: { front: pid, pg: this.#world.postmaster },
      introspect: '/oauth/introspect', token: '/oauth/token', tokens: this.#world.tokenFile,
      introspectAs: `Bearer ${await this.#harness('introspect')}`, tokenAs: basic(await this.#client()),
      issue: '/v1/tokens', issueAs: `Bearer ${await this.#harness('issue')}`, issued: '201',
    };
    for (const token of this.#world.tokens.slice(0, 100)) {
      const answer = await exchange(server, introspection(server, token, 'Connection: close\r\n'));
      if (!isActive(answer)) throw new Error(`the front does not introspect: ${answer}`);
    }
    return server;
  }

  async #startFront(flags) {
    this.#logs += 1;
    const log = await this.#world.file(`front-${this.#logs}.log`, '');
    const stderr = openSync(log, 'w', 0o600);
    const front = this.#world.processes.start(process.env.OPENCLAW_FRONT,
      [...flags.includes('--listen') ? [] : ['--listen', '127.0.0.1:0'], '--database', 'user=openclaw_front', ...flags],
      ['ignore', 'ignore', stderr]);
    closeSync(stderr);
    for (let waited = 0; waited < 10_000 && front.exitCode === null; waited += 20) {
      const written = await readFile(log, 'utf8');
      const [, socket, port] = /"event":"listening","address":"(?:unix:([^"]+)|127\.0\.0\.1:(\d+))"/.exec(written) ?? [];
      if ((socket || port) && written.includes('"event":"sql_connected"')) {
        return { ...socket ? { socket } : { port: Number(port) }, pid: front.pid };
      }
      await pause(20);
    }
    throw new Error(`the front did not start: ${await readFile(log, 'utf8')}`);
  }

  // On a Unix socket of its own.
  frontOnSocket(name, ...flags) {
    return this.front('--listen', `unix:${path.join(this.#world.scratch, name)}`, ...flags);
  }

  // The front with 1,000 idle and 1,000 slow clients (crowd.mjs).
  besiegedFront() {
    return this.#atFirstUse('besieged', async () => {
      const server = await this.#serve([]);
      const crowd = this.#world.processes.start(process.execPath,
        [path.join(BENCH, 'crowd.mjs'), server.port, 1000, 1000], ['ignore', 'pipe', 'inherit']);
      await Promise.race([once(crowd.stdout, 'data'),
        once(crowd, 'exit').then(() => { throw new Error('the crowd did not assemble'); })]);
      return server;
    });
  }

  // A harness's token with this right, over every user.
  async #harness(right) {
    const { token } = await this.#row(`select token from openclaw.issue_token('user_0',
      '{openclaw:${right},openclaw:any-user,mcp:tools,data:read}', issued_for => 'platform_harness')`);
    return token;
  }

  #client() {
    this.client ??= this.#row(`select id, client_secret as secret from openclaw.register_client(
      'bench', user_id => 'user_0', scopes => '{mcp:tools,data:read}')`);
    return this.client;
  }

  async #row(query) {
    return (await this.#world.session.query(query)).rows[0];
  }

  oidcProvider(workers) {
    return this.#atFirstUse(`oidc-provider ${workers}`, async () => {
      const tokens = path.join(this.#world.scratch, `oidc-${workers}`);
      const peer = this.#world.processes.start(process.execPath,
        [path.join(BENCH, 'oidc_provider.mjs'), workers, tokens], ['ignore', 'pipe', 'ignore'],
        { NODE_ENV: 'production' });
      const [port] = await once(peer.stdout, 'data');
      const client = basic({ id: 'bench', secret: 'bench-secret-bench-secret-bench-secret' });
      return {
        port: Number(port), processes: { node: peer.pid }, introspect: '/token/introspection', token: '/token',
        tokens, introspectAs: client, tokenAs: client, jwks: '/jwks',
      };
    });
  }

  naiveFront() {
    return this.#atFirstUse('naive', async () => {
      const peer = this.#world.processes.start(path.join(this.#world.programs, 'naive_front'), [64],
        ['ignore', 'pipe', 'inherit']);
      const [port] = await once(peer.stdout, 'data');
      return {
        port: Number(port), processes: { naive: peer.pid, pg: this.#world.postmaster },
        introspect: '/introspect', tokens: this.#world.tokenFile, introspectAs: 'Bearer nobody',
        issue: '/issue', issueAs: 'Bearer nobody', issued: '200',
      };
    });
  }

  // nginx with the front's JWKS as a file that it keeps open. sendfile is off: for a file as small it costs
  // half as much again.
  nginx() {
    return this.#atFirstUse('nginx', async () => {
      const { port: front } = await this.front();
      const jwks = await (await fetch(`http://127.0.0.1:${front}/.well-known/jwks.json`)).text();
      await this.#world.file('jwks.json', jwks);
      const port = await freePort();
      const conf = await this.#world.file('static.conf', nginxConf(this.#world.scratch, 'static', `
        open_file_cache max=16; sendfile off;
        server {
          listen 127.0.0.1:${port} backlog=4096;
          location = /.well-known/jwks.json {
            alias ${this.#world.scratch}/jwks.json; default_type application/json;
            add_header Cache-Control "public, max-age=3600";
          }
        }`));
      const nginx = this.#world.processes.start('nginx', ['-p', this.#world.scratch, '-c', conf, '-e',
        `${this.#world.scratch}/static.err`], ['ignore', 'ignore', 'inherit']);
      return { port: await listening(port), processes: { nginx: nginx.pid } };
    });
  }

  // --- Measuring ----------------------------------------------------------------------------------

  load(server, request, options) {
    return load(this.#world, server, request, options);
  }

  // Introspections a second, each of another token; every answer must be an active one.
  introspections(server, options) {
    return this.load(server, introspection(server, '{}'),
      { values: server.tokens, expect: '"active":true', ...options });
  }

  // Milliseconds that 99 of 100 introspections wait at most when they arrive at four fifths of the rate
  // that the same server has just had at most.
  async patience(server) {
    const peak = await this.introspections(server);
    const sample = await this.introspections(server, { rate: Math.round(peak.value * 0.8), seconds: 2 });
    return { ...sample, value: sample.p99 / 1000 };
  }

  // EdDSA access tokens a second; one of them is verified first.
  async accessTokens(server, options) {
    if (!server.signsWell) {
      await this.#checkAccessToken(server);
      server.signsWell = true;
    }
    return this.load(server, post(server.token, server.tokenAs, FORM, String(CLIENT_CREDENTIALS)),
      { expect: '"access_token":"ey', ...options });
  }

  async #checkAccessToken({ port, token, tokenAs, jwks = '/.well-known/jwks.json' }) {
    const answer = await fetch(`http://127.0.0.1:${port}${token}`,
      { method: 'POST', headers: { Authorization: tokenAs }, body: CLIENT_CREDENTIALS });
    const { access_token: jwt, scope } = await answer.json();
    const keys = createLocalJWKSet(await (await fetch(`http://127.0.0.1:${port}${jwks}`)).json());
    const { protectedHeader } = await jwtVerify(jwt, keys, { audience: RESOURCE });
    if (protectedHeader.alg !== 'EdDSA' || scope.split(' ').sort().join(' ') !== SCOPE) {
      throw new Error(`not the token that was asked for: ${protectedHeader.alg}, ${scope}`);
    }
  }

  jwks(server, options) {
    return this.load(server, 'GET /.well-known/jwks.json HTTP/1.1\r\nHost: bench\r\n\r\n',
      { expect: '"kty"', ...options });
  }

  // Tokens a second where each request asks for a thousand.
  async introspectionsByThousands(server, connections) {
    const body = JSON.stringify(this.#world.tokens.slice(0, 1000));
    const sample = await this.load(server, post('/v1/introspect', server.introspectAs, 'application/json', body),
      { expect: '"active":true', times: 1000, connections });
    return { ...sample, value: sample.value * 1000 };
  }

  // Opaque tokens a second, `count` of them in each request, which is answered when they are durable.
  async opaqueTokens(server, { count = 1, ...options } = {}) {
    this.users ??= this.#world.file('users', Array.from({ length: 10_000 }, (_, n) => `user_${n}\n`).join(''));
    const many = count === 1 ? '' : `&count=${count}`;
    const sample = await this.load(server,
      post(server.issue, server.issueAs, FORM, `user_id={}&scope=mcp%3Atools+data%3Aread${many}`),
      { values: await this.users, status: server.issued, expect: '"token":"', times: count, ...options });
    return { ...sample, value: sample.value * count };
  }

  // Milliseconds that the slowest of `clients` new ones, one after another, waits from its connect
  // to the end of its answer.
  async slowestNewClient(server, clients = 100) {
    let slowest = 0;
    for (let i = 0; i < clients; i += 1) {
      const started = performance.now();
      const answer = await exchange(server,
        introspection(server, this.#world.tokens[i], 'Connection: close\r\n'));
      slowest = Math.max(slowest, performance.now() - started);
      if (!isActive(answer)) throw new Error(`a new client was not served: ${answer}`);
    }
    return slowest;
  }
}

function basic({ id, secret }) {
  return `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64')}`;
}

// Without Content-Length, which the load generator puts there.
function post(target, authorization, type, body, fields = '') {
  return `POST ${target} HTTP/1.1\r\nHost: bench\r\nAuthorization: ${authorization}\r\n` +
    `Content-Type: ${type}\r\n${fields}\r\n${body}`;
}

function introspection(server, token, fields = '') {
  const body = `token=${token}`;
  const length = token === '{}' ? '' : `Content-Length: ${body.length}\r\n`;
  return post(server.introspect, server.introspectAs, FORM, body, fields + length);
}

function isActive(answer) {
  return answer.startsWith('HTTP/1.1 200') && answer.includes('"active":true');
}

// One request on a connection of its own: the whole answer.
async function exchange(server, request) {
  const socket = net.connect(server.socket ? { path: server.socket }
    : { port: server.port, host: '127.0.0.1', noDelay: true });
  let answer = '';
  socket.setEncoding('latin1').on('data', (text) => { answer += text; });
  socket.write(request);
  await once(socket, 'close');
  return answer;
}

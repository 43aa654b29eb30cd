// The gate and its peers, HAProxy and nginx, before one upstream. Each of the three has one core of
// its own, which it shares with nobody; upstream and load generator have the other.
import { createPublicKey } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { load } from './http_load.mjs';
import { nginxConf } from './nginx.mjs';
import { freePort, listening, residentKiB } from './processes.mjs';

const BENCH = path.dirname(fileURLToPath(import.meta.url));
const ANSWER = '{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"ok"}]}}';
const AUDIENCE = 'https://mcp.example.com/mcp';
const ISSUER = 'https://auth.openclaw.test';
const LIVE_JWTS = 5000;
const NEW_JWTS = 15_000; // more than a run takes, or else it ends with them

// A proxy is { port, processes } (http_load.mjs).
export class Proxies {
  #world;
  #proxies = new Map();
  #credentials = new Map();

  constructor(world) {
    this.#world = world;
  }

  // All that was started has been ended.
  forget() {
    this.#proxies.clear();
  }

  async #atFirstUse(name, start) {
    if (!this.#proxies.has(name)) this.#proxies.set(name, await start());
    return this.#proxies.get(name);
  }

  // --- The programs, each started at its first use in a row -----------------------------------------

  upstream() {
    return this.#atFirstUse('upstream', async () => {
      const child = this.#world.processes.start('taskset', ['--cpu-list', this.#world.core,
        path.join(this.#world.programs, 'upstream'), ANSWER], ['ignore', 'pipe', 'inherit']);
      const [port] = await once(child.stdout, 'data');
      return { port: Number(port), processes: { upstream: child.pid } };
    });
  }

  // Where the gate finds its keys.
  #issuer() {
    return this.#atFirstUse('issuer', async () => {
      const { jwks } = await this.#keys();
      return this.#nginx('issuer', this.#world.core, (port) => `
        server {
          listen 127.0.0.1:${port};
          location = /jwks.json { default_type application/json; return 200 '${jwks}'; }
        }`);
    });
  }

  nginx() {
    return this.#atFirstUse('nginx', async () => {
      const upstream = await this.upstream();
      return this.#nginx('plain', this.#world.otherCore, (port) => `
        upstream mcp { server 127.0.0.1:${upstream.port}; keepalive 256; keepalive_requests 1000000000; }
        server {
          listen 127.0.0.1:${port} backlog=16384;
          location / {
            proxy_pass http://mcp; proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_buffering off;
          }
        }`);
    });
  }

  async #nginx(name, core, server) {
    const { scratch } = this.#world;
    const port = await freePort();
    const conf = await this.#world.file(`${name}.conf`, nginxConf(scratch, name, server(port)));
    return this.#start('nginx', port, core, 'nginx', ['-p', scratch, '-c', conf, '-e', `${scratch}/${name}.err`]);
  }

  // Signature, issuer, audience and expiry, as HAProxy's documentation has it.
  haproxy(alg) {
    return this.#atFirstUse(`haproxy ${alg}`, async () => {
      const { keys } = await this.#keys();
      // The one that signs: its successor is published beside it.
      const { rows: [{ kid }] } = await this.#world.session.query(
        `select kid from openclaw.key_status where alg = $1 and state = 'active'`, [alg]);
      const jwk = keys.find((each) => each.kid === kid);
      const key = await this.#world.file(`haproxy-${alg}.pem`,
        createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' }));
      return this.#haproxy(alg, `
  http-request set-var(txn.jwt) http_auth_bearer
  http-request deny deny_status 401 unless { var(txn.jwt),jwt_header_query('$.alg') -m str ${alg} }
  http-request deny deny_status 401 unless { var(txn.jwt),jwt_verify("${alg}","${key}") -m int 1 }
  http-request deny deny_status 401 unless { var(txn.jwt),jwt_payload_query('$.iss') -m str ${ISSUER} }
  http-request deny deny_status 401 unless { var(txn.jwt),jwt_payload_query('$.aud') -m str ${AUDIENCE} }
  http-request set-var(txn.now) date()
  http-request set-var(txn.exp) var(txn.jwt),jwt_payload_query('$.exp','int')
  http-request deny deny_status 401 if { var(txn.exp),sub(txn.now) -m int lt 0 }`);
    });
  }

  // The SHA-256 of the key in a map, in the case in which \`hex\` writes it.
  haproxyWithKeys() {
    return this.#atFirstUse('haproxy keys', async () => {
      const map = await this.#world.file('haproxy-keys.map',
        (await this.#apiKeys()).map(({ hash }) => `${hash.toUpperCase()} 1\n`).join(''));
      return this.#haproxy('keys', `
  http-request deny deny_status 401 unless { http_auth_bearer,sha2(256),hex,map_str(${map}) -m found }`);
    });
  }

  async #haproxy(name, rules) {
    const upstream = await this.upstream();
    const port = await freePort();
    const conf = await this.#world.file(`haproxy-${name}.cfg`, `
global
  nbthread 1
  maxconn 8192
defaults
  mode http
  timeout connect 5s
  timeout client 75s
  timeout server 75s
  http-reuse always
frontend front
  bind 127.0.0.1:${port}${rules}
  default_backend mcp
backend mcp
  server mcp 127.0.0.1:${upstream.port}
`);
    return this.#start('haproxy', port, this.#world.otherCore, 'haproxy', ['-f', conf, '-q', '-db']);
  }

  // A gate with the access log off, as the others have it. mode is platform, token or local.
  gate(mode) {
    return this.#atFirstUse(`gate ${mode}`, () => this.#startGate(mode));
  }

  async #startGate(mode, upstream) {
    const port = await freePort();
    const config = await this.#world.file(`gate-${mode}.yaml`, `
listen: "127.0.0.1:${port}"
upstream: "http://127.0.0.1:${upstream ?? (await this.upstream()).port}"
auth:
  mode: "${mode}"
${await this.#settings(mode)}`);
    return this.#start('gate', port, this.#world.otherCore, process.env.OPENCLAW_CLI,
      ['gate', '--config', config, '--log-level', 'error']);
  }

  async #settings(mode) {
    if (mode === 'platform') {
      return `
  issuer: "${ISSUER}"
  platform_jwks_url: "http://127.0.0.1:${(await this.#issuer()).port}/jwks.json"
  expected_user_id: "user_0"
  scopes: ["mcp:tools"]
public_url: "${AUDIENCE}"
`;
    }
    if (mode === 'local') return '';
    const keys = await this.#apiKeys();
    return `  scopes: ["mcp:tools"]\n  tokens:\n${keys
      .map(({ hash }, n) => `    - name: "key ${n}"\n      hash: "sha256:${hash}"\n`).join('')}`;
  }

  async #start(name, port, core, program, args) {
    const child = this.#world.processes.start('taskset', ['--cpu-list', core, program, ...args],
      ['ignore', 'ignore', 'inherit']);
    await listening(port);
    return { port, child, processes: { [name]: child.pid } };
  }

  // --- What callers present -------------------------------------------------------------------------

  async #keys() {
    this.keys ??= this.#world.session.query('select openclaw.jwks()::text as jwks')
      .then(({ rows: [{ jwks }] }) => ({ jwks: jwks.replaceAll('\n', ''), keys: JSON.parse(jwks).keys }));
    return this.keys;
  }

  async #apiKeys() {
    this.apiKeys ??= this.#world.session.query(
      `select token, encode(token_hash, 'hex') as hash from bench.keys order by n`).then(({ rows }) => rows);
    return this.apiKeys;
  }

  // A file of credentials, one a line: so many JWTs of an algorithm, or all API keys.
  #file(kind, count) {
    const name = `credentials-${kind}-${count}`;
    if (!this.#credentials.has(name)) this.#credentials.set(name, this.#write(name, kind, count));
    return this.#credentials.get(name);
  }

  async #write(name, kind, count) {
    const rows = kind === 'keys' ? await this.#apiKeys()
      : (await this.#world.session.query('select token from bench.jwts where alg = $1 order by n limit $2', [kind, count])).rows;
    return this.#world.file(name, `${rows.map(({ token }) => token).join('\n')}\n`);
  }

  // --- Measuring ------------------------------------------------------------------------------------

  // What is measured is the upstream's answer, let through, for one credential after another.
  #load(proxy, values, options) {
    return load(this.#world, proxy, `POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:${proxy.port}\r\n` +
      'Authorization: Bearer {}\r\nAccept: application/json, text/event-stream\r\n' +
      'Content-Type: application/json\r\n\r\n{"jsonrpc":"2.0","id":1,"method":"ping"}',
    { core: this.#world.core, values, expect: ANSWER, ...options });
  }

  // 5,000 JWTs, each of which the proxy has seen before.
  async seen(proxy, alg) {
    const values = await this.#file(alg, LIVE_JWTS);
    if (!proxy[alg]) await this.#load(proxy, values, { 'warm-up': 0, once: true, seconds: 20 });
    proxy[alg] = true;
    return this.#load(proxy, values);
  }

  // JWTs that are all new to the gate, which is a new one each time.
  async gateCold(alg) {
    const gate = await this.#startGate('platform');
    try {
      return await this.#load(gate, await this.#file(alg, NEW_JWTS), { 'warm-up': 0.1, once: true });
    } finally {
      gate.child.kill('SIGKILL');
      await once(gate.child, 'exit');
    }
  }

  // The same for a peer that remembers nothing.
  async haproxyCold(alg) {
    return this.#load(await this.haproxy(alg), await this.#file(alg, NEW_JWTS));
  }

  async withKeys(proxy) {
    return this.#load(proxy, await this.#file('keys'));
  }

  // Microseconds that a proxy adds to the median request of one client that waits for each answer.
  async added(proxy, alg) {
    const values = await this.#file(alg, 1);
    const alone = { connections: 1 };
    const direct = await this.#load(await this.upstream(), values, alone);
    const through = await this.#load(proxy, values, alone);
    return { value: through.p50 - direct.p50, cpu: through.cpu };
  }

  // KiB of the gate's memory for each of `wanted` event streams on which nothing happens, or of as many as
  // a process may have: a stream is two descriptors of the gate.
  async streamMemory(wanted) {
    const count = Math.min(wanted, Math.floor((await mostOpenFiles()) / 2) - 50);
    const streams = this.#world.processes.start(process.execPath, [path.join(BENCH, 'event_streams.mjs')],
      ['ignore', 'pipe', 'inherit']);
    const [upstream] = await once(streams.stdout, 'data');
    const { port, processes: { gate: pid } } = await this.#startGate('local', Number(upstream));
    const before = await residentKiB(pid);
    const sockets = [];
    let open = 0;
    for (let i = 0; i < count; i += 1) {
      const socket = net.connect(port, '127.0.0.1');
      socket.once('data', () => { open += 1; });
      socket.write('GET /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n');
      sockets.push(socket);
      while (i - open >= 200) await pause(5);
    }
    while (open < count) await pause(20);
    const after = await residentKiB(pid);
    console.log(`    ${count} streams`);
    for (const socket of sockets) socket.destroy();
    return { value: (after - before) / count, memory: { gate: after / 1024 } };
  }

  // Microseconds of processor time of one decision on a JWT that is new (bench/first_sight.cpp).
  async firstSight() {
    const { jwks } = await this.#keys();
    const { rows } = await this.#world.session.query(
      `select token from bench.jwts where alg = 'EdDSA' order by n limit 2000`);
    const input = await this.#world.file('first-sight', `${jwks}\n${rows.map(({ token }) => token).join('\n')}\n`);
    return Number(await this.#world.run('taskset', ['--cpu-list', this.#world.core, 'sh', '-c',
      'exec "$0" "$2" "$3" user_0 < "$1"', `${this.#world.programs}/first_sight`, input, AUDIENCE, ISSUER]));
  }
}

async function mostOpenFiles() {
  return Number(/^Max open files\s+(\d+)/m.exec(await readFile('/proc/self/limits', 'utf8'))[1]);
}

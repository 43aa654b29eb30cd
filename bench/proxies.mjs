// The gate and its peers, HAProxy and nginx, before one upstream. Each of the three has one core of
// its own, which it shares with nobody; upstream and load generator have the other.
import { createPublicKey } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { nginxConf } from './nginx.mjs';
import { freePort, listening, residentKiB } from './processes.mjs';

const ANSWER = '{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"ok"}]}}';
const AUDIENCE = 'https://mcp.example.com/mcp';
const ISSUER = 'https://auth.openclaw.test';
const CONNECTIONS = 64;

// `world` starts processes (start), runs programs (run) and asks the database (session).
export class Proxies {
  #world;
  #scratch;
  #ports = new Map();

  constructor(world) {
    this.#world = world;
    this.#scratch = world.scratch;
  }

  // All that was started has been ended.
  forget() {
    this.#ports.clear();
  }

  async #atFirstUse(name, start) {
    if (!this.#ports.has(name)) this.#ports.set(name, await start());
    return this.#ports.get(name);
  }

  // --- The programs, each the port that it listens on ------------------------------------------

  upstream() {
    return this.#atFirstUse('upstream', async () => {
      const { jwks } = await this.#keys();
      return this.#nginx('upstream', this.#world.core, (port) => `
        server {
          listen 127.0.0.1:${port} backlog=4096;
          location = /jwks.json { default_type application/json; return 200 '${jwks}'; }
          location / { default_type application/json; return 200 '${ANSWER}'; }
        }`);
    });
  }

  nginx() {
    return this.#atFirstUse('nginx', async () => {
      const upstream = await this.upstream();
      return this.#nginx('plain', this.#world.otherCore, (port) => `
        upstream mcp { server 127.0.0.1:${upstream}; keepalive 256; keepalive_requests 1000000000; }
        server {
          listen 127.0.0.1:${port} backlog=4096;
          location / {
            proxy_pass http://mcp; proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_buffering off;
          }
        }`);
    });
  }

  // Signature, issuer, audience and expiry, as HAProxy's documentation has it.
  haproxy(alg) {
    return this.#atFirstUse(`haproxy ${alg}`, async () => {
      const upstream = await this.upstream();
      const { keys } = await this.#keys();
      const key = path.join(this.#scratch, `haproxy-${alg}.pem`);
      // The one that signs: its successor is published beside it.
      const { rows: [{ kid }] } = await this.#world.session.query(
        `select kid from openclaw.key_status where alg = $1 and state = 'active'`, [alg]);
      const jwk = keys.find((each) => each.kid === kid);
      await writeFile(key, createPublicKey({ key: jwk, format: 'jwk' })
        .export({ type: 'spki', format: 'pem' }));
      const port = await freePort();
      const conf = path.join(this.#scratch, `haproxy-${alg}.cfg`);
      await writeFile(conf, `
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
  bind 127.0.0.1:${port}
  http-request set-var(txn.jwt) http_auth_bearer
  http-request deny deny_status 401 unless { var(txn.jwt),jwt_header_query('$.alg') -m str ${alg} }
  http-request deny deny_status 401 unless { var(txn.jwt),jwt_verify("${alg}","${key}") -m int 1 }
  http-request deny deny_status 401 unless { var(txn.jwt),jwt_payload_query('$.iss') -m str ${ISSUER} }
  http-request deny deny_status 401 unless { var(txn.jwt),jwt_payload_query('$.aud') -m str ${AUDIENCE} }
  http-request set-var(txn.now) date()
  http-request set-var(txn.exp) var(txn.jwt),jwt_payload_query('$.exp','int')
  http-request deny deny_status 401 if { var(txn.exp),sub(txn.now) -m int lt 0 }
  default_backend mcp
backend mcp
  server mcp 127.0.0.1:${upstream}
`);
      this.#world.processes.start('taskset', ['--cpu-list', this.#world.otherCore, 'haproxy', '-f', conf, '-q'],
        ['ignore', 'ignore', 'inherit']);
      return listening(port);
    });
  }

  // { port, pid } of a gate with the access log off, as the others have it.
  gate(mode) {
    return this.#atFirstUse(`gate ${mode}`, async () => {
      const upstream = await this.upstream();
      return this.#startGate(mode, `http://127.0.0.1:${upstream}`);
    });
  }

  async #startGate(mode, upstream) {
    const port = await freePort();
    const config = path.join(this.#scratch, `gate-${mode}.yaml`);
    await writeFile(config, `
listen: "127.0.0.1:${port}"
upstream: "${upstream}"
auth:
  mode: "${mode}"
${await this.#settings(mode)}`, { mode: 0o600 });
    const gate = this.#world.processes.start('taskset', ['--cpu-list', this.#world.otherCore,
      process.env.OPENCLAW_CLI, 'gate', '--config', config, '--log-level', 'error'],
    ['ignore', 'ignore', 'inherit']);
    await listening(port);
    return { port, pid: gate.pid };
  }

  async #settings(mode) {
    if (mode === 'platform') {
      return `
  issuer: "${ISSUER}"
  platform_jwks_url: "http://127.0.0.1:${await this.upstream()}/jwks.json"
  expected_user_id: "user_0"
  scopes: ["mcp:tools"]
public_url: "${AUDIENCE}"
`;
    }
    if (mode === 'local') return '';
    return `
  scopes: ["mcp:tools"]
  tokens:
    - name: "bench"
      hash: "${(await this.#apiKey()).hash}"
`;
  }

  // --- What callers present --------------------------------------------------------------------

  async #keys() {
    this.keys ??= this.#world.session.query('select openclaw.jwks()::text as jwks')
      .then(({ rows: [{ jwks }] }) => ({ jwks, keys: JSON.parse(jwks).keys }));
    return this.keys;
  }

  async #apiKey() {
    this.apiKey ??= this.#world.run(process.env.OPENCLAW_CLI,
      ['token', 'create', '--name', 'bench', '--json']).then(JSON.parse);
    return this.apiKey;
  }

  async credential(kind) {
    if (kind === 'token') return (await this.#apiKey()).key;
    this[kind] ??= this.#world.session.query(
      `select token from openclaw.issue_access_token('ctr_bench', '{mcp:tools,data:read}', '1 hour', alg => $1)`,
      [kind]).then(({ rows: [{ token }] }) => token);
    return this[kind];
  }

  // --- Measuring -------------------------------------------------------------------------------

  // { rate, p50 } in requests a second and microseconds, always with the same credential.
  async load(port, credential, { connections = CONNECTIONS, seconds = 2 } = {}) {
    const header = `Authorization: Bearer ${await this.credential(credential)}`;
    await check(port, header);
    const out = await this.#world.run('taskset', ['--cpu-list', this.#world.core, 'wrk', '-t1',
      `-c${connections}`, `-d${seconds}s`, '-H', header, '-s',
      path.join(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), 'proxy.lua'),
      `http://127.0.0.1:${port}/mcp`]);
    const { requests, seconds: taken, p50, errors } = JSON.parse(out.trim().split('\n').at(-1));
    if (errors !== 0) throw new Error(`wrk counted ${errors} errors in ${requests} requests`);
    return { rate: requests / taken, p50 };
  }

  async rate(port, credential) {
    return (await this.load(port, credential)).rate;
  }

  // Microseconds that a proxy adds to the median request of one client that waits for each answer.
  async added(port, credential) {
    const alone = { connections: 1, seconds: 1 };
    const direct = (await this.load(await this.upstream(), credential, alone)).p50;
    return (await this.load(port, credential, alone)).p50 - direct;
  }

  // KiB of the gate's memory for each of `count` event streams on which nothing happens.
  async streamMemory(count) {
    const streams = http.createServer((request, response) => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      response.write('event: ready\ndata: {}\n\n');
    });
    streams.listen(0, '127.0.0.1', 4096);
    await once(streams, 'listening');
    const { port, pid } = await this.#startGate('local', `http://127.0.0.1:${streams.address().port}`);
    const before = await residentKiB(pid);
    const clients = [];
    const until = async (opened) => { while (clients.filter((each) => each.open).length < opened) await pause(20); };
    for (let i = 0; i < count; i += 1) {
      const client = { socket: net.connect(port, '127.0.0.1'), open: false };
      client.socket.on('data', (data) => { client.open ||= data.includes('event: ready'); });
      client.socket.write('GET /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n');
      clients.push(client);
      if (i % 500 === 499) await until(i + 1);
    }
    await until(count);
    const after = await residentKiB(pid);
    console.log(`    ${count} streams: the gate's RSS is ${Math.round(after / 1024)} MiB, ` +
      `${Math.round(before / 1024)} MiB before`);
    for (const { socket } of clients) socket.destroy();
    streams.closeAllConnections();
    streams.close();
    return (after - before) / count;
  }

  // Microseconds of processor time of one decision on a JWT that is new (bench/first_sight.cpp).
  async firstSight() {
    const { jwks } = await this.#keys();
    const { rows } = await this.#world.session.query('select token from bench.jwts order by n');
    const input = path.join(this.#scratch, 'jwts');
    await writeFile(input, `${jwks.replaceAll('\n', '')}\n${rows.map((row) => row.token).join('\n')}\n`,
      { mode: 0o600 });
    return Number(await this.#world.run('taskset', ['--cpu-list', this.#world.core, 'sh', '-c',
      'exec "$0" "$2" "$3" user_0 < "$1"', path.join(process.env.BENCH_PROGRAMS, 'first_sight'), input,
      AUDIENCE, ISSUER]));
  }

  async #nginx(name, core, server) {
    const port = await freePort();
    const conf = path.join(this.#scratch, `${name}.conf`);
    await writeFile(conf, nginxConf(this.#scratch, name, server(port)));
    this.#world.processes.start('taskset', ['--cpu-list', core, 'nginx', '-p', this.#scratch, '-c', conf,
      '-e', `${this.#scratch}/${name}.err`], ['ignore', 'ignore', 'inherit']);
    return listening(port);
  }
}

// What is measured is the upstream's answer, let through.
async function check(port, header) {
  const response = await fetch(`http://127.0.0.1:${port}/mcp`,
    { headers: { Authorization: header.slice('Authorization: '.length) } });
  const text = await response.text();
  if (response.status !== 200 || text !== ANSWER) throw new Error(`${response.status}: ${text}`);
}

// The authority as an OAuth client meets it: World with a front behind the issuer's URL, clients of
// every kind, nginx before the front where TLS proves a client, and a gate with its MCP server at
// the endpoint of Ada's laptop. A test states only what differs from it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { X509Certificate, createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import * as jose from 'jose';
import * as oauth from 'oauth4webapi';
import * as openid from 'openid-client';
import { Authority } from './certificates.mjs';
import { relayTo } from './everything.mjs';
import { Gate, Upstream } from './gate_world.mjs';
import { fetchOver } from './harness.mjs';
import { World, root, tellingParts, until } from './world.mjs';

export { algorithms, assertError, until } from './world.mjs';

export const host = 'mcp.ada.example.com';
export const endpoint = `https://${host}/mcp`; // of Ada's laptop
export const authHost = 'mtls.auth.example.com'; // of nginx, where one stands before the front
export const tokenExchange = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token';
export const jwtBearer = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

export const seconds = () => Math.floor(Date.now() / 1000);

// What a client finds in Authorization by client_secret_basic (RFC 6749 section 2.3.1).
export const basic = ({ id, secret }) =>
  `Basic ${btoa(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`)}`;

// x5t#S256 of an Identity's certificate (RFC 8705 section 3.1).
export const thumbprint = ({ cert }) =>
  createHash('sha256').update(new X509Certificate(cert).raw).digest('base64url');

// fetch for https URLs as on a machine where every name is the server at `address`: a port of
// loopback, or { socketPath }. tlsOptions: of node:tls, such as ca, cert and key.
export function fetchAt(address, tlsOptions) {
  const place =
    typeof address === 'number' ? { host: '127.0.0.1', port: address } : { path: address.socketPath };
  const agent = new https.Agent({ keepAlive: true });
  agent.createConnection = ({ servername }) => tls.connect({ ...tlsOptions, ...place, servername });
  return (url, init = {}) => {
    const body = init.body instanceof URLSearchParams ? init.body.toString() : init.body;
    return fetchOver({ agent }, url, { ...init, body });
  };
}

// A key pair of a client: `alg` as the client writes it.
export class ClientKey {
  static async generate(alg, kid = `${alg}-1`) {
    const pair = await oauth.generateKeyPair(alg === 'EdDSA' ? 'Ed25519' : alg, { extractable: true });
    const jwk = { ...(await jose.exportJWK(pair.publicKey)), kid, alg, use: 'sig' };
    return Object.assign(new ClientKey(), pair, { alg, kid, jwk });
  }

  get jwks() {
    return JSON.stringify({ keys: [this.jwk] });
  }

  // An assertion for the authority `audience` (RFC 7523 section 3); changes: of claims, where
  // undefined takes one away; header: more of the header.
  assertion({ id }, audience, changes = {}, header = {}) {
    const now = seconds();
    const claims = {
      iss: id, sub: id, aud: audience, jti: crypto.randomUUID(), iat: now, exp: now + 60, ...changes,
    };
    return new jose.SignJWT(JSON.parse(JSON.stringify(claims)))
      .setProtectedHeader({ alg: this.alg, kid: this.kid, ...header }).sign(this.privateKey);
  }
}

// A log of megabytes and a thousand tokens: each telling part has 16 characters, so that one pass over
// what could be a token finds them all.
const partLength = 16;
function assertHoldsNone(name, log, parts) {
  for (const part of parts) assert.equal(part.length, partLength);
  for (const [run] of log.matchAll(/[\w-]{16,}/g)) {
    for (let at = 0; at + partLength <= run.length; ++at) {
      const part = run.slice(at, at + partLength);
      assert.ok(!parts.has(part), `${part.slice(0, 4)}… is in ${name}`);
    }
  }
}

export class OAuthWorld {
  #ending = []; // in this order, and ended in the other
  #fronts = [];
  #shown = {}; // certificates of containers by their names

  // options: of serve().
  static async open(options) {
    const world = new OAuthWorld();
    world.folder = mkdtempSync(join(tmpdir(), 'openclaw-oauth-'));
    world.authority = new Authority(world.folder);
    world.base = await World.open();
    world.secrets = world.base.secrets;
    world.relay = await Upstream.start((request, response) => relayTo(world.front)(request, response));
    world.ending({ stop: () => world.relay.close() });
    await world.serve(options);
    return world;
  }

  // Puts another front in place of the one that there is. front: more options of it; path: the
  // issuer's; settings: of the database, without `openclaw.`. A front has its port once it runs, and
  // its sessions the settings with which they began: the issuer is the URL of a relay to it, whose
  // port is known before.
  async serve({ front = [], path = '', settings = {} } = {}) {
    this.path = path;
    this.issuer = this.base.issuer = `${this.relay.url}${path}`;
    this.keys = undefined;
    await this.base.front.stop();
    await this.set('issuer', this.issuer);
    for (const [name, value] of Object.entries(settings)) await this.set(name, value);
    this.front = this.base.front = await this.startFront(...(path ? ['--base-path', path] : []), ...front);
  }

  // One more, beside it.
  async startFront(...options) {
    const front = await this.base.startFront(...options);
    this.#fronts.push(front);
    return front;
  }

  // For the sessions that begin after it, and for the test's own.
  async set(name, value) {
    const literal = `'${value}'`;
    await this.sql(`alter database "${this.base.database}" set openclaw.${name} = ${literal}`);
    await this.sql(`set openclaw.${name} = ${literal}`);
  }

  sql(text, values) {
    return this.base.sql(text, values);
  }

  value(text, values) {
    return this.base.value(text, values);
  }

  // Has stop(); called when the world is closed.
  ending(each) {
    this.#ending.push(each);
    return each;
  }

  // { id, secret }. Ada's, with every grant and mcp:*, unless it is said otherwise; keys: a
  // ClientKey, for private_key_jwt; subject: for tls_client_auth. user: null for every user.
  async client({ id, user = 'ada', kind = user ? 'mcp_client' : 'harness', scopes = ['mcp:*'], keys, subject,
    grants = ['client_credentials', 'refresh_token', tokenExchange] } = {}) {
    const method = keys ? 'private_key_jwt' : subject ? 'tls_client_auth' : 'client_secret';
    const [client] = await this.sql(
      `select id, client_secret as secret from openclaw.register_client(
         'client', $1, $2, $3, $4, $5, jwks => $6, tls_subject => $7, client_id => $8)`,
      [kind, user, scopes, grants, method, keys?.jwks, subject, id]);
    if (client.secret) this.secrets.add(client.secret);
    return client;
  }

  async rotateSecret({ id }, overlap = '1 day') {
    const secret = await this.value(`select openclaw.rotate_client_secret($1, $2)`, [id, overlap]);
    this.secrets.add(secret);
    return { id, secret };
  }

  // One request at an endpoint, by client_secret_basic when the client has a secret.
  async post(path, client, form, headers = {}) {
    const proof = client?.secret ? { Authorization: basic(client) } : {};
    const given = Object.entries(form).filter(([, value]) => value !== undefined);
    const answer = await this.front.post(`${this.path}${path}`,
      { headers: { ...proof, ...headers }, form: given });
    if (path === '/oauth/token' && answer.status === 200) {
      const { access_token: access, refresh_token: refresh } = answer.json;
      for (const secret of [access, refresh]) if (secret) this.secrets.add(secret);
    }
    return answer;
  }

  token(client, form, headers) {
    return this.post('/oauth/token', client, form, headers);
  }

  clientCredentials(client, form = {}, headers) {
    return this.token(client, { grant_type: 'client_credentials', resource: endpoint, ...form }, headers);
  }

  refresh(client, token, form = {}) {
    return this.token(client, { grant_type: 'refresh_token', refresh_token: token, ...form });
  }

  exchange(client, subject, form = {}) {
    return this.token(client, {
      grant_type: tokenExchange, subject_token: subject, subject_token_type: accessTokenType,
      resource: endpoint, ...form,
    });
  }

  async introspect(client, token, form = {}) {
    return (await this.post('/oauth/introspect', client, { token, ...form })).json;
  }

  revoke(client, token, form = {}) {
    return this.post('/oauth/revoke', client, { token, ...form });
  }

  // What openid-client calls a Configuration: this client at the authority, as it discovers it.
  openidClient({ id, secret }, proof = openid.ClientSecretBasic(secret)) {
    return openid.discovery(new URL(this.issuer), id, undefined, proof,
      { algorithm: 'oauth2', execute: [openid.allowInsecureRequests] });
  }

  // The claims of an access token, verified as RFC 9068 section 4 asks, by what the front publishes.
  async claims(token, audience = endpoint) {
    this.keys ??= jose.createRemoteJWKSet(new URL(`${this.issuer}/.well-known/jwks.json`));
    const { payload } = await jose.jwtVerify(token, this.keys,
      { issuer: this.issuer, audience, typ: 'at+jwt' });
    return payload;
  }

  // nginx with TLS before the front: see Nginx.
  async startNginx() {
    return this.ending(await Nginx.start(this));
  }

  // The gate of a user's container at https://mcp.USER.example.com/mcp before `upstream`, over TLS, in
  // mode platform. auth: more of that section.
  async startGate(upstream, auth = {}, user = 'ada') {
    const name = `mcp.${user}.example.com`;
    this.#shown[name] ??= this.authority.server(name, [`DNS:${name}`]);
    return this.ending(await Gate.start({
      config: {
        upstream: upstream.url, public_url: `https://${name}/mcp`,
        tls: { certificate: 'tls.pem', key: 'tls.key' },
        auth: {
          mode: 'platform', platform_jwks_url: `${this.issuer}/.well-known/jwks.json`, issuer: this.issuer,
          expected_user_id: user, scopes: ['mcp:tools'], ...auth,
        },
      },
      files: { 'tls.pem': this.#shown[name].cert, 'tls.key': this.#shown[name].key },
    }));
  }

  // What the gate's clients take for fetch; identity: the certificate that they show.
  fetchFrom(gate, identity) {
    return fetchAt(gate.port, { ca: this.authority.cert, ...identity?.tls });
  }

  // The last word of every file: what it used is in no log of a front, of the server or of a gate.
  async assertLogsHoldNoSecret(...gates) {
    const parts = new Set([...this.secrets].flatMap(tellingParts));
    const server = await this.base.serverLog();
    assert.ok(parts.size > 0 && server.includes(this.base.role), 'the server logs what the front does');
    assertHoldsNone("the server's log", server, parts);
    for (const each of [...this.#fronts, ...gates]) {
      assert.ok(each.events().length > 0); // and each line is JSON
      assertHoldsNone(each instanceof Gate ? "a gate's log" : "a front's log", each.log, parts);
    }
  }

  async close() {
    // What does not end must not keep the rest from ending: the file would never be over.
    let problem;
    for (const each of this.#ending.reverse()) {
      try {
        await each.stop();
      } catch (error) {
        problem ??= error;
      }
    }
    await this.base.close();
    if (problem) throw problem;
    rmSync(this.folder, { recursive: true, force: true });
  }
}

// The real nginx as a TLS proxy before the front, with the server block of docs/how-to/oauth.md: other
// addresses, and a certificate need not be shown, so that a test reaches the front without one. It
// listens on a Unix socket: see `fetch`.
class Nginx {
  static async start(world) {
    const nginx = new Nginx(world);
    await until('nginx listens', () => {
      assert.equal(nginx.process.exitCode, null, `nginx ended: ${nginx.log}`);
      return nginx.fetch()(`https://${authHost}/healthz`).then(() => true, () => false);
    });
    return nginx;
  }

  constructor({ folder, authority, front }) {
    this.authority = authority;
    const here = mkdtempSync(join(folder, 'nginx-'));
    const shown = authority.server(authHost, [`DNS:${authHost}`]);
    this.socketPath = join(here, 'socket');
    const server = documentedNginx({
      'listen 443 ssl': `listen unix:${this.socketPath} ssl`,
      'tls.pem': shown.certificateFile,
      'tls.key': shown.keyFile,
      'clients-ca.pem': authority.file,
      'ssl_verify_client on': 'ssl_verify_client optional',
      'http://127.0.0.1:8080': `http://127.0.0.1:${front.port}`,
    });
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
      .map((name) => `${name}_temp_path ${join(here, name)};`).join('\n');
    writeFileSync(join(here, 'nginx.conf'), `
      daemon off;
      ${process.getuid() === 0 ? `user ${userInfo().username};` : ''}
      worker_processes 1;
      pid ${join(here, 'pid')};
      error_log stderr warn;
      events {}
      http { access_log off; ${temporary} ${server} }`);
    this.log = '';
    this.process = spawn('nginx', ['-p', here, '-c', join(here, 'nginx.conf'), '-e', 'stderr'],
      { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` } });
    this.process.stderr.setEncoding('utf8').on('data', (text) => (this.log += text));
    this.exited = once(this.process, 'close');
  }

  // What a client takes for fetch that shows this certificate, or none.
  fetch(identity) {
    return fetchAt({ socketPath: this.socketPath }, { ca: this.authority.cert, ...identity?.tls });
  }

  async stop() {
    this.process.kill('SIGTERM');
    await this.exited;
  }
}

// The document's nginx block, with each of `changes` made: one that it no longer holds is an error.
function documentedNginx(changes) {
  const text = readFileSync(`${root}docs/how-to/oauth.md`, 'utf8');
  let block = /```nginx\n([^]*?)```/.exec(text)[1];
  for (const [from, to] of Object.entries(changes)) {
    assert.ok(block.includes(from), `the document's nginx has no ${from}`);
    block = block.replaceAll(from, to);
  }
  return block;
}

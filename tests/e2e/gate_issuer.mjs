// The platform as a test of the gate plays it from loopback: its keys, the JWTs that they sign, and
// its Token Status Lists (IETF oauth-status-list), signed with jose. It counts what it is asked, and
// answers as a test says.
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { deflateSync } from 'node:zlib';
import * as jose from 'jose';
import { ForgerKey } from './forger.mjs';

export const host = 'mcp.example.com';
export const endpoint = `https://${host}/mcp`;
export const seconds = () => Math.floor(Date.now() / 1000);

const loopback = '127.0.0.1';
const name = 'https://auth.example.com'; // iss: the gate knows where it is served from its JWKS's URL
const jwksPath = '/.well-known/jwks.json';

export class Issuer {
  // identity: of its TLS; without, it speaks http.
  static async start(identity) {
    const issuer = new Issuer(identity);
    await issuer.newKey();
    issuer.server.listen(0, loopback);
    await once(issuer.server, 'listening');
    issuer.url = `${identity ? 'https' : 'http'}://${loopback}:${issuer.server.address().port}`;
    return issuer;
  }

  name = name;
  published = []; // keys
  jwksFetches = 0;
  lists = new Map(); // by path
  strays = []; // paths that are none of its own
  #serial = 0;

  constructor(identity) {
    const serve = (request, response) => this.#answer(request, response);
    this.server = identity ? https.createServer(identity.tls, serve) : http.createServer(serve);
  }

  get jwksUrl() {
    return `${this.url}${jwksPath}`;
  }

  // Published, and the one that signs from now on.
  async newKey() {
    this.key = await ForgerKey.generate('EdDSA');
    this.published.push(this.key);
    return this.key;
  }

  // The list at /oauth/status/NAME; a new one has nothing revoked.
  list(listName = 'ada-laptop/1') {
    const path = `/oauth/status/${listName}`;
    if (!this.lists.has(path)) this.lists.set(path, new List(this, path));
    return this.lists.get(path);
  }

  claims(changes) {
    return {
      iss: this.name, sub: 'ada', user_id: 'ada', aud: endpoint, scope: 'mcp:tools',
      client_id: 'harness', iat: seconds(), exp: seconds() + 60, jti: `${++this.#serial}`, ...changes,
    };
  }

  // A JWT that is good but for `changes`; header and key for those that are not the usual ones.
  token(changes, { key = this.key, header } = {}) {
    return key.sign(this.claims(changes), { ...key.header, ...header });
  }

  // The same, as entry `idx` of the list.
  listed(list, idx, changes, options) {
    return this.token({ status: { status_list: { idx, uri: list.uri } }, ...changes }, options);
  }

  // A gate's configuration in mode platform that trusts it.
  config({ auth, ...rest } = {}) {
    return {
      public_url: endpoint, ...rest,
      auth: {
        mode: 'platform', platform_jwks_url: this.jwksUrl, issuer: this.name, expected_user_id: 'ada',
        scopes: ['mcp:tools'], ...auth,
      },
    };
  }

  async #answer(request, response) {
    const list = this.lists.get(request.url);
    if (list) {
      ++list.fetches;
      await (list.answer ?? List.good)(request, response, list);
    } else if (request.url === jwksPath) {
      ++this.jwksFetches;
      response.writeHead(200, { 'Content-Type': 'application/jwk-set+json' });
      response.end(JSON.stringify({ keys: this.published.map(({ jwk }) => jwk) }));
    } else {
      this.strays.push(request.url);
      response.writeHead(404).end();
    }
  }

  async close() {
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }
}

class List {
  static good = async (request, response, list) => list.send(response, await list.token());

  bits = Buffer.alloc(2 ** 17 / 8);
  claims = {}; // over the good ones
  header = {};
  fetches = 0;
  answer = undefined; // (request, response, list), in place of the good answer

  constructor(issuer, path) {
    Object.assign(this, { issuer, path, uri: `${issuer.name}${path}` });
  }

  revoke(idx) {
    this.bits[idx >> 3] |= 1 << (idx & 7);
  }

  revokeAll() {
    this.bits.fill(0xff);
  }

  token({ key = this.issuer.key, lst = deflateSync(this.bits).toString('base64url') } = {}) {
    return new jose.SignJWT({
      sub: this.uri, iat: seconds(), exp: seconds() + 60, ttl: 5, status_list: { bits: 1, lst }, ...this.claims,
    }).setProtectedHeader({ alg: key.alg, kid: key.kid, typ: 'statuslist+jwt', ...this.header })
      .sign(key.privateKey);
  }

  send(response, token) {
    response.writeHead(200, { 'Content-Type': 'application/statuslist+jwt', 'Cache-Control': 'max-age=5' });
    response.end(token);
  }
}

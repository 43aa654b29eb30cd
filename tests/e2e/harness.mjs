// A platform's harness as its developers would write it: for each call to a container it asks the
// front what to do (POST /v1/connect) and does exactly that. It sends the headers of the answer to
// the endpoint of the answer, asks again when refresh_at has come, shows its client certificate when
// that is asked for, and enforces the pin before a byte of HTTP leaves it.
import { once } from 'node:events';
import https from 'node:https';
import { Readable } from 'node:stream';
import tls from 'node:tls';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { pinOf } from './certificates.mjs';

// A hosted container's endpoint is SERVICE:PORT: where MCP is served there is the platform's choice.
const hostedPath = '/mcp';

export class PinMismatch extends Error {
  code = 'PIN_MISMATCH';
}

export class Harness {
  // front: its URL. token: the harness's own (och_…). trusted: PEM of the authorities of servers that
  // are not pinned. certificate: an Identity, for hosted containers. connectTo: what /etc/hosts is
  // to a name, by HOST:PORT, a port of this machine.
  constructor({ front, token, trusted, certificate, connectTo = {} }) {
    Object.assign(this, { front, token, trusted, certificate, connectTo });
  }

  // The front's answer about one container.
  async ask(containerId, scope) {
    const response = await fetch(`${this.front}/v1/connect`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${this.token}` },
      body: new URLSearchParams({ container_id: containerId, ...(scope && { scope }) }),
    });
    if (!response.ok) throw new Error(`POST /v1/connect: ${response.status} ${await response.text()}`);
    return response.json();
  }

  // A Link whose MCP client has been initialized.
  async open(containerId, { scope } = {}) {
    const link = await this.link(containerId, { scope });
    await link.initialize().catch(async (problem) => {
      await link.close();
      throw problem;
    });
    return link;
  }

  async link(containerId, { scope } = {}) {
    const link = new Link(this, containerId, scope);
    await link.renew();
    return link;
  }
}

// The way to one container. `answer` is what the front said last, `renewals` how often it was asked.
class Link {
  renewals = 0;
  #agent;
  #renewing;

  constructor(harness, containerId, scope) {
    Object.assign(this, { harness, containerId, scope });
  }

  get url() {
    const { type, mcp_endpoint: endpoint } = this.answer;
    return new URL(type === 'hosted' ? `https://${endpoint}${hostedPath}` : endpoint);
  }

  // One question at a time, however many calls wait for it.
  renew() {
    this.#renewing ??= this.#renew().finally(() => (this.#renewing = undefined));
    return this.#renewing;
  }

  async #renew() {
    this.answer = await this.harness.ask(this.containerId, this.scope);
    ++this.renewals;
    const { client_certificate: showsCertificate, public_key_fingerprint: pin } = this.answer.tls;
    if (showsCertificate && !this.harness.certificate) throw new Error('a client certificate is asked for');
    // Connections that were made under another pin are used no more.
    if (this.#agent?.pin === pin) return;
    this.#agent?.destroy();
    this.#agent = new ContainerAgent(this.harness, pin, showsCertificate);
  }

  async initialize() {
    this.client = new Client({ name: 'harness', version: '1.0.0' });
    this.transport = new StreamableHTTPClientTransport(this.url, { fetch: this.fetch });
    await this.client.connect(this.transport);
  }

  // What the MCP client takes for fetch.
  fetch = async (url, init = {}) => {
    if (Date.now() >= this.answer.refresh_at * 1000) await this.renew();
    try {
      return await this.#send(url, init);
    } catch (problem) {
      if (!(problem instanceof PinMismatch)) throw problem;
      // The owner may have changed key and pin since. Nothing has been sent: to try again is safe.
      const refused = this.answer.tls.public_key_fingerprint;
      await this.renew();
      if (this.answer.tls.public_key_fingerprint === refused) throw problem;
      return this.#send(url, init);
    }
  };

  #send(url, init) {
    const headers = { ...Object.fromEntries(new Headers(init.headers)), ...this.answer.headers };
    return fetchOver({ agent: this.#agent }, url, { ...init, headers });
  }

  async close() {
    await this.client?.close();
    this.#agent?.destroy();
  }
}

// fetch, with options of https.request, which the one of Node does not take.
export async function fetchOver(options, url, { method = 'GET', headers, body, signal } = {}) {
  const fields = Object.fromEntries(new Headers(headers));
  const request = https.request(url, { ...options, method, headers: fields, signal });
  request.on('error', () => {}); // told by once() before the answer, and by the answer's body after it
  request.end(body);
  const [incoming] = await once(request, 'response');
  const { statusCode: status, rawHeaders } = incoming;
  const pairs = rawHeaders.flatMap((name, i) => (i % 2 === 0 ? [[name, rawHeaders[i + 1]]] : []));
  const empty = [204, 205, 304].includes(status);
  if (empty) incoming.resume();
  return new Response(empty ? null : Readable.toWeb(incoming), { status, headers: pairs });
}

// Hands a connection over once the server is known to be the right one; until then HTTP has nothing
// to write to. With a pin the key alone decides, as it does for a server on a user's own machine
// that no authority knows; without one, name, authority and dates do.
class ContainerAgent extends https.Agent {
  constructor({ trusted, certificate, connectTo }, pin, showsCertificate) {
    super({ keepAlive: true, maxCachedSessions: 0 }); // each connection proves itself in full
    Object.assign(this, { pin, connectTo });
    this.tls = {
      ca: trusted, rejectUnauthorized: pin === null, minVersion: 'TLSv1.2',
      ...(showsCertificate && certificate.tls),
    };
  }

  createConnection({ host, port, servername }, handOver) {
    const mapped = this.connectTo[`${host}:${port}`];
    const address = mapped === undefined ? { host, port } : { host: '127.0.0.1', port: mapped };
    const socket = tls.connect({ ...this.tls, ...address, servername });
    socket.once('error', handOver);
    socket.once('secureConnect', () => {
      socket.off('error', handOver);
      const shown = this.pin === null ? null : pinOf(socket.getPeerX509Certificate());
      if (shown === this.pin) return handOver(null, socket);
      socket.destroy();
      handOver(new PinMismatch(`${servername} has the key ${shown}, and ${this.pin} is pinned`));
    });
  }
}

// MCP clients as they come, from nothing but the gate's URL and their client credentials: the gate's
// 401, its metadata (RFC 9728), the authority's (RFC 8414), the token endpoint, the tool of the real
// MCP server. The MCP authorization specification calls it the client credentials extension.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, afterEach, before, describe, test } from 'node:test';
import * as modern from '@modelcontextprotocol/client';
import * as extensions from '@modelcontextprotocol/sdk/client/auth-extensions.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import * as jose from 'jose';
import { Everything, relayTo } from './everything.mjs';
import { Upstream } from './gate_world.mjs';
import { ClientKey, OAuthWorld, endpoint, host, until } from './oauth_world.mjs';

const mcpRemote = fileURLToPath(new URL('../../node_modules/mcp-remote/dist/proxy.js', import.meta.url));
const identity = { name: 'openclaw-tests', version: '1' };
const signing = ['ES256', 'RS256']; // the SDKs' PrivateKeyJwtProvider knows no EdDSA
const metadataPath = '/.well-known/oauth-authorization-server';

let world;
let upstream; // relays to server-everything, and remembers what it was asked
let gate;
before(async () => {
  world = await OAuthWorld.open();
  const everything = world.ending(await Everything.start());
  upstream = await Upstream.start(relayTo(everything));
  world.ending({ stop: () => upstream.close() });
  gate = await world.startGate(upstream, { status_period: '2s' });
});
after(() => world.close());

const opened = [];
afterEach(async () => {
  for (const client of opened.splice(0)) await client.close();
});

// What a machine's name service and trusted authorities are to fetch.
const fetchHere = (url, init) => (new URL(url).hostname === host ? world.fetchFrom(gate) : fetch)(url, init);

const sdks = {
  '@modelcontextprotocol/sdk': {
    ...extensions, client: () => new Client(identity), Transport: StreamableHTTPClientTransport,
  },
  '@modelcontextprotocol/client': {
    ...modern, Transport: modern.StreamableHTTPClientTransport,
    client: () => new modern.Client(identity, { versionNegotiation: { mode: 'auto' } }),
  },
};

const echo = async (client, message) => {
  const { content } = await client.callTool({ name: 'echo', arguments: { message } });
  assert.deepEqual(content, [{ type: 'text', text: `Echo: ${message}` }]);
};

// The tokens that a provider or the wire had, for the last test of the file.
const remember = (provider) => world.secrets.add(provider.tokens().access_token);
const asked = (path) => world.relay.requests.filter(({ target }) => target === path).length;

for (const [name, { ClientCredentialsProvider, PrivateKeyJwtProvider, client: make, Transport }]
  of Object.entries(sdks)) {
  describe(name, () => {
    const providerOf = ({ id, secret }, options) => new ClientCredentialsProvider(
      { clientId: id, clientSecret: secret, expectedIssuer: world.issuer, ...options });
    const open = async (authProvider) => {
      const client = make();
      opened.push(client);
      await client.connect(new Transport(new URL(endpoint), { authProvider, fetch: fetchHere }));
      remember(authProvider);
      return client;
    };

    test('gets in by ClientCredentialsProvider and calls a tool', async () => {
      const registered = await world.client();
      const before = [asked(metadataPath), asked('/oauth/token')];
      const provider = providerOf(registered);
      await echo(await open(provider), 'hello');
      assert.deepEqual([asked(metadataPath) > before[0], asked('/oauth/token')], [true, before[1] + 1]);
      const claims = await world.claims(provider.tokens().access_token);
      assert.deepEqual([claims.aud, claims.user_id, claims.client_id], [endpoint, 'ada', registered.id]);
    });

    test('gets the scope that it asks for', async () => {
      const provider = providerOf(await world.client(), { scope: 'mcp:tools' });
      await echo(await open(provider), 'narrow');
      assert.equal((await world.claims(provider.tokens().access_token)).scope, 'mcp:tools');
    });

    for (const alg of signing) {
      test(`gets in by PrivateKeyJwtProvider with ${alg} and calls a tool`, async () => {
        const keys = await ClientKey.generate(alg);
        const { id } = await world.client({ keys });
        const provider = new PrivateKeyJwtProvider({
          clientId: id, privateKey: await jose.exportPKCS8(keys.privateKey), algorithm: alg,
          expectedIssuer: world.issuer,
        });
        await echo(await open(provider), alg);
        assert.equal((await world.claims(provider.tokens().access_token)).client_id, id);
      });
    }

    for (const [what, register] of [
      ['a wrong secret', async () => ({ ...(await world.client()), secret: 'x' })],
      ["another user's client", () => world.client({ user: 'bob' })],
    ]) {
      test(`is refused with ${what}, and the MCP server is not asked`, async () => {
        const authProvider = providerOf(await register());
        const { length } = upstream.requests;
        const client = make();
        opened.push(client);
        const transport = new Transport(new URL(endpoint), { authProvider, fetch: fetchHere });
        await assert.rejects(client.connect(transport));
        assert.equal(authProvider.tokens(), undefined);
        assert.equal(upstream.requests.length, length);
      });
    }

    test('gets a new token by itself when the gate refuses its old one', async () => {
      const provider = providerOf(await world.client());
      const client = await open(provider);
      const first = provider.tokens().access_token;
      await world.sql(`select openclaw.revoke_jwts_of('ada', 'ada-laptop')`);
      await until('the client has another token', async () => {
        await echo(client, 'still here');
        return provider.tokens().access_token !== first;
      });
      remember(provider);
      await echo(client, 'and here');
    });

    test('twenty clients at once each get in', async () => {
      const registered = await world.client();
      await Promise.all(Array.from({ length: 20 }, async (_, i) =>
        echo(await open(providerOf(registered)), `number ${i}`)));
    });
  });
}

describe('mcp-remote', () => {
  // An HTTP proxy as of a company's network, which knows the container's name (RFC 9110 section 9.3.6).
  let proxy;
  before(async () => {
    proxy = http.createServer((request, response) => response.writeHead(403).end());
    proxy.on('connect', ({ url }, client, head) => {
      if (url !== `${host}:443`) return client.end('HTTP/1.1 403 Forbidden\r\n\r\n');
      const server = net.connect(gate.port, '127.0.0.1', () => {
        client.write('HTTP/1.1 200 OK\r\n\r\n');
        server.write(head);
        server.pipe(client).pipe(server);
      });
      client.on('error', () => server.destroy());
      server.on('error', () => client.destroy());
    });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    world.ending({ stop: () => proxy.close() });
  });

  // A client on stdio whose server is mcp-remote; log: what that said.
  const open = async ({ id, secret }, ...options) => {
    const config = mkdtempSync(join(world.folder, 'mcp-remote-'));
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: [mcpRemote, endpoint, '--client-credentials', '--enable-proxy',
        '--static-oauth-client-info', JSON.stringify({ client_id: id, client_secret: '${CLIENT_SECRET}' }),
        ...options],
      env: {
        ...process.env, HOME: config, MCP_REMOTE_CONFIG_DIR: config, CLIENT_SECRET: secret,
        HTTPS_PROXY: `http://127.0.0.1:${proxy.address().port}`, NO_PROXY: '127.0.0.1',
        NODE_EXTRA_CA_CERTS: world.authority.file,
      },
      stderr: 'pipe',
    });
    let log = '';
    transport.stderr.on('data', (text) => (log += text));
    const client = new Client(identity);
    opened.push(client);
    await client.connect(transport).catch((problem) => assert.fail(`${problem.message}: ${log}`));
    return client;
  };

  const getsIn = async (...options) => {
    const client = await world.client();
    const before = asked('/oauth/token');
    const through = await open(client, ...options);
    assert.equal(through.getServerVersion().name, 'mcp-servers/everything');
    await echo(through, 'through mcp-remote');
    assert.equal(asked('/oauth/token'), before + 1);
  };

  test('gets in with client credentials over stdio and calls a tool', () => getsIn());

  const told = () => ['--token-endpoint', `${world.issuer}/oauth/token`, '--resource', endpoint];

  test('gets in with the token endpoint and the resource that it is told', () => getsIn(...told()));

  test('is refused with a wrong secret, and the MCP server is not asked', async () => {
    const { id } = await world.client();
    const { length } = upstream.requests;
    await assert.rejects(open({ id, secret: 'x' }, ...told()), /invalid_client|did not prove/);
    assert.equal(upstream.requests.length, length);
  });
});

test('the gate\'s challenge and metadata lead to the issuer, byte for byte', async () => {
  const challenged = await fetchHere(endpoint, { method: 'POST' });
  const [, metadataUrl] = /resource_metadata="([^"]+)"/.exec(challenged.headers.get('www-authenticate'));
  const metadata = await (await fetchHere(metadataUrl)).json();
  assert.deepEqual([challenged.status, metadata.resource, metadata.authorization_servers],
    [401, endpoint, [world.issuer]]);
  assert.deepEqual(metadata.bearer_methods_supported, ['header']);
});

test('no secret of this file is in a log', () => world.assertLogsHoldNoSecret(gate));

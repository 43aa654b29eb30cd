// The tour: each line of the page is printed once the real call behind it has had the one outcome
// that it may have. The first other outcome ends the tour with exit code 1.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import https from 'node:https';
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { ClientCredentialsProvider } from '@modelcontextprotocol/sdk/client/auth-extensions.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import * as jose from 'jose';
import pg from 'pg';
import { Authority } from '../tests/e2e/certificates.mjs';
import { Everything, everythingProgram, relayTo } from '../tests/e2e/everything.mjs';
import { Gate, Upstream, openclaw } from '../tests/e2e/gate_world.mjs';
import { Harness, fetchOver } from '../tests/e2e/harness.mjs';

const url = process.env.OPENCLAW_URL;
const laptopHost = 'mcp.ada.example.com';
const laptop = `https://${laptopHost}/mcp`;
const searchHost = 'mcp-search';
const search = `${searchHost}:3100`;
const spiffe = (namespace) => `URI:spiffe://openclaw.test/ns/${namespace}/sa/harness`;
const deadline = 15_000;

// --- The page ------------------------------------------------------------------------------------

const heading = (text) => console.log(`\n${text}`);

async function line(mark, label, prove) {
  try {
    console.log(`  ${mark} ${label.padEnd(13)}${await prove()}`);
  } catch (problem) {
    console.log(`  ! ${label.padEnd(13)}not as it must be: ${problem.message}`);
    console.error(`\nThe demo stopped at "${label}": ${problem.stack}`);
    process.exit(1);
  }
}
const done = (label, prove) => line('✓', label, prove);
const refused = (label, prove) => line('✗', label, prove);

// Enough of a token to know it by, not enough to use it.
const short = (token) => `${token.slice(0, 8)}…${token.slice(-4)}`;

async function until(what, ask) {
  const end = Date.now() + deadline;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    assert.ok(Date.now() < end, `${what}: not within ${deadline} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const versionOf = async (npmPackage) => JSON.parse(
  await readFile(new URL(`../node_modules/${npmPackage}/package.json`, import.meta.url), 'utf8')).version;

// --- What is started, and ends with the tour -----------------------------------------------------

const folder = mkdtempSync(join(tmpdir(), 'openclaw-demo-'));
const started = [];
process.on('exit', () => {
  for (const { process: child, folder: its } of started) {
    child.kill('SIGKILL');
    if (its) rmSync(its, { recursive: true, force: true });
  }
  rmSync(folder, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

async function start(what) {
  const running = await what;
  started.push(running);
  return running;
}
const startGate = (config, files) =>
  start(Gate.start({ config: { upstream: upstream.url, ...config }, files }));

// --- Postgres and the front ----------------------------------------------------------------------

async function connectAs(user) {
  const client = new pg.Client({ user });
  await client.connect();
  return async (text, values = []) => (await client.query(text, values)).rows[0];
}
const backend = await connectAs('backend'); // users, containers, tokens
const operator = await connectAs('operator'); // keys, plans, maintenance
const app = await connectAs('app'); // its own table, by its callers' tokens

async function http(method, path, { bearer, form } = {}) {
  const headers = bearer ? { Authorization: `Bearer ${bearer}` } : {};
  const body = form && new URLSearchParams(form);
  const response = await fetch(`${url}${path}`, { method, headers, body });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, json: text ? JSON.parse(text) : null };
}

const verifyToken = (token, scopes) => backend('select * from openclaw.verify_token($1, $2)', [token, scopes]);
const introspect = async (token) =>
  (await http('POST', '/oauth/introspect', { bearer: harnessToken, form: { token } })).json;
const proxied = (token, audience, scope = 'mcp:tools') =>
  http('GET', `/v1/verify?${new URLSearchParams({ audience, scope })}`, { bearer: token });

// --- Two more who judge a JWT: Postgres, and jose, which knows the front's public keys only --------

const accessToken = { typ: 'at+jwt', type: 'access_token' };
const userClaim = { typ: 'user-claim+jwt', type: 'user_claim' };
// The keys are kept for as long as the JWKS's Cache-Control says, which this demo has set to 1 s.
const jwksPath = '/.well-known/jwks.json';
const keys = jose.createRemoteJWKSet(new URL(url + jwksPath), { cacheMaxAge: 1000, cooldownDuration: 0 });
const byJose = (jwt, audience, { typ }) =>
  jose.jwtVerify(jwt, keys, { issuer: url, audience, typ, algorithms: ['EdDSA'] });
const byPostgres = (jwt, audience, { type }) => backend(
  `select * from openclaw.verify_jwt($1, $2, type => $3)`, [jwt, audience, type]);

// What jose says about a signature, a claim and an expiry.
const badSignature = { code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED' };
const badClaim = (claim) => ({ code: 'ERR_JWT_CLAIM_VALIDATION_FAILED', claim });
const pastExpiry = { code: 'ERR_JWT_EXPIRED' };

// The same JWT in somebody else's name, under the signature it had.
function tampered(jwt) {
  const [header, payload, signature] = jwt.split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url'));
  const changed = { ...claims, sub: 'user_eve', user_id: 'user_eve' };
  return [header, jose.base64url.encode(JSON.stringify(changed)), signature].join('.');
}

// --- Calls through a gate ------------------------------------------------------------------------

const initialize = JSON.stringify({
  jsonrpc: '2.0', id: 1, method: 'initialize',
  params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'demo', version: '1' } },
});

// One bare MCP request, with whatever it takes to be let in, or not.
const knock = (gate, { headers, ...options } = {}) => gate.post('/mcp', {
  ...options, body: initialize,
  headers: { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream', ...headers },
});

// What the gate answered, and the reason in its log.
async function turnedAway(gate, answer, status, reason) {
  assert.equal(answer.status, status, answer.body);
  assert.equal((await gate.requestEvent(answer)).reason, reason);
  return `${status}, ${reason}`;
}

// The gate, jose and Postgres, each for itself.
async function refusedByAll(gate, answer, jwt, audience, kind, joseSays, reason) {
  await turnedAway(gate, answer, 401, reason);
  const problem = await byJose(jwt, audience, kind).then(() => null, (error) => error);
  assert.equal(problem?.code, joseSays.code, 'jose');
  if (joseSays.claim) assert.equal(problem.claim, joseSays.claim, 'jose');
  const { valid, reason: postgresSays } = await byPostgres(jwt, audience, kind);
  assert.deepEqual([valid, postgresSays], [false, reason], 'Postgres');
  return `401, ${reason}; jose and Postgres refuse it too`;
}

// `issue` makes a JWT of one second. It is let in, and then it is not.
async function outlived(issue, call) {
  const jwt = await until('a JWT of one second is let in', async () => {
    const { token: fresh } = await issue();
    return (await call(fresh)).status === 200 && fresh;
  });
  const answer = await until('the JWT expires', async () => {
    const late = await call(jwt);
    return late.status !== 200 && late;
  });
  return { jwt, answer };
}

async function echo(client) {
  const { content } = await client.callTool({ name: 'echo', arguments: { message: 'hello' } });
  assert.equal(content[0].text, 'Echo: hello');
}

async function echoOver(transport) {
  const client = new Client({ name: 'demo', version: '1.0.0' });
  await client.connect(transport);
  await echo(client);
  await client.close();
}
const echoAt = (gate, headers = {}) => echoOver(new StreamableHTTPClientTransport(
  new URL(`http://127.0.0.1:${gate.port}/mcp`), { requestInit: { headers } }));

// --- The tour ------------------------------------------------------------------------------------

await until('the front knows its issuer', async () =>
  (await http('GET', '/.well-known/oauth-authorization-server')).json.issuer === url);
const { kid: firstKid } = await operator('select openclaw.rotate_signing_key() as kid');
const { version } = (await http('GET', '/readyz')).json;
const { server } = await backend(`select split_part(version(), ' ', 2) as server`);

const everything = await start(Everything.start());
const upstream = await Upstream.start(relayTo(everything)); // so that the page can show what it is asked
const authority = new Authority(folder, 'authority');
const others = new Authority(folder, 'others');
const laptopIdentity = authority.server('laptop', [`DNS:${laptopHost}`]);
const searchIdentity = authority.server('search', [`DNS:${searchHost}`]);
const harnessIdentity = authority.client('harness', [spiffe('platform')]);
const platformKeys = { platform_jwks_url: url + jwksPath };
const listener = { certificate: 'tls.pem', key: 'tls.key' };
const laptopGate = await startGate({
  public_url: laptop, tls: listener,
  auth: {
    mode: 'platform', ...platformKeys, expected_user_id: 'user_ada', scopes: ['mcp:tools'],
    status_period: '2s',
  },
}, { 'tls.pem': laptopIdentity.cert, 'tls.key': laptopIdentity.key });
const searchGate = await startGate({
  public_url: search, tls: listener,
  auth: {
    mode: 'mtls', ...platformKeys, client_ca: 'ca.pem', trust_domain: 'openclaw.test',
    platform_namespace: 'platform',
  },
}, { 'tls.pem': searchIdentity.cert, 'tls.key': searchIdentity.key, 'ca.pem': authority.cert });

console.log(`
OpenClaw ${version} in PostgreSQL ${server}, its HTTP front at ${url}, and its gates before
server-everything ${await versionOf('@modelcontextprotocol/server-everything')}, a real MCP server. \
The client is the MCP SDK ${await versionOf('@modelcontextprotocol/sdk')};
jose ${await versionOf('jose')} is an independent verifier that knows the front's public keys only.
  ✓ done or let in    ✗ refused, as it must be`);

heading('Users and containers, registered with SQL');
const register = (name, type, endpoint, pin) => backend(
  `select openclaw.register_container('user_ada', $1, $2, $3, public_key_fingerprint => $4,
                                      container_id => 'ctr_' || $1) as id`, [name, type, endpoint, pin]);
await done('user', async () => {
  const { id } = await backend(`select openclaw.create_user('ada@example.com', 'user_ada') as id`);
  assert.equal(id, 'user_ada');
  return 'user_ada, ada@example.com';
});
await done('hosted', async () => {
  assert.equal((await register('search', 'hosted', search)).id, 'ctr_search');
  return `ctr_search at ${search}, run by the platform`;
});
await done('external', async () => {
  const pin = execFileSync(openclaw, ['pin', `https://127.0.0.1:${laptopGate.port}`], { stdio: 'pipe' });
  assert.equal(pin.toString().trim(), laptopIdentity.pin);
  assert.equal((await register('laptop', 'external', laptop, laptopIdentity.pin)).id, 'ctr_laptop');
  return `ctr_laptop at ${laptop}, with the pin that \`openclaw pin\` gives`;
});
await refused('endpoint', async () => {
  const inside = 'https://169.254.169.254/mcp';
  const problem = await register('inside', 'external', inside).then(() => null, (error) => error);
  assert.equal(problem?.code, '22023');
  assert.match(problem.hint, /endpoint_internal_host/);
  return `${inside} could reach inside: endpoint_internal_host`;
});

heading('An opaque token: shown once, kept as a hash, judged by one look-up');
const issue = async (scopes, issuedFor) => (await backend(
  `select token from openclaw.issue_token('user_ada', $1, issued_for => $2)`, [scopes, issuedFor])).token;
const harnessToken = await issue(
  ['openclaw:introspect', 'openclaw:revoke', 'openclaw:connect', 'mcp:tools'], 'platform_harness');
const token = await issue(['mcp:tools'], 'user_direct');
await done('issued', async () => {
  assert.match(token, /^ocu_[0-9A-Za-z]{49}$/);
  return `${short(token)} for mcp:tools (to a program that acts for Ada)`;
});
await done('verified', async () => {
  const { valid, user_id } = await verifyToken(token, ['mcp:tools']);
  assert.deepEqual([valid, user_id], [true, 'user_ada']);
  const { active } = await introspect(token);
  assert.equal(active, true);
  return 'select openclaw.verify_token(…): valid, user_ada; POST /oauth/introspect: active';
});
await done('let in', async () => {
  const { status, headers } = await proxied(token, laptop);
  assert.deepEqual([status, headers.get('X-OpenClaw-User-Id')], [200, 'user_ada']);
  return 'GET /v1/verify: 200, X-OpenClaw-User-Id: user_ada';
});
await refused('scope', async () => {
  const { valid, reason } = await verifyToken(token, ['mcp:resources']);
  assert.deepEqual([valid, reason], [false, 'insufficient_scope']);
  assert.equal((await proxied(token, laptop, 'mcp:resources')).status, 403);
  return 'mcp:resources was not granted: insufficient_scope; GET /v1/verify: 403';
});
await refused('revoked', async () => {
  const { status } = await http('POST', '/oauth/revoke', { bearer: harnessToken, form: { token } });
  assert.equal(status, 200);
  const { valid, reason } = await verifyToken(token, ['mcp:tools']);
  assert.deepEqual([valid, reason], [false, 'revoked']);
  assert.deepEqual(await introspect(token), { active: false });
  assert.equal((await proxied(token, laptop)).status, 401);
  return 'after POST /oauth/revoke, at once: revoked; {"active":false}; GET /v1/verify: 401';
});

heading("Mode C: Ada's own MCP client calls the server on her machine");
const localGate = await startGate({ auth: { mode: 'local' } });
await done('local, stdio', async () => {
  const server = [process.execPath, everythingProgram, 'stdio'];
  const args = ['run', '--config', localGate.file('config.yaml'), '--', ...server];
  await echoOver(new StdioClientTransport({ command: openclaw, args, stderr: 'ignore' }));
  return '`openclaw run -- server-everything stdio`: the echo tool answers';
});
await done('local, HTTP', async () => {
  await echoAt(localGate);
  return 'on loopback nothing is asked for: the echo tool answers';
});
await refused('local, open', async () => {
  const config = { upstream: upstream.url, listen: '0.0.0.0:3100', auth: { mode: 'local' } };
  const open = Gate.launch({ config });
  started.push(open);
  assert.equal((await open.exited).code, 2);
  assert.match(open.log, /config\.yaml:\d+:\d+: /);
  return `listen: "0.0.0.0:3100" ends the start, ${open.log.match(/config\.yaml:[^(]*/)[0].trim()}`;
});
const keyGate = await startGate({ auth: { mode: 'token', scopes: ['mcp:tools'] } });
const onKeys = (command, ...options) => execFileSync(openclaw,
  ['token', command, ...options, '--config', keyGate.file('config.yaml'), '--json'], { stdio: 'pipe' });
const { key } = JSON.parse(onKeys('create', '--name', 'my-laptop', '--expires', '90d'));
await done('API key', async () => {
  await until('the gate has read the new key',
    async () => (await knock(keyGate, { bearer: key })).status === 200);
  await echoAt(keyGate, { Authorization: `Bearer ${key}` });
  assert.equal(upstream.last.headers.authorization, undefined);
  return `${short(key)} from \`openclaw token create\`, which the running gate has read: the echo tool answers`;
});
await refused('no key', async () =>
  `without one: ${await turnedAway(keyGate, await knock(keyGate), 401, 'no_credentials')}`);
await refused('revoked', async () => {
  onKeys('revoke', 'my-laptop');
  const answer = await until('the gate has read that the key is gone', async () => {
    const late = await knock(keyGate, { bearer: key });
    return late.status !== 200 && late;
  });
  const said = await turnedAway(keyGate, answer, 401, 'unknown');
  return `after \`openclaw token revoke\`, without a restart: ${said}`;
});

heading("Mode B: the platform's harness calls Ada's laptop over TLS with an access token (JWT)");
const harnessFor = (options) => new Harness({
  front: url, token: harnessToken, trusted: authority.cert, certificate: harnessIdentity,
  connectTo: { [`${laptopHost}:443`]: laptopGate.port, [search]: searchGate.port }, ...options,
});
const toLaptop = { host: laptopHost, tls: { servername: laptopHost, ca: authority.cert } };
const callLaptop = (bearer) => knock(laptopGate, { ...toLaptop, bearer });
const laptopLink = await harnessFor().open('ctr_laptop');
const jwt = laptopLink.answer.headers.Authorization.slice('Bearer '.length);
await done('fetched', async () => {
  const { mcp_endpoint, tls: { public_key_fingerprint: pin }, expires_at, refresh_at } = laptopLink.answer;
  assert.deepEqual([mcp_endpoint, pin, expires_at - refresh_at], [laptop, laptopIdentity.pin, 60]);
  assert.equal((await byJose(jwt, laptop, accessToken)).payload.user_id, 'user_ada');
  return `${short(jwt)} from POST /v1/connect, with endpoint, pin and time to refresh; jose verifies it`;
});
await done('called', async () => {
  await echo(laptopLink.client);
  const { headers } = upstream.last;
  assert.deepEqual([headers['x-openclaw-user-id'], headers.authorization], ['user_ada', undefined]);
  return 'the echo tool answers; it is told X-OpenClaw-User-Id: user_ada, and not the token';
});
await done('streamed', async () => {
  const times = [];
  await laptopLink.client.callTool(
    { name: 'trigger-long-running-operation', arguments: { duration: 1, steps: 4 } }, undefined,
    { onprogress: () => times.push(Date.now()) });
  assert.equal(times.length, 4);
  assert.ok(times[3] - times[0] > 250);
  return `four progress notifications, each as it happens, ${times[3] - times[0]} ms from first to last`;
});
await refused('tampered', async () => {
  const forged = tampered(jwt);
  return `with another user in it: ${await refusedByAll(
    laptopGate, await callLaptop(forged), forged, laptop, accessToken, badSignature, 'invalid_signature')}`;
});
await refused('elsewhere', async () => {
  await register('desk', 'external', 'https://desk.ada.example.com/mcp');
  const { token: other } = await backend(
    `select token from openclaw.issue_access_token('ctr_desk', '{mcp:tools}')`);
  return `Ada's token for another container: ${await refusedByAll(
    laptopGate, await callLaptop(other), other, laptop, accessToken, badClaim('aud'), 'wrong_audience')}`;
});
await refused('expired', async () => {
  const { jwt: old, answer } = await outlived(() => backend(
    `select token from openclaw.issue_access_token('ctr_laptop', '{mcp:tools}', '1 second')`), callLaptop);
  return `one of a second, a second later: ${await refusedByAll(
    laptopGate, answer, old, laptop, accessToken, pastExpiry, 'expired')}`;
});
await refused('scope', async () => {
  const { token: narrow } = await backend(
    `select token from openclaw.issue_access_token('ctr_laptop', '{data:read}')`);
  const answer = await callLaptop(narrow);
  assert.match(answer.headers['www-authenticate'], /scope="mcp:tools"/);
  const said = await turnedAway(laptopGate, answer, 403, 'insufficient_scope');
  return `without mcp:tools: ${said}, and the challenge names it`;
});
await refused('in between', async () => {
  // The right name, an authority that the harness trusts, and another key.
  let seen = '';
  const middle = tls.createServer(authority.server('middle', [`DNS:${laptopHost}`]).tls, (socket) =>
    socket.on('error', () => {}).on('data', (data) => (seen += data)));
  middle.listen(0, '127.0.0.1');
  await once(middle, 'listening');
  const connectTo = { [`${laptopHost}:443`]: middle.address().port };
  const problem = await harnessFor({ connectTo }).open('ctr_laptop').then(() => null, (error) => error);
  middle.close();
  assert.deepEqual([problem?.code, seen], ['PIN_MISMATCH', '']);
  return 'a server with another key and a trusted certificate: the pin differs, the harness sends nothing';
});
await laptopLink.close();

heading('Mode A: the harness calls the hosted container, with its certificate and a user claim');
const tlsOf = (identity) => ({ servername: searchHost, ca: authority.cert, ...identity?.tls });
const callSearch = (identity, presented) => knock(searchGate, {
  host: search, tls: tlsOf(identity), headers: presented ? { 'X-OpenClaw-User-Claim': presented } : {},
});
const searchLink = await harnessFor().open('ctr_search');
const claim = searchLink.answer.headers['X-OpenClaw-User-Claim'];
await done('fetched', async () => {
  assert.deepEqual([searchLink.answer.mcp_endpoint, searchLink.answer.tls.client_certificate], [search, true]);
  assert.equal((await byJose(claim, search, userClaim)).payload.user_id, 'user_ada');
  return `${short(claim)} from POST /v1/connect, which asks for mutual TLS; jose verifies it`;
});
await done('called', async () => {
  await echo(searchLink.client);
  const { headers } = upstream.last;
  assert.deepEqual([headers['x-openclaw-user-id'], headers['x-openclaw-user-claim']], ['user_ada', undefined]);
  return 'the echo tool answers; it is told X-OpenClaw-User-Id: user_ada, and not the claim';
});
await searchLink.close();

// A connection that TLS itself refuses: nothing is answered.
async function refusedByTls(identity, alert) {
  const { length } = upstream.requests;
  const socket = tls.connect({ host: '127.0.0.1', port: searchGate.port, ...tlsOf(identity) });
  const [problem] = await once(socket, 'error');
  assert.match(problem.code, alert);
  await assert.rejects(callSearch(identity, claim));
  assert.equal(upstream.requests.length, length);
  return `TLS fails: ${problem.code.replace(/^.*ALERT_/, '').replaceAll('_', ' ').toLowerCase()}`;
}
await refused('claim alone', async () =>
  `without a certificate ${await refusedByTls(undefined, /CERTIFICATE_REQUIRED/)}`);
await refused('certificate', async () =>
  `without a claim: ${await turnedAway(searchGate, await callSearch(harnessIdentity), 401, 'no_credentials')}`);
await refused('other CA', async () => `with a certificate of another authority ${await refusedByTls(
  others.client('stranger', [spiffe('platform')]), /UNKNOWN_CA|DECRYPT_ERROR|BAD_CERTIFICATE/)}`);
await refused('namespace', async () => {
  const tenant = authority.client('tenant', [spiffe('tenants')]);
  return `with a certificate of …/ns/tenants/…: ${await turnedAway(
    searchGate, await callSearch(tenant, claim), 401, 'no_client_certificate')}`;
});
await refused('as a claim', async () => `the access token of mode B: ${await refusedByAll(
  searchGate, await callSearch(harnessIdentity, jwt), jwt, search, userClaim, badClaim('typ'), 'wrong_type')}`);
await refused('expired', async () => {
  const { jwt: old, answer } = await outlived(() => backend(
    `select token from openclaw.issue_user_claim('user_ada', 'ctr_search', lifetime => '1 second')`),
  (fresh) => callSearch(harnessIdentity, fresh));
  return `a claim of a second, a second later: ${await refusedByAll(
    searchGate, answer, old, search, userClaim, pastExpiry, 'expired')}`;
});

heading('OAuth: an unmodified MCP client, from the URL of the gate and client credentials alone');
const { id: clientId, client_secret: clientSecret } = await backend(
  `select * from openclaw.register_client('nightly agent', user_id => 'user_ada', scopes => '{mcp:tools}')`);
// What name service and trusted authorities are to fetch; each request is written down.
const asked = [];
const laptopAgent = new https.Agent({ ca: authority.cert });
const fetchHere = (to, init = {}) => {
  const target = new URL(to);
  asked.push(`${target.hostname === laptopHost ? 'gate' : 'front'} ${target.pathname}`);
  if (target.hostname !== laptopHost) return fetch(target, init);
  const options = { agent: laptopAgent, hostname: '127.0.0.1', port: laptopGate.port, servername: laptopHost };
  return fetchOver(options, target, { ...init, headers: { ...Object.fromEntries(new Headers(init.headers)), Host: laptopHost } });
};
const provider = new ClientCredentialsProvider({ clientId, clientSecret, expectedIssuer: url });
const agent = new Client({ name: 'nightly-agent', version: '1.0.0' });
await done('registered', () => `${clientId} of user_ada, with ${short(clientSecret)}, shown once`);
await done('called', async () => {
  await agent.connect(new StreamableHTTPClientTransport(new URL(laptop), { authProvider: provider, fetch: fetchHere }));
  await echo(agent);
  const steps = ['gate /mcp', 'gate /.well-known/oauth-protected-resource/mcp',
    'front /.well-known/oauth-authorization-server', 'front /oauth/token', 'gate /mcp'];
  assert.deepEqual(asked.slice(0, steps.length), steps);
  return '401, the gate\'s metadata, the front\'s, POST /oauth/token, and the echo tool answers';
});
const agentJwt = provider.tokens().access_token;
await done('token', async () => {
  const { payload } = await byJose(agentJwt, laptop, accessToken);
  assert.deepEqual([payload.user_id, payload.client_id, payload.scope], ['user_ada', clientId, 'mcp:tools']);
  return `${short(agentJwt)} for ${laptop} alone, user_ada, ${clientId}; jose verifies it`;
});
await done('revoked', async () => {
  const form = { token: agentJwt, client_id: clientId, client_secret: clientSecret };
  assert.equal((await http('POST', '/oauth/revoke', { form })).status, 200);
  assert.equal((await byPostgres(agentJwt, laptop, accessToken)).reason, 'revoked');
  return 'POST /oauth/revoke: Postgres refuses it at once';
});
await refused('at the gate', async () => {
  const late = await until('the gate reads the status list', async () => {
    const answer = await callLaptop(agentJwt);
    return answer.status !== 200 && answer;
  });
  return `within its status_period of 2 s, with no look-up a request: ${await turnedAway(laptopGate, late, 401, 'revoked')}`;
});
await done('goes on', async () => {
  await echo(agent);
  assert.notEqual(provider.tokens().access_token, agentJwt);
  return 'the client meets the 401, gets another token by itself, and the echo tool answers';
});
await agent.close();

heading('The platform\'s ground: people, plans, rows by token, and what happened');
await done('sign-in', async () => {
  const password = 'correct horse battery';
  await backend('select openclaw.create_user($1, $2, password => $3)', ['bob@example.com', 'user_bob', password]);
  const { valid, user_id } = await backend('select * from openclaw.check_password($1, $2)', ['Bob@Example.com', password]);
  assert.deepEqual([valid, user_id], [true, 'user_bob']);
  return 'Bob\'s password fits its Argon2id hash, his e-mail in any case';
});
await refused('guessed', async () => {
  const guess = (email) => backend('select * from openclaw.check_password($1, $2)', [email, 'a guess at it']);
  const answers = [await guess('bob@example.com'), await guess('nobody@example.com')];
  assert.equal(answers[0].reason, 'wrong_credentials');
  assert.deepEqual(answers[0], answers[1]);
  return 'a wrong password and an unknown e-mail answer alike: wrong_credentials';
});
const issueForBob = () => backend(`select * from openclaw.issue_token('user_bob', '{mcp:tools}')`);
const bobs = await issueForBob();
await refused('plan', async () => {
  await operator(`select openclaw.define_plan('trial', max_live_tokens => 1)`);
  await backend(`select openclaw.change_plan('user_bob', 'trial')`);
  const problem = await issueForBob().then(() => null, (error) => error);
  assert.deepEqual([problem?.code, problem?.detail], ['53400', 'reason: plan_tokens']);
  return `Bob's second token: ${problem.message}`;
});
const seen = async () => (await app(`select string_agg(text, ', ') as notes, count(*)::int as n from notes`));
await done('his rows', async () => {
  assert.equal((await seen()).n, 0); // no token, no row
  await app('begin');
  await app('select openclaw.begin_session($1)', [bobs.token]);
  const { notes } = await seen();
  assert.equal(notes, 'buy milk');
  return `begin_session(${short(bobs.token)}): of the application's table, "${notes}" alone`;
});
await refused('none left', async () => {
  await backend('select openclaw.revoke_token($1)', [bobs.token]);
  assert.equal((await seen()).n, 0);
  await app('commit');
  return 'revoked in another session: the next statement of the same transaction sees no row';
});
await done('sealed', async () => {
  await until('the audit log is sealed', async () => {
    await operator('select count(*) from openclaw.maintain()');
    return (await operator(`select value = '0' as all from openclaw.stats where name = 'audit rows not sealed'`)).all;
  });
  assert.equal((await operator('select count(*)::int as problems from openclaw.audit_verify()')).problems, 0);
  const { block } = await operator('select * from openclaw.audit_head()');
  return `the audit log's rows are in ${block} blocks, chained by SHA-256; audit_verify() finds nothing`;
});
await refused('edited', async () => {
  const superuser = await connectAs('postgres');
  await superuser(`set session_replication_role = replica`);
  await superuser(`update openclaw.audit_log set user_id = 'user_eve' where action = 'revoke_token' and user_id = 'user_bob'`);
  const { problem, detail } = await operator('select * from openclaw.audit_verify()');
  assert.equal(problem, 'row_edited');
  return `a superuser past every trigger: ${problem}, "${detail}"`;
});

heading('Key rotation: the successor is published before it signs, the predecessor stays');
const issueJwt = () => backend(
  `select token, kid from openclaw.issue_access_token('ctr_laptop', '{mcp:tools}')`);
const { kid: secondKid } = await operator('select openclaw.rotate_signing_key() as kid');
await done('rotated', async () => {
  assert.notEqual(secondKid, firstKid);
  const kids = (await http('GET', jwksPath)).json.keys.map(({ kid }) => kid);
  assert.ok(kids.includes(firstKid) && kids.includes(secondKid));
  return `${short(secondKid)} follows ${short(firstKid)}; both are in the JWKS`;
});
await done('both good', async () => {
  const later = await until('the successor signs', async () => {
    const issued = await issueJwt();
    return issued.kid === secondKid && issued;
  });
  for (const [of, kid] of [[jwt, firstKid], [later.token, secondKid]]) {
    const { protectedHeader } = await byJose(of, laptop, accessToken);
    assert.equal(protectedHeader.kid, kid);
    assert.equal((await byPostgres(of, laptop, accessToken)).valid, true);
    await until('the gate lets it in', async () => (await callLaptop(of)).status === 200);
  }
  return 'a JWT of before and one that the new key signed: jose, Postgres, and the gate, which fetched the key';
});

console.log(`
Every line above was a real call, and was checked. To look further: README.md has a SQL session to
paste into the psql that tools/private-postgres -- psql opens, docs/architecture.md shows the house,
docs/how-to/container-owner.md puts a gate before your own MCP server.`);
process.exit(0);

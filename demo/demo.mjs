// The tour: each line of the page is printed once the real call behind it has had the one outcome
// that it may have. The first other outcome ends the tour with exit code 1.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import * as jose from 'jose';
import pg from 'pg';

const url = process.env.OPENCLAW_URL;
const laptop = 'https://mcp.ada.example.com/mcp';
const search = 'mcp-search:3100';
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

// --- Postgres, the front, and a verifier that knows neither --------------------------------------

async function connectAs(user) {
  const client = new pg.Client({ user });
  await client.connect();
  return async (text, values = []) => (await client.query(text, values)).rows[0];
}
const backend = await connectAs('backend'); // users, containers, tokens
const operator = await connectAs('operator'); // keys

async function http(method, path, { bearer, form } = {}) {
  const headers = bearer ? { Authorization: `Bearer ${bearer}` } : {};
  const body = form && new URLSearchParams(form);
  const response = await fetch(`${url}${path}`, { method, headers, body });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, json: text ? JSON.parse(text) : null };
}

const verifyToken = (token, scopes) => backend('select * from openclaw.verify_token($1, $2)', [token, scopes]);
const introspect = async (token) =>
  (await http('POST', '/oauth/introspect', { bearer: harness, form: { token } })).json;
const proxied = (token, audience, scope = 'mcp:tools') =>
  http('GET', `/v1/verify?${new URLSearchParams({ audience, scope })}`, { bearer: token });
const connect = async (container_id) => {
  const answer = await http('POST', '/v1/connect', { bearer: harness, form: { container_id } });
  assert.equal(answer.status, 200, answer.text);
  return answer.json;
};

// The two kinds of JWT, as who receives one checks it: with jose and the front's JWKS alone, and
// with Postgres.
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

async function refusedByBoth(jwt, audience, kind, joseSays, postgresSays) {
  const problem = await byJose(jwt, audience, kind).then(() => null, (error) => error);
  assert.equal(problem?.code, joseSays.code, 'jose');
  if (joseSays.claim) assert.equal(problem.claim, joseSays.claim, 'jose');
  const { valid, reason } = await byPostgres(jwt, audience, kind);
  assert.deepEqual([valid, reason], [false, postgresSays], 'Postgres');
  return `jose and Postgres refuse it: ${reason}`;
}

// The same JWT in somebody else's name, under the signature it had.
function tampered(jwt) {
  const [header, payload, signature] = jwt.split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url'));
  const changed = { ...claims, sub: 'user_eve', user_id: 'user_eve' };
  return [header, jose.base64url.encode(JSON.stringify(changed)), signature].join('.');
}

// `issue` makes a JWT of one second, of which less is left when it is asked about.
async function expired(issue, audience, kind) {
  const good = async (jwt) => (await byPostgres(jwt, audience, kind)).valid;
  const jwt = await until('a JWT of one second is good', async () => {
    const { token } = await issue();
    return (await good(token)) && token;
  });
  await until('the JWT expires', async () => !(await good(jwt)));
  return refusedByBoth(jwt, audience, kind, pastExpiry, 'expired');
}

// --- The tour ------------------------------------------------------------------------------------

await until('the front knows its issuer', async () =>
  (await http('GET', '/.well-known/oauth-authorization-server')).json.issuer === url);
const { kid: firstKid } = await operator('select openclaw.rotate_signing_key() as kid');
const { version } = (await http('GET', '/readyz')).json;
const { server } = await backend(`select split_part(version(), ' ', 2) as server`);
const manifest = new URL('../node_modules/jose/package.json', import.meta.url);
const joseVersion = JSON.parse(await readFile(manifest, 'utf8')).version;

console.log(`
OpenClaw ${version} in PostgreSQL ${server}, its HTTP front at ${url},
and jose ${joseVersion} as an independent verifier that knows the front's public keys only.
  ✓ done or accepted    ✗ refused, as it must be`);

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
  const pin = `sha256/${Buffer.alloc(32, 7).toString('base64')}`;
  assert.equal((await register('laptop', 'external', laptop, pin)).id, 'ctr_laptop');
  return `ctr_laptop at ${laptop}, on Ada's own machine`;
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
const harness = await issue(
  ['openclaw:introspect', 'openclaw:revoke', 'openclaw:connect', 'mcp:tools'], 'platform_harness');
const token = await issue(['mcp:tools'], 'user_direct');
await done('issued', async () => {
  assert.match(token, /^ocu_[0-9A-Za-z]{49}$/);
  return `${short(token)} for mcp:tools (to a program that acts for Ada)`;
});
await done('verified', async () => {
  const { valid, user_id } = await verifyToken(token, ['mcp:tools']);
  assert.deepEqual([valid, user_id], [true, 'user_ada']);
  return 'select openclaw.verify_token(…): valid, user_ada';
});
await done('introspected', async () => {
  const { active, user_id } = await introspect(token);
  assert.deepEqual([active, user_id], [true, 'user_ada']);
  return 'POST /oauth/introspect: active, user_ada';
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
await refused('no token', async () => {
  const { status, headers } = await proxied(undefined, laptop);
  assert.deepEqual([status, headers.get('WWW-Authenticate')], [401, 'Bearer']);
  return 'GET /v1/verify without one: 401';
});
await done('revoked', async () => {
  const { status } = await http('POST', '/oauth/revoke', { bearer: harness, form: { token } });
  assert.equal(status, 200);
  return 'POST /oauth/revoke: 200';
});
await refused('afterwards', async () => {
  const { valid, reason } = await verifyToken(token, ['mcp:tools']);
  assert.deepEqual([valid, reason], [false, 'revoked']);
  assert.deepEqual(await introspect(token), { active: false });
  assert.equal((await proxied(token, laptop)).status, 401);
  return 'revoked, at once; {"active":false}; GET /v1/verify: 401';
});

heading("Mode B: the platform's harness calls Ada's laptop with an access token (JWT)");
const jwt = await connect('ctr_laptop').then(({ headers }) => headers.Authorization.slice(7));
await done('fetched', async () => {
  const { mcp_endpoint, tls, expires_at, refresh_at } = await connect('ctr_laptop');
  assert.equal(mcp_endpoint, laptop);
  assert.match(tls.public_key_fingerprint, /^sha256\//);
  assert.equal(expires_at - refresh_at, 60);
  return `${short(jwt)} from POST /v1/connect, with endpoint, pin and time to refresh`;
});
await done('verified', async () => {
  const { payload } = await byJose(jwt, laptop, accessToken);
  assert.equal(payload.user_id, 'user_ada');
  assert.equal((await byPostgres(jwt, laptop, accessToken)).valid, true);
  return 'jose: signature by JWKS, issuer, audience, typ at+jwt; Postgres too';
});
await refused('tampered', async () => `with another user in it, ${await refusedByBoth(
  tampered(jwt), laptop, accessToken, badSignature, 'invalid_signature')}`);
await refused('elsewhere', async () => `at another container, ${await refusedByBoth(
  jwt, 'https://mcp.eve.example.com/mcp', accessToken, badClaim('aud'), 'wrong_audience')}`);
await refused('expired', async () => `one of a second, a second later: ${await expired(() => backend(
  `select token from openclaw.issue_access_token('ctr_laptop', '{mcp:tools}', '1 second')`),
laptop, accessToken)}`);

heading('Mode A: the harness calls the hosted container, with a user claim beside its certificate');
const claim = await connect('ctr_search').then(({ headers }) => headers['X-OpenClaw-User-Claim']);
await done('fetched', async () => {
  const { mcp_endpoint, tls } = await connect('ctr_search');
  assert.deepEqual([mcp_endpoint, tls.client_certificate], [search, true]);
  return `${short(claim)} from POST /v1/connect, which asks for mutual TLS`;
});
await done('verified', async () => {
  const { payload } = await byJose(claim, search, userClaim);
  assert.equal(payload.user_id, 'user_ada');
  assert.equal((await byPostgres(claim, search, userClaim)).valid, true);
  return 'jose: signature by JWKS, issuer, audience, typ user-claim+jwt; Postgres too';
});
await refused('tampered', async () => `with another user in it, ${await refusedByBoth(
  tampered(claim), search, userClaim, badSignature, 'invalid_signature')}`);
await refused('elsewhere', async () => `at another container, ${await refusedByBoth(
  claim, 'mcp-mail:3100', userClaim, badClaim('aud'), 'wrong_audience')}`);
await refused('as a token', async () => `as an access token, ${await refusedByBoth(
  claim, search, accessToken, badClaim('typ'), 'wrong_type')}`);
await refused('expired', async () => `one of a second, a second later: ${await expired(() => backend(
  `select token from openclaw.issue_user_claim('user_ada', 'ctr_search', lifetime => '1 second')`),
search, userClaim)}`);

heading('Key rotation: the successor is published before it signs, the predecessor stays');
const issueJwt = () => backend(
  `select token, kid from openclaw.issue_access_token('ctr_laptop', '{mcp:tools}')`);
const { kid: secondKid } = await operator('select openclaw.rotate_signing_key() as kid');
await done('rotated', async () => {
  assert.notEqual(secondKid, firstKid);
  return `${short(secondKid)} follows ${short(firstKid)} once every verifier can know it`;
});
await done('published', async () => {
  const kids = (await http('GET', jwksPath)).json.keys.map(({ kid }) => kid);
  assert.deepEqual(kids.sort(), [firstKid, secondKid].sort());
  return 'both keys are in the JWKS';
});
const later = await until('the successor signs', async () => {
  const issued = await issueJwt();
  return issued.kid === secondKid && issued;
});
await done('both good', async () => {
  for (const [of, kid] of [[jwt, firstKid], [later.token, secondKid]]) {
    const { protectedHeader } = await byJose(of, laptop, accessToken);
    assert.equal(protectedHeader.kid, kid);
    assert.equal((await byPostgres(of, laptop, accessToken)).valid, true);
  }
  return 'jose and Postgres verify the JWT of before and one that the new key signed';
});

console.log(`
Every line above was a real call, and was checked. To look further: README.md has a SQL session to
paste into the psql that tools/private-postgres -- psql opens, docs/architecture.md shows the house.`);
process.exit(0);

// Every figure of `make bench`, one entry each:
//
//   name, unit        as they stand in the table and in bench.json
//   better, target    'higher' or 'lower', and the ratio ours : against to reach; null: no target
//   ours, against     a function of the world (world.mjs) that takes one run, or a number: a limit
//   runs              how many of each, in turn (default: measure.mjs)
//   peer              what `against` is
//
// docs/performance.md says how each comes about.

// What a row of openclaw.api_tokens gives a caller who decides by himself.
const COLUMNS = 'id, user_id, container_id, scopes, issued_for, expires_at, revoked_at';

const TOKENS = 'select token from bench.tokens order by n';
const HASHES = 'select token_hash from bench.tokens order by n';
const in32s = (column) => `select array_agg(${column} order by n) from bench.tokens
  where n <= 20000 / 32 * 32 group by (n - 1) / 32 order by (n - 1) / 32`;

const arrayOf = (column, table = 'bench.tokens') => `select array_agg(${column} order by n) from ${table}`;
const arrayOf32s = (column) => `select array_agg(chunk) from (${in32s(column)}) as t(chunk)`;

const TOKEN_LOOP = { items: arrayOf('token'), type: 'text', turns: 100_000 };
// Few, so that the array itself does not count as memory.
const SHORT_TOKEN_LOOP = { items: `${arrayOf('token')} where n <= 1000`, type: 'text' };
const JWT_LOOP = { items: arrayOf('token', 'bench.jwts'), type: 'text', turns: 10_000 };
const SIGNING_LOOP = { items: `select array_agg('user_0'::text) from generate_series(1, 1000)`, type: 'text' };

const SIGN_JWT = `result := openclaw.sign_jwt('access_token', 'EdDSA', item, 'https://mcp.example.com/mcp',
  '{mcp:tools,data:read}', null, 'ctr_bench', 300)`;
// One token for each of 2,000 users, who have a hundred each.
const ISSUING_LOOP = { items: `select array_agg('user_' || n) from generate_series(0, 1999) as n`, type: 'text',
  turns: 2000 };
const SIGN_IN_LOOP = { items: `select '{ada@example.com}'::text[]`, type: 'text', turns: 5 };
const VERIFY_TOKEN = 'select * into result from openclaw.verify_token(item)';

export const rows = [
  {
    name: 'verify_token, 4 connections',
    peer: 'a bare prepared look-up by the hash',
    unit: 'tokens/s', better: 'higher', target: 0.9, runs: 11,
    ours: (world) => world.load({ parameters: TOKENS, statement: 'select * from openclaw.verify_token($1)' }),
    against: (world) => world.load({ parameters: HASHES,
      statement: `select ${COLUMNS} from openclaw.api_tokens where token_hash = $1` }),
  },
  {
    name: 'verify_token, in one backend',
    peer: 'select ... where token_hash = sha256(...) in plain SQL',
    unit: 'µs', better: 'lower', target: 1.4,
    ours: (world) => world.loop({ ...TOKEN_LOOP, body: VERIFY_TOKEN }),
    against: (world) => world.loop({ ...TOKEN_LOOP,
      body: `select ${COLUMNS} into result from openclaw.api_tokens where token_hash = sha256(item::bytea)` }),
  },
  {
    name: 'verify_tokens, 32 a call, 4 connections',
    peer: 'a bare prepared token_hash = any($1)',
    unit: 'tokens/s', better: 'higher', target: 0.8, runs: 11,
    ours: async (world) => 32 * await world.load({ parameters: in32s('token'), rows: 32,
      statement: 'select * from openclaw.verify_tokens($1)' }),
    against: async (world) => 32 * await world.load({ parameters: in32s('token_hash'), rows: 32,
      statement: `select ${COLUMNS} from openclaw.api_tokens where token_hash = any ($1)` }),
  },
  {
    name: 'verify_tokens, 32 a call, in one backend',
    peer: 'token_hash = any(...) in plain SQL',
    unit: 'tokens/s', better: 'higher', target: 0.8,
    ours: async (world) => 32e6 / await world.loop({ items: arrayOf32s('token'), type: 'text[]', slice: true,
      turns: 3000, body: 'perform * from openclaw.verify_tokens(item)' }),
    against: async (world) => 32e6 / await world.loop({ items: arrayOf32s('token_hash'), type: 'bytea[]',
      slice: true, turns: 3000,
      body: `perform ${COLUMNS} from openclaw.api_tokens where token_hash = any (item)` }),
  },
  {
    name: 'front: /oauth/introspect, 64 connections',
    peer: 'the same front with one query a request',
    unit: 'requests/s', better: 'higher', target: 2,
    ours: async (world) => world.introspections(await world.front('--max-batch', '128')),
    against: async (world) => world.introspections(await world.front('--max-batch', '1')),
  },
  {
    name: 'sign_jwt, EdDSA, claims in, JWT out',
    peer: 'the bare libsodium signature of as many bytes',
    unit: 'µs', better: 'lower', target: 1.35,
    ours: (world) => world.loop({ ...SIGNING_LOOP, body: SIGN_JWT }),
    against: (world) => world.ed25519('sign'),
  },
  {
    name: 'issue_access_token, whole',
    peer: 'the bare libsodium signature of as many bytes',
    unit: 'µs', better: 'lower', target: null,
    ours: (world) => world.loop({ ...SIGNING_LOOP, turns: 10_000,
      body: `result := openclaw.issue_access_token('ctr_bench', '{mcp:tools,data:read}', user_id => item)` }),
    against: (world) => world.ed25519('sign'),
  },
  {
    name: 'verify_jwt, EdDSA',
    peer: 'the bare libsodium verification of as many bytes',
    unit: 'µs', better: 'lower', target: null,
    ours: (world) => world.loop({ ...JWT_LOOP,
      body: `select * into result from openclaw.verify_jwt(item, 'https://mcp.example.com/mcp', '{mcp:tools}')` }),
    against: (world) => world.ed25519('verify', 10_000),
  },
  {
    name: 'introspect of a JWT, EdDSA',
    peer: 'the bare libsodium verification of as many bytes',
    unit: 'µs', better: 'lower', target: null,
    ours: (world) => world.loop({ ...JWT_LOOP, body: 'select openclaw.introspect(item) as answer into result' }),
    against: (world) => world.ed25519('verify', 10_000),
  },
  {
    name: 'policy on current_user_id(), per row',
    peer: 'the same policy on a constant',
    unit: 'ns', better: 'lower', target: 1.3,
    ours: (world) => world.policyScan('bench_function'),
    against: (world) => world.policyScan('bench_constant'),
  },
  {
    name: 'policy on (select current_user_id()), per row',
    peer: 'the same policy on a constant',
    unit: 'ns', better: 'lower', target: 1.3,
    ours: (world) => world.policyScan('bench_select'),
    against: (world) => world.policyScan('bench_constant'),
  },
  {
    name: 'begin_session, whole',
    peer: 'verify_token of the same tokens',
    unit: 'µs', better: 'lower', target: null,
    ours: (world) => world.loop({ ...TOKEN_LOOP, body: 'select openclaw.begin_session(item) as who into result' }),
    against: (world) => world.loop({ ...TOKEN_LOOP, body: VERIFY_TOKEN }),
  },
  {
    name: "issue_token, with its plan's limits and audit",
    peer: 'a bare insert of such a row',
    unit: 'µs', better: 'lower', target: null,
    ours: (world) => world.passingLoop({ ...ISSUING_LOOP,
      body: `select * into result from openclaw.issue_token(item, '{mcp:tools,data:read}')` }),
    against: (world) => world.passingLoop({ ...ISSUING_LOOP,
      body: `insert into openclaw.api_tokens (id, user_id, token_hash, scopes, expires_at, issued_for)
             values (gen_random_uuid()::text, item, sha256(uuid_send(gen_random_uuid())), '{mcp:tools,data:read}',
                     now() + interval '90 days', 'user_direct')` }),
  },
  {
    name: 'check_password',
    peer: 'the bare Argon2id of libsodium at the same cost',
    unit: 'ms', better: 'lower', target: null,
    ours: async (world) => await world.loop({ ...SIGN_IN_LOOP,
      body: `select * into result from openclaw.check_password(item, 'correct horse battery staple')` }) / 1000,
    against: (world) => world.argon2id(),
  },
  {
    name: 'new client beside 2,000 idle and slow ones, slowest of 100',
    peer: 'the limit',
    unit: 'ms', better: 'lower', target: 1,
    ours: async (world) => world.slowestNewClient(await world.besiegedFront()),
    against: 50,
  },
  {
    name: 'the same new client',
    peer: 'the same front with nobody beside it',
    unit: 'ms', better: 'lower', target: null,
    ours: async (world) => world.slowestNewClient(await world.besiegedFront()),
    against: async (world) => world.slowestNewClient(await world.front()),
  },
  {
    name: 'memory of a backend over 1,000,000 verifications',
    peer: 'the limit of growth',
    unit: 'MiB', better: 'lower', target: 1, runs: 1,
    ours: (world) => world.growth({ ...SHORT_TOKEN_LOOP, turns: 1_000_000, body: VERIFY_TOKEN }),
    against: 1,
  },
  {
    name: 'memory of a backend over 100,000 signatures',
    peer: 'the limit of growth',
    unit: 'MiB', better: 'lower', target: 1, runs: 1,
    ours: (world) => world.growth({ ...SIGNING_LOOP, turns: 100_000, body: SIGN_JWT }),
    against: 1,
  },
  {
    name: 'gate: the same JWT again, 64 connections',
    peer: 'HAProxy with jwt_verify ES256',
    unit: 'requests/s', better: 'higher', target: 2.5,
    ours: async ({ proxies }) => proxies.rate((await proxies.gate('platform')).port, 'ES256'),
    against: async ({ proxies }) => proxies.rate(await proxies.haproxy('ES256'), 'ES256'),
  },
  {
    name: 'gate: the same JWT again, beside HAProxy RS256',
    peer: 'HAProxy with jwt_verify RS256',
    unit: 'requests/s', better: 'higher', target: null,
    ours: async ({ proxies }) => proxies.rate((await proxies.gate('platform')).port, 'RS256'),
    against: async ({ proxies }) => proxies.rate(await proxies.haproxy('RS256'), 'RS256'),
  },
  {
    name: 'gate: the same JWT again, beside nginx',
    peer: 'nginx as a plain proxy that checks nothing',
    unit: 'requests/s', better: 'higher', target: 0.8,
    ours: async ({ proxies }) => proxies.rate((await proxies.gate('platform')).port, 'ES256'),
    against: async ({ proxies }) => proxies.rate(await proxies.nginx(), 'ES256'),
  },
  {
    name: 'gate: an API key, beside the same JWT again',
    peer: 'the same gate with a JWT',
    unit: 'requests/s', better: 'higher', target: 0.98,
    ours: async ({ proxies }) => proxies.rate((await proxies.gate('token')).port, 'token'),
    against: async ({ proxies }) => proxies.rate((await proxies.gate('platform')).port, 'ES256'),
  },
  {
    name: 'gate: what it adds to the median request',
    peer: 'what nginx as a plain proxy adds',
    unit: 'µs', better: 'lower', target: 1,
    ours: async ({ proxies }) => proxies.added((await proxies.gate('platform')).port, 'ES256'),
    against: async ({ proxies }) => proxies.added(await proxies.nginx(), 'ES256'),
  },
  {
    name: 'gate: first sight of a JWT, EdDSA',
    peer: 'the bare libsodium verification of as many bytes',
    unit: 'µs', better: 'lower', target: 1.3,
    ours: ({ proxies }) => proxies.firstSight(),
    against: (world) => world.ed25519('verify', 2000),
  },
  {
    name: 'gate: memory of an idle event stream, 5,000 of them',
    peer: 'the limit',
    unit: 'KiB', better: 'lower', target: 1, runs: 1,
    ours: ({ proxies }) => proxies.streamMemory(5000),
    against: 30,
  },
];

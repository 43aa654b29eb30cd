// Inside Postgres (issue 6, part 1). A row is
//
//   name, unit   as they stand in the table and in bench.json
//   better       'higher' or 'lower'
//   ours         takes one run: a function of the world (world.mjs), see measure.mjs
//   peers        the limit and the peers beside it: { name, run, target }, run as `ours` or a number,
//                target the ratio ours : run to reach, where there is one
//   runs         how many of each, in turn (default: measure.mjs)
//
// docs/performance.md says how each comes about.

import { SIZES } from '../curve.mjs';

// What a row of openclaw.api_tokens gives a caller who decides by himself.
const COLUMNS = 'id, user_id, container_id, scopes, issued_for, expires_at, revoked_at';

const TOKENS = 'select token from bench.tokens order by n';
const HASHES = 'select token_hash from bench.tokens order by n';
const A_CALL = 128;
const inCalls = (column) => `select array_agg(${column} order by n) from bench.tokens
  where n <= 20000 / ${A_CALL} * ${A_CALL} group by (n - 1) / ${A_CALL} order by (n - 1) / ${A_CALL}`;

const arrayOf = (column, table = 'bench.tokens') => `select array_agg(${column} order by n) from ${table}`;
const arrayOfCalls = (column) => `select array_agg(chunk) from (${inCalls(column)}) as t(chunk)`;

const TOKEN_LOOP = { items: arrayOf('token'), type: 'text', turns: 40_000 };
// Few, so that the array itself does not count as memory.
const SHORT_TOKEN_LOOP = { items: `${arrayOf('token')} where n <= 1000`, type: 'text' };
const JWT_LOOP = { items: `${arrayOf('token', 'bench.jwts')} where alg = 'EdDSA' and n <= 2000`, type: 'text', turns: 10_000 };
const SIGNING_LOOP = { items: `select array_agg('user_0'::text) from generate_series(1, 1000)`, type: 'text' };

const SIGN_JWT = `result := openclaw.sign_jwt('access_token', 'EdDSA', item, 'https://mcp.example.com/mcp',
  '{mcp:tools,data:read}', null, 'ctr_bench', 300)`;
// One token for each of 2,000 users, who have a hundred each.
const ISSUING_LOOP = { items: `select array_agg('user_' || n) from generate_series(0, 1999) as n`, type: 'text',
  turns: 2000 };
const SIGN_IN_LOOP = { items: `select '{ada@example.com}'::text[]`, type: 'text', turns: 5 };
const VERIFY_TOKEN = 'select * into result from openclaw.verify_token(item)';

// A call for each token over so many prepared connections, and the same as a bare look-up.
const verifying = (connections) => ({ postgres }) => postgres.load({ connections, parameters: TOKENS,
  statement: 'select * from openclaw.verify_token($1)' });
const lookingUp = (connections) => ({ postgres }) => postgres.load({ connections, parameters: HASHES,
  statement: `select ${COLUMNS} from openclaw.api_tokens where token_hash = $1` });
const lookingUpById = ({ postgres }) => postgres.load({ connections: 1,
  parameters: "select 'tok_' || n * 50 from bench.tokens order by n", // as world.sql names them
  statement: `select ${COLUMNS} from openclaw.api_tokens where id = $1` });
const verifyingMany = ({ postgres }) => postgres.load({ connections: 1, parameters: inCalls('token'), items: A_CALL,
  statement: 'select * from openclaw.verify_tokens($1)' });
const lookingUpMany = ({ postgres }) => postgres.load({ connections: 1, parameters: inCalls('token_hash'), items: A_CALL,
  statement: `select ${COLUMNS} from openclaw.api_tokens where token_hash = any ($1)` });

// In one backend, of as many tokens as there are in all.
const verifyingAmong = (size) => ({ postgres }) => postgres.loopAmong(size, { items: arrayOf('token'), type: 'text',
  body: VERIFY_TOKEN });
const lookingUpAmong = (size) => ({ postgres }) => postgres.loopAmong(size, { items: arrayOf('token_hash'), type: 'bytea',
  body: `select ${COLUMNS} into result from openclaw.api_tokens where token_hash = item` });
const growth = (side) => async (world) => {
  const least = await side(SIZES[0])(world);
  return await side(SIZES.at(-1))(world) / least;
};

// An introspection of JWTs that no backend has seen, 4,000 at a time, by one that has seen a hundred others.
const NEW_JWTS = 4000;
const introspectingNew = (table, where = 'true') => {
  let seen = 100;
  const array = (from, to) => `${arrayOf('token', table)} where ${where} and n > ${from} and n <= ${to}`;
  return ({ postgres }) => {
    if (seen + NEW_JWTS > 42_000) throw new Error('no JWT is new any more');
    seen += NEW_JWTS;
    return postgres.freshLoop({ type: 'text', warm: array(0, 100), items: array(seen - NEW_JWTS, seen),
      body: 'answer := openclaw.introspect(item)' });
  };
};

// 1,000 tokens a transaction.
const issuing = (users, count) => ({ postgres }) => postgres.writing({ tokens: 1000,
  statement: `/* ${users} */ select * from openclaw.issue_tokens(array(select 'user_' || n % 10000
    from generate_series($1::integer * ${users}, $1 * ${users} + ${users - 1}) as n), '{mcp:tools,data:read}', count => ${count})` });
const inserting = (users) => ({ postgres }) => postgres.writing({ tokens: 1000,
  statement: `/* bare ${users} */ insert into openclaw.api_tokens (id, user_id, token_hash, scopes, expires_at, issued_for)
    select gen_random_uuid()::text, 'user_' || ($1::integer * ${users} + n % ${users}) % 10000,
           sha256(uuid_send(gen_random_uuid())), '{mcp:tools,data:read}', now() + interval '90 days', 'user_direct'
    from generate_series(1, 1000) as n` });

const bareSignature = { name: 'the bare signature', run: ({ postgres }) => postgres.ed25519('sign') };
const bareVerification = { name: 'the bare verification', run: ({ postgres }) => postgres.ed25519('verify', 4000) };

export const postgres = [
  {
    name: 'verify_token, 1 connection',
    unit: 'tokens/s', better: 'higher', runs: 9,
    ours: verifying(1),
    peers: [
      { name: 'a bare prepared look-up by the hash', target: 0.95, run: lookingUp(1) },
      { name: 'the same by the primary key', target: 0.95, run: lookingUpById },
    ],
  },
  {
    name: 'verify_token, 4 connections',
    unit: 'tokens/s', better: 'higher',
    ours: verifying(4),
    peers: [{ name: 'a bare prepared look-up by the hash', run: lookingUp(4) }],
  },
  {
    name: 'verify_token, in one backend',
    unit: 'µs', better: 'lower',
    ours: ({ postgres }) => postgres.loop({ ...TOKEN_LOOP, body: VERIFY_TOKEN }),
    peers: [{ name: 'token_hash = sha256(...) in plain SQL', run: ({ postgres }) => postgres.loop({ ...TOKEN_LOOP,
      body: `select ${COLUMNS} into result from openclaw.api_tokens where token_hash = sha256(item::bytea)` }) }],
  },
  {
    name: 'verify_tokens, 128 a call, 1 connection',
    unit: 'tokens/s', better: 'higher', runs: 9,
    ours: verifyingMany,
    peers: [{ name: 'a bare prepared token_hash = any($1)', target: 0.9, run: lookingUpMany }],
  },
  {
    name: 'verify_tokens, 128 a call, in one backend',
    unit: 'tokens/s', better: 'higher',
    ours: async ({ postgres }) => A_CALL * 1e6 / await postgres.loop({ items: arrayOfCalls('token'), type: 'text[]', slice: true,
      turns: 800, body: 'perform * from openclaw.verify_tokens(item)' }),
    peers: [{ name: 'token_hash = any(...) in plain SQL', run: async ({ postgres }) => A_CALL * 1e6 / await postgres.loop({
      items: arrayOfCalls('token_hash'), type: 'bytea[]', slice: true, turns: 800,
      body: `perform ${COLUMNS} from openclaw.api_tokens where token_hash = any (item)` }) }],
  },
  ...SIZES.map((size) => ({
    name: `verify_token among ${size.toLocaleString('en-US')} tokens`,
    unit: 'µs', better: 'lower', tokens: size,
    ours: verifyingAmong(size),
    peers: [{ name: 'a bare look-up by the hash', run: lookingUpAmong(size) }],
  })),
  {
    name: `verify_token among ${SIZES.at(-1).toLocaleString('en-US')} : among ${SIZES[0].toLocaleString('en-US')}`,
    unit: '×', better: 'lower',
    ours: growth(verifyingAmong),
    peers: [
      { name: 'the levels of the index, likewise', target: 1,
        run: async ({ postgres }) => await postgres.depthAmong(SIZES.at(-1)) / await postgres.depthAmong(SIZES[0]) },
      { name: 'a bare look-up by the hash, likewise', run: growth(lookingUpAmong) },
    ],
  },
  {
    name: 'introspect of new JWTs, of 1,000 users',
    unit: 'µs', better: 'lower', runs: 9,
    ours: introspectingNew('bench.many_jwts'),
    peers: [{ ...bareVerification, target: 1.15 }],
  },
  {
    name: 'introspect of new JWTs, of one user',
    unit: 'µs', better: 'lower', runs: 9,
    ours: introspectingNew('bench.jwts', "alg = 'EdDSA'"),
    peers: [{ ...bareVerification, target: 1.15 }],
  },
  {
    name: 'introspect of JWTs seen before',
    unit: 'µs', better: 'lower',
    ours: ({ postgres }) => postgres.loop({ ...JWT_LOOP, body: 'answer := openclaw.introspect(item)' }),
    peers: [bareVerification],
  },
  {
    name: 'verify_jwt of JWTs seen before',
    unit: 'µs', better: 'lower',
    ours: ({ postgres }) => postgres.loop({ ...JWT_LOOP,
      body: `select * into result from openclaw.verify_jwt(item, 'https://mcp.example.com/mcp', '{mcp:tools}')` }),
    peers: [bareVerification],
  },
  {
    name: 'sign_jwt, EdDSA, claims in, JWT out',
    unit: 'µs', better: 'lower',
    ours: ({ postgres }) => postgres.loop({ ...SIGNING_LOOP, body: SIGN_JWT }),
    peers: [{ ...bareSignature, target: 1.2 }],
  },
  {
    name: 'issue_access_token, EdDSA, whole',
    unit: 'µs', better: 'lower',
    ours: ({ postgres }) => postgres.loop({ ...SIGNING_LOOP, turns: 10_000,
      body: `result := openclaw.issue_access_token('ctr_bench', '{mcp:tools,data:read}', user_id => item)` }),
    peers: [{ ...bareSignature, target: 1.2 }],
  },
  {
    name: 'issue_tokens, 1,000 a call, of one user',
    unit: 'tokens/s', better: 'higher',
    ours: issuing(1, 1000),
    peers: [{ name: 'a bare insert of 1,000 such rows', target: 0.8, run: inserting(1) }],
  },
  {
    name: 'issue_tokens, 1,000 a call, of 1,000 users',
    unit: 'tokens/s', better: 'higher',
    ours: issuing(1000, 1),
    peers: [{ name: 'a bare insert of 1,000 such rows', target: 0.8, run: inserting(1000) }],
  },
  {
    name: 'issue_token, with limits and audit',
    unit: 'µs', better: 'lower',
    ours: ({ postgres }) => postgres.passingLoop({ ...ISSUING_LOOP,
      body: `select * into result from openclaw.issue_token(item, '{mcp:tools,data:read}')` }),
    peers: [{ name: 'a bare insert of such a row', run: ({ postgres }) => postgres.passingLoop({ ...ISSUING_LOOP,
      body: `insert into openclaw.api_tokens (id, user_id, token_hash, scopes, expires_at, issued_for)
             values (gen_random_uuid()::text, item, sha256(uuid_send(gen_random_uuid())), '{mcp:tools,data:read}',
                     now() + interval '90 days', 'user_direct')` }) }],
  },
  {
    name: 'policy on current_user_id(), a row',
    unit: 'ns', better: 'lower', runs: 9,
    ours: ({ postgres }) => postgres.policyScan('bench_function'),
    peers: [{ name: 'the same policy on a constant', target: 1.3, run: ({ postgres }) => postgres.policyScan('bench_constant') }],
  },
  {
    name: 'policy on (select current_user_id()), a row',
    unit: 'ns', better: 'lower', runs: 9,
    ours: ({ postgres }) => postgres.policyScan('bench_select'),
    peers: [{ name: 'the same policy on a constant', target: 1.3, run: ({ postgres }) => postgres.policyScan('bench_constant') }],
  },
  {
    name: 'begin_session, whole',
    unit: 'µs', better: 'lower', runs: 3,
    ours: ({ postgres }) => postgres.loop({ ...TOKEN_LOOP, body: 'select openclaw.begin_session(item) as who into result' }),
    peers: [{ name: 'verify_token of the same tokens', run: ({ postgres }) => postgres.loop({ ...TOKEN_LOOP, body: VERIFY_TOKEN }) }],
  },
  {
    name: 'check_password',
    unit: 'ms', better: 'lower', runs: 3,
    ours: async ({ postgres }) => await postgres.loop({ ...SIGN_IN_LOOP,
      body: `select * into result from openclaw.check_password(item, 'correct horse battery staple')` }) / 1000,
    peers: [{ name: 'the bare Argon2id at the same cost', run: ({ postgres }) => postgres.argon2id() }],
  },
  {
    name: 'memory gained by 1,000,000 verifications',
    unit: 'MiB', better: 'lower', runs: 1,
    ours: ({ postgres }) => postgres.growth({ ...SHORT_TOKEN_LOOP, turns: 1_000_000, body: VERIFY_TOKEN }),
    peers: [{ name: 'the limit', run: 1, target: 1 }],
  },
  {
    name: 'memory gained by 100,000 signatures',
    unit: 'MiB', better: 'lower', runs: 1,
    ours: ({ postgres }) => postgres.growth({ ...SIGNING_LOOP, turns: 100_000, body: SIGN_JWT }),
    peers: [{ name: 'the limit', run: 1, target: 1 }],
  },
];

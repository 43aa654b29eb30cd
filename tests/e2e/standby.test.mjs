// A hot standby, streaming: what only reads works there, what must write says where to go, and what ends
// on the primary ends there as soon as it is replayed, also for sessions that have everything cached.
// Failover is in durability.test.mjs.
import assert from 'node:assert/strict';
import { generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { PlatformData } from './platform_data.mjs';
import { issuer, removeFolder, Server, serverFolder } from './servers.mjs';
import { until } from './world.mjs';

const database = 'platform';
const endpoint = 'https://mcp.ada.example.com/mcp';
const harnessScopes = '{openclaw:introspect,openclaw:revoke,openclaw:connect,openclaw:issue,openclaw:any-user,mcp:*}';

// Volatile functions that a capability opens and that only read (and others, for good measure), with what shows that they work.
const readers = {
  connect: `(openclaw.connect('ada', 'ada-laptop', '{mcp:tools}')).headers ->> 'Authorization' like 'Bearer %'
            and (openclaw.connect('ada', 'ada-search', '{}')).client_certificate`,
  issue_access_token: `(openclaw.issue_access_token('ada-laptop', '{mcp:tools}')).token is not null`,
  issue_user_claim: `(openclaw.issue_user_claim('ada', 'ada-search')).token is not null`,
  status_list: `openclaw.status_list('ada-laptop', '0') is not null`,
  trusted_client: `(openclaw.trusted_client('agent')).id = 'agent'`,
  authenticate_client: `(openclaw.authenticate_client(null, null, 'agent', $1, null, null)).id = 'agent'`,
  grant_client_credentials:
    `(openclaw.grant_client_credentials(openclaw.trusted_client('agent'), '${endpoint}', '{mcp:tools}')).access_token
       is not null`,
  doctor: `(select bool_and(d.ok) from openclaw.doctor() as d)`,
  // Without a refresh token nothing is written.
  'exchange_token, for an access token alone': `(openclaw.exchange_token(openclaw.trusted_client('exchanger'), $3,
      '${endpoint}')).access_token is not null`,
  maintain: `not exists (select from openclaw.maintain())`,
  front_maintain: `(openclaw.front_maintain()).body = '{}'`,
  master_key_id: `openclaw.master_key_id() is not null`,
  master_key_ids: `cardinality(openclaw.master_key_ids()) = 1`,
  front_jwks: `(openclaw.front_jwks(null)).status = 200`,
  front_metadata: `(openclaw.front_metadata('')).status = 200`,
  front_tokens: `(select a.status = 200 from openclaw.front_tokens(
      '{NULL}', null, '{agent}', array[$1], null, null, '{client_credentials}', '{${endpoint}}', null, '{mcp:tools}',
      null, null, null, null, null, null, null) as a)`,
  front_introspections: `(select a.body::json ->> 'active' = 'true' from openclaw.front_introspections(
      array['Bearer ' || $2], null, null, null, null, null, array[$3], null) as a)`,
  front_introspection_lists: `(select a.status = 200 from openclaw.front_introspection_lists(
      array['Bearer ' || $2], array[json_build_array($3)::text]) as a)`,
  front_status_list: `(openclaw.front_status_list('/ada-laptop/0')).status = 200`,
  front_connect: `(openclaw.front_connect('Bearer ' || $2, null, 'ada-laptop', null)).status = 200`,
  front_verifications: `(select status = 200 from openclaw.front_verifications(array['Bearer ' || $4], array['${endpoint}'], null))`,
  take_used_tokens: `openclaw.take_used_tokens() is not null`,
  wal_position: `(openclaw.wal_position()).standby`,
  front_ready: `(openclaw.front_ready()).status = 200`,
};

// The rest, each so called that it would do something on a primary.
const writers = {
  create_user: `openclaw.create_user()`,
  set_password: `openclaw.set_password('ada', 'another password')`,
  set_email: `openclaw.set_email('ada', 'countess@example.com')`,
  erase_user: `openclaw.erase_user('ada')`,
  check_password: `openclaw.check_password('ada@example.com', 'correct horse battery')`,
  disable_user: `openclaw.disable_user('ada')`,
  enable_user: `openclaw.enable_user('gone')`,
  define_plan: `openclaw.define_plan('team', 1, 1, '1 day', '{mcp:tools}', 1)`,
  change_plan: `openclaw.change_plan('ada', 'free')`,
  register_container: `openclaw.register_container('ada', 'new', 'hosted', 'new:3100')`,
  update_container: `openclaw.update_container('ada', 'ada-laptop', 'renamed')`,
  remove_container: `openclaw.remove_container('ada', 'ada-laptop')`,
  issue_token: `openclaw.issue_token('ada', '{mcp:tools}')`,
  issue_tokens: `openclaw.issue_tokens('{ada}', '{mcp:tools}', count => 2)`,
  front_issues: `openclaw.front_issues(array['Bearer ' || $1], null, null, null, null, null, '{ada}', '{mcp:tools}', null, null, null, null, null)`,
  revoke_token: `openclaw.revoke_token($1)`,
  record_token_use: `openclaw.record_token_use('{}')`,
  front_record_token_use: `openclaw.front_record_token_use('{}')`,
  register_client: `openclaw.register_client('another', user_id => 'ada')`,
  rotate_client_secret: `openclaw.rotate_client_secret('agent')`,
  set_client_keys: `openclaw.set_client_keys('keyed', (select jwks from openclaw.oauth_clients where id = 'keyed'))`,
  // Each assertion is accepted once, which must be written down.
  'authenticate_client, by its key': `openclaw.authenticate_client(null, null, 'keyed', null,
                                        'urn:ietf:params:oauth:client-assertion-type:jwt-bearer', $1)`,
  disable_client: `openclaw.disable_client('agent')`,
  exchange_token: `openclaw.exchange_token(openclaw.trusted_client('refresher'), $1, '${endpoint}')`,
  refresh_access_token: `openclaw.refresh_access_token(openclaw.trusted_client('agent'), $1)`,
  create_grant: `openclaw.create_grant('agent', 'ada-laptop', '{mcp:tools}')`,
  revoke_grant: `openclaw.revoke_grant('ada', (select id from openclaw.grants where revoked_at is null limit 1))`,
  revoke_jwt: `openclaw.revoke_jwt('ada-laptop', 'a-jti')`,
  revoke_jwts_of: `openclaw.revoke_jwts_of('ada')`,
  revoke_container_tokens: `openclaw.revoke_container_tokens('ada', 'ada-laptop')`,
  revoke_user_tokens: `openclaw.revoke_user_tokens('ada')`,
  create_master_key: `openclaw.create_master_key()`,
  rotate_signing_key: `openclaw.rotate_signing_key()`,
  revoke_signing_key: `openclaw.revoke_signing_key((select kid from openclaw.key_status where state = 'active' limit 1))`,
  rotate_master_key: `openclaw.rotate_master_key()`,
  rewrap_signing_keys: `openclaw.rewrap_signing_keys()`,
  retire_master_keys: `openclaw.retire_master_keys()`,
};

describe('a hot standby', () => {
  let folder;
  let primary;
  let standby;
  let data;
  let write; // on the primary
  let read; // a session of the standby that has everything cached
  let secret;
  let harness;
  const key = generateKeyPairSync('ed25519');

  const asker = async (server, options = {}) => {
    const client = await server.session({ database, ...options });
    return async (text, values) => (await client.query(text, values)).rows;
  };
  const value = async (ask, text, values) => Object.values((await ask(text, values))[0])[0];

  // Until the standby has replayed what the primary has written by now.
  const replayed = async () => {
    const lsn = await value(write, 'select pg_current_wal_lsn()');
    const look = await asker(standby, { database: 'postgres' });
    await until(`the standby has replayed ${lsn}`, () => value(look, 'select pg_last_wal_replay_lsn() >= $1', [lsn]), 30_000);
  };

  before(async () => {
    folder = serverFolder('openclaw-standby-');
    primary = await new Server(folder, 'primary', 5521).init().start();
    await primary.sql(`create database ${database}`);
    write = await asker(primary);
    await write('create extension openclaw');
    await write('select openclaw.create_master_key()');
    await write('select openclaw.maintain()');
    data = await PlatformData.make(write);
    secret = await value(write, `select openclaw.rotate_client_secret('agent')`);
    harness = await value(write, `select token from openclaw.issue_token('ada', '${harnessScopes}', '1 day', 'platform_harness')`);
    for (const [client, others] of [['exchanger', ''], ['refresher', ',refresh_token']]) {
      await write(`select openclaw.register_client($1, 'harness', client_id => $1, grant_types => $2)`,
        [client, `{urn:ietf:params:oauth:grant-type:token-exchange${others}}`]);
    }
    await write(`select openclaw.register_client('keyed', 'harness', client_id => 'keyed', auth_method => 'private_key_jwt',
      jwks => $1)`, [JSON.stringify({ keys: [{ ...key.publicKey.export({ format: 'jwk' }), alg: 'EdDSA' }] })]);
    await write('create role app login');
    await write(`select openclaw.grant_access('app', 'session')`);
    await write(`create table notes (owner text, words text)`);
    await write(`insert into notes values ('ada', 'hers'), ('bob', 'his')`);
    await write(`alter table notes enable row level security`);
    await write(`create policy own on notes using (owner = openclaw.current_user_id())`);
    await write(`grant select on notes to app`);
    standby = await new Server(folder, 'standby', 5522).copyOf(primary).start();
    await replayed();
    read = await asker(standby);
  });
  after(async () => {
    await standby.stop('SIGQUIT');
    await primary.stop('SIGQUIT');
    removeFolder(folder);
  });

  test('is one', async () => {
    assert.equal(await value(read, 'select pg_is_in_recovery()'), true);
  });

  test('verifies tokens and JWTs, alone and in batches, introspects, and has the JWKS', async () => {
    await data.assertVerifies(read);
    assert.equal(await value(read, 'select openclaw.introspect_access_token($1) ->> $2', [data.goodJwt, 'active']), 'true');
    assert.equal(await value(read, 'select openclaw.jwks()::text'), await value(write, 'select openclaw.jwks()::text'));
    assert.equal(await value(read, `select (openclaw.plan_of('ada')).plan_tier`), 'team');
  });

  test('signs: what connect gives there is good on the primary', async () => {
    const jwt = await value(read,
      `select substr(headers ->> 'Authorization', 8) from openclaw.connect('ada', 'ada-laptop', '{mcp:tools}')`);
    assert.equal(await value(write, `select (openclaw.verify_jwt($1, '${endpoint}')).valid`, [jwt]), true);
  });

  test('shows what the views show', async () => {
    for (const view of ['user_overview', 'token_overview', 'container_overview', 'client_overview', 'grant_overview', 'key_status',
      'audit_recent', 'stats', 'capabilities']) {
      const [here] = await read(`select count(*)::int as rows from openclaw.${view}`);
      const [there] = await write(`select count(*)::int as rows from openclaw.${view}`);
      assert.deepEqual(here, there, view);
      assert.ok(here.rows > 0, view);
    }
  });

  test('has a session whose rows are those of its token, for the length of a transaction', async () => {
    const app = await asker(standby, { user: 'app' });
    assert.deepEqual(await app('select words from notes'), []);
    await app('begin');
    assert.equal(await value(app, 'select openclaw.begin_session($1, $2)', [data.good.token, ['mcp:tools']]), 'ada');
    assert.deepEqual(await app('select words from notes'), [{ words: 'hers' }]);
    assert.deepEqual(await app('select openclaw.has_scope($1) as yes, openclaw.has_scope($2) as no', ['mcp:tools', 'data:write']),
      [{ yes: true, no: false }]);
    assert.ok((await app('select user_id from openclaw.token_overview')).every(({ user_id: user }) => user === 'ada'));
    await app('commit');
    assert.deepEqual(await app('select words from notes'), []);
    await assert.rejects(app('select openclaw.begin_session($1)', [data.ended.revoked]),
      { code: '28000', detail: 'reason: revoked' });
    await assert.rejects(app('select openclaw.begin_session($1, $2)', [data.good.token, ['data:write']]), { code: '42501' });
  });

  describe('of the functions that a capability opens', () => {
    // From the catalog, so that a new one cannot be forgotten.
    let volatile;
    before(async () => {
      volatile = (await read(
        `select distinct p.proname::text as name
         from (values ('verifier'), ('issuer'), ('admin'), ('front'), ('session')) as c(name),
              openclaw.capability_routines(c.name) as r join pg_proc as p on p.oid = r
         where p.provolatile = 'v' order by 1`)).map(({ name }) => name);
    });
    // These two are HTTP: they answer.
    const answering = ['front_token', 'front_revoke'];

    test('each is known here as one that reads or one that writes', () => {
      const known = [...Object.keys(readers), ...Object.keys(writers), ...answering, 'begin_session', 'end_session'];
      assert.deepEqual(volatile.filter((name) => !known.includes(name)), []);
      assert.ok(volatile.length >= 35, volatile.join());
    });

    test('those that only read work', async () => {
      const values = { 1: secret, 2: harness, 3: data.good.token, 4: data.goodJwt };
      const found = {};
      for (const [name, condition] of Object.entries(readers)) {
        const used = [...new Set([...condition.matchAll(/\$(\d)/g)].map(([, n]) => n))];
        const text = used.reduce((sql, n, i) => sql.replaceAll(`$${n}`, `$<${i + 1}>::text`), condition)
          .replaceAll(/\$<(\d)>/g, '$$$1');
        found[name] = await value(read, `select ${text}`, used.map((n) => values[n])).catch(({ message }) => message);
      }
      assert.deepEqual(Object.entries(found).filter(([, answer]) => answer !== true), []);
    });

    const assertion = () => {
      const seconds = Math.floor(Date.now() / 1000);
      const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
      const text = `${part({ alg: 'EdDSA' })}.${part({ iss: 'keyed', sub: 'keyed', aud: issuer, jti: randomUUID(),
        iat: seconds, exp: seconds + 60 })}`;
      return `${text}.${sign(null, Buffer.from(text), key.privateKey).toString('base64url')}`;
    };
    const argument = {
      revoke_token: () => data.good.token, exchange_token: () => data.good.token,
      refresh_access_token: () => data.refreshable, front_issues: () => harness, 'authenticate_client, by its key': assertion };
    const refusal = async (ask, name) => {
      const values = argument[name] ? [argument[name]()] : [];
      const problem = await ask(`select ${writers[name]}`, values).then(() => null, (error) => error);
      return problem ?? { code: 'none: it worked', message: '' };
    };

    test('an assertion that is good is refused there for being on a standby alone', async () => {
      assert.equal((await write(`select (${writers['authenticate_client, by its key']}).id`, [assertion()]))[0].id, 'keyed');
    });

    test('those that write say that this is a standby, and where to go', async () => {
      const others = [];
      for (const name of Object.keys(writers)) {
        const { code, message, hint } = await refusal(read, name);
        const told = code === '25006' && /this is a standby/.test(message) && /primary/.test(hint);
        if (!told) others.push([name, code, message, hint]);
      }
      assert.deepEqual(others, []);
    });

    test('those that write say so in a read-only transaction of the primary', async () => {
      const ask = await asker(primary);
      const others = [];
      for (const name of Object.keys(writers)) {
        await ask('begin read only');
        const { code, message, hint } = await refusal(ask, name);
        await ask('rollback');
        const told = code === '25006' && /this transaction is read-only/.test(message) && hint;
        if (!told) others.push([name, code, message, hint]);
      }
      assert.deepEqual(others, []);
      await data.assertVerifies(write);
    });

    test('those that answer over HTTP say that they cannot now, and never that it is done', async () => {
      const signatures = Object.fromEntries((await read(
        `select p.proname::text as name, array(select unnest(p.proargnames[1:p.pronargs])) as arguments
         from pg_proc as p where p.pronamespace = 'openclaw'::regnamespace and p.proname = any ($1)`, [answering]))
        .map(({ name, arguments: names }) => [name, names]));
      const call = async (name, given) => {
        const names = signatures[name];
        const text = names.map((_, i) => `nullif($${i + 1}::text, '')`).join(', ');
        return read(`select (openclaw.${name}(${text})).status`, names.map((argument) => given[argument] ?? ''))
          .then(([{ status }]) => ({ status }), ({ code }) => ({ code }));
      };
      const answers = {
        token: await call('front_token', { client_id: 'agent', client_secret: secret, grant_type: 'refresh_token',
          refresh_token: data.refreshable }),
        revoke: await call('front_revoke', { http_authorization: `Bearer ${harness}`, token: data.good.token }),
      };
      for (const [name, { status, code }] of Object.entries(answers)) {
        assert.ok(code === '25006' || status === 503, `${name}: ${JSON.stringify(answers[name])}`);
      }
      await data.assertVerifies(read);
    });
  });

  test('its doctor has nothing to say, and names a master key that is not there', async () => {
    const wrong = (ask) => ask('select check_name, detail from openclaw.doctor() where not ok');
    assert.deepEqual(await wrong(read), []);
    const keyless = new Server(folder, 'keyless', 5523).copyOf(primary);
    keyless.settings = { 'openclaw.master_key_file': `${folder}/nowhere.key` };
    await keyless.start();
    try {
      const ask = await asker(keyless);
      const found = await wrong(ask);
      assert.deepEqual(found.map(({ check_name: name }) => name), ['master_key']);
      assert.match(found[0].detail, /nowhere\.key|No such file/);
      await data.assertVerifies(ask);
      await assert.rejects(ask(`select openclaw.connect('ada', 'ada-laptop', '{mcp:tools}')`), { code: 'F0000' });
    } finally {
      await keyless.stop('SIGQUIT');
    }
  });

  describe('in a session that has everything cached', () => {
    const signer = () => value(read, `select kid from openclaw.issue_access_token('ada-laptop', '{mcp:tools}')`);
    const verdict = (token) => value(read, 'select (openclaw.verify_token($1)).reason', [token]);
    const jwtVerdict = async (jwt) => (await read(`select (openclaw.verify_jwt($1, '${endpoint}')).*`, [jwt]))[0];
    const issue = () => value(write, `select token from openclaw.issue_token('ada', '{mcp:tools}')`);

    test('a token that is issued and one that is revoked on the primary are seen once that is replayed', async () => {
      const token = await issue();
      await replayed();
      assert.equal(await verdict(token), null);
      await write('select openclaw.revoke_token($1)', [token]);
      await replayed();
      assert.equal(await verdict(token), 'revoked');
    });

    test('so are a JWT that is revoked, and a disabled container', async () => {
      const [{ token: jwt, jti }] = await write(`select * from openclaw.issue_access_token('bob-laptop', '{mcp:tools}')`);
      const look = () => value(read, `select (openclaw.verify_jwt($1, 'https://mcp.bob.example.com/mcp')).reason`, [jwt]);
      assert.equal(await look(), null);
      await write(`select openclaw.revoke_jwt('bob-laptop', $1)`, [jti]);
      await replayed();
      assert.equal(await look(), 'revoked');
      const issue = () => read(`select openclaw.issue_access_token('bob-laptop', '{mcp:tools}')`);
      await issue();
      await write(`select openclaw.remove_container('bob', 'bob-laptop')`);
      await replayed();
      await assert.rejects(issue(), { code: 'P0002' });
      await assert.rejects(read(`select openclaw.connect('bob', 'bob-laptop', '{mcp:tools}')`), { code: 'P0002' });
    });

    test('the key that the primary rotates to signs, and verifies', async () => {
      const old = await signer();
      const kid = await value(write, `select openclaw.rotate_signing_key('EdDSA', '0')`);
      await replayed();
      assert.notEqual(kid, old);
      assert.equal(await signer(), kid);
      const jwt = await value(write, `select token from openclaw.issue_access_token('ada-laptop', '{mcp:tools}')`);
      assert.equal((await jwtVerdict(jwt)).kid, kid);
      assert.ok((await value(read, 'select openclaw.jwks()')).keys.some((key) => key.kid === kid));
      assert.equal((await jwtVerdict(data.goodJwt)).valid, true);
    });

    test('a key that the primary revokes verifies nothing and signs nothing', async () => {
      const leaked = await signer();
      const jwt = await value(read, `select token from openclaw.issue_access_token('ada-laptop', '{mcp:tools}')`);
      assert.equal((await jwtVerdict(jwt)).valid, true);
      await write('select openclaw.revoke_signing_key($1)', [leaked]);
      await write(`select openclaw.rotate_signing_key('EdDSA', '0')`);
      await replayed();
      assert.equal((await jwtVerdict(jwt)).reason, 'unknown_key');
      assert.notEqual(await signer(), leaked);
      assert.ok(!(await value(read, 'select openclaw.jwks()')).keys.some((key) => key.kid === leaked));
    });

    test('so is a revocation in the middle of a transaction of the standby', async () => {
      const token = await issue();
      await replayed();
      await read('begin');
      assert.equal(await verdict(token), null);
      await write('select openclaw.revoke_token($1)', [token]);
      await replayed();
      assert.equal(await verdict(token), 'revoked');
      await read('commit');
    });

    for (const isolation of ['read committed', 'repeatable read']) {
      test(`a session (${isolation}) loses its rows in the middle of its transaction`, async () => {
        const token = await issue();
        await replayed();
        const app = await asker(standby, { user: 'app' });
        await app(`begin isolation level ${isolation}`);
        await app('select openclaw.begin_session($1)', [token]);
        assert.equal((await app('select from notes')).length, 1);
        await write('select openclaw.revoke_token($1)', [token]);
        await replayed();
        assert.equal((await app('select from notes')).length, 0);
        assert.equal(await value(app, 'select openclaw.current_user_id()'), null);
        await app('commit');
      });
    }

    test('a user who is disabled on the primary has nothing left there', async () => {
      const app = await asker(standby, { user: 'app' });
      await app('begin');
      await app('select openclaw.begin_session($1)', [data.good.bobs]);
      assert.equal((await app('select from notes')).length, 1);
      await write(`select openclaw.disable_user('bob')`);
      await replayed();
      assert.equal((await app('select from notes')).length, 0);
      await app('rollback');
      assert.equal(await verdict(data.good.bobs), 'revoked');
    });
  });
});

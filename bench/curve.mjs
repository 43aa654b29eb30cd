// openclaw.api_tokens with 10,000 to 10,000,000 tokens, a database for each size, so that all of them can be
// asked in turn.
//
// The tables are filled without write-ahead log and keep the one index that a look-up by hash uses: what
// the others cost is paid by whoever writes. In each, 10,000 real tokens lie spread over the whole table.
const KNOWN = 10_000;

export const SIZES = [10_000, 100_000, 1_000_000, 10_000_000];

// A map from size to { session, depth }: a session whose backend is pinned, with the known tokens in
// bench.tokens, and the levels of the index.
export async function fillTables(world) {
  const { rows: known } = await world.session.query(
    `select array_agg(token order by n) as tokens from bench.tokens where n <= $1`, [KNOWN]);
  const tables = new Map();
  for (const size of SIZES) {
    const database = `tokens_${size}`;
    await world.session.query(`drop database if exists ${database}`);
    await world.session.query(`create database ${database} template template0`);
    tables.set(size, await fill(world, database, size, known[0].tokens));
  }
  return tables;
}

async function fill(world, database, size, tokens) {
  const session = await world.connect(database);
  await session.query(`
    set maintenance_work_mem = '768MB';
    create extension openclaw;
    insert into openclaw.users (id) values ('user_0');
    create schema bench;
    alter table openclaw.grants drop constraint grants_subject_token_id_fkey;
    alter table openclaw.api_tokens drop constraint api_tokens_pkey, drop constraint api_tokens_token_hash_key,
      drop constraint api_tokens_container_id_fkey, drop constraint api_tokens_user_id_fkey,
      drop constraint api_tokens_scopes_check;
    drop index openclaw.api_tokens_container_id_idx, openclaw.api_tokens_expires_at_idx,
      openclaw.api_tokens_user_id_idx;
    alter table openclaw.api_tokens set unlogged`);
  await session.query(`create table bench.tokens as
    select n, token, sha256(token::bytea) as token_hash from unnest($1::text[]) with ordinality as t(token, n)`,
  [tokens]);
  const half = await world.connect(database);
  await Promise.all([insert(session, size, 1, size / 2), insert(half, size, size / 2 + 1, size)]);
  await half.end();
  await session.query(`
    alter table openclaw.api_tokens add constraint api_tokens_token_hash_key unique (token_hash);
    analyze openclaw.api_tokens;
    analyze bench.tokens;
    create extension pageinspect`);
  const { rows: [{ depth }] } = await session.query(
    `select fastlevel + 1 as depth from bt_metap('openclaw.api_tokens_token_hash_key')`);
  return { session, depth: Number(depth) };
}

async function insert(session, size, first, last) {
  await session.query(`
    insert into openclaw.api_tokens (id, user_id, token_hash, scopes, expires_at, issued_for)
    select 'tok_' || place, 'user_0', coalesce(t.token_hash, sha256(int8send(place))), '{mcp:tools,data:read}',
           now() + interval '90 days', 'user_direct'
    from generate_series(${first}::bigint, ${last}) as place
         left join bench.tokens as t on place % ${size / KNOWN} = 0 and t.n = place / ${size / KNOWN}`);
}

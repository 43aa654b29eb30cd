-- The module reads tables by attribute number and index name: extension/tables.cpp against the
-- catalog.
\set source `cat extension/tables.cpp`
\ir fixture.psql
select plan(10);

create temp table attribute as
select openclaw_table, c[1] as name, c[2]::int as number
from regexp_matches(:'source', 'namespace (\w+) \{\s*enum : int \{([^}]*)\}', 'g') as n(found),
     lateral (select found[1] as openclaw_table) as t,
     regexp_matches(found[2], '(\w+) = (\d+)', 'g') as c;
create temp table opened as
select distinct i[1] as openclaw_table, i[2] as index
from regexp_matches(:'source', 'open_index\("(\w+)", "(\w+)"(?:, (?:sight|Sight::latest)(?:, 2, count)?)?\)', 'g') as i;

select is((select array_agg(distinct openclaw_table order by openclaw_table) from attribute),
  array['api_tokens', 'audit_blocks', 'audit_marks', 'containers', 'oauth_client_secrets', 'oauth_clients', 'plans', 'signing_keys',
        'users'], 'the source names attributes of nine tables');
select is((select count(*) from attribute), 42::bigint, 'and forty-two of them');
select is_empty($$select a.* from attribute as a left join pg_attribute as p
                    on p.attrelid = ('openclaw.' || a.openclaw_table)::regclass and p.attname = a.name and not p.attisdropped
                  where p.attnum is distinct from a.number$$, 'each has the number that the catalog gives it');
select is((select string_agg(format('%s.%s', a.openclaw_table, a.name), ' ' order by 1)
           from attribute as a join pg_attribute as p
             on p.attrelid = ('openclaw.' || a.openclaw_table)::regclass and p.attname = a.name
           where p.attnotnull and p.attname in ('revoked_at', 'last_used_at', 'disabled_at', 'container_id',
           'retires_at')), null,
  'what the source asks to be null can be null');
select is((select array_agg(distinct format_type(p.atttypid, null)
                             order by format_type(p.atttypid, null))
           from attribute as a join pg_attribute as p
             on p.attrelid = ('openclaw.' || a.openclaw_table)::regclass and p.attname = a.name),
  array['bytea', 'integer', 'interval', 'text', 'text[]', 'timestamp with time zone'],
  'their types are those that the source reads');

select is((select array_agg(index order by index) from opened),
  array['api_tokens_token_hash_key', 'audit_blocks_pkey', 'containers_endpoint_key', 'containers_pkey', 'oauth_client_secrets_pkey',
        'oauth_clients_pkey', 'plans_pkey', 'revoked_jwts_id_key', 'users_pkey'],
  'the source opens nine indexes');
select is((select count(*) from opened join pg_index as i
             on i.indexrelid = to_regclass('openclaw.' || index) and i.indrelid = to_regclass('openclaw.' || openclaw_table)
           where i.indisunique and i.indisvalid and i.indexprs is null
             and case index when 'containers_endpoint_key' then i.indnkeyatts = 2
                   and pg_get_expr(i.indpred, i.indrelid) = '(disabled_at IS NULL)'
                 else i.indnkeyatts = 1 and i.indpred is null end),
  9::bigint, 'each is a whole unique index over one column of its table, one of live containers over two');
select is((select array_agg(a.attname::text || ' ' || format_type(a.atttypid, null) order by index, a.attnum)
           from opened join pg_attribute as a on a.attrelid = to_regclass('openclaw.' || index)),
  array['token_hash bytea', 'block bigint', 'mcp_endpoint text', 'user_id text', 'id text', 'secret_hash bytea', 'id text', 'plan_tier text',
        'id text', 'id text'], 'over the columns that the source looks up');
select is((select array_agg(distinct collation_name) from opened join pg_index as i on i.indexrelid = to_regclass('openclaw.' || index),
             lateral (select c.collname::text as collation_name from pg_collation as c where c.oid = i.indcollation[0]) as c),
  array['C'], 'texts are indexed by the collation C, in which the source''s scan key compares');
select is(pg_get_indexdef('openclaw.api_tokens_user_id_idx'::regclass),
  'CREATE INDEX api_tokens_user_id_idx ON openclaw.api_tokens USING btree (user_id, expires_at)', 'a user''s tokens are counted by user and expiry');

select * from finish();
rollback;

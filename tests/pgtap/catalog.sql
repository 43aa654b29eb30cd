-- Rules that every object of the extension keeps, from the catalog.
\ir fixture.psql
select plan(15);

create temp view routine as
select p.*, p.oid::regprocedure as signature, l.lanname
from pg_proc as p join pg_language as l on l.oid = p.prolang where p.pronamespace = 'openclaw'::regnamespace;

select is_empty('select signature from routine where obj_description(oid, ''pg_proc'') is null',
  'every function has a comment');
select is_empty($$select oid::regclass from pg_class where relnamespace = 'openclaw'::regnamespace
                  and relkind in ('r', 'p', 'v', 'm', 'S', 'f') and obj_description(oid, 'pg_class') is null$$,
  'every table has a comment');
select is_empty($$select t.oid::regtype from pg_type as t left join pg_class as c on c.oid = t.typrelid
                  where t.typnamespace = 'openclaw'::regnamespace and coalesce(c.relkind, 'c') = 'c' and t.typcategory <> 'A'
                    and obj_description(t.oid, 'pg_type') is null$$,
  'every type has a comment');
select is_empty($$select signature from routine
                  where (prosecdef or lanname <> 'c')
                    and not coalesce(proconfig @> array['search_path=pg_catalog, openclaw, pg_temp'], false)$$,
  'every SECURITY DEFINER function, and every other one in SQL or plpgsql, pins its search_path');
select is_empty($$select signature from routine where lanname = 'c' and (prosecdef or proconfig is not null)$$,
  'a function in C runs with its caller''s rights and settings');
select is_empty($$select signature from routine where lanname = 'c' and probin <> '$libdir/openclaw'$$,
  'every function in C is the module''s');
select is_empty($$select signature from routine where lanname not in ('c', 'sql', 'plpgsql')$$,
  'there is no function in a language that must be installed');
select is(array(select proname::text from routine where provolatile = 'i' and lanname = 'c' order by 1),
  array['are_grants', 'basic_credentials', 'bearer_token', 'canonical_client_jwks', 'canonical_endpoint',
  'canonical_fingerprint', 'claimed_client', 'client_certificate', 'is_grant', 'library_version',
  'mint_successor', 'narrowed_scopes', 'parse_scopes', 'resource_endpoint', 'scopes_cover', 'status_list_place', 'token_hash'],
  'only what depends on its arguments alone is immutable');
select is(array(select proname::text from routine
                where provolatile = 's' and proname in ('verify_token', 'verify_tokens',
                'verify_jwt', 'introspect', 'jwks') order by 1),
  array['introspect', 'jwks', 'verify_jwt', 'verify_token', 'verify_tokens'],
  'what looks at the clock and rows alone is stable');
select is_empty($$select signature from routine where proparallel = 's' and provolatile <> 'i'
                  and proname not in ('setting', 'new_id')$$, 'what reads rows or the cache stays out of parallel workers');

select is_empty($$select c.oid::regclass from pg_class as c where c.relnamespace = 'openclaw'::regnamespace
                  and c.relkind in ('r', 'p', 'S') and c.relname not in ('audit_marks', 'rate_limits') and not exists (
                    select from pg_extension as e where e.extname = 'openclaw' and c.oid = any (e.extconfig))$$,
  'every table goes into a dump, but for those that fit no other server');
select is_empty($$select 1 from pg_extension as e, unnest(e.extcondition) as c where e.extname = 'openclaw' and c <> ''$$,
  'with every row');
select is_empty($$select o.classid::regclass, o.objid from (
                    select 'pg_proc'::regclass as classid, oid as objid from pg_proc where pronamespace = 'openclaw'::regnamespace
                    union all
                    select 'pg_class'::regclass, oid from pg_class where relnamespace = 'openclaw'::regnamespace
                      and relkind in ('r', 'p', 'v', 'm', 'S', 'c')) as o
                  where not exists (select from pg_depend as d join pg_extension as e on e.oid = d.refobjid and e.extname = 'openclaw'
                                    where d.classid = o.classid and d.objid = o.objid and d.deptype = 'e')
                    and not exists (select from pg_type as t join pg_depend as d on d.objid = t.oid and d.deptype = 'e'
                                    where t.typrelid = o.objid)$$,
  'every object in the schema belongs to the extension');
select is(nspowner::regrole, extowner::regrole, 'the schema belongs to the extension''s owner')
from pg_namespace, pg_extension where nspname = 'openclaw' and extname = 'openclaw';
select is_empty($$select conrelid::regclass, conname from pg_constraint as k join pg_class as c on c.oid = k.conrelid
                  where c.relnamespace = 'openclaw'::regnamespace and not k.convalidated$$, 'every constraint is validated');

select * from finish();
rollback;

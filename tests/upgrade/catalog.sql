-- All that the catalogs hold of schema openclaw and its extension, one row for each fact, without oids and
-- in an order of its own: two databases that answer alike are alike. Rows of tables are not in it.
-- Read by tests/e2e/catalog.mjs.
with relation as (
  select c.*, c.oid::regclass::text as name from pg_class as c where c.relnamespace = 'openclaw'::regnamespace
), routine as (
  select p.*, p.oid::regprocedure::text as name from pg_proc as p where p.pronamespace = 'openclaw'::regnamespace
), member as (
  select d.classid, d.objid, d.objsubid from pg_depend as d join pg_extension as e on e.oid = d.refobjid
  where d.refclassid = 'pg_extension'::regclass and d.deptype = 'e' and e.extname = 'openclaw'
)
select kind, name, fact
from (
  select 'extension' as kind, e.extname::text as name,
         jsonb_build_object('version', e.extversion, 'relocatable', e.extrelocatable, 'owner', e.extowner::regrole,
                            'schema', e.extnamespace::regnamespace) as fact
  from pg_extension as e where e.extname = 'openclaw'
  union all
  select 'dumped table', t.relation::regclass::text, to_jsonb(t.condition)
  from pg_extension as e, unnest(e.extconfig, e.extcondition) as t(relation, condition) where e.extname = 'openclaw'
  union all
  select 'member', pg_describe_object(m.classid, m.objid, m.objsubid), null from member as m
  union all
  select 'initial privileges', pg_describe_object(i.classoid, i.objoid, i.objsubid),
         to_jsonb(array(select a::text from unnest(i.initprivs) as a order by 1))
  from pg_init_privs as i join member as m on (m.classid, m.objid) = (i.classoid, i.objoid)
  union all
  select 'comment', pg_describe_object(d.classoid, d.objoid, d.objsubid), to_jsonb(d.description)
  from pg_description as d
  where (d.classoid, d.objoid) in (select m.classid, m.objid from member as m)
     or d.classoid = 'pg_class'::regclass and d.objoid in (select r.oid from relation as r)
     or d.classoid = 'pg_trigger'::regclass
        and d.objoid in (select t.oid from pg_trigger as t join relation as r on r.oid = t.tgrelid)
     or d.classoid = 'pg_policy'::regclass
        and d.objoid in (select p.oid from pg_policy as p join relation as r on r.oid = p.polrelid)
     or d.classoid = 'pg_constraint'::regclass
        and d.objoid in (select k.oid from pg_constraint as k join relation as r on r.oid = k.conrelid)
  union all
  select 'schema', n.nspname::text, jsonb_build_object('owner', n.nspowner::regrole,
         'acl', array(select a::text from unnest(n.nspacl) as a order by 1))
  from pg_namespace as n where n.nspname = 'openclaw'
  union all
  select 'function', r.name,
         jsonb_build_object('definition', pg_get_functiondef(r.oid), 'owner', r.proowner::regrole, 'kind', r.prokind,
                            'binary', r.probin, 'cost', r.procost, 'rows', r.prorows,
                            'acl', array(select a::text from unnest(coalesce(r.proacl, acldefault('f', r.proowner))) as a order by 1))
  from routine as r
  union all
  select 'relation', r.name,
         jsonb_build_object('kind', r.relkind, 'owner', r.relowner::regrole, 'persistence', r.relpersistence,
                            'options', r.reloptions, 'row security', r.relrowsecurity, 'forced', r.relforcerowsecurity,
                            'identity', r.relreplident, 'bound', pg_get_expr(r.relpartbound, r.oid),
                            'parents', array(select i.inhparent::regclass::text from pg_inherits as i where i.inhrelid = r.oid),
                            'access method', (select a.amname from pg_am as a where a.oid = r.relam),
                            'acl', array(select a::text from unnest(coalesce(r.relacl, acldefault(
                                           case r.relkind when 'S' then 's' else 'r' end::"char", r.relowner))) as a order by 1))
  from relation as r
  union all
  select 'column', r.name || ' ' || a.attnum || ' ' || a.attname,
         jsonb_build_object('type', format_type(a.atttypid, a.atttypmod), 'collation', a.attcollation::regcollation,
                            'not null', a.attnotnull, 'default', pg_get_expr(d.adbin, d.adrelid),
                            'generated', a.attgenerated, 'identity', a.attidentity, 'storage', a.attstorage,
                            'compression', a.attcompression, 'statistics', a.attstattarget,
                            -- Of what we can set: a server may note versions of its own (pg_attver) there.
                            'options', array(select o from unnest(a.attoptions) as o where o !~ '^pg_'),
                            'inherited', a.attinhcount, 'local', a.attislocal, 'acl', a.attacl::text)
  from relation as r join pg_attribute as a on a.attrelid = r.oid and a.attnum > 0
  left join pg_attrdef as d on (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
  where r.relkind not in ('i', 'I', 't')
  union all
  select 'constraint', r.name || ' ' || k.conname,
         jsonb_build_object('definition', pg_get_constraintdef(k.oid), 'validated', k.convalidated, 'inherited', k.coninhcount,
                            'local', k.conislocal, 'no inherit', k.connoinherit)
  from relation as r join pg_constraint as k on k.conrelid = r.oid
  union all
  select 'index', i.indexrelid::regclass::text,
         jsonb_build_object('definition', pg_get_indexdef(i.indexrelid), 'valid', i.indisvalid, 'primary', i.indisprimary,
                            'unique', i.indisunique, 'clustered', i.indisclustered, 'identity', i.indisreplident)
  from relation as r join pg_index as i on i.indrelid = r.oid
  union all
  select 'trigger', r.name || ' ' || t.tgname,
         jsonb_build_object('definition', pg_get_triggerdef(t.oid), 'enabled', t.tgenabled, 'of the parent', t.tgparentid <> 0)
  from relation as r join pg_trigger as t on t.tgrelid = r.oid and not t.tgisinternal
  union all
  select 'policy', r.name || ' ' || p.polname,
         jsonb_build_object('command', p.polcmd, 'permissive', p.polpermissive,
                            'roles', array(select x::regrole::text from unnest(p.polroles) as x order by 1),
                            'using', pg_get_expr(p.polqual, p.polrelid), 'check', pg_get_expr(p.polwithcheck, p.polrelid))
  from relation as r join pg_policy as p on p.polrelid = r.oid
  union all
  select 'view', r.name, to_jsonb(pg_get_viewdef(r.oid)) from relation as r where r.relkind in ('v', 'm')
  union all
  select 'rule', r.name || ' ' || w.rulename, to_jsonb(pg_get_ruledef(w.oid))
  from relation as r join pg_rewrite as w on w.ev_class = r.oid and w.rulename <> '_RETURN'
  union all
  select 'sequence', r.name, to_jsonb(s) - 'seqrelid' || jsonb_build_object('owned by', (
           select pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid) from pg_depend as d
           where d.classid = 'pg_class'::regclass and d.objid = r.oid and d.deptype in ('a', 'i')))
  from relation as r join pg_sequence as s on s.seqrelid = r.oid
  union all
  select 'type', t.oid::regtype::text,
         jsonb_build_object('kind', t.typtype, 'owner', t.typowner::regrole, 'acl', t.typacl::text,
                            'base', format_type(t.typbasetype, t.typtypmod), 'not null', t.typnotnull, 'default', t.typdefault,
                            'labels', array(select e.enumlabel from pg_enum as e where e.enumtypid = t.oid order by e.enumsortorder))
  from pg_type as t where t.typnamespace = 'openclaw'::regnamespace
  union all
  select 'default privileges', coalesce(d.defaclnamespace::regnamespace::text, '') || ' ' || d.defaclobjtype::text,
         jsonb_build_object('role', d.defaclrole::regrole, 'acl', d.defaclacl::text)
  from pg_default_acl as d where d.defaclnamespace in (0, 'openclaw'::regnamespace)
  union all
  select 'statistics', s.stxname::text, to_jsonb(pg_get_statisticsobjdef(s.oid))
  from pg_statistic_ext as s where s.stxnamespace = 'openclaw'::regnamespace
  union all
  select 'operator', o.oid::regoperator::text, null from pg_operator as o where o.oprnamespace = 'openclaw'::regnamespace
) as facts
order by kind collate "C", name collate "C", fact::text collate "C"

-- The guarantee, under a simulated clock: no verifier that honours the JWKS's Cache-Control meets a
-- kid that it cannot find. Weeks pass in steps of seconds to minutes; verifiers fetch the JWKS only
-- when their copy has run out; meanwhile keys rotate by schedule, by hand and in emergencies,
-- maintain() comes late, algorithms are added and the settings change.
\ir fixture.psql
select plan(9);

create function pg_temp.kids(at timestamptz) returns text[] language sql as $$
  select array(select k ->> 'kid' from json_array_elements(openclaw.jwks_at(at) -> 'keys') as k)
$$;

-- What happened: the kids that some verifier looked for in vain, and what else came about.
-- `eager`: an operator who has every pending key sign before its time.
create function pg_temp.weeks(seed float, steps integer, eager boolean,
                              out missed integer, out signed integer, out rotations integer,
                              out emergencies integer, out kids_used integer)
  language plpgsql as $$
declare
  at timestamptz := clock_timestamp();
  verifiers constant integer := 12;
  copies jsonb[] := array_fill('[]'::jsonb, array[verifiers]);
  good_until timestamptz[] := array_fill('-infinity'::timestamptz, array[verifiers]);
  algs text[] := '{EdDSA}';
  alg text;
  kid text;
  used text[] := '{}';
  -- JWTs under way: kid and expiry, the last ones of each hour.
  jwts jsonb := '[]';
  jwt jsonb;
  revoked text[] := '{}';
  v integer;
  dice float;
begin
  missed := 0; signed := 0; rotations := 0; emergencies := 0;
  perform setseed(seed);
  truncate openclaw.signing_keys cascade;
  perform set_config('openclaw.signing_key_lifetime', '3d', true);
  perform set_config('openclaw.jwks_max_age', '300s', true);
  perform openclaw.rotate_signing_key_at('EdDSA', null, at);
  for step in 1..steps loop
    at := at + random() * random() * interval '40 minutes';
    dice := random();
    if dice < 0.05 then
      perform openclaw.maintain_signing_keys_at(at);
    elsif dice < 0.06 then
      alg := algs[1 + floor(random() * cardinality(algs))];
      perform openclaw.rotate_signing_key_at(alg, null, at);
      rotations := rotations + 1;
    elsif dice < 0.065 and cardinality(algs) = 1 then
      algs := algs || 'ES256'::text;
      perform openclaw.rotate_signing_key_at('ES256', null, at);
    elsif dice < 0.08 then
      perform set_config('openclaw.jwks_max_age',
                         (array['1s', '60s', '300s', '1h', '1d'])[1 + floor(random() * 5)], true);
    elsif dice < 0.084 then
      -- An emergency finds its successor propagated, unless there was another one just before.
      select k.kid into kid from openclaw.signing_keys as k
      where k.revoked_at is null and k.activates_at <= at and (k.retires_at is null or k.retires_at > at)
        and exists (select from openclaw.signing_keys as s where s.alg = k.alg and s.revoked_at is null
                    and s.activates_at > at and s.propagated_at <= at) limit 1;
      if found then
        perform openclaw.revoke_signing_key_at(kid, at);
        revoked := array_append(revoked, kid);
        emergencies := emergencies + 1;
      end if;
    end if;
    if eager then
      update openclaw.signing_keys as k set activates_at = at
      where k.activates_at > at and k.created_at < at and random() < 0.05;
      perform openclaw.reschedule_signing_keys(a, at) from unnest(algs) as a;
    end if;

    foreach alg in array algs loop
      begin
        kid := openclaw.signing_kid_at(alg, at);
      exception when object_not_in_prerequisite_state then
        continue;
      end;
      used := array(select distinct u from unnest(used || kid) as u);
      signed := signed + 1;
      jwts := jwts || jsonb_build_object('kid', kid, 'exp', at + openclaw.max_jwt_lifetime());
    end loop;
    if jsonb_array_length(jwts) > 8 then jwts := jwts - 0; end if;
    v := 1 + floor(random() * verifiers);
    for jwt in select j from jsonb_array_elements(jwts) as j
               where (j ->> 'exp')::timestamptz > at loop
      if good_until[v] <= at then
        copies[v] := to_jsonb(pg_temp.kids(at));
        good_until[v] := at + openclaw.jwks_max_age_at(at);
      end if;
      if not copies[v] ? (jwt ->> 'kid') and not (jwt ->> 'kid') = any (revoked) then
        missed := missed + 1;
      end if;
    end loop;
  end loop;
  kids_used := cardinality(used);
end
$$;

savepoint s;
create temp table happened as
select * from generate_series(1, 4) as seed, lateral pg_temp.weeks(seed / 10.0, 1500, false);
select is((select sum(missed) from happened), 0::bigint,
  'in weeks of rotations no verifier that honours Cache-Control meets a kid that it cannot find');
select cmp_ok((select min(signed) from happened), '>', 1200, 'while there was a key to sign with nearly always');
select cmp_ok((select sum(rotations) from happened), '>', 20::bigint, 'with rotations by hand');
select cmp_ok((select sum(emergencies) from happened), '>', 5::bigint, 'with emergencies');
select cmp_ok((select min(kids_used) from happened), '>', 5, 'and many keys had their turn');
rollback to s;
select cmp_ok((select missed from pg_temp.weeks(0.1, 1500, true)), '>', 0,
  'a key that signs before its time is noticed by this test');
rollback to s;

-- Nothing need run for a rotation to take place.
select kid as second from openclaw.key_status where state = 'pending' \gset
select is(openclaw.signing_kid_at('EdDSA', clock_timestamp() + interval '30 days 1 second'), :'second',
  'a rotation by schedule happens though nothing ran');
select is(openclaw.signing_kid_at('EdDSA', clock_timestamp() + interval '10 years'), :'second',
  'and the last key goes on signing as long as nobody prepares another');
-- Verifiers far away see a rotation only by what is said to them.
select is((openclaw.front_jwks(null)).headers ~ 'max-age=300$'
          and set_config('openclaw.jwks_max_age', '1d', true) = '1d'
          and (openclaw.front_jwks(null)).headers ~ 'max-age=300$', true,
  'a new openclaw.jwks_max_age is said from the next key on');

select * from finish();
rollback;

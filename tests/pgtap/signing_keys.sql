\ir fixture.psql
select plan(33);

create function pg_temp.reason(jwt text) returns text language sql as $$
  select coalesce((openclaw.verify_jwt(jwt, 'https://mcp.alice.example.com/mcp')).reason, 'valid')
$$;
create function pg_temp.kids() returns text[] language sql as $$
  select array_agg(k ->> 'kid' order by k ->> 'kid' collate "C") from json_array_elements(openclaw.jwks() -> 'keys') as k
$$;
create function pg_temp.jwt(out token text, out kid text) language sql as $$
  select token, kid from openclaw.issue_access_token('ctr_alice', '{mcp:tools}')
$$;

-- The fixture has rotated once: the first key.
select kid as first_kid from openclaw.signing_keys \gset
select is((select format('%s %s %s', activates_at <= clock_timestamp(), retires_at is null,
  expires_at is null)
           from openclaw.signing_keys), 't t t',
             'the first key of an algorithm signs at once and has no end');
select is(openclaw.jwks()::jsonb, jsonb_build_object('keys', jsonb_build_array(public_jwk::jsonb)),
  'the JWKS is the public JWKs of the table') from openclaw.signing_keys;
select is((select array_agg(m order by m) from json_object_keys(public_jwk::json) as m),
  array['alg', 'crv', 'kid', 'kty', 'use', 'x'],
  'a public JWK has no private member') from openclaw.signing_keys;
select is(kid, pg_temp.encoded(sha256(format('{"crv":"Ed25519","kty":"OKP","x":"%s"}',
  public_jwk::json ->> 'x')::bytea)),
  'a kid is the RFC 7638 thumbprint') from openclaw.signing_keys;
select is(master_key_id, openclaw.master_key_id(),
  'a key is sealed under the master key of the file')
from openclaw.signing_keys;
select is(octet_length(sealed_private_key), 1 + 24 + 32 + 16,
  'a sealed EdDSA key is version, nonce, the seed''s ciphertext and tag') from openclaw.signing_keys;
select token as first_jwt from pg_temp.jwt() \gset

-- A second rotation: the successor is pending.
select openclaw.rotate_signing_key() as second_kid \gset
select is(pg_temp.last_audit(), 'rotate_signing_key ' || :'second_kid' || ' success',
  'rotate_signing_key leaves an audit row');
select is(pg_temp.kids(),
  (select array_agg(k order by k collate "C") from unnest(array[:'first_kid', :'second_kid']) as k),
  'a pending key is published beside the active one');
select is((pg_temp.jwt()).kid, :'first_kid', 'the active key signs until its successor takes over');
select ok(activates_at - clock_timestamp() between interval '299 seconds' and interval '300 seconds',
  'a successor signs after openclaw.jwks_max_age') from openclaw.signing_keys where kid = :'second_kid';
select is(f.retires_at, s.activates_at, 'the predecessor stops when the successor starts')
from openclaw.signing_keys as f,
  openclaw.signing_keys as s where f.kid = :'first_kid' and s.kid = :'second_kid';
select ok(expires_at >= retires_at + openclaw.max_jwt_lifetime(),
  'a key stays published until the last JWT that it signed has expired') from openclaw.signing_keys where kid = :'first_kid';

-- Time passes: the successor's start comes.
update openclaw.signing_keys set activates_at = now() - interval '1 second' where kid = :'second_kid';
update openclaw.signing_keys set activates_at = now() - interval '1 day',
  retires_at = now() - interval '1 second' where kid = :'first_kid';
select token as second_jwt, kid from pg_temp.jwt() \gset
select is(:'kid'::text, :'second_kid', 'the successor signs once its time has come');
select is(array[pg_temp.reason(:'first_jwt'), pg_temp.reason(:'second_jwt')],
  array['valid', 'valid'],
  'the JWTs of both keys are good while one is retiring');
update openclaw.signing_keys set expires_at = clock_timestamp() where kid = :'first_kid';
select is(array[pg_temp.reason(:'first_jwt'), pg_temp.reason(:'second_jwt')],
  array['unknown_key', 'valid'],
  'an expired key is unknown, and the other one is not');
select is(pg_temp.kids(), array[:'second_kid'], 'an expired key is not published');

-- Two rotations in a row: what was pending never signs.
select openclaw.rotate_signing_key() as third_kid \gset
select openclaw.rotate_signing_key() as fourth_kid \gset
select is((select count(*) from openclaw.signing_keys where retires_at is null), 1::bigint,
  'two rotations in a row leave one key without an end');
select ok(t.retires_at >= t.activates_at and t.retires_at = f.activates_at,
  'a key that was pending at the next rotation hands over to the newest')
from openclaw.signing_keys as t,
  openclaw.signing_keys as f where t.kid = :'third_kid' and f.kid = :'fourth_kid';
select is((select count(*) from openclaw.signing_keys as a
           where exists (select from openclaw.signing_keys as b
                         where b.kid <> a.kid and b.activates_at < a.retires_at and b.retires_at > a.activates_at
                           and b.retires_at > b.activates_at and a.retires_at > a.activates_at)),
  0::bigint, 'no two keys sign at the same time');
select is((pg_temp.jwt()).kid, :'second_kid', 'the active key goes on signing through both');

-- Rotation at once, and its roll-back.
savepoint s;
select openclaw.rotate_signing_key('EdDSA', '0') as gone_kid \gset
select token as gone_jwt, kid from pg_temp.jwt() \gset
select is(:'kid'::text, :'gone_kid',
  'rotate_signing_key with activate_after zero takes over at once');
select is(pg_temp.reason(:'gone_jwt'), 'valid', 'its JWT is good while it is there');
rollback to s;
select is(pg_temp.reason(:'gone_jwt'), 'unknown_key',
  'a key whose rotation was rolled back is unknown at once');
select is((pg_temp.jwt()).kid, :'second_kid', 'a rolled-back rotation leaves the old key signing');

-- Attack 31, within a transaction.
savepoint s;
update openclaw.signing_keys set revoked_at = now() where kid = :'second_kid';
select is(pg_temp.reason(:'second_jwt'), 'unknown_key',
  'a revoked key''s JWTs are refused at once');
select ok(not :'second_kid' = any (pg_temp.kids()), 'a revoked key is not published');
rollback to s;
delete from openclaw.signing_keys where kid = :'second_kid';
select is(pg_temp.reason(:'second_jwt'), 'unknown_key',
  'a deleted key''s JWTs are refused at once');
rollback to s;
truncate openclaw.signing_keys;
select is(pg_temp.kids(), null, 'a truncated table publishes nothing');
rollback to s;
select is(pg_temp.reason(:'second_jwt'), 'valid',
  'the key is good again when its removal is rolled back');

select throws_ok(statement, state, message, what)
from (values
  ('select openclaw.rotate_signing_key(''HS256'')', '22023', 'unknown signing algorithm',
   'rotate_signing_key refuses an algorithm that is none of ours'),
  ('select openclaw.rotate_signing_key(''EdDSA'', ''-1 second'')', '22023',
   'activate_after must be between zero and 30 days',
   'rotate_signing_key refuses to start in the past'),
  ('select openclaw.rotate_signing_key(''EdDSA'', ''31 days'')', '22023',
   'activate_after must be between zero and 30 days',
   'rotate_signing_key refuses to start after 30 days'),
  ('select openclaw.rotate_signing_key(null)', '22004', 'alg must not be null',
  'rotate_signing_key refuses an algorithm of null'))
  as v(statement, state, message, what);

select * from finish();
rollback;

-- Signing keys: what is published, what signs, and how one key follows another.
\ir fixture.psql
select plan(58);

create function pg_temp.reason(jwt text) returns text language sql as $$
  select coalesce((openclaw.verify_jwt(jwt, 'https://mcp.alice.example.com/mcp')).reason, 'valid')
$$;
create function pg_temp.kids() returns text[] language sql as $$
  select array_agg(k ->> 'kid' order by k ->> 'kid' collate "C") from json_array_elements(openclaw.jwks() -> 'keys') as k
$$;
create function pg_temp.jwt(out token text, out kid text) language sql as $$
  select token, kid from openclaw.issue_access_token('ctr_alice', '{mcp:tools}')
$$;
create function pg_temp.sorted(variadic kids text[]) returns text[] language sql as $$
  select array_agg(k order by k collate "C") from unnest(kids) as k
$$;
-- Every verifier has every key now.
create function pg_temp.propagate() returns void language sql as $$
  update openclaw.signing_keys set propagated_at = clock_timestamp() - interval '1 second'
$$;

-- The fixture has rotated once: the first key, and its successor.
select kid as first_kid from openclaw.key_status where state = 'active' \gset
select kid as second_kid from openclaw.key_status where state = 'pending' \gset
select is((select count(*) from openclaw.signing_keys), 2::bigint,
  'the first rotation makes a key and its successor');
select is(pg_temp.kids(), pg_temp.sorted(:'first_kid', :'second_kid'),
  'a pending key is published beside the active one');
select is((pg_temp.jwt()).kid, :'first_kid', 'the first key signs at once');
select is(s.activates_at - f.activates_at, interval '30 days',
  'its successor begins after openclaw.signing_key_lifetime')
from openclaw.signing_keys as f, openclaw.signing_keys as s
where f.kid = :'first_kid' and s.kid = :'second_kid';
select is(f.retires_at, s.activates_at, 'a key stops when its successor begins')
from openclaw.signing_keys as f, openclaw.signing_keys as s
where f.kid = :'first_kid' and s.kid = :'second_kid';
select ok(expires_at >= retires_at + openclaw.max_jwt_lifetime(),
  'a key stays published until the last JWT that it signed has expired')
from openclaw.signing_keys where kid = :'first_kid';
select ok(retires_at is null and expires_at is null, 'the last key has no end')
from openclaw.signing_keys where kid = :'second_kid';
select is(propagated_at, activates_at, 'the very first key has nobody to wait for')
from openclaw.signing_keys where kid = :'first_kid';
select is(propagated_at - created_at, interval '310 seconds',
  'any other waits for max-age, and for the transaction that makes it')
from openclaw.signing_keys where kid = :'second_kid';

select is(openclaw.jwks()::jsonb -> 'keys',
  (select jsonb_agg(public_jwk::jsonb order by kid collate "C") from openclaw.signing_keys),
  'the JWKS is the public JWKs of the table');
select is(array(select json_object_keys(public_jwk::json) order by 1),
  array['alg', 'crv', 'kid', 'kty', 'use', 'x'],
  'a public JWK has no private member') from openclaw.signing_keys where kid = :'first_kid';
select is(kid, pg_temp.encoded(sha256(format('{"crv":"Ed25519","kty":"OKP","x":"%s"}',
  public_jwk::json ->> 'x')::bytea)),
  'a kid is the RFC 7638 thumbprint') from openclaw.signing_keys where kid = :'first_kid';
select is(master_key_id, openclaw.master_key_id(),
  'a key is sealed under the master key of the file')
from openclaw.signing_keys where kid = :'first_kid';
select is(octet_length(sealed_private_key), 1 + 24 + 32 + 16,
  'a sealed EdDSA key is version, nonce, the seed''s ciphertext and tag')
from openclaw.signing_keys where kid = :'first_kid';
select token as first_jwt from pg_temp.jwt() \gset

-- By hand, before every verifier can have the successor: the rotation is under way.
savepoint s;
select is(openclaw.rotate_signing_key(), :'second_kid', 'a rotation takes the successor that is published');
select is(pg_temp.last_audit(), 'rotate_signing_key ' || :'second_kid' || ' success',
  'rotate_signing_key leaves an audit row');
select is((pg_temp.jwt()).kid, :'first_kid', 'the old key signs until every verifier has the new one');
select is(activates_at, propagated_at, 'and no longer') from openclaw.signing_keys
where kid = :'second_kid';
select is(openclaw.rotate_signing_key(), :'second_kid', 'a rotation that is under way is not begun twice');
select is((select count(*) from openclaw.signing_keys), 2::bigint, 'and makes no further key');
rollback to s;

-- By hand, later: at once.
select pg_temp.propagate() as ignored \gset
select is(openclaw.rotate_signing_key(), :'second_kid', 'once every verifier has it, a rotation takes it at once');
select token as second_jwt, kid from pg_temp.jwt() \gset
select is(:'kid'::text, :'second_kid', 'and it signs');
select is(array[pg_temp.reason(:'first_jwt'), pg_temp.reason(:'second_jwt')],
  array['valid', 'valid'], 'the JWTs of both keys are good while one is retiring');
select is(array(select state from openclaw.key_status order by state), array['active', 'pending', 'retiring'],
  'there is a successor again');
select kid as third_kid from openclaw.key_status where state = 'pending' \gset
update openclaw.signing_keys set retires_at = activates_at, expires_at = clock_timestamp()
where kid = :'first_kid';
select is(array[pg_temp.reason(:'first_jwt'), pg_temp.reason(:'second_jwt')],
  array['unknown_key', 'valid'], 'an expired key is unknown, and the other one is not');
select is(pg_temp.kids(), pg_temp.sorted(:'second_kid', :'third_kid'), 'an expired key is not published');

-- activate_after, whoever has the key; and a roll-back.
savepoint s;
select openclaw.rotate_signing_key('EdDSA', '0') as gone_kid \gset
select token as gone_jwt, kid from pg_temp.jwt() \gset
select is(:'kid'::text, :'gone_kid', 'with activate_after zero a new key takes over at once');
select is(pg_temp.reason(:'gone_jwt'), 'valid', 'its JWT is good while it is there');
select is((select state from openclaw.key_status where kid = :'third_kid'), 'pending',
  'and the successor keeps its turn');
rollback to s;
select is(pg_temp.reason(:'gone_jwt'), 'unknown_key',
  'a key whose rotation was rolled back is unknown at once');
select is((pg_temp.jwt()).kid, :'second_kid', 'a rolled-back rotation leaves the old key signing');

-- Another algorithm, when verifiers hold a JWKS without it.
select openclaw.rotate_signing_key('ES256') as es256_kid \gset
select is((select state from openclaw.key_status where kid = :'es256_kid'), 'pending',
  'the first key of another algorithm waits until every verifier has it');
select throws_like($$select openclaw.issue_access_token('ctr_alice', '{a:b}', alg => 'ES256')$$,
  'there is no active ES256 signing key before %', 'and whoever wants its signature is told when');

-- Attack 31: an emergency.
savepoint s;
select ok(openclaw.revoke_signing_key(:'second_kid'), 'revoke_signing_key takes a key that signs');
select is(array(select concat_ws(' ', action, target, outcome) from openclaw.audit_log
                where action like '%\_signing\_key' order by at desc limit 2),
  array['add_signing_key ' || (select kid from openclaw.key_status where state = 'pending' and alg = 'EdDSA') || ' success',
        'revoke_signing_key ' || :'second_kid' || ' success'],
  'and leaves an audit row, as the new successor does');
select is(pg_temp.reason(:'second_jwt'), 'unknown_key', 'all that it signed is refused at once');
select ok(not :'second_kid' = any (pg_temp.kids()), 'it is not published');
select token as third_jwt, kid from pg_temp.jwt() \gset
select is(:'kid'::text, :'third_kid', 'its successor, published before, signs at once');
select is(pg_temp.reason(:'third_jwt'), 'valid', 'and its JWTs are good');
select is((select count(*) from openclaw.key_status where alg = 'EdDSA' and state = 'pending'), 1::bigint,
  'with a new successor');
select ok(openclaw.revoke_signing_key(:'second_kid'), 'revoking it again is true');
select ok(not openclaw.revoke_signing_key('none'), 'revoking a key that is none is false');
rollback to s;
savepoint s;
select openclaw.revoke_signing_key(:'third_kid') as ignored \gset
select is((pg_temp.jwt()).kid, :'second_kid', 'revoking a pending key leaves the active one signing');
select is((select count(*) from openclaw.key_status where alg = 'EdDSA' and state = 'pending'), 1::bigint,
  'and prepares another successor');
rollback to s;
delete from openclaw.signing_keys where kid = :'second_kid';
select is(pg_temp.reason(:'second_jwt'), 'unknown_key', 'a deleted key''s JWTs are refused at once');
rollback to s;
truncate openclaw.signing_keys;
select is(pg_temp.kids(), null, 'a truncated table publishes nothing');
rollback to s;

-- No key is left, but copies of the JWKS are.
update openclaw.signing_keys set revoked_at = now();
select openclaw.rotate_signing_key() as late_kid \gset
select is((select state from openclaw.key_status where kid = :'late_kid'), 'pending',
  'a key after a day without any would sign at once; after a moment it waits');
update openclaw.signing_keys set revoked_at = now() - interval '2 days' where kid <> :'late_kid';
delete from openclaw.signing_keys where revoked_at is null;
select openclaw.rotate_signing_key() as fresh_kid \gset
select is((select state from openclaw.key_status where kid = :'fresh_kid'), 'active', 'as it does');
rollback to s;

-- The setting changes.
set local openclaw.signing_key_lifetime = 0;
select is((select array_agg(t) from openclaw.algorithms_without_successor(clock_timestamp()) as t), array['EdDSA'],
  'a successor with a time is not what a lifetime of 0 asks for');
select is((select done from openclaw.maintain() where task = 'prepare signing keys'), 1::bigint, 'which maintain mends');
select is((select max(activates_at) from openclaw.signing_keys where alg = 'EdDSA'), 'infinity'::timestamptz, 'it waits to be rotated');
set local openclaw.signing_key_lifetime = '1d';
select is((select done from openclaw.maintain() where task = 'prepare signing keys'), 1::bigint, 'and back again');
select ok((select max(activates_at) from openclaw.signing_keys where alg = 'EdDSA') < now() + interval '2 days', 'it has a time again');
rollback to s;
select throws_ok($$select openclaw.rotate_signing_key('EdDSA', '0') from generate_series(1, 64)$$, '54000', null,
  'more keys than verifiers read are refused');

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

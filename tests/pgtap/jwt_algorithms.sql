-- EdDSA, ES256 and RS256 side by side, and attack 17.
\ir fixture.psql
select plan(19);

do $$
begin
  perform openclaw.rotate_signing_key('ES256', '0');
  perform openclaw.rotate_signing_key('RS256', '0');
end
$$;
create temp table signed as
select alg, j.* from unnest(array['EdDSA', 'ES256', 'RS256']) as alg,
                     openclaw.issue_access_token('ctr_alice', '{mcp:tools}', alg => alg) as j;
create function pg_temp.reason(jwt text) returns text language sql as $$
  select coalesce((openclaw.verify_jwt(jwt, 'https://mcp.alice.example.com/mcp')).reason, 'valid')
$$;

select is(pg_temp.segment(token, 1) ->> 'alg', alg,
  alg || ' stands in its JWT''s header') from signed;
select is(pg_temp.reason(token), 'valid', 'a JWT signed with ' || alg || ' is good') from signed;
select is((select array_agg(distinct k ->> 'alg' collate "C" order by k ->> 'alg' collate "C") from json_array_elements(openclaw.jwks() -> 'keys') as k),
  array['ES256', 'EdDSA', 'RS256'], 'the JWKS has keys of each algorithm');
select is(octet_length(pg_temp.decoded(split_part(token, '.', 3))), bytes,
  alg || ' signatures have ' || bytes || ' bytes')
from signed join (values ('EdDSA', 64), ('ES256', 64), ('RS256', 256)) as v(alg, bytes) using (alg);

-- The signature's bytes replaced; r is the first half of the 64, s the second.
create function pg_temp.resigned(alg text, signature bytea) returns text language sql as $$
  select split_part(token, '.', 1) || '.' || split_part(token, '.', 2) || '.' || pg_temp.encoded(signature)
  from signed where signed.alg = resigned.alg
$$;
select pg_temp.decoded(split_part(token, '.', 3)) as es256 from signed where alg = 'ES256' \gset
\set n '\\xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551'
select is(pg_temp.reason(pg_temp.resigned('ES256', signature)), 'invalid_signature',
  'an ES256 signature ' || what || ' is refused')
from (values
  ('whose r is zero', decode(repeat('00', 32), 'hex') || substr(:'es256'::bytea, 33)),
  ('whose s is zero', substr(:'es256'::bytea, 1, 32) || decode(repeat('00', 32), 'hex')),
  ('whose r is n', :'n'::bytea || substr(:'es256'::bytea, 33)),
  ('whose s is n', substr(:'es256'::bytea, 1, 32) || :'n'::bytea),
  ('in DER', '\x30440220'::bytea ||
   substr(:'es256'::bytea, 1, 32) || '\x0220' || substr(:'es256'::bytea, 33)),
  ('with a byte more', :'es256'::bytea || '\x00'),
  ('with a byte less', substr(:'es256'::bytea, 1, 63))) as v(what, signature);
select is(pg_temp.reason(pg_temp.resigned('RS256',
  (
    select pg_temp.decoded(split_part(token, '.', 3)) || '\x00'
                                                    from signed where alg = 'RS256'))),
  'invalid_signature', 'an over-long RS256 signature is refused');
select is(array_agg(pg_temp.reason(a.token) order by a.alg),
  array['invalid_signature', 'invalid_signature', 'invalid_signature'],
  'no key verifies what another key has signed')
from (select s.alg, split_part(s.token, '.', 1) || '.'
             || split_part(s.token, '.', 2) || '.' || split_part(o.token, '.', 3) as token
      from signed as s join signed as o on (s.alg, o.alg) in (('EdDSA', 'ES256'),
        ('ES256', 'RS256'), ('RS256', 'EdDSA'))) as a;

select * from finish();
rollback;

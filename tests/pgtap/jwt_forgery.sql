-- Attacks 1 to 17 where a JWT comes in: built by hand, no library between.
create extension pgcrypto;
\ir fixture.psql
select plan(82);

select token as jwt, kid from openclaw.issue_access_token('ctr_alice', '{mcp:tools}') \gset
select split_part(:'jwt', '.', 1) as header, split_part(:'jwt', '.', 2) as payload,
       split_part(:'jwt', '.', 3) as signature,
       convert_from(pg_temp.decoded(split_part(:'jwt', '.', 2)), 'UTF8') as claims \gset
select public_jwk from openclaw.signing_keys where kid = :'kid' \gset
select format(e'-----BEGIN PUBLIC KEY-----\n%s\n-----END PUBLIC KEY-----\n',
              encode('\x302a300506032b6570032100'::bytea || pg_temp.decoded(:'public_jwk'::json ->> 'x'), 'base64'))
  as public_pem \gset

-- Each forgery with the reason it must get; the doors must agree.
create temp table forgery (what text, jwt text, reason text);
create function pg_temp.with_header(header text, payload text,
  signature text default 'AAAA') returns text
  language sql as $$ select concat_ws('.', pg_temp.encoded(convert_to(header, 'UTF8')), payload, signature) $$;
create function pg_temp.hs256(header text, payload text, secret text) returns text language sql as $$
  select signed || '.' || pg_temp.encoded(hmac(convert_to(signed, 'UTF8'), convert_to(secret, 'UTF8'), 'sha256'))
  from (select pg_temp.encoded(convert_to(header, 'UTF8')) || '.' || payload) as s(signed)
$$;

-- Header games. The template has the kid of the real key.
insert into forgery
select what, pg_temp.with_header(format(header, :'kid'), :'payload', :'signature'), reason
from (values
  ('with alg none', '{"alg":"none","typ":"at+jwt","kid":"%s"}', 'unsupported_algorithm'),
  ('with alg None', '{"alg":"None","typ":"at+jwt","kid":"%s"}', 'unsupported_algorithm'),
  ('with alg NONE', '{"alg":"NONE","typ":"at+jwt","kid":"%s"}', 'unsupported_algorithm'),
  ('with alg nOnE', '{"alg":"nOnE","typ":"at+jwt","kid":"%s"}', 'unsupported_algorithm'),
  ('with an empty alg', '{"alg":"","typ":"at+jwt","kid":"%s"}', 'unsupported_algorithm'),
  ('with alg eddsa in lower case', '{"alg":"eddsa","typ":"at+jwt","kid":"%s"}',
  'unsupported_algorithm'),
  ('with alg PS256', '{"alg":"PS256","typ":"at+jwt","kid":"%s"}', 'unsupported_algorithm'),
  ('with another alg than the key''s', '{"alg":"ES256","typ":"at+jwt","kid":"%s"}',
  'unsupported_algorithm'),
  ('with a third alg than the key''s', '{"alg":"RS256","typ":"at+jwt","kid":"%s"}',
  'unsupported_algorithm'),
  ('with PBES2 and a huge p2c',
  '{"alg":"PBES2-HS256+A128KW","p2c":2147483647,"p2s":"AA","typ":"at+jwt","kid":"%s"}',
   'unsupported_algorithm'),
  ('without alg', '{"typ":"at+jwt","kid":"%s"}', 'malformed'),
  ('with a list for alg', '{"alg":["EdDSA"],"typ":"at+jwt","kid":"%s"}', 'malformed'),
  ('without typ', '{"alg":"EdDSA","kid":"%s"}', 'malformed'),
  ('without kid', '{"alg":"EdDSA","typ":"at+jwt"}', 'malformed'),
  ('with a number for kid', '{"alg":"EdDSA","typ":"at+jwt","kid":1}', 'malformed'),
  ('with its own jwk', '{"alg":"EdDSA","typ":"at+jwt","kid":"%s","jwk":{"kty":"OKP"}}',
  'malformed'),
  ('with x5c', '{"alg":"EdDSA","typ":"at+jwt","kid":"%s","x5c":["AA"]}', 'malformed'),
  ('with jku', '{"alg":"EdDSA","typ":"at+jwt","kid":"%s","jku":"https://evil.example/jwks"}',
  'malformed'),
  ('with x5u', '{"alg":"EdDSA","typ":"at+jwt","kid":"%s","x5u":"https://evil.example/x"}',
  'malformed'),
  ('with an unknown crit', '{"alg":"EdDSA","typ":"at+jwt","kid":"%s","crit":["exp"],"exp":1}',
  'malformed'),
  ('with an empty crit', '{"alg":"EdDSA","typ":"at+jwt","kid":"%s","crit":[]}', 'malformed'),
  ('with b64 false', '{"alg":"EdDSA","typ":"at+jwt","kid":"%s","b64":false,"crit":["b64"]}',
  'malformed'),
  ('with zip', '{"alg":"EdDSA","typ":"at+jwt","kid":"%s","zip":"DEF"}', 'malformed'),
  ('with alg twice', '{"alg":"EdDSA","alg":"none","typ":"at+jwt","kid":"%s"}', 'malformed'),
  ('with a member twice, once escaped', '{"alg":"EdDSA","typ":"at+jwt","kid":"%s","k\u0069d":"x"}',
  'malformed'),
  ('whose header has trailing text', '{"alg":"EdDSA","typ":"at+jwt","kid":"%s"} x', 'malformed'),
  ('whose header is a list', '["%s"]', 'malformed'),
  ('whose header is no JSON', 'kid=%s', 'malformed'),
  ('whose header nests 5000 deep', repeat('[', 5000) || '%s', 'malformed'),
  ('whose header is written with a space', '{"alg":"EdDSA", "typ":"at+jwt","kid":"%s"}',
  'invalid_signature'))
  as v(what, header, reason);

-- A kid is compared, never used otherwise.
insert into forgery
select 'with the kid ' || to_json(left(kid, 20)),
       pg_temp.with_header(format('{"alg":"EdDSA","typ":"at+jwt","kid":%s}', kid), :'payload',
       :'signature'), reason
from (values
  ('""', 'unknown_key'), ('"no-such-key"', 'unknown_key'), ('"'' or 1=1 --"', 'unknown_key'),
  ('"../../etc/passwd"', 'unknown_key'), ('"/dev/null"', 'unknown_key'),
  ('"%s%s%n"', 'unknown_key'),
  ('"a\u0000b"', 'malformed'), (to_json(repeat('k', 257))::text, 'malformed'),
  (to_json(repeat('k', 1024 * 1024))::text, 'malformed')) as v(kid, reason);
insert into forgery values
  ('with the key''s own kid and a NUL after it', pg_temp.with_header(
     format('{"alg":"EdDSA","typ":"at+jwt","kid":"%s\u0000"}', :'kid'), :'payload', :'signature'),
     'malformed'),
  ('with the kid in upper case', pg_temp.with_header(
     format('{"alg":"EdDSA","typ":"at+jwt","kid":"%s"}', upper(:'kid')), :'payload', :'signature'),
     'unknown_key');

-- The public key as a symmetric secret.
insert into forgery
select 'signed by ' || alg || ' with ' || what,
       pg_temp.hs256(format('{"alg":"%s","typ":"at+jwt","kid":"%s"}', alg, :'kid'), :'payload',
       secret), reason
from (values ('the public JWK', :'public_jwk'), ('the public PEM', :'public_pem'),
             ('the public PEM after white space', e' \n' || :'public_pem'),
             ('nothing', '')) as s(what, secret),
     (values ('HS256', 'unsupported_algorithm'), ('EdDSA', 'invalid_signature')) as a(alg, reason);

-- Form.
insert into forgery
select what, format(form, :'header', :'payload', :'signature'), 'malformed'
from (values
  ('of two segments', '%1$s.%2$s'), ('of four segments', '%1$s.%2$s.%3$s.%3$s'),
  ('with five as a JWE', '%1$s..AAAA.AAAA.AAAA'),
  ('without header', '.%2$s.%3$s'), ('without payload', '%1$s..%3$s'),
  ('without signature', '%1$s.%2$s.'),
  ('of dots', '..'), ('padded', '%1$s.%2$s.%3$s=='), ('with a space before', ' %1$s.%2$s.%3$s'),
  ('with a newline after', e'%1$s.%2$s.%3$s\n'), ('with a space within', '%1$s. %2$s.%3$s'),
  ('with a + for a -', '%1$s.%2$s.+' || '%3$s'),
  ('with a character over 7 bits', '%1$s.%2$sé.%3$s'),
  ('as JSON serialization', '{"protected":"%1$s","payload":"%2$s","signature":"%3$s"}'),
  ('behind Bearer', 'Bearer %1$s.%2$s.%3$s'),
  ('over 8 KiB', '%1$s.%2$s' || repeat('A', 8192) || '.%3$s'),
  ('of 1 MiB', '%1$s.%2$s.' || repeat('A', 1024 * 1024))) as v(what, form);
-- 64 bytes leave four unused bits in the last character, which is then one of A, Q, g, w.
insert into forgery values ('with non-zero unused bits',
  left(:'jwt', -1) || translate(right(:'jwt', 1), 'AQgw', 'BRhx'), 'malformed');

-- Contents.
insert into forgery
select what, concat_ws('.', :'header', pg_temp.encoded(convert_to(payload, 'UTF8')), :'signature'),
  reason
from (values
  ('of another user', replace(:'claims', 'user_alice', 'user_bob'), 'invalid_signature'),
  ('for another audience', replace(:'claims', 'mcp.alice', 'mcp.bob'), 'invalid_signature'),
  ('with a later exp', replace(:'claims', '"exp":', '"exp":9'), 'invalid_signature'),
  ('with more scopes', replace(:'claims', 'mcp:tools', 'mcp:*'), 'invalid_signature'),
  ('with a claim twice', '{"user_id":"user_bob",' || substr(:'claims', 2), 'malformed'),
  ('with a claim of 1000 nested lists',
   '{"x":' || repeat('[', 1000) || repeat(']', 1000) || ',' || substr(:'claims', 2),
   'malformed'),
  ('with a payload that is a string', '"x"', 'malformed')) as v(what, payload, reason);
insert into forgery values
  ('altered in its signature',
  concat_ws('.', :'header', :'payload',
     pg_temp.altered(:'signature', 40)), 'invalid_signature'),
  ('with a short signature', concat_ws('.', :'header', :'payload', left(:'signature', 80)),
  'invalid_signature'),
  ('with a signature twice as long',
  concat_ws('.', :'header', :'payload', :'signature' || 'AA' || :'signature' || 'AA'),
   'invalid_signature'),
  ('with a signature of zeros', concat_ws('.', :'header', :'payload', repeat('A', 86)),
  'invalid_signature'),
  ('with another JWT''s signature',
  (select concat_ws('.', :'header', :'payload', split_part(token, '.', 3))
     from openclaw.issue_access_token('ctr_alice', '{mcp:tools}')), 'invalid_signature');

select is((openclaw.verify_jwt(:'jwt', :'alice_endpoint')).reason, null,
  'the JWT that the forgeries start from is good');
select is((openclaw.verify_jwt(f.jwt, :'alice_endpoint'))::text,
  row(false, f.reason, null, null, null, null, null, null, null, null, null)::text,
  'a JWT ' || f.what || ' is ' || f.reason)
from forgery as f;
select is(array_agg(distinct openclaw.introspect(jwt)::text), array['{"active":false}'],
  'introspect answers every forgery in the same way')
from forgery;
-- More than one space after the scheme is allowed (RFC 9110 section 11.4), so that one is no forgery.
select is(array_agg(distinct pg_temp.front_verify('Bearer ' || jwt, :'alice_endpoint',
  null)::text),
  array[pg_temp.front_verify('Bearer x', :'alice_endpoint', null)::text],
  'front_verifications answers every forgery in the same way')
from forgery where what <> 'with a space before';

select * from finish();
rollback;

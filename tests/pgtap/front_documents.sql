-- What the front publishes: keys, metadata, readiness.
\ir fixture.psql
select plan(22);

select (j).status, (j).headers, (j).body, substring((j).headers from 'ETag: ("[^"]+")') as etag
from (select openclaw.front_jwks(null) as j offset 0) as s \gset
select is(:'status'::int, 200, 'front_jwks is 200');
select is(:'body'::text, openclaw.jwks()::text, 'front_jwks gives the JWKS');
select is(:'headers'::text,
  format(e'Content-Type: application/json\nETag: %s\nCache-Control: public, max-age=300', :'etag'),
  'front_jwks may be kept for openclaw.jwks_max_age');
select is(openclaw.front_jwks(matching)::text,
  row(304, format(e'ETag: %s\nCache-Control: public, max-age=300', :'etag'), null)::text,
  'front_jwks for ' || what || ' is 304 without a body')
from (values ('the same ETag', :'etag'), ('its weak form', 'W/' || :'etag'),
  ('a list with it', '"x", ' || :'etag'), ('*', '*'))
     as v(what, matching);
select is((openclaw.front_jwks(other)).status, 200, 'front_jwks for ' || what || ' is 200')
from (values ('another ETag', '"x"'), ('an empty one', '')) as v(what, other);
savepoint s;
do $$ begin perform openclaw.rotate_signing_key('EdDSA', '0'); end $$;
select is((openclaw.front_jwks(:'etag')).status, 200,
  'front_jwks after a rotation is 200 for the old ETag');
-- What is said is what openclaw.propagated_at counts on.
create function pg_temp.said() returns text language sql as
  $$ select substring((openclaw.front_jwks(null)).headers from 'Cache-Control: (.*)') $$;
create function pg_temp.counted_on() returns text language sql as
  $$ select 'public, max-age=' || floor(extract(epoch from openclaw.jwks_max_age_at(clock_timestamp()))) $$;
set local openclaw.jwks_max_age = '1d';
do $$ begin perform openclaw.rotate_signing_key('ES256', '0'); end $$;
select is(pg_temp.said(), 'public, max-age=86400', 'front_jwks may be kept for as long as was set when the newest key was made');
select is(pg_temp.said(), pg_temp.counted_on(), 'which rotation counts on');
update openclaw.signing_keys set revoked_at = clock_timestamp()
where kid = (select kid from openclaw.signing_keys order by created_at desc, kid limit 1);
select is(pg_temp.said(), pg_temp.counted_on(), 'also while the newest one is revoked');
update openclaw.signing_keys set revoked_at = clock_timestamp() where revoked_at is null;
select is(pg_temp.said(), 'no-cache', 'front_jwks without a key is not to be kept');
rollback to s;

select is((openclaw.front_metadata('')).status, 200, 'front_metadata is 200');
select is((openclaw.front_metadata('')).body::jsonb,
  jsonb_build_object('issuer', :'issuer', 'jwks_uri', :'issuer' || '/.well-known/jwks.json',
    'authorization_endpoint', :'issuer' || '/oauth/authorize',
    'token_endpoint', :'issuer' || '/oauth/token',
    'introspection_endpoint', :'issuer' || '/oauth/introspect',
    'revocation_endpoint', :'issuer' || '/oauth/revoke', 'response_types_supported', '["code"]'::jsonb,
    'grant_types_supported', '["client_credentials","refresh_token","urn:ietf:params:oauth:grant-type:token-exchange"]'::jsonb)
  || (select jsonb_object_agg(endpoint || '_endpoint_auth_methods_supported',
        '["client_secret_basic","client_secret_post","private_key_jwt"]'::jsonb)
      || jsonb_object_agg(endpoint || '_endpoint_auth_signing_alg_values_supported',
        '["EdDSA","Ed25519","ES256","RS256"]'::jsonb)
      from unnest(array['token', 'introspection', 'revocation']) as endpoint),
  'front_metadata names the issuer byte for byte and what works here');
select is((openclaw.front_ready())::text,
  row(200, 'Content-Type: application/json',
      json_build_object('status', 'ready', 'version', openclaw.library_version(), 'standby',
      false))::text,
  'front_ready is 200 when the database can decide and sign');

set local openclaw.issuer = 'https://auth.openclaw.test/tenant/';
select is((openclaw.front_metadata('')).body::json ->> what, wanted,
  'with a slash at the issuer''s end, ' || what || ' has one slash')
from (values ('issuer', 'https://auth.openclaw.test/tenant/'),
             ('jwks_uri', 'https://auth.openclaw.test/tenant/.well-known/jwks.json'))
     as v(what, wanted);
set local openclaw.issuer = '';
select is((openclaw.front_metadata('')).status, 503, 'front_metadata without an issuer is 503');
select is((openclaw.front_ready())::text,
  row(503, e'Content-Type: application/json\nRetry-After: 5',
      json_build_object('error', 'temporarily_unavailable', 'error_description',
      'missing: issuer'))::text,
  'front_ready without an issuer is 503 and says so');
rollback to s;
update openclaw.signing_keys set revoked_at = now();
select is((openclaw.front_ready()).body::json ->> 'error_description', 'missing: signing key',
  'front_ready without a key that signs says so');

select * from finish();
rollback;

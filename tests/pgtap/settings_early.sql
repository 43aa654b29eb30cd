-- A setting that a role made up before the module was loaded does not outlive the loading.
set client_min_messages = error;
begin;
select plan(2);

create role pgtap_settings_early;
set local role pgtap_settings_early;
set openclaw.issuer = 'https://evil.test';
set openclaw.leeway = 60;
reset role;
create temp table early as
select openclaw.setting('issuer') as issuer, openclaw.setting('leeway') as leeway;
select isnt((select issuer from early), 'https://evil.test',
  'an issuer set before the module was loaded is dropped');
select is((select leeway from early), '30s', 'and so is a leeway');

select * from finish();
rollback;

// When a token was used last: a verification writes nothing, and the front has it recorded afterwards.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { World, until } from './world.mjs';

const audience = 'https://mcp.ada.example.com/mcp';

describe('the front', () => {
  let world;
  before(async () => {
    world = await World.open('--token-use-interval', '1s', '--maintenance-interval', '0');
  });
  after(() => world.close());

  const issue = () => world.issueToken('ada', ['mcp:tools']);
  const used = ({ token_id: id }) => world.value(
    'select last_used_at from openclaw.token_overview where token_id = $1', [id]);
  const recorded = (what, token) => until(`${what} is recorded`, () => used(token));

  test('records tokens that were found good, at each endpoint, and no others', async () => {
    const [introspected, listed, verified, lacking, revoked, unused] = await Promise.all(
      Array.from({ length: 6 }, issue));
    await world.sql('select openclaw.revoke_token($1)', [revoked.token]);
    assert.equal((await world.introspect(revoked.token)).json.active, false);
    assert.equal((await world.verify(lacking.token, audience, 'data:write')).status, 403);
    assert.equal((await world.introspect(introspected.token)).json.active, true);
    assert.equal((await world.front.post('/v1/introspect', { bearer: world.harness,
      headers: { 'Content-Type': 'application/json' }, body: JSON.stringify([listed.token]) })).json[0].active, true);
    assert.equal((await world.verify(verified.token, audience, 'mcp:tools')).status, 200);
    await recorded('a token that was introspected', introspected);
    await recorded('one of a list', listed);
    await recorded('one that was verified', verified);
    for (const harness of [world.harness, world.platform]) {
      await until("the harness's own", () => world.value(
        'select last_used_at from openclaw.api_tokens where token_hash = openclaw.token_hash($1)', [harness]));
    }
    for (const token of [lacking, revoked, unused]) assert.equal(await used(token), null);
  });

  test('leaves alone what was recorded within the hour', async () => {
    const [lately, earlier] = [await issue(), await issue()];
    const set = (token, age) => world.value(`update openclaw.api_tokens set last_used_at = now() - $2::interval
      where id = $1 returning last_used_at`, [token.token_id, age]);
    const read = (token) => world.value('select last_used_at from openclaw.api_tokens where id = $1', [token.token_id]);
    const [at, once] = [await set(lately, '30 minutes'), await set(earlier, '2 hours')];
    assert.equal((await world.introspect(lately.token)).json.active, true);
    assert.equal((await world.introspect(earlier.token)).json.active, true);
    await until('the other is recorded', async () => (await read(earlier)) > once);
    assert.deepEqual(await read(lately), at);
  });

  test('says so in its log where it fails, serves on, and records when the token is used again', async () => {
    const token = await issue();
    const failures = (route) => world.front.events()
      .filter((line) => line.event === 'sql_error' && line.route === route).length;
    for (const [name, route] of [['record_token_use', 'record_token_use'], ['take_used_tokens', 'token_uses']]) {
      await world.sql(`alter function openclaw.${name} rename to away`);
      await until(`${name} fails`, async () => {
        assert.equal((await world.introspect(token.token)).json.active, true);
        return failures(route) > 0;
      });
      await world.sql(`alter function openclaw.away rename to ${name}`);
    }
    assert.equal(await used(token), null);
    await until('it is recorded', async () => {
      assert.equal((await world.introspect(token.token)).json.active, true);
      return used(token);
    });
  });

  test('records nothing when it is told to', async () => {
    const other = await world.startFront('--token-use-interval', '0', '--maintenance-interval', '0');
    const [there, here] = [await issue(), await issue()];
    assert.equal((await world.introspect(there.token, world.platform, other)).json.active, true);
    assert.equal((await world.introspect(here.token)).json.active, true);
    await recorded('what the first front was asked', here);
    assert.equal(await used(there), null);
  });

  test('shows no token', () => world.assertLogsHoldNoSecret());
});

// The front keeps the house: nobody has to call openclaw.maintain().
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { World, until } from './world.mjs';

describe('the front', () => {
  let world;
  before(async () => {
    world = await World.open('--maintenance-interval', '1s', '--log-level', 'debug');
  });
  after(() => world.close());

  const expired = async (jti) => {
    await world.sql(`select openclaw.revoke_jwt('ada-laptop', $1)`, [jti]);
    await world.sql('update openclaw.revoked_jwts set expires_at = now() where jti = $1', [jti]);
  };
  const isThere = async (jti) =>
    (await world.sql('select from openclaw.revoked_jwts where jti = $1', [jti])).length > 0;
  const successors = async () => Number(await world.value(
    `select count(*) from openclaw.key_status where alg = 'EdDSA' and state = 'pending'`));

  test('clears what has expired, again and again', async () => {
    for (const jti of ['first', 'second']) {
      await expired(jti);
      await until(`${jti} is cleared`, async () => !(await isThere(jti)));
    }
  });

  test('prepares the successor of a signing key', async () => {
    await world.sql(`delete from openclaw.signing_keys where alg = 'EdDSA' and activates_at > now()`);
    await until('there is a successor', async () => (await successors()) === 1);
  });

  test('says so in its log, and what fails is a warning that the next time mends', async () => {
    const events = (outcome) => world.front.events()
      .filter(({ event, ...rest }) => event === 'maintained' && rest.outcome === outcome);
    assert.ok(events('ok').every(({ level }) => level === 'debug'));
    await world.sql('alter function openclaw.maintain() rename to maintain_away');
    await until('it fails', () => events('failed').length > 0);
    assert.equal(events('failed')[0].level, 'warning');
    await world.sql('alter function openclaw.maintain_away() rename to maintain');
    const before = events('ok').length;
    await until('it works again', () => events('ok').length > before);
    assert.equal((await world.front.get('/healthz')).status, 200);
  });

  test('leaves it to others when it is told to', async () => {
    const other = await world.startFront('--maintenance-interval', '0s', '--log-level', 'debug');
    const mine = () => world.front.events().filter(({ event }) => event === 'maintained').length;
    const before = mine();
    await until('the first front maintains on', () => mine() >= before + 2);
    assert.equal(other.events().filter(({ event }) => event === 'maintained').length, 0);
  });
});

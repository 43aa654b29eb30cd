// A platform's data in a database, of every kind that an update, a dump and a standby must keep, and what
// must be true of it ever after. It is made by what 0.1.0 had already, so that an update finds it too.
import assert from 'node:assert/strict';

export class PlatformData {
  // query: (text, values) → rows, as a superuser. The signing keys sign at once.
  static async make(query) {
    const data = new PlatformData();
    const one = async (text, values) => Object.values((await query(text, values))[0])[0];
    for (const alg of ['EdDSA', 'ES256']) {
      await query(`select openclaw.rotate_signing_key($1, activate_after => '0')`, [alg]);
    }
    await query(`insert into openclaw.plans values ('team', 5, 50, '30 days', '{mcp:*,data:read}', null)`);
    await query(`select openclaw.create_user('ada@example.com', 'ada', 'team', 'correct horse battery')`);
    await query(`select openclaw.create_user('Bob@example.com', 'bob')`);
    await query(`select openclaw.create_user('gone@example.com', 'gone')`);
    for (const user of ['ada', 'bob', 'gone']) {
      await query(`select openclaw.register_container($1, 'laptop', 'external', $2, container_id => $3)`,
        [user, `https://mcp.${user}.example.com/mcp`, `${user}-laptop`]);
      await query(`select openclaw.register_container($1, 'search', 'hosted', $2, container_id => $3)`,
        [user, `search-${user}:3100`, `${user}-search`]);
    }
    await query(`select openclaw.register_container('ada', 'old', 'external', 'https://old.ada.example.com/mcp',
                   auth_method => 'api_key', container_id => 'ada-old')`);
    await query(`select openclaw.remove_container('ada', 'ada-old')`);
    const token = (user, container = null) => one(
      `select token from openclaw.issue_token($1, '{mcp:tools,data:read}', '20 days', 'user_direct', 'a token', $2)`,
      [user, container]);
    const jwt = (container) => one(`select token from openclaw.issue_access_token($1, '{mcp:tools}', '1 hour')`, [container]);
    const client = `openclaw.register_client`;
    await query(`select ${client}('agent', user_id => 'ada', client_id => 'agent',
                   grant_types => '{client_credentials,refresh_token}')`);
    await query(`select openclaw.rotate_client_secret('agent')`);
    await query(`select ${client}('harness', 'harness', client_id => 'harness', auth_method => 'tls_client_auth',
                   tls_subject => 'san_dns:harness.example.com')`);
    const family = () => one(`select refresh_token from openclaw.create_grant('agent', 'ada-laptop', '{mcp:tools}')`);
    data.refresh = async (token, ask = query) => (await ask(
      `select * from openclaw.refresh_access_token(openclaw.trusted_client('agent'), $1)`, [token]))[0];

    data.good = { token: await token('ada'), bound: await token('ada', 'ada-laptop'), bobs: await token('bob') };
    data.goodJwt = await jwt('ada-laptop');
    data.ended = { revoked: await token('ada'), disabled: await token('gone') };
    data.goneJwt = await jwt('gone-laptop');
    data.revokedJwt = await jwt('ada-laptop');
    const [{ token_id: id }] = await query(`select * from openclaw.verify_token($1)`, [data.ended.revoked]);
    await query(`select openclaw.revoke_token('ada', $1)`, [id]);
    await query(`select openclaw.revoke_jwt('ada-laptop', v.jti)
                 from openclaw.verify_jwt($1, 'https://mcp.ada.example.com/mcp') as v`, [data.revokedJwt]);
    await query(`select openclaw.disable_user('gone')`);
    data.refreshable = (await data.refresh(await family())).refresh_token;
    data.replayed = await family();
    await data.refresh(data.replayed);
    await query(`update openclaw.refresh_tokens set replaced_at = replaced_at - interval '1 minute'
                 where token_hash = openclaw.token_hash($1)`, [data.replayed]);
    await data.refresh(data.replayed); // a replay ends the family
    return data;
  }

  // What verifies does, what was ended stays ended. Writes nothing.
  async assertVerifies(query) {
    const [row] = await query(
      `select (select array_agg(v.valid order by v.ordinal) from openclaw.verify_tokens($1) as v) as good,
              (select array_agg(v.reason order by v.ordinal) from openclaw.verify_tokens($2) as v) as ended,
              (select v.valid from openclaw.verify_jwt($3, 'https://mcp.ada.example.com/mcp') as v) as jwt,
              (select v.reason from openclaw.verify_jwt($4, 'https://mcp.ada.example.com/mcp') as v) as revoked_jwt,
              (select v.reason from openclaw.verify_jwt($5, 'https://mcp.gone.example.com/mcp') as v) as gone_jwt,
              openclaw.introspect($6) as refreshable, openclaw.introspect($7) as replayed`,
      [Object.values(this.good), Object.values(this.ended), this.goodJwt, this.revokedJwt, this.goneJwt,
        this.refreshable, this.replayed]);
    assert.deepEqual(row.good, [true, true, true]);
    assert.deepEqual(row.ended, ['revoked', 'revoked']);
    assert.deepEqual([row.jwt, row.revoked_jwt, row.gone_jwt], [true, 'revoked', 'revoked']);
    assert.deepEqual([row.refreshable.active, row.replayed.active], [true, false]);
  }

  // And life goes on: what comes next works. n: another number each time.
  async assertGoesOn(query, n) {
    const user = `next-${n}`;
    await query('select openclaw.create_user($1, $2)', [`next-${n}@example.com`, user]);
    await query(`select openclaw.register_container($1, 'laptop', 'external', $2, container_id => $3)`,
      [user, `https://mcp.${user}.example.com/mcp`, `${user}-laptop`]);
    const [{ token }] = await query(`select token from openclaw.issue_token($1, '{mcp:tools}')`, [user]);
    const [{ jwt }] = await query(
      `select substr(headers ->> 'Authorization', 8) as jwt from openclaw.connect($1, $2, '{mcp:tools}')`,
      [user, `${user}-laptop`]);
    const [row] = await query(
      `select (openclaw.verify_token($1)).valid as token, (openclaw.verify_jwt($2, $3)).valid as jwt`,
      [token, jwt, `https://mcp.${user}.example.com/mcp`]);
    assert.deepEqual(row, { token: true, jwt: true });
    assert.equal((await query('select openclaw.revoke_token($1) as done', [token]))[0].done, true);
    const refreshed = await this.refresh(this.refreshable, query);
    assert.equal(refreshed.error, null);
    this.refreshable = refreshed.refresh_token;
    await assert.rejects(query(`select openclaw.create_user('ADA@example.com')`), { code: '23505' });
    await assert.rejects(query(`select openclaw.issue_token('gone', '{mcp:tools}')`), { code: 'P0002' });
  }
}

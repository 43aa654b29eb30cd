// What the RFCs and their attackers have thought of, offered to the two endpoints that judge a
// stranger's token. The test holds the private half of published keys, so that each forgery is wrong
// in one thing only; the same JWT without that thing is accepted.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import * as jose from 'jose';
import { ForgerKey, base64url, hmacSigned, segment } from './forger.mjs';
import { World, algorithms } from './world.mjs';

const audience = 'https://mcp.ada.example.com/mcp';

describe('forged JWTs', () => {
  let world;
  const keys = {}; // published
  const strangers = {}; // not published
  before(async () => {
    world = await World.open();
    for (const alg of algorithms) {
      keys[alg] = await (await ForgerKey.generate(alg)).publish(world);
      strangers[alg] = await ForgerKey.generate(alg);
    }
  });
  after(() => world.close());

  const now = () => Math.floor(Date.now() / 1000);
  const claims = (changes = {}) => ({
    iss: world.issuer, sub: 'ada', user_id: 'ada', aud: audience, scope: 'mcp:tools',
    container_id: 'ada-laptop', iat: now(), exp: now() + 300, jti: 'forged',
    status: { status_list: { idx: 0, uri: `${world.issuer}/oauth/status/ada-laptop/0` } }, ...changes,
  });
  // JSON with a member's value replaced by text that no object would be written as.
  const claimsText = (name, text) =>
    JSON.stringify(claims({ [name]: '@' })).replace(`"${name}":"@"`, text);
  const without = (name) => {
    const { [name]: removed, ...rest } = claims();
    return rest;
  };

  const assertAccepted = async (jwt) => {
    world.secrets.add(jwt);
    assert.equal((await world.introspect(jwt)).json.active, true);
    assert.equal((await world.verify(jwt, audience)).status, 200);
  };
  const assertNotVerified = async (jwt) => {
    const answer = await world.verify(jwt, audience);
    assert.equal(answer.status, 401, answer.body);
    assert.equal(answer.headers['www-authenticate'], 'Bearer error="invalid_token"');
  };
  const assertRefused = async (jwt) => {
    const answer = await world.introspect(jwt);
    assert.equal(answer.status, 200);
    assert.equal(answer.body, '{"active":false}');
    await assertNotVerified(jwt);
  };
  const refusesEach = (name, build) =>
    test(name, async () => {
      const forgeries = await build();
      assert.ok(forgeries.length > 0);
      for (const jwt of forgeries) await assertRefused(jwt);
    });
  const signedByEach = (payload, header = (key) => key.header) =>
    algorithms.map((alg) => keys[alg].sign(payload, header(keys[alg])));

  for (const alg of algorithms) {
    test(`a flawless ${alg} JWT is accepted, by which each refusal below means its flaw`, () =>
      assertAccepted(keys[alg].sign(claims())));
  }

  refusesEach('attack 1: alg none, in any casing, with and without a signature', () =>
    ['none', 'None', 'NONE', 'nOnE', ''].flatMap((alg) => algorithms.flatMap((of) => {
      const unsigned = `${segment({ ...keys[of].header, alg })}.${segment(claims())}.`;
      return [unsigned, unsigned + base64url(keys[of].signature(unsigned.slice(0, -1)))];
    })));

  refusesEach('attack 1: what jose itself makes as an unsecured JWT', () =>
    [new jose.UnsecuredJWT(claims()).encode()]);

  refusesEach("attacks 2 and 3: HMAC with the public key's bytes, in every form it is known in", () =>
    algorithms.flatMap((alg) => {
      const { publicKey, jwk, header } = keys[alg];
      const pem = publicKey.export({ type: 'spki', format: 'pem' });
      const secrets = [pem, pem.trimEnd(), ` ${pem}`, `\n${pem}`, `\t\r\n${pem}`,
        publicKey.export({ type: 'spki', format: 'der' }), JSON.stringify(jwk),
        Buffer.from(jwk.x ?? jwk.n, 'base64url'), jwk.x ?? jwk.n, ''];
      return ['HS256', 'HS384', 'HS512'].flatMap((hmac) =>
        secrets.map((secret) => hmacSigned(secret, claims(), { ...header, alg: hmac })));
    }));

  refusesEach("attack 5: a header whose alg is not the key's", () =>
    algorithms.flatMap((alg) =>
      ['EdDSA', 'ES256', 'RS256', 'ES384', 'RS384', 'RS512', 'PS256', 'Ed25519', 'eddsa', 'es256']
        .filter((other) => other !== alg)
        .map((other) => keys[alg].sign(claims(), { ...keys[alg].header, alg: other }))));

  refusesEach('a key that is not published, under its own kid and under a published one', () =>
    algorithms.flatMap((alg) => [
      strangers[alg].sign(claims()),
      strangers[alg].sign(claims(), { ...strangers[alg].header, kid: keys[alg].kid }),
      strangers[alg].sign(claims(), { ...strangers[alg].header, kid: world.keys[alg] }),
    ]));

  refusesEach('attack 6: a key or certificate in the header', () =>
    algorithms.flatMap((alg) => {
      const stranger = strangers[alg];
      const { kid: _, ...anonymous } = stranger.header;
      const x5c = [stranger.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')];
      return [
        stranger.sign(claims(), { ...stranger.header, jwk: stranger.jwk }),
        stranger.sign(claims(), { ...anonymous, jwk: stranger.jwk }),
        stranger.sign(claims(), { ...stranger.header, x5c }),
        keys[alg].sign(claims(), { ...keys[alg].header, jwk: keys[alg].jwk }),
        keys[alg].sign(claims(), { ...keys[alg].header, x5c }),
      ];
    }));

  test('attack 7: jku and x5u are refused and never fetched', async () => {
    let visits = 0;
    const server = net.createServer((socket) => {
      ++visits;
      socket.destroy();
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${server.address().port}/jwks.json`;
    for (const alg of algorithms) {
      for (const member of [{ jku: url }, { x5u: url }]) {
        await assertRefused(strangers[alg].sign(claims(), { ...strangers[alg].header, ...member }));
        await assertRefused(keys[alg].sign(claims(), { ...keys[alg].header, ...member }));
      }
    }
    assert.equal(visits, 0);
    await new Promise((resolve) => server.close(resolve));
  });

  refusesEach('attack 8: a kid that is SQL, a path, NUL, empty, over-long, or no text', () => {
    const kids = ["' or '1'='1", "'; drop table openclaw.signing_keys; --", '../../../../dev/null',
      '/dev/null', '\0', `${keys.EdDSA.kid}\0`, '', ' ', 'x'.repeat(257), 'x'.repeat(5000), null, 1,
      true, [keys.EdDSA.kid], { kid: keys.EdDSA.kid }];
    return kids.map((kid) => keys.EdDSA.sign(claims(), { ...keys.EdDSA.header, kid }));
  });

  refusesEach('attack 8: no kid at all', () =>
    algorithms.map((alg) => keys[alg].sign(claims(), { alg, typ: 'at+jwt' })));

  test('attack 8: a kid of 1 MB is refused by its size, and the service goes on', async () => {
    const jwt = keys.EdDSA.sign(claims(), { ...keys.EdDSA.header, kid: 'x'.repeat(2 ** 20) });
    assert.equal((await world.introspect(jwt)).status, 413);
    const text = await world.front.raw(
      `GET /v1/verify HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${jwt}\r\n\r\n`);
    assert.match(text, /^HTTP\/1\.1 431 /);
    await assertAccepted(keys.EdDSA.sign(claims()));
  });

  test('attack 9: between 300 unknown kids at once, known keys keep working', async () => {
    const header = (i) => ({ ...keys.EdDSA.header, kid: i % 3 === 0 ? keys.EdDSA.kid : `unknown-${i}` });
    const jwts = Array.from({ length: 300 }, (_, i) => keys.EdDSA.sign(claims(), header(i)));
    const answers = await Promise.all(jwts.map((jwt) => world.introspect(jwt)));
    assert.deepEqual(answers.map(({ json }) => json.active), jwts.map((_, i) => i % 3 === 0));
  });

  refusesEach('attack 11: crit, known or unknown, and b64', () => [
    ...[['exp'], ['x'], ['b64'], [], 'x', null].map((crit) => ({ crit, x: 1 })),
    { b64: false }, { b64: true }, { b64: false, crit: ['b64'] }, { zip: 'DEF' },
  ].flatMap((member) => signedByEach(claims(), (key) => ({ ...key.header, ...member }))));

  refusesEach('attack 12: any number of segments but three, empty ones, and JSON serialization', async () => {
    const jwt = keys.EdDSA.sign(claims());
    const [header, payload, signature] = jwt.split('.');
    return [
      `${header}.${payload}`, `${jwt}.`, `.${jwt}`, `${jwt}.${signature}`, `${jwt}.x.x`, '..', '...',
      `.${payload}.${signature}`, `${header}..${signature}`, `${header}.${payload}.`, header,
      JSON.stringify({ protected: header, payload, signature }),
      JSON.stringify({ payload, signatures: [{ protected: header, signature }] }),
      await new jose.CompactEncrypt(Buffer.from(jwt))
        .setProtectedHeader({ alg: 'RSA-OAEP-256', enc: 'A256GCM', kid: keys.RS256.kid })
        .encrypt(keys.RS256.publicKey),
    ];
  });

  refusesEach('attack 13: base64url that encoding would not have written', () => {
    const jwt = keys.EdDSA.sign(claims());
    const parts = jwt.split('.');
    const inEach = (change) =>
      parts.map((_, i) => parts.map((part, j) => (i === j ? change(part) : part)).join('.'));
    // 64 bytes leave four bits of the last character unused: this sets one of them.
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const looser = jwt.slice(0, -1) + alphabet[alphabet.indexOf(jwt.at(-1)) | 1];
    assert.notEqual(looser, jwt);
    return [
      looser, ...inEach((part) => `${part}=`), ...inEach((part) => `${part}==`),
      ...inEach((part) => `${part.slice(0, 4)} ${part.slice(4)}`),
      ...inEach((part) => `${part.slice(0, 4)}+${part.slice(5)}`),
      ...inEach((part) => `${part.slice(0, 4)}/${part.slice(5)}`),
      ...inEach((part) => `${part}A`), ...inEach((part) => part.slice(0, -1)),
    ];
  });

  refusesEach('attack 14: a member given twice, in the header or in the claims, at any depth', () => {
    const { alg, kid } = keys.EdDSA;
    const header = (extra) => `{"alg":"${alg}","typ":"at+jwt","kid":"${kid}",${extra}}`;
    const twice = JSON.stringify(claims());
    return [
      ...['"alg":"EdDSA"', '"alg":"none"', `"kid":"${kid}"`, '"typ":"JWT"', '"\\u0061lg":"EdDSA"',
        '"x":{"y":1,"y":2}'].map((extra) => keys.EdDSA.sign(claims(), header(extra))),
      ...[`"aud":"${audience}"`, '"user_id":"bob"', '"exp":9999999999', '"x":{"y":1,"y":1}',
        '"\\u0065xp":9999999999'].map((extra) => keys.EdDSA.sign(`${twice.slice(0, -1)},${extra}}`)),
    ];
  });

  refusesEach('attack 15: deep nesting, more than 8 KiB, and what is not one JSON object', () => {
    const nested = (n) => '['.repeat(n) + ']'.repeat(n);
    const text = JSON.stringify(claims());
    return [
      claimsText('jti', `"jti":"x","x":${nested(9)}`), claimsText('jti', `"jti":"x","x":${nested(2000)}`),
      claims({ jti: 'x'.repeat(8192) }), '[]', '""', 'null', '1', '', '{', `${text}${text}`, `${text} x`,
      `\ufeff${text}`, text.replace('"ada"', "'ada'"), `${text.slice(0, -1)},}`, text.replace('{', '{/**/'),
      text.replace('ada', 'a\\u0000da'),
    ].map((payload) => keys.EdDSA.sign(payload));
  });

  test('attack 16: PBES2 with a huge p2c is refused before any key is derived', async () => {
    const header = { alg: 'PBES2-HS512+A256KW', enc: 'A256GCM', p2s: 'AAAA', p2c: 2 ** 31 - 1 };
    const rest = [base64url(crypto.randomBytes(40)), 'AAAA', 'AAAA', 'AAAAAAAAAAAAAAAAAAAAAA'];
    const began = Date.now();
    await assertRefused([segment(header), ...rest].join('.'));
    await assertRefused(keys.EdDSA.sign(claims(), { ...keys.EdDSA.header, ...header }));
    // 2^31 rounds of HMAC take minutes.
    assert.ok(Date.now() - began < 10_000);
  });

  refusesEach('attack 17: an ES256 signature in DER, with r or s of zero or n, or of another length', () => {
    const order = Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex');
    const zero = Buffer.alloc(32);
    const good = keys.ES256.sign(claims());
    const input = good.slice(0, good.lastIndexOf('.'));
    const signature = Buffer.from(good.slice(input.length + 1), 'base64url');
    const r = signature.subarray(0, 32);
    const s = signature.subarray(32);
    const signatures = [
      keys.ES256.signature(input, { dsaEncoding: 'der' }), Buffer.concat([zero, s]),
      Buffer.concat([r, zero]), Buffer.concat([zero, zero]), Buffer.concat([order, s]),
      Buffer.concat([r, order]), Buffer.concat([order, order]), Buffer.alloc(64, 0xff),
      Buffer.concat([signature, zero]), Buffer.concat([zero, signature]), signature.subarray(0, 63),
      Buffer.concat([signature, Buffer.alloc(1)]), Buffer.alloc(512), s, Buffer.concat([s, r]),
    ];
    return signatures.map((bytes) => `${input}.${base64url(bytes)}`);
  });

  refusesEach('a signature of EdDSA or RS256 that is cut, lengthened, zero, or of other claims', () =>
    ['EdDSA', 'RS256'].flatMap((alg) => {
      const jwt = keys[alg].sign(claims());
      const input = jwt.slice(0, jwt.lastIndexOf('.'));
      const signature = Buffer.from(jwt.slice(input.length + 1), 'base64url');
      const other = keys[alg].signature(`${segment(keys[alg].header)}.${segment(claims({ jti: 'y' }))}`);
      const signatures = [signature.subarray(1), signature.subarray(0, -1), other,
        Buffer.concat([Buffer.alloc(1), signature]), Buffer.concat([signature, Buffer.alloc(1)]),
        Buffer.alloc(signature.length), Buffer.alloc(1), Buffer.alloc(4096)];
      return signatures.map((bytes) => `${input}.${base64url(bytes)}`);
    }));

  refusesEach('an EdDSA signature whose S has the group order added (RFC 8032 5.1.7)', () => {
    const order = 2n ** 252n + 27742317777372353535851937790883648493n;
    const jwt = keys.EdDSA.sign(claims());
    const input = jwt.slice(0, jwt.lastIndexOf('.'));
    const signature = Buffer.from(jwt.slice(input.length + 1), 'base64url');
    const s = BigInt(`0x${Buffer.from(signature.subarray(32)).reverse().toString('hex')}`) + order;
    Buffer.from(s.toString(16).padStart(64, '0'), 'hex').reverse().copy(signature, 32);
    return [`${input}.${base64url(signature)}`];
  });

  refusesEach('attack 21: exp or iat that is missing, no whole number, negative, or beyond int64', () =>
    ['exp', 'iat'].flatMap((name) => [
      without(name),
      ...['null', 'true', '""', `"${now() + 60}"`, `[${now() + 60}]`, '{}', `${now() + 60}.5`, '-1',
        '1e400', '-1e400', '9223372036854775808', '99999999999999999999999', 'NaN', 'Infinity']
        .map((value) => claimsText(name, `"${name}":${value}`)),
    ].map((payload) => keys.EdDSA.sign(payload))));

  refusesEach('attack 22: exp of now or past, nbf or iat further ahead than the leeway', () => [
    claims({ exp: now() }), claims({ exp: now() - 1 }), claims({ exp: 0 }), claims({ iat: now() + 40 }),
    claims({ nbf: now() + 40 }), claims({ nbf: '0' }), claims({ nbf: null }),
    claims({ nbf: 2 ** 53, exp: 2 ** 53 + 60 }),
  ].flatMap((payload) => signedByEach(payload)));

  test('attack 22: nbf and iat within the leeway of 30 seconds are accepted', () =>
    assertAccepted(keys.EdDSA.sign(claims({ iat: now() + 20, nbf: now() + 20 }))));

  test('attack 23: aud that is absent, another, a prefix, of another type, or a list without ours', async () => {
    const wrong = ['https://mcp.bob.example.com/mcp', audience.slice(0, -1), `${audience}/`,
      audience.toUpperCase(), '', ['https://a.example.com', 'https://b.example.com'], [], [[audience]],
      { aud: audience }, null, 1, true, ` ${audience}`, `${audience} https://a.example.com`];
    for (const aud of wrong) await assertNotVerified(keys.EdDSA.sign(claims({ aud })));
    await assertNotVerified(keys.EdDSA.sign(without('aud')));
    await assertAccepted(keys.EdDSA.sign(claims({ aud: ['https://a.example.com', audience] })));
  });

  refusesEach('attack 24: iss that is absent or not ours byte for byte', () => [
    without('iss'),
    ...[`${world.issuer}/`, world.issuer.toUpperCase(), world.issuer.slice(0, -1), `${world.issuer}x`,
      world.issuer.replace('https', 'http'), '', null, [world.issuer], { iss: world.issuer }]
      .map((iss) => claims({ iss })),
  ].flatMap((payload) => signedByEach(payload)));

  refusesEach('attack 25: another typ, or none, where an access token is wanted', () => [
    ...['user-claim+jwt', 'JWT', 'jwt', 'id+jwt', 'client-authentication+jwt', 'logout+jwt', '', 'at',
      'at+jwt ', 'application/user-claim+jwt', 'x/at+jwt', null, 1, ['at+jwt']]
      .map((typ) => keys.EdDSA.sign(claims(), { ...keys.EdDSA.header, typ })),
    keys.EdDSA.sign(claims(), { alg: 'EdDSA', kid: keys.EdDSA.kid }),
  ]);

  test('attack 25: a user claim of ours opens neither its own container nor another here', async () => {
    const { token } = await world.userClaim('ada', 'ada-search');
    await assertRefused(token);
    assert.equal((await world.verify(token, 'search-ada:3100')).status, 401);
  });

  test('typ is compared without case and with its media type prefix (RFC 7515 4.1.9)', async () => {
    for (const typ of ['AT+JWT', 'application/at+jwt', 'APPLICATION/AT+JWT']) {
      await assertAccepted(keys.EdDSA.sign(claims(), { ...keys.EdDSA.header, typ }));
    }
  });

  refusesEach("attack 26: user_id and sub that are absent, empty, unequal, or of no live user", () => [
    without('user_id'), without('sub'),
    ...[['', ''], ['ada', ''], ['', 'ada'], ['ada', 'bob'], ['bob', 'ada'], ['ada', 'Ada'], [1, 1],
      [null, null], [['ada'], ['ada']], ['nobody', 'nobody']]
      .map(([user_id, sub]) => claims({ user_id, sub })),
  ].flatMap((payload) => signedByEach(payload)));

  refusesEach("attack 26: another user's id on a container that is not theirs", () =>
    signedByEach(claims({ user_id: 'bob', sub: 'bob' })));

  refusesEach('a container that does not exist', () =>
    signedByEach(claims({ container_id: 'nothing' })));

  test('no token of this file is in a log', () => world.assertLogsHoldNoSecret());
});

// JWTs as an attacker would build them, byte by byte; jose and node:crypto do the arithmetic.
import crypto from 'node:crypto';
import { promisify } from 'node:util';
import * as jose from 'jose';

const generateKeyPair = promisify(crypto.generateKeyPair);

const kinds = {
  EdDSA: ['ed25519', {}, null, {}],
  ES256: ['ec', { namedCurve: 'P-256' }, 'sha256', { dsaEncoding: 'ieee-p1363' }],
  RS256: ['rsa', { modulusLength: 2048 }, 'sha256', {}],
};

export const base64url = (data) => Buffer.from(data).toString('base64url');

// A key pair whose private half the test holds. Only once it is published is what it signs ours.
export class ForgerKey {
  static async generate(alg) {
    const [type, options] = kinds[alg];
    const key = new ForgerKey();
    Object.assign(key, { alg }, await generateKeyPair(type, options));
    const jwk = await jose.exportJWK(key.publicKey);
    key.kid = await jose.calculateJwkThumbprint(jwk, 'sha256');
    key.jwk = { ...jwk, kid: key.kid, alg, use: 'sig' };
    return key;
  }

  // Into the JWKS, as a key that is pending: it verifies and never signs.
  async publish(world) {
    await world.sql(
      `insert into openclaw.signing_keys
         (kid, alg, public_jwk, sealed_private_key, master_key_id, activates_at, jwks_max_age,
          propagated_at)
       values ($1, $2, $3, '\\x00', '0000000000000000', now() + interval '1 day', '5 minutes',
               now() + interval '1 day')`,
      [this.kid, this.alg, JSON.stringify(this.jwk)]);
    return this;
  }

  get header() {
    return { alg: this.alg, typ: 'at+jwt', kid: this.kid };
  }

  signature(input, options = {}) {
    const [, , hash, defaults] = kinds[this.alg];
    return crypto.sign(hash, Buffer.from(input), { key: this.privateKey, ...defaults, ...options });
  }

  // Header and payload are objects, or the text of one that JSON.stringify would not write.
  sign(payload, header = this.header, options) {
    const input = `${segment(header)}.${segment(payload)}`;
    return `${input}.${base64url(this.signature(input, options))}`;
  }
}

export function segment(part) {
  return base64url(typeof part === 'string' ? part : JSON.stringify(part));
}

export function hmacSigned(secret, payload, header) {
  const input = `${segment(header)}.${segment(payload)}`;
  const hash = header.alg.replace('HS', 'sha');
  return `${input}.${crypto.createHmac(hash, secret).update(input).digest('base64url')}`;
}

// The peer of the front's rows: oidc-provider (npm) with everything in memory, in one process or in
// N workers of node:cluster. No database, no log, opaque tokens in a Map, JWTs signed with EdDSA.
//
//   node oidc_provider.mjs WORKERS TOKENS
//
// Writes to the file TOKENS the opaque access tokens that it knows, one a line (each worker knows
// them all), and then its port to stdout.
import cluster from 'node:cluster';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import Provider from 'oidc-provider';

const ISSUER = 'http://127.0.0.1';
const RESOURCE = 'https://mcp.example.com/mcp';
const CLIENT = { client_id: 'bench', client_secret: 'bench-secret-bench-secret-bench-secret' };
const COUNT = 20_000;

// What oidc-provider asks of an adapter, for what the bench asks of it.
class Memory {
  static #rows = new Map();

  constructor(model) {
    this.model = model;
  }

  async find(id) {
    return Memory.#rows.get(`${this.model}:${id}`);
  }

  async upsert(id, payload) {
    Memory.#rows.set(`${this.model}:${id}`, payload);
  }
}

function serve(port, { tokens, key }, listening) {
  const provider = new Provider(ISSUER, {
    adapter: Memory,
    jwks: { keys: [key] },
    clients: [{ ...CLIENT, grant_types: ['client_credentials'], redirect_uris: [], response_types: [],
      token_endpoint_auth_method: 'client_secret_basic', id_token_signed_response_alg: 'EdDSA' }],
    cookies: { keys: ['bench'] },
    scopes: ['mcp:tools', 'data:read'],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: () => ({ scope: 'mcp:tools data:read', audience: RESOURCE,
          accessTokenTTL: 3600, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'EdDSA' } } }),
      },
    },
    ttl: { ClientCredentials: 3600 },
  });
  const now = Math.floor(Date.now() / 1000);
  const known = new Memory('ClientCredentials');
  for (const jti of tokens) {
    known.upsert(jti, { iat: now, exp: now + 3600, jti, kind: 'ClientCredentials', clientId: CLIENT.client_id,
      scope: 'mcp:tools data:read', extra: undefined });
  }
  const server = provider.listen(port, '127.0.0.1', 1024, () => listening(server.address().port));
  server.keepAliveTimeout = 600_000;
  server.requestTimeout = 0;
}

const workers = Number(process.argv[2]);
if (cluster.isPrimary) {
  const tokens = Array.from({ length: COUNT }, () => randomBytes(32).toString('base64url'));
  const key = { ...generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' }), alg: 'EdDSA', use: 'sig' };
  writeFileSync(process.argv[3], `${tokens.join('\n')}\n`, { mode: 0o600 });
  const say = (port) => process.stdout.write(`${port}\n`);
  if (workers === 1) {
    serve(0, { tokens, key }, say);
  } else {
    let listening = 0;
    for (let i = 0; i < workers; i += 1) {
      const worker = cluster.fork();
      worker.on('message', (port) => {
        if (port === 'ready') {
          worker.send({ tokens, key });
        } else {
          listening += 1;
          if (listening === workers) say(port);
        }
      });
    }
  }
} else {
  process.once('message', (world) => serve(0, world, (port) => process.send(port)));
  process.send('ready');
}

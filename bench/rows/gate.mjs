// The gate beside HAProxy and nginx (issue 6, part 3): each alone on one core, upstream and load
// generator on the other, 64 keep-alive connections. See rows/postgres.mjs for what a row is.

const gateSeen = (alg) => async ({ proxies }) => proxies.seen(await proxies.gate('platform'), alg);
const haproxySeen = (alg) => async ({ proxies }) => proxies.seen(await proxies.haproxy(alg), alg);
const haproxyCold = (alg) => ({ proxies }) => proxies.haproxyCold(alg);

export const gate = [
  {
    name: 'gate: 5,000 live JWTs, seen before, ES256',
    unit: 'req/s', better: 'higher',
    ours: gateSeen('ES256'),
    peers: [
      { name: 'HAProxy, jwt_verify', target: 3.3, run: haproxySeen('ES256') },
      { name: 'nginx, a plain proxy that checks nothing', target: 0.95,
        run: async ({ proxies }) => proxies.seen(await proxies.nginx(), 'ES256') },
    ],
  },
  {
    name: 'gate: 5,000 live JWTs, seen before, RS256',
    unit: 'req/s', better: 'higher',
    ours: gateSeen('RS256'),
    peers: [{ name: 'HAProxy, jwt_verify', target: 2.4, run: haproxySeen('RS256') }],
  },
  {
    name: 'gate: JWTs each new, EdDSA',
    unit: 'req/s', better: 'higher',
    ours: ({ proxies }) => proxies.gateCold('EdDSA'),
    peers: [
      { name: 'HAProxy, ES256 (2.6 knows no EdDSA)', target: 1.2, run: haproxyCold('ES256') },
      { name: 'HAProxy, RS256', run: haproxyCold('RS256') },
    ],
  },
  ...['ES256', 'RS256'].map((alg) => ({
    name: `gate: JWTs each new, ${alg}`,
    unit: 'req/s', better: 'higher',
    ours: ({ proxies }) => proxies.gateCold(alg),
    peers: [{ name: `HAProxy, ${alg}`, target: 1.2, run: haproxyCold(alg) }],
  })),
  {
    name: 'gate: 100,000 API keys',
    unit: 'req/s', better: 'higher',
    ours: async ({ proxies }) => proxies.withKeys(await proxies.gate('token')),
    peers: [{ name: 'HAProxy, the same hashes in a map', target: 1.3,
      run: async ({ proxies }) => proxies.withKeys(await proxies.haproxyWithKeys()) }],
  },
  {
    name: 'gate: what it adds to the median request',
    unit: 'µs', better: 'lower',
    ours: async ({ proxies }) => proxies.added(await proxies.gate('platform'), 'ES256'),
    peers: [{ name: 'what nginx as a plain proxy adds', target: 1,
      run: async ({ proxies }) => proxies.added(await proxies.nginx(), 'ES256') }],
  },
  {
    name: 'gate: first sight of a JWT, decision alone',
    unit: 'µs', better: 'lower',
    ours: ({ proxies }) => proxies.firstSight(),
    peers: [{ name: 'the bare verification', target: 1.3, run: ({ postgres }) => postgres.ed25519('verify', 2000) }],
  },
  {
    name: 'gate: memory of an idle event stream',
    unit: 'KiB', better: 'lower', runs: 1,
    ours: ({ proxies }) => proxies.streamMemory(10_000),
    peers: [{ name: 'the limit', run: 30, target: 1 }],
  },
];

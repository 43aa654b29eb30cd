// The gate beside HAProxy and nginx (issue 6, part 3): each alone on one core, upstream and load
// generator on the other. See rows/postgres.mjs for what a row is.

export const gate = [
  {
    name: 'gate: the same JWT again, ES256',
    unit: 'requests/s', better: 'higher',
    ours: async ({ proxies }) => proxies.rate((await proxies.gate('platform')).port, 'ES256'),
    peers: [
      { name: 'HAProxy with jwt_verify', target: 3.3, run: async ({ proxies }) => proxies.rate(await proxies.haproxy('ES256'), 'ES256') },
      { name: 'nginx as a plain proxy', target: 0.95, run: async ({ proxies }) => proxies.rate(await proxies.nginx(), 'ES256') },
    ],
  },
  {
    name: 'gate: the same JWT again, RS256',
    unit: 'requests/s', better: 'higher',
    ours: async ({ proxies }) => proxies.rate((await proxies.gate('platform')).port, 'RS256'),
    peers: [{ name: 'HAProxy with jwt_verify', target: 2.4, run: async ({ proxies }) => proxies.rate(await proxies.haproxy('RS256'), 'RS256') }],
  },
  {
    name: 'gate: an API key',
    unit: 'requests/s', better: 'higher',
    ours: async ({ proxies }) => proxies.rate((await proxies.gate('token')).port, 'token'),
    peers: [{ name: 'the same gate with a JWT', run: async ({ proxies }) => proxies.rate((await proxies.gate('platform')).port, 'ES256') }],
  },
  {
    name: 'gate: what it adds to the median request',
    unit: 'µs', better: 'lower',
    ours: async ({ proxies }) => proxies.added((await proxies.gate('platform')).port, 'ES256'),
    peers: [{ name: 'what nginx as a plain proxy adds', target: 1, run: async ({ proxies }) => proxies.added(await proxies.nginx(), 'ES256') }],
  },
  {
    name: 'gate: first sight of a JWT, EdDSA',
    unit: 'µs', better: 'lower',
    ours: ({ proxies }) => proxies.firstSight(),
    peers: [{ name: 'the bare verification', target: 1.3, run: ({ postgres }) => postgres.ed25519('verify', 2000) }],
  },
  {
    name: 'gate: memory of an idle event stream, 10,000 of them',
    unit: 'KiB', better: 'lower', runs: 1,
    ours: ({ proxies }) => proxies.streamMemory(10_000),
    peers: [{ name: 'the limit', run: 30, target: 1 }],
  },
];

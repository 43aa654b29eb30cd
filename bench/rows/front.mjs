// The front beside its limits and peers, by 64 keep-alive connections where nothing else is said
// (issue 6, part 2). See rows/postgres.mjs for what a row is.

const oneByOne = ({ fronts }) => fronts.front('--max-batch', '1');

export const front = [
  {
    name: 'front: introspection',
    unit: 'req/s', better: 'higher',
    ours: async ({ fronts }) => fronts.introspections(await fronts.front()),
    peers: [
      { name: 'the same front, one query a request', target: 4,
        run: async (world) => world.fronts.introspections(await oneByOne(world)) },
      { name: 'oidc-provider, in memory', target: 10,
        run: async ({ fronts }) => fronts.introspections(await fronts.oidcProvider(1)) },
      { name: 'oidc-provider, in memory, 2 workers',
        run: async ({ fronts }) => fronts.introspections(await fronts.oidcProvider(2)) },
      { name: 'the naive front: cpp-httplib + libpq',
        run: async ({ fronts }) => fronts.introspections(await fronts.naiveFront()) },
    ],
  },
  {
    name: 'front: introspection, Unix socket',
    unit: 'req/s', better: 'higher',
    ours: async ({ fronts }) => fronts.introspections(await fronts.frontOnSocket('many')),
    peers: [{ name: 'the same, one query a request', target: 4,
      run: async ({ fronts }) => fronts.introspections(await fronts.frontOnSocket('one', '--max-batch', '1')) }],
  },
  {
    name: 'front: p99 at 80 % of the peak',
    unit: 'ms', better: 'lower',
    ours: async ({ fronts }) => fronts.patience(await fronts.front()),
    peers: [{ name: 'the limit', run: 20, target: 1 }],
  },
  {
    name: 'front: JWKS',
    unit: 'req/s', better: 'higher',
    ours: async ({ fronts }) => fronts.jwks(await fronts.front()),
    peers: [{ name: 'nginx with the same static file', target: 0.8,
      run: async ({ fronts }) => fronts.jwks(await fronts.nginx()) }],
  },
  {
    name: 'front: client_credentials, EdDSA',
    unit: 'tokens/s', better: 'higher',
    ours: async ({ fronts }) => fronts.accessTokens(await fronts.front()),
    peers: [
      { name: 'oidc-provider, EdDSA, 2 workers', target: 5,
        run: async ({ fronts }) => fronts.accessTokens(await fronts.oidcProvider(2)) },
      { name: 'the same front, one query a request',
        run: async (world) => world.fronts.accessTokens(await oneByOne(world)) },
    ],
  },
  {
    name: 'front: opaque tokens, durable',
    unit: 'tokens/s', better: 'higher',
    ours: async ({ fronts }) => fronts.opaqueTokens(await fronts.front()),
    peers: [
      { name: 'the naive front, one insert a request', target: 4,
        run: async ({ fronts }) => fronts.opaqueTokens(await fronts.naiveFront()) },
      { name: 'the same front, one query a request', target: 4,
        run: async (world) => world.fronts.opaqueTokens(await oneByOne(world)) },
    ],
  },
  {
    name: 'front: opaque tokens, 1,000 a request',
    unit: 'tokens/s', better: 'higher',
    ours: async ({ fronts }) => fronts.opaqueTokens(await fronts.front(), { count: 1000, connections: 1 }),
    peers: [{ name: 'the limit', run: 100_000 }],
  },
  {
    name: 'front: introspection, 1,000 a request',
    unit: 'tokens/s', better: 'higher',
    ours: async ({ fronts }) => fronts.introspectionsByThousands(await fronts.front(), 1),
    peers: [{ name: 'the limit', run: 100_000, target: 1 }],
  },
  {
    name: 'front: client beside 1,000 idle, 1,000 slow',
    unit: 'ms', better: 'lower',
    ours: async ({ fronts }) => fronts.slowestNewClient(await fronts.besiegedFront()),
    peers: [
      { name: 'the limit', run: 50, target: 1 },
      { name: 'the same front with nobody beside it',
        run: async ({ fronts }) => fronts.slowestNewClient(await fronts.front()) },
    ],
  },
];

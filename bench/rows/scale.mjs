// Cold starts (issue 6, part 4), and standbys behind one front (part 5). See rows/postgres.mjs for what a
// row is.

const standbys = (count) => async (world) =>
  world.fronts.introspections(await world.standbys.front(count));
const signing = (count) => async (world) => world.fronts.accessTokens(await world.standbys.front(count));

const cold = (name, what, limit, ...peers) => ({
  name: `cold start: ${name}`,
  unit: 'ms', better: 'lower',
  ours: ({ coldStart }) => coldStart[what](),
  peers: [{ name: 'the limit', run: limit, target: 1 }, ...peers],
});
const notPreloaded = (what) => ({
  name: 'the same where the module is not preloaded',
  run: async ({ coldStart, standbys }) => coldStart[what](await standbys.withoutPreloading()),
});

export const scale = [
  cold('front, from exec until it is ready', 'front', 100),
  cold('gate, from exec until it answers', 'gate', 50),
  cold('first verify_token of a backend', 'verifyToken', 5, notPreloaded('verifyToken')),
  cold('first verify_jwt of a backend', 'verifyJwt', 5, notPreloaded('verifyJwt')),
  {
    name: 'scale: introspection, two standbys',
    unit: 'req/s', better: 'higher',
    ours: standbys(2),
    peers: [{ name: 'one standby', run: standbys(1) }, { name: 'the primary alone', run: standbys(0) }],
  },
  {
    name: 'scale: client_credentials, two standbys',
    unit: 'tokens/s', better: 'higher',
    ours: signing(2),
    peers: [{ name: 'one standby', run: signing(1) }, { name: 'the primary alone', run: signing(0) }],
  },
];

// How a row becomes figures: its sides in turn, the median of each, and the ratios.
//
// A side is a function of the world that takes one run, or a number, which is a limit. A run is a
// number or a sample: { value, p50, p99 (microseconds), cpu, memory }, the last two by the name of a
// process: microseconds of processor time a request, and MiB at the highest.

const DEFAULT_RUNS = 5;

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

async function turn(side, world) {
  const run = typeof side === 'number' ? side : await side(world);
  return typeof run === 'number' ? { value: run } : run;
}

// One turn of each side is thrown away; then they take turns, and each time another one goes first,
// so that a machine that speeds up or slows down does so for all of them.
export async function measure(row, world) {
  const runs = row.runs ?? DEFAULT_RUNS;
  const sides = [row.ours, ...row.peers.map((peer) => peer.run)];
  const taken = sides.map(() => []);
  if (runs > 1) for (const side of sides) await turn(side, world);
  for (let run = 0; run < runs; run += 1) {
    for (let i = 0; i < sides.length; i += 1) {
      const next = (run + i) % sides.length;
      taken[next].push(await turn(sides[next], world));
    }
  }
  const [ours, ...peers] = taken.map(middle);
  return {
    ...row, runs, ours,
    peers: row.peers.map((peer, i) => {
      const ratio = ours.value / peers[i].value;
      return { ...peers[i], name: peer.name, target: peer.target ?? null, ratio, met: isMet(row, peer.target, ratio) };
    }),
  };
}

function isMet({ better }, target, ratio) {
  if (target === undefined) return null;
  return better === 'higher' ? ratio >= target : ratio <= target;
}

// Each number of the samples as the median over the runs.
function middle(samples) {
  const of = (pick) => {
    const values = samples.map(pick).filter((value) => value !== undefined);
    return values.length === 0 ? undefined : median(values);
  };
  const byName = (part) => Object.fromEntries(
    [...new Set(samples.flatMap((sample) => Object.keys(sample[part] ?? {})))]
      .map((name) => [name, of((sample) => sample[part]?.[name])]));
  return {
    value: of((sample) => sample.value), p50: of((sample) => sample.p50), p99: of((sample) => sample.p99),
    cpu: byName('cpu'), memory: byName('memory'), values: samples.map((sample) => sample.value),
  };
}

// The width of the middle half of the runs, in percent of their median.
export function spread(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share) => sorted[Math.round(share * (sorted.length - 1))];
  return Math.round((100 * (at(0.75) - at(0.25))) / (median(values) || 1));
}

// What bench.json has of a row.
export function entry({ name, unit, better, runs, tokens, ours, peers }) {
  return { name, unit, better, runs, tokens, ours, peers };
}

// Microseconds a request of all processes together; NaN where they were not measured.
export function processorTime({ cpu }) {
  const times = Object.values(cpu);
  return times.length === 0 ? NaN : times.reduce((sum, time) => sum + time, 0);
}

// Prometheus's text exposition format 0.0.4, read strictly: more so than Prometheus does, as promtool
// checks it.
import assert from 'node:assert/strict';

const name = /^[a-z][a-z0-9_]*$/;
const sampleLine = /^([a-z][a-z0-9_]*)(?:\{((?:[a-z_]+="[^"\\]*",)*[a-z_]+="[^"\\]*")\})? (\d+(?:\.\d+)?)$/;

// { declared: Map of name to type, samples: { 'name{label="value"}': number } }
export function parseMetrics(text) {
  assert.ok(text.endsWith('\n'));
  const declared = new Map();
  const samples = {};
  const histograms = new Map(); // a series' name and labels without le: [[le, count]]
  let current;
  const lines = text.slice(0, -1).split('\n');
  for (const [i, line] of lines.entries()) {
    const [, helped] = /^# HELP (\S+) \S.*\.$/.exec(line) ?? [];
    if (helped) {
      assert.match(lines[i + 1] ?? '', new RegExp(`^# TYPE ${helped} (counter|gauge|histogram)$`));
      continue;
    }
    const [, typed, type] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? [];
    if (typed) {
      assert.match(lines[i - 1] ?? '', new RegExp(`^# HELP ${typed} `));
      assert.match(typed, name);
      assert.ok(!declared.has(typed), `${typed} is declared twice`);
      assert.equal(type === 'counter', typed.endsWith('_total'), typed);
      declared.set(typed, type);
      current = typed;
      continue;
    }
    const [, metric, labels = '', value] = sampleLine.exec(line) ?? assert.fail(line);
    const suffix = /_(bucket|sum|count)$/.exec(metric)?.[0] ?? '';
    const isHistogram = declared.get(current) === 'histogram';
    assert.equal(isHistogram ? metric.slice(0, metric.length - suffix.length) : metric, current, line);
    const key = labels ? `${metric}{${labels}}` : metric;
    assert.ok(!(key in samples), `${key} is there twice`);
    samples[key] = Number(value);
    if (!isHistogram) continue;
    assert.notEqual(suffix, '', line);
    const series = `${current}{${labels.replace(/,?le="[^"]*"/, '')}}`;
    const parts = histograms.get(series) ?? histograms.set(series, { buckets: [] }).get(series);
    if (suffix === '_bucket') parts.buckets.push([/le="([^"]*)"/.exec(labels)[1], Number(value)]);
    else parts[suffix] = Number(value);
  }
  for (const [series, { buckets, _sum: sum, _count: count }] of histograms) {
    const bounds = buckets.map(([bound]) => (bound === '+Inf' ? Infinity : Number(bound)));
    const counts = buckets.map(([, number]) => number);
    const ascending = (numbers) => numbers.every((number, i) => i === 0 || numbers[i - 1] <= number);
    assert.ok(ascending(bounds) && new Set(bounds).size === bounds.length && bounds.at(-1) === Infinity, series);
    assert.ok(ascending(counts) && counts.at(-1) === count && sum >= 0, series);
  }
  return { declared, samples };
}

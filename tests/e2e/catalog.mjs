// What two databases hold, to be compared: the facts of the catalogs (tests/upgrade/catalog.sql) and the
// rows of every table of schema openclaw and of those named.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { root } from './world.mjs';

const catalog = readFileSync(`${root}tests/upgrade/catalog.sql`, 'utf8');

// query: text → rows. { 'kind name': fact }
export async function facts(query) {
  // Names are shown whole, whatever the session's path.
  await query(`set search_path = pg_catalog`);
  const rows = await query(catalog);
  await query('reset search_path');
  assert.ok(rows.length > 500, 'the catalogs are full of it');
  const byName = Object.fromEntries(rows.map(({ kind, name, fact }) => [`${kind}: ${name}`, fact]));
  assert.equal(Object.keys(byName).length, rows.length, 'each fact has a name of its own');
  return byName;
}

// Says what differs, and not the two wholes. For facts and for contents.
export function assertSameFacts(actual, expected) {
  const differences = [];
  for (const name of [...new Set([...Object.keys(actual), ...Object.keys(expected)])].sort()) {
    try {
      assert.deepEqual(actual[name], expected[name]);
      assert.equal(name in actual, name in expected);
    } catch {
      differences.push(`${name}\n  is        ${JSON.stringify(actual[name])}\n  should be ${JSON.stringify(expected[name])}`);
    }
  }
  assert.equal(differences.length, 0, `${differences.length} differences\n${differences.slice(0, 20).join('\n')}`);
}

// Each table's number of rows, and the MD5 of them all as text. A partition's rows are counted as its own.
export async function contents(query, others = []) {
  const tables = (await query(
    `select c.oid::regclass::text as name from pg_class as c
     where c.relkind = 'r' and (c.relnamespace = 'openclaw'::regnamespace or c.oid = any ($1::regclass[])) order by 1`,
    [others])).map(({ name }) => name);
  const found = {};
  for (const name of tables) {
    [found[name]] = await query(
      `select count(*)::int as rows, md5(coalesce(string_agg(t::text, E'\\n' order by t::text collate "C"), '')) as md5
       from ${name} as t`);
  }
  return found;
}

// What the documents show is what happens.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import pg from 'pg';
import { root } from './world.mjs';

const run = promisify(execFile);

// All Markdown that a reader is led to.
const documents = async () => ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md',
  ...(await readdir(`${root}docs`, { recursive: true })).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`)];

describe('the documents', () => {
  const database = `${process.env.PGDATABASE}_documents`;
  let admin;
  before(async () => {
    admin = new pg.Client({ database: 'postgres' });
    await admin.connect();
    await admin.query(`create database "${database}" template template0`);
  });
  after(async () => {
    await admin.query(`drop database "${database}" with (force)`);
    await admin.end();
  });

  // The fenced block after the mark.
  const firstSession = async () => {
    const readme = await readFile(`${root}README.md`, 'utf8');
    const [, script] = /^<!-- first-session -->\n+```sql\n(.*?)^```$/ms.exec(readme) ?? [];
    assert.ok(script, 'README.md has a block after <!-- first-session -->');
    return script;
  };

  test("the README's first session works when it is pasted into the server that the README starts", async () => {
    // The README's own command, with psql reading the session instead of a person.
    const readme = await readFile(`${root}README.md`, 'utf8');
    const [, issuer] = /private-postgres --conf "(openclaw\.issuer = '[^']+')" -- psql/.exec(readme) ?? [];
    assert.ok(issuer, 'README.md starts a private Postgres with an issuer');
    const child = run(`${root}tools/private-postgres`, ['--conf', issuer, '--', 'psql', '-X', '-A',
      '-v', 'ON_ERROR_STOP=1', '-P', 'footer=off']);
    child.child.stdin.end(await firstSession());
    const { stdout, stderr } = await child;
    assert.doesNotMatch(stderr, /ERROR|FATAL/);
    const verdicts = [...stdout.matchAll(/^valid\|reason\|.*\n([tf])\|([a-z_]*)\|/gm)].map(([, v, r]) => [v, r]);
    assert.deepEqual(verdicts, [['t', ''], ['f', 'insufficient_scope'], ['f', 'revoked'], ['t', ''],
      ['f', 'wrong_audience']]);
    assert.match(stdout, /^user_abc123$/m);
    assert.match(stdout, /"keys":\[\{/);
    const checks = [...stdout.matchAll(/^([a-z_]+)\|([tf])\|.*$/gm)];
    assert.ok(checks.length >= 5);
    assert.deepEqual(checks.filter(([, , ok]) => ok !== 't').map(([line]) => line), []);
  });

  test("docs/sql-reference.md is what the extension's own comments say", async () => {
    const env = { ...process.env, PGDATABASE: database };
    await run(`${root}tools/sql-reference`, ['--check'], { env });
  });

  test('each test that docs/oauth-conformance.md names is there', async () => {
    const rows = (await readFile(`${root}docs/oauth-conformance.md`, 'utf8')).split('\n')
      .filter((line) => line.startsWith('|')).slice(2).map((line) => line.split('|')[2]);
    assert.ok(rows.length >= 20);
    for (const row of rows) {
      let tests;
      const named = [...row.matchAll(/`([a-z_]+)`|“([^”]+)”/g)];
      assert.ok(named.length >= 2, row);
      for (const [, file, piece] of named) {
        if (file) tests = await readFile(`${root}tests/e2e/${file}.test.mjs`, 'utf8');
        else assert.ok(tests.includes(piece), piece);
      }
    }
  });

  test('.dockerignore lets through what the images copy, and nothing else', async () => {
    const names = (text) => [...new Set(text)].sort();
    const copied = [];
    for (const file of (await readdir(`${root}deploy`)).filter((name) => name.endsWith('.Dockerfile'))) {
      const text = await readFile(`${root}deploy/${file}`, 'utf8');
      for (const [, operands] of text.matchAll(/^COPY (?!--from)(?:--\S+ )*(.+) \S+$/gm)) copied.push(...operands.split(' '));
    }
    assert.ok(copied.length > 10);
    for (const name of copied) assert.ok(existsSync(root + name), name);
    const [all, ...allowed] = (await readFile(`${root}.dockerignore`, 'utf8')).split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));
    assert.equal(all, '*');
    assert.deepEqual(names(allowed), names(copied.map((name) => `!${name.split('/')[0]}`)));
  });

  test('docs/http-reference.md names every route of the front', async () => {
    const reference = await readFile(`${root}docs/http-reference.md`, 'utf8');
    const routes = await readFile(`${root}service/endpoints.cpp`, 'utf8');
    const paths = [...routes.matchAll(/\.path = "([^"]+)"/g)].map(([, path]) => path);
    assert.ok(paths.length >= 8);
    for (const path of paths) assert.ok(reference.includes(path), path);
  });

  test('each link of a document leads to a file, and to a heading that is there', async () => {
    const pages = await documents();
    // As GitHub and GitLab name a heading.
    const anchors = (text) => [...text.matchAll(/^#+ (.*)$/gm)]
      .map(([, title]) => title.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-'));
    const broken = [];
    let links = 0;
    for (const page of pages) {
      const text = (await readFile(root + page, 'utf8')).replace(/^```.*?^```$/gms, '').replace(/`[^`\n]*`/g, '');
      for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^[a-z]+:/.test(target)) continue;
        ++links;
        const [path, anchor] = target.split('#');
        const file = path ? join(dirname(root + page), path) : root + page;
        if (!existsSync(file) || (anchor && !anchors(await readFile(file, 'utf8')).includes(anchor))) {
          broken.push(`${page}: ${target}`);
        }
      }
    }
    assert.ok(links > 100);
    assert.deepEqual(broken, []);
  });

  test('each source file that a document names is there', async () => {
    const missing = [];
    let files = 0;
    for (const page of await documents()) {
      for (const [, file] of (await readFile(root + page, 'utf8')).matchAll(/`([a-z]+\/[a-z0-9_/-]+\.(?:cpp|h|sql|mjs))`/g)) {
        ++files;
        if (!existsSync(root + file)) missing.push(`${page}: ${file}`);
      }
    }
    assert.ok(files > 50);
    assert.deepEqual(missing, []);
  });
});

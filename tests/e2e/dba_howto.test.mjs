// docs/how-to/dba.md, run from the document itself, from top to bottom: each sql block in a psql of its
// own, each sh block as the server's user, and what comes out is what the text block after it shows.
// Servers of its own, since it restarts them: they are run by pg_ctl, as the document does.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { assertShows, sectionsOf } from './pages.mjs';
import { asServer, programs, removeFolder, run, runAsServer, serverFolder } from './servers.mjs';
import { root } from './world.mjs';

const languages = ['sql', 'sh', 'text'];

const page = await readFile(`${root}docs/how-to/dba.md`, 'utf8');
const sections = sectionsOf(page);

describe('docs/how-to/dba.md', () => {
  let folder;
  let guard;
  let environment;
  const data = {};

  before(async () => {
    folder = serverFolder('openclaw-dba-');
    for (const name of ['work', 'keys', 'sockets']) runAsServer('mkdir', '-m', '700', join(folder, name));
    for (const name of ['primary', 'restored', 'standby']) data[name] = join(folder, name);
    // An empty Debian server: a socket, and no setting of ours. Autovacuum's transactions would hold
    // back what is sealed by chance.
    for (const [name, port] of [['primary', 5432], ['restored', 5434]]) {
      run('initdb', '-D', data[name], '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale', 'C', '--no-instructions');
      appendFileSync(join(data[name], 'postgresql.conf'), [`listen_addresses = ''`, `port = ${port}`, 'autovacuum = off',
        `unix_socket_directories = '${join(folder, 'sockets')}'`, `timezone = 'UTC'`, ''].join('\n'));
    }
    // Ends the servers even when this test is killed: its input ends then.
    const stops = Object.values(data).map((place) => `'${join(programs, 'pg_ctl')}' -D '${place}' -m immediate -s stop`);
    guard = spawn(...asServer('sh', ['-c', `trap '' TERM INT; read -r line; ${stops.join('; ')}`], { dies: false }),
      { stdio: ['pipe', 'ignore', 'ignore'], cwd: '/' });
    for (const name of ['primary', 'restored']) run('pg_ctl', '-D', data[name], '-w', '-s', '-l', `${data[name]}.log`, 'start');
    environment = {
      PATH: `${programs}:${process.env.PATH}`, LANG: 'C.UTF-8', PGHOST: join(folder, 'sockets'), PGUSER: 'postgres',
      PGDATABASE: 'platform', PSQLRC: '/dev/null', PGDATA: data.primary, STANDBY: data.standby,
    };
  });
  after(async () => {
    const ended = once(guard, 'exit');
    guard.stdin.end();
    await ended;
    removeFolder(folder);
  });

  // The document's own path belongs to a machine's root; ours is in the test's folder.
  const adapted = (text) => text.replaceAll('/var/lib/openclaw/', `${join(folder, 'keys')}/`);

  const execute = async ({ language, text }, mayFail) => {
    const [program, ...args] = language === 'sql'
      ? [join(programs, 'psql'), '--no-psqlrc', '--quiet',
        ...(mayFail ? [] : ['--set', 'ON_ERROR_STOP=1']), '--pset', 'pager=off'] : ['sh', '-e'];
    const child = spawn(...asServer(program, args), { cwd: join(folder, 'work'), env: environment });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (piece) => (output += piece));
    child.stdin.end(adapted(text));
    const [code] = await once(child, 'close');
    return { code, output };
  };

  test('has fifteen things, each with a snippet, and no block that is not run or compared', () => {
    assert.deepEqual(sections.map(({ title }) => Number(title.split('.')[0])), Array.from({ length: 15 }, (_, i) => i + 1));
    for (const { title, blocks } of sections) {
      assert.ok(blocks.some(({ language }) => language !== 'text'), title);
      assert.notEqual(blocks[0].language, 'text', title);
      for (const [i, { language, line }] of blocks.entries()) {
        assert.ok(languages.includes(language), `line ${line}: \`\`\`${language} is not run`);
        assert.ok(language !== 'text' || blocks[i - 1].language !== 'text', `line ${line}: what is it the output of?`);
      }
    }
    assert.equal((page.match(/^```/gm) ?? []).length, 2 * sections.flatMap(({ blocks }) => blocks).length,
      'every block is in a section');
  });

  for (const { title, blocks } of sections) {
    test(title, async () => {
      for (const [i, block] of blocks.entries()) {
        if (block.language === 'text') continue;
        const where = `docs/how-to/dba.md, line ${block.line}`;
        const expected = blocks[i + 1]?.language === 'text' ? blocks[i + 1].text : undefined;
        const errorsIn = (text) => (text.match(/ERROR: |FATAL: |WARNING: /g) ?? []).length;
        const shown = errorsIn(expected ?? '');
        const { code, output } = await execute(block, shown > 0);
        assert.equal(code, 0, `${where}: exit code ${code}\n${output}`);
        assert.equal(errorsIn(output), shown, `${where}: as many errors as it shows\n${output}`);
        if (expected !== undefined) assertShows(output, expected, where);
      }
    });
  }
});

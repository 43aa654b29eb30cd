// docs/how-to/harness.md, run from the document itself, from top to bottom: each sql block in a psql of the
// backend's role, each sh block in one folder, the yaml block as the configuration of the hosted container's
// gate; what comes out is what the text or json block after it shows. The page's names are reached by curl's
// own configuration, as a resolver would.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Authority, selfSigned } from './certificates.mjs';
import { Everything } from './everything.mjs';
import { Gate, openclaw } from './gate_world.mjs';
import { assertShows, sectionsOf } from './pages.mjs';
import { World, root } from './world.mjs';

const page = readFileSync(`${root}docs/how-to/harness.md`, 'utf8');
const sections = sectionsOf(page);
const shown = ['text', 'json'];
const laptop = 'mcp.ada.example.com';
const search = 'mcp-search.tenants.svc';

describe('docs/how-to/harness.md', () => {
  let folder;
  let world;
  let role;
  let everything;
  let cluster;
  let environment;
  const gates = [];

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'openclaw-harness-'));
    cluster = new Authority(folder, 'cluster');
    [world, everything] = await Promise.all([World.open(), Everything.start()]);
    role = `${world.database}_backend`;
    await world.sql(`create role "${role}" login`);
    await world.sql(`select openclaw.grant_access($1::regrole, 'issuer')`, [`"${role}"`]);

    const harness = cluster.client('harness', ['URI:spiffe://cluster.local/ns/platform/sa/harness']);
    copyFileSync(harness.certificateFile, join(folder, 'harness.crt'));
    copyFileSync(harness.keyFile, join(folder, 'harness.key'));
    copyFileSync(cluster.file, join(folder, 'ca.crt'));

    // Ada's own gate: docs/how-to/container-owner.md has its configuration.
    const identity = selfSigned(folder, 'laptop', [`DNS:${laptop}`]);
    await start(`${laptop}:443`, {
      config: {
        upstream: everything.url, public_url: `https://${laptop}/mcp`, tls: { certificate: 'tls.pem', key: 'tls.key' },
        auth: {
          mode: 'platform', issuer: world.issuer, scopes: ['mcp:tools'], expected_user_id: 'user_abc123',
          platform_jwks_url: `http://127.0.0.1:${world.front.port}/.well-known/jwks.json`,
        },
      },
      files: { 'tls.pem': identity.cert, 'tls.key': identity.key },
    });
    environment = {
      ...process.env, PATH: `${dirname(openclaw)}:${process.env.PATH}`, PGUSER: role, PGDATABASE: world.database,
      PSQLRC: '/dev/null', CURL_HOME: folder, FRONT: `http://127.0.0.1:${world.front.port}`,
    };
  });
  after(async () => {
    await Promise.all(gates.map((gate) => gate.stop()));
    await everything?.stop();
    await world?.sql(`drop owned by "${role}"; drop role "${role}"`);
    await world?.close();
    rmSync(folder, { recursive: true });
  });

  async function start(place, settings) {
    const gate = await Gate.start(settings);
    gates.push(gate);
    writeFileSync(join(folder, '.curlrc'), `connect-to = "${place}:127.0.0.1:${gate.port}"\n`, { flag: 'a' });
  }

  // The page's gate, with addresses of this machine for those of the cluster.
  const startGate = (text) => {
    const changes = {
      'listen: "0.0.0.0:3100"': 'listen: "127.0.0.1:0"',
      '"http://127.0.0.1:3001"': `"${everything.url}"`,
      '"https://front.platform.svc/.well-known/jwks.json"':
        `"http://127.0.0.1:${world.front.port}/.well-known/jwks.json"`,
      '"https://auth.example.com"': `"${world.issuer}"`,
    };
    for (const [ours, theirs] of Object.entries(changes)) {
      assert.ok(text.includes(ours), `the gate's configuration has ${ours}`);
      text = text.replace(ours, theirs);
    }
    const container = cluster.server('container', [`DNS:${search}`]);
    const files = { 'tls.crt': container.cert, 'tls.key': container.key, 'ca.crt': cluster.cert };
    return start(`${search}:3100`, { config: `${text}limits:\n  connections: 4000\n`, files });
  };

  const execute = async ({ language, text }) => {
    const [program, ...args] = language === 'sql' ? ['psql', '--quiet', '--set', 'ON_ERROR_STOP=1', '--pset', 'pager=off']
      : ['bash', '-euo', 'pipefail'];
    const child = spawn(program, args, { cwd: folder, env: environment });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (piece) => (output += piece));
    // `openclaw pin` resolves names as the machine does, and a gate has a folder of its own.
    child.stdin.end(text.replaceAll(`openclaw pin https://${laptop}`, `openclaw pin https://127.0.0.1:${gates[0].port}`)
      .replaceAll('--config config.yaml', `--config '${gates[1]?.file('config.yaml')}'`));
    const [code] = await once(child, 'close');
    return { code, output };
  };

  test('has no block that is not run or compared', () => {
    for (const { blocks } of sections) {
      for (const [i, { language, line }] of blocks.entries()) {
        if (!shown.includes(language)) assert.ok(['sql', 'sh', 'yaml'].includes(language), `line ${line}: \`\`\`${language}`);
        else assert.ok(['sql', 'sh'].includes(blocks[i - 1]?.language), `line ${line}: what is it the output of?`);
      }
    }
    assert.equal((page.match(/^```/gm) ?? []).length, 2 * sections.flatMap(({ blocks }) => blocks).length,
      'every block is in a section');
  });

  for (const { title, blocks } of sections) {
    if (blocks.length === 0) continue;
    test(title, async () => {
      for (const [i, block] of blocks.entries()) {
        const where = `docs/how-to/harness.md, line ${block.line}`;
        if (shown.includes(block.language)) continue;
        if (block.language === 'yaml') {
          await startGate(block.text);
          continue;
        }
        const { code, output } = await execute(block);
        assert.equal(code, 0, `${where}: exit code ${code}\n${output}`);
        const expected = blocks[i + 1];
        if (shown.includes(expected?.language)) assertShows(output, expected.text, where);
      }
    });
  }

  test('no token of the page is in a log', async () => {
    for (const name of ['harness.token', 'laptop.headers', 'search.headers']) {
      world.secrets.add(readFileSync(join(folder, name), 'utf8').trim().split(' ').at(-1));
    }
    await world.assertLogsHoldNoSecret();
    for (const gate of gates) gate.assertLogHoldsNone(world.secrets);
  });
});

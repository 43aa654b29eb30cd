import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { fileURLToPath } from 'node:url';
import { after, before, beforeEach, describe, test } from 'node:test';
import * as jose from 'jose';

const root = fileURLToPath(new URL('../..', import.meta.url));
const program = process.env.OPENCLAW_CLI ?? `${root}build/cmake/openclaw`;
const codes = { done: 0, refused: 1, misused: 2, unreachable: 3 };

let folder;
before(() => (folder = mkdtempSync(join(tmpdir(), 'openclaw-cli-'))));
after(() => rmSync(folder, { recursive: true }));

// One run in the test's folder: { code, signal, stdout, stderr }, and `json` where there is some.
async function run(args, { input = '', environment = {} } = {}) {
  const child = spawn(program, args, { cwd: folder, env: { ...process.env, ...environment } });
  child.stdin.on('error', () => {}); // it need not be read
  child.stdin.end(input);
  const output = { stdout: [], stderr: [] };
  for (const name of ['stdout', 'stderr']) child[name].on('data', (chunk) => output[name].push(chunk));
  const [code, signal] = await once(child, 'close');
  const bytes = Buffer.concat(output.stdout);
  return {
    code, signal, bytes, stdout: bytes.toString(), stderr: Buffer.concat(output.stderr).toString(),
    get json() {
      return JSON.parse(this.stdout);
    },
  };
}

const hash = `sha256:${'a'.repeat(64)}`;

// The mission's file, with digits in the place of its ellipsis.
const mission = `auth:
  mode: "local"      # stdio or loopback, no network auth
  # mode: "token"    # API keys
  tokens:
    - name: "my-laptop"
      hash: "${hash}"          # from \`openclaw token create\`
  # mode: "platform"
  platform_jwks_url: "https://api.openclaw.io/.well-known/jwks.json"
  expected_user_id: "user_abc123"
  # mode: "mtls"     # hosted containers (mode A)
`;

const file = (name) => join(folder, name);
function write(name, text, mode = 0o600) {
  writeFileSync(file(name), text);
  chmodSync(file(name), mode);
  return name;
}

beforeEach(() => write('config.yaml', mission));

describe('openclaw', () => {
  const commands = [['gate'], ['run'], ['config', 'check'], ['token', 'create'], ['token', 'list'],
    ['token', 'revoke'], ['token', 'inspect'], ['verify'], ['pin'], ['completion']];

  test('--help of every command names the exit codes', async () => {
    for (const command of [[], ...commands]) {
      const { code, stdout, stderr } = await run([...command, '--help']);
      assert.equal(code, codes.done);
      assert.match(stdout, /Exit codes: 0 .*; 1 .*; 2 .*;\n3 /);
      assert.equal(stderr, '');
    }
  });

  test('the man page has every command and option, and no fault', async () => {
    const page = readFileSync(`${root}docs/man/openclaw.1`, 'utf8').replaceAll('\\-', '-');
    for (const command of commands) {
      assert.ok(page.includes(`openclaw ${command.join(' ')}`), command.join(' '));
      const { stdout } = await run([...command, '--help']);
      for (const [option] of stdout.matchAll(/--[a-z-]+/g)) assert.ok(page.includes(option), option);
    }
    if (!existsSync('/usr/bin/man')) return;
    const faults = execFileSync('sh', ['-c', `man --warnings -l "$0" 2>&1 >/dev/null`, `${root}docs/man/openclaw.1`]);
    assert.equal(faults.toString(), '');
  });

  test('what is no command or option ends it with 2 and a sentence, as JSON too', async () => {
    for (const args of [[], ['serve'], ['gate', '--speed'], ['token'], ['token', 'create'], ['verify'],
      ['completion', 'fish'], ['config', 'check', 'extra'], ['run'], ['run', '--']]) {
      const { code, stdout, stderr } = await run(args);
      assert.equal(code, codes.misused, args.join(' '));
      assert.equal(stdout, '');
      assert.match(stderr, /^openclaw: .{8,}\n/);
    }
    const result = await run(['token', 'create', '--json']);
    assert.equal(result.code, codes.misused);
    assert.match(result.json.error, /--name/);
    assert.equal(result.stderr, '');
  });

  test('a completion for bash is a script that completes commands and options', async () => {
    const { stdout } = await run(['completion', 'bash']);
    write('completion.bash', stdout);
    const complete = (...words) => execFileSync('bash', ['-c',
      'source ./completion.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _openclaw; echo "${COMPREPLY[@]}"',
      'bash', 'openclaw', ...words], { cwd: folder }).toString().trim().split(' ');
    assert.deepEqual(complete('to'), ['token']);
    assert.deepEqual(complete('token', ''), ['create', 'list', 'revoke', 'inspect', '--help']);
    assert.deepEqual(complete('token', 'create', '--sc'), ['--scopes']);
    assert.deepEqual(complete('gate', '--config', 'conf'), ['config.yaml']);
    assert.deepEqual(complete('completion', 'z'), ['zsh']);
    assert.deepEqual(complete('run', '--', 'to'), ['']);
  });

  test('a completion for zsh has an arm for every command', async () => {
    const { code, stdout } = await run(['completion', 'zsh']);
    assert.equal(code, codes.done);
    assert.match(stdout, /^#compdef openclaw\n/);
    for (const command of commands) assert.ok(stdout.includes(`' ${command.join(' ')}')`));
    if (existsSync('/usr/bin/zsh')) execFileSync('zsh', ['-n', write('_openclaw', stdout)], { cwd: folder });
  });
});

describe('openclaw config check', () => {
  const check = (text, ...args) => run(['config', 'check', '--config', write('checked.yaml', text), ...args]);

  test("takes the mission's own file", async () => {
    const { code, stdout } = await run(['config', 'check']);
    assert.equal(code, codes.done);
    assert.match(stdout, /^config.yaml: good, mode local\n/);
    const { json } = await run(['config', 'check', '--json']);
    assert.equal(json.mode, 'local');
    assert.equal(json.keys, 1);
  });

  test('names each problem by file, line and column, and what would be right', async () => {
    const { code, stdout, stderr } = await check('auth:\n  mode: "tokn"\n  tokns: []\nlisten: 3100\n');
    assert.equal(code, codes.misused);
    assert.equal(stdout, '');
    assert.deepEqual(stderr.split('\n').slice(0, 3), [
      'checked.yaml:2:9: auth.mode must be local, token, platform or mtls; did you mean `token`?',
      'checked.yaml:3:3: unknown key `tokns`: did you mean `tokens`?',
      'checked.yaml:4:9: listen must be IP:PORT or [IPV6]:PORT: YAML reads a number or a boolean here; put quotes around it',
    ]);
  });

  test('gives the same as one JSON object', async () => {
    const { code, json, stderr } = await check('auth:\n  mode: [local, token]\n', '--json');
    assert.equal(code, codes.misused);
    assert.equal(stderr, '');
    assert.equal(json.file, 'checked.yaml');
    assert.deepEqual(json.problems.map(({ line, column }) => [line, column]), [[2, 9]]);
  });

  test('refuses two modes, a bad hash, anchors and a file that others can read', async () => {
    for (const [text, part] of [
      ['auth:\n  mode: local\n  mode: token\n', ':3:3: auth.mode stands here a second time'],
      [mission.replace(hash, 'sha256:abc'), ':6:13: auth.tokens[].hash must be'],
      ['auth: &a {mode: local}\nb: *a\n', ':1:7: anchors'],
      ['a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n', ':1:4: anchors'],
      ['auth: {mode: platform}\nupstream: "http://127.0.0.1:1"\n', 'public_url is missing'],
      ['auth: {mode: token}\n', 'upstream is missing'],
    ]) {
      const { code, stderr } = await check(text);
      assert.equal(code, codes.misused);
      assert.ok(stderr.includes(part), `${stderr} has ${part}`);
    }
    write('open.yaml', mission, 0o644);
    const { code, stderr } = await run(['config', 'check', '--config', 'open.yaml']);
    assert.equal(code, codes.misused);
    assert.match(stderr, /run chmod o= open\.yaml/);
  });

  test('cannot reach a file that is not there', async () => {
    assert.equal((await run(['config', 'check', '--config', 'missing.yaml'])).code, codes.unreachable);
  });

  test('--schema prints the table of docs/config-reference.md', async () => {
    const { stdout } = await run(['config', 'check', '--schema']);
    const document = readFileSync(`${root}docs/config-reference.md`, 'utf8');
    assert.equal(document.slice(document.indexOf('| key |')), stdout);
    const { json } = await run(['config', 'check', '--schema', '--json']);
    assert.equal(json.keys.length, stdout.trim().split('\n').length - 2);
  });
});

describe('openclaw token', () => {
  test('create, list, inspect, verify and revoke are the life of a key', async () => {
    write('config.yaml', mission.replace('"local"', '"token"'));
    const made = await run(['token', 'create', '--name', 'phone', '--scopes', 'mcp:tools', '--expires', '90d',
      '--config', 'config.yaml', '--json']);
    assert.equal(made.code, codes.done);
    const { key } = made.json;
    assert.match(key, /^ocu_[0-9A-Za-z]{49}$/);
    assert.equal(readFileSync(file('config.yaml'), 'utf8').replace(/ {4}- name: "phone"\n( {6}.*\n){3}/, ''),
      mission.replace('"local"', '"token"'), 'nothing else has changed');
    assert.equal(statSync(file('config.yaml')).mode & 0o777, 0o600);

    const listed = (await run(['token', 'list', '--json'])).json.keys.find(({ name }) => name === 'phone');
    const digest = execFileSync('sh', ['-c', 'printf %s "$0" | sha256sum', key]).toString().slice(0, 64);
    assert.equal(listed.hash, `sha256:${digest}`);
    assert.deepEqual(listed.scopes, ['mcp:tools']);
    assert.equal(listed.expired, false);

    const asked = { input: `${key}\n` };
    assert.equal((await run(['token', 'inspect', '-', '--config', 'config.yaml'], asked)).code, codes.done);
    assert.equal((await run(['verify', '-', '--config', 'config.yaml'], asked)).code, codes.done);
    assert.equal((await run(['token', 'revoke', 'phone'])).code, codes.done);
    assert.equal((await run(['token', 'revoke', 'phone'])).code, codes.refused);
    assert.equal((await run(['token', 'inspect', '-', '--config', 'config.yaml'], asked)).code, codes.refused);
    assert.equal((await run(['verify', '-', '--config', 'config.yaml'], asked)).code, codes.refused);
    assert.equal(readFileSync(file('config.yaml'), 'utf8'), mission.replace('"local"', '"token"'));
  });

  test('create without a file prints what to paste, and what is pasted works', async () => {
    const { stdout } = await run(['token', 'create', '--name', 'say "hi": # x']);
    const lines = stdout.split('\n').filter((line) => /^ {4}(- name| {2}hash): /.test(line));
    assert.equal(lines.length, 2);
    write('pasted.yaml', `auth:\n  mode: token\n  tokens:\n${lines.join('\n')}\n`);
    const { json } = await run(['token', 'list', '--config', 'pasted.yaml', '--json']);
    assert.equal(json.keys[0].name, 'say "hi": # x');
  });

  test('create twice at the same time loses neither key', async () => {
    const names = ['a', 'b', 'c', 'd'];
    await Promise.all(names.map((name) => run(['token', 'create', '--name', name, '--config', 'config.yaml'])));
    const { json } = await run(['token', 'list', '--json']);
    assert.deepEqual(json.keys.map(({ name }) => name).sort(), [...names, 'my-laptop']);
  });

  test('a name that is taken is refused, and no key is shown', async () => {
    const { code, stdout, stderr } = await run(['token', 'create', '--name', 'my-laptop', '--config', 'config.yaml']);
    assert.equal(code, codes.misused);
    assert.equal(stdout, '');
    assert.match(stderr, /there already/);
    assert.equal(readFileSync(file('config.yaml'), 'utf8'), mission);
  });

  test('a key that cannot be shown is a failure', async () => {
    const full = spawn('sh', ['-c', '"$0" token create --name x >/dev/full', program], { cwd: folder });
    const [code] = await once(full, 'close');
    assert.equal(code, codes.unreachable);
  });

  test('a token in the arguments works, with a warning that goes to stderr alone', async () => {
    const { key } = (await run(['token', 'create', '--name', 'x', '--json'])).json;
    const { code, json, stderr } = await run(['token', 'inspect', key, '--json']);
    assert.equal(code, codes.done);
    assert.equal(json.checksum, 'ok');
    assert.match(stderr, /seen by everybody on this machine/);
    assert.ok(!stderr.includes(key));
  });
});

describe('openclaw verify', () => {
  const issuer = 'https://api.openclaw.test';
  const audience = 'https://mcp.example.com/mcp';
  let server;
  let privateKey;
  let jwks;
  let answer;

  before(async () => {
    const pair = await jose.generateKeyPair('EdDSA', { crv: 'Ed25519' });
    privateKey = pair.privateKey;
    const jwk = await jose.exportJWK(pair.publicKey);
    jwks = { keys: [{ ...jwk, alg: 'EdDSA', use: 'sig', kid: await jose.calculateJwkThumbprint(jwk) }] };
    server = http.createServer((request, response) => answer(response)).listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  after(() => server.close());
  beforeEach(() => {
    answer = (response) => response.setHeader('Content-Type', 'application/json').end(JSON.stringify(jwks));
    write('platform.yaml', `public_url: "${audience}"
auth:
  mode: "platform"
  platform_jwks_url: "http://127.0.0.1:${server.address().port}/jwks.json"
  issuer: "${issuer}"
  expected_user_id: "user_abc123"
  scopes: ["mcp:tools"]
`);
  });

  const sign = (claims = {}) => new jose.SignJWT({ user_id: 'user_abc123', scope: 'mcp:tools', ...claims })
    .setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt', kid: jwks.keys[0].kid })
    .setIssuer(claims.iss ?? issuer).setSubject(claims.user_id ?? 'user_abc123')
    .setAudience(claims.aud ?? audience).setIssuedAt().setJti('j')
    .setExpirationTime(claims.exp ?? '5m').sign(privateKey);
  const verify = async (jwt, ...args) => run(['verify', '-', ...args], { input: jwt });

  test('fetches the keys that the configuration names, and finds a good token good', async () => {
    const { code, stdout } = await verify(await sign(), '--config', 'platform.yaml');
    assert.equal(code, codes.done, stdout);
    assert.match(stdout, /expires in (5 minutes|4 minutes 5\d seconds)/);
    assert.match(stdout, /^certificate +passed /m); // the longest name leaves a blank too
    assert.match(stdout, /\nGOOD/);
  });

  test('names the step that fails, and repeats no signature', async () => {
    const now = Math.floor(Date.now() / 1000);
    for (const [claims, step, reason] of [
      [{ aud: 'https://other.example' }, 'audience', 'wrong_audience'],
      [{ iss: 'https://evil.example' }, 'issuer', 'wrong_issuer'],
      [{ user_id: 'user_other' }, 'user', 'wrong_user'],
      [{ exp: now - 60 }, 'times', 'expired'],
      [{ scope: 'data:read' }, 'scopes', 'insufficient_scope'],
    ]) {
      const jwt = await sign(claims);
      const { code, json, stdout } = await verify(jwt, '--config', 'platform.yaml', '--json');
      assert.equal(code, codes.refused);
      assert.equal(json.good, false);
      assert.equal(json.reason, reason);
      assert.equal(json.steps.find(({ outcome }) => outcome === 'failed').step, step);
      assert.ok(!stdout.includes(jwt.split('.')[2].slice(0, 20)));
    }
  });

  test('takes the keys from a file or a URL', async () => {
    write('jwks.json', JSON.stringify(jwks));
    const jwt = await sign();
    for (const source of ['jwks.json', `http://127.0.0.1:${server.address().port}/jwks.json`]) {
      const { code } = await verify(jwt, '--jwks', source, '--issuer', issuer, '--audience', audience);
      assert.equal(code, codes.done, source);
    }
  });

  test('keys that cannot be had are no verdict', async () => {
    const jwt = await sign();
    for (const fault of [
      (response) => response.writeHead(500).end(),
      (response) => response.end('<html>'),
      (response) => response.writeHead(302, { Location: 'https://evil.example/' }).end(),
      (response) => response.destroy(),
    ]) {
      answer = fault;
      const { code, stdout, stderr } = await verify(jwt, '--config', 'platform.yaml');
      assert.equal(code, codes.unreachable, stdout);
      assert.ok(!stdout.includes('GOOD'));
      assert.ok(!stderr.includes(jwt.split('.')[2]));
    }
  });
});

describe('openclaw pin', () => {
  let server;
  const options = {};
  before(async () => {
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
      '-keyout', 'pin.key', '-out', 'pin.pem', '-days', '30', '-subj', '/CN=mcp.example.com', '-addext',
      'subjectAltName=DNS:mcp.example.com,IP:127.0.0.1'], { cwd: folder, stdio: 'ignore' });
    Object.assign(options, { key: readFileSync(file('pin.key')), cert: readFileSync(file('pin.pem')) });
    server = tls.createServer(options, (socket) => socket.end()).on('tlsClientError', () => {});
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  after(() => server.close());

  test('prints the fingerprint that OpenSSL computes, alone on standard output', async () => {
    const expected = execFileSync('sh', ['-c', 'openssl x509 -in pin.pem -pubkey -noout | ' +
      'openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64'], { cwd: folder });
    const { code, stdout, stderr } = await run(['pin', `https://127.0.0.1:${server.address().port}`]);
    assert.equal(code, codes.done, stderr);
    assert.equal(stdout, `sha256/${expected}`);
    assert.match(stderr, /was not verified/);
    assert.match(stderr, /DNS:mcp\.example\.com, IP:127\.0\.0\.1/);
  });

  test('--json gives subject, names and expiry', async () => {
    const { json } = await run(['pin', `https://127.0.0.1:${server.address().port}/mcp`, '--json']);
    assert.equal(json.subject, 'CN=mcp.example.com');
    assert.deepEqual(json.names, ['DNS:mcp.example.com', 'IP:127.0.0.1']);
    assert.equal(json.expired, false);
    assert.equal(json.verified, false);
  });

  test('takes the certificate of a server that demands one from its clients', async () => {
    const strict = tls.createServer({ ...options, requestCert: true, rejectUnauthorized: true })
      .on('tlsClientError', () => {}).listen(0, '127.0.0.1');
    await once(strict, 'listening');
    const { code } = await run(['pin', `https://127.0.0.1:${strict.address().port}`]);
    strict.close();
    assert.equal(code, codes.done);
  });

  test('what is not there, speaks no TLS, or is no https URL is a failure', async () => {
    // It reads what comes: else it would never see that a client which has read all of its answer is gone.
    const plain = net.createServer((socket) => socket.on('error', () => {}).resume().end('HTTP/1.0 400 No\r\n\r\n'));
    plain.listen(0, '127.0.0.1');
    await once(plain, 'listening');
    const { port } = plain.address();
    assert.equal((await run(['pin', `https://127.0.0.1:${port}`])).code, codes.unreachable);
    plain.close();
    await once(plain, 'close');
    assert.equal((await run(['pin', `https://127.0.0.1:${port}`])).code, codes.unreachable);
    for (const url of ['http://127.0.0.1', '127.0.0.1', 'https://u@127.0.0.1', '']) {
      assert.equal((await run(['pin', url])).code, codes.misused, url);
    }
  });
});

describe('openclaw run', () => {
  test('hands standard input and output through untouched', async () => {
    const bytes = randomBytes(1 << 20);
    const { code, bytes: back, stderr } = await run(['run', '--', 'cat'], { input: bytes });
    assert.equal(code, 0);
    assert.ok(back.equals(bytes));
    assert.equal(stderr, '');
  });

  test('gives the command its arguments and environment word for word', async () => {
    const words = ['--json', '[a,b]', '', '--', 'gate', '-x', 'é $HOME'];
    const { stdout } = await run(['run', '--config', 'config.yaml', '--', process.execPath, '-e',
      'console.log(JSON.stringify([process.argv.slice(1), process.env.MARK]))', '--', ...words],
    { environment: { MARK: 'kept' } });
    assert.deepEqual(JSON.parse(stdout), [words, 'kept']);
  });

  test("ends as the command does, and the command is the process itself", async () => {
    assert.equal((await run(['run', '--', 'sh', '-c', 'exit 7'])).code, 7);
    const child = spawn(program, ['run', '--', 'sh', '-c', 'echo $$; exec cat'], { cwd: folder });
    const [pid] = await once(child.stdout, 'data');
    assert.equal(Number(pid), child.pid);
    child.kill('SIGTERM');
    const [, signal] = await once(child, 'close');
    assert.equal(signal, 'SIGTERM');
  });

  test('leaves the command its signals and its limits', async () => {
    const inherited = execFileSync('sh', ['-c', 'ulimit -c; grep SigIgn /proc/self/status']).toString();
    const { stdout } = await run(['run', '--', 'sh', '-c', 'ulimit -c; grep SigIgn /proc/self/status']);
    assert.equal(stdout, inherited);
  });

  test('refuses every mode but local, before the command runs', async () => {
    write('config.yaml', mission.replace('"local"', '"token"'));
    const { code, stdout, stderr } = await run(['run', '--', 'echo', 'ran']);
    assert.equal(code, codes.misused);
    assert.equal(stdout, '');
    assert.match(stderr, /auth\.mode is token/);
    assert.equal((await run(['run', '--config', 'missing.yaml', '--', 'echo'])).code, codes.unreachable);
  });

  test('tells a command that is not there from one that cannot be executed', async () => {
    assert.equal((await run(['run', '--', './no-such-command'])).code, 127);
    assert.equal((await run(['run', '--', './config.yaml'])).code, 126);
  });

  test('speaks MCP on stdio', async () => {
    const server = `process.stdin.on('data', (line) => {
      const { id, method } = JSON.parse(line);
      console.log(JSON.stringify({ jsonrpc: '2.0', id, result: { method } }));
    });`;
    const request = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' });
    const { json } = await run(['run', '--', process.execPath, '-e', server], { input: `${request}\n` });
    assert.deepEqual(json, { jsonrpc: '2.0', id: 1, result: { method: 'ping' } });
  });
});

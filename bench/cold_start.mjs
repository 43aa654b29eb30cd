// From exec to the first answer: the front, the gate, and a backend that has verified nothing yet.
import { randomBytes } from 'node:crypto';
import net from 'node:net';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { freePort } from './processes.mjs';

const AUDIENCE = 'https://mcp.example.com/mcp';
const PATIENCE = 5_000;

export class ColdStart {
  #world;

  constructor(world) {
    this.#world = world;
  }

  // Milliseconds from exec until /readyz is 200, which takes a connection to Postgres and a statement there.
  async front() {
    const port = await freePort();
    return this.#untilAnswer(port, '/readyz', 200, process.env.OPENCLAW_FRONT,
      ['--listen', `127.0.0.1:${port}`, '--database', 'user=openclaw_front']);
  }

  // Milliseconds from exec until a call without a token is refused.
  async gate() {
    const port = await freePort();
    const config = await this.#world.file('cold.yaml', `auth:
  mode: "token"
  tokens:
    - name: "cold"
      hash: "sha256:${randomBytes(32).toString('hex')}"
listen: "127.0.0.1:${port}"
upstream: "http://127.0.0.1:9"
`);
    return this.#untilAnswer(port, '/mcp', 401, process.env.OPENCLAW_CLI, ['gate', '--config', config]);
  }

  async #untilAnswer(port, path, status, program, args) {
    const began = performance.now();
    const child = this.#world.processes.start(program, args, ['ignore', 'ignore', 'ignore']);
    let took;
    while (took === undefined && performance.now() - began < PATIENCE && child.exitCode === null) {
      const answer = await ask(port, path);
      if (answer.startsWith(`HTTP/1.1 ${status}`)) took = performance.now() - began;
      else await pause(1);
    }
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
    if (took === undefined) throw new Error(`${program} did not answer`);
    return took;
  }

  // Milliseconds of the first statement of a new session of the server that `at` names: of the bench's own,
  // which has preloaded the module, or of one whose backends load it.
  verifyToken(at) {
    return this.#firstStatement('select (openclaw.verify_token($1)).valid as good', [this.#world.tokens[0]], at);
  }

  async verifyJwt(at) {
    const { rows: [{ token }] } = await this.#world.session.query(
      `select token from bench.jwts where alg = 'EdDSA' limit 1`);
    return this.#firstStatement('select (openclaw.verify_jwt($1, $2)).valid as good', [token, AUDIENCE], at);
  }

  async #firstStatement(text, values, at = {}) {
    const session = new pg.Client(at);
    await session.connect();
    try {
      await session.query('select $1::text', ['parsing and planning are warm']);
      const began = performance.now();
      const { rows: [{ good }] } = await session.query(text, values);
      const took = performance.now() - began;
      if (!good) throw new Error('the first verification refused');
      return took;
    } finally {
      await session.end();
    }
  }
}

// What a server answers to a request on a connection of its own; empty when nobody listens.
async function ask(port, path) {
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
  let answer = '';
  socket.setEncoding('latin1').on('data', (text) => { answer += text; });
  socket.on('error', () => {});
  socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost:${port}\r\nConnection: close\r\n\r\n`);
  await new Promise((resolve) => { socket.once('close', resolve); }); // once() would reject when refused
  return answer;
}

// The real MCP server of the tests: @modelcontextprotocol/server-everything over streamable HTTP, as
// a process of its own on a free port. Started as it comes it listens on every address of the
// machine; the preloaded lines keep it to loopback and report the port that the kernel chose.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import { fileURLToPath } from 'node:url';
import { until } from './world.mjs';

export const everythingProgram = fileURLToPath(
  new URL('../../node_modules/@modelcontextprotocol/server-everything/dist/index.js', import.meta.url));

const onLoopback = `
  import net from 'node:net';
  const { listen } = net.Server.prototype;
  net.Server.prototype.listen = function (port, ...rest) {
    this.once('listening', () => console.error('on port ' + this.address().port + ';'));
    return listen.call(this, { port: Number(port), host: '127.0.0.1' }, ...rest);
  };`;

export class Everything {
  static async start() {
    const everything = new Everything();
    try {
      everything.port = await until('server-everything listens', () => everything.#portFromLog());
    } catch (problem) {
      everything.process.kill('SIGKILL');
      throw problem;
    }
    everything.url = `http://127.0.0.1:${everything.port}`;
    return everything;
  }

  constructor() {
    this.log = '';
    const preloaded = `data:text/javascript,${encodeURIComponent(onLoopback)}`;
    this.process = spawn(process.execPath, ['--import', preloaded, everythingProgram, 'streamableHttp'],
      { env: { ...process.env, PORT: '0' }, stdio: ['ignore', 'ignore', 'pipe'] });
    this.process.stderr.setEncoding('utf8').on('data', (text) => (this.log += text));
    this.exited = once(this.process, 'close');
  }

  #portFromLog() {
    assert.equal(this.process.exitCode, null, `server-everything ended: ${this.log}`);
    return Number(/on port (\d+);/.exec(this.log)?.[1]);
  }

  // It holds sessions that nobody ended, and has nothing to lose.
  async stop() {
    this.process.kill('SIGKILL');
    await this.exited;
  }
}

// A handler for gate_world's Upstream that hands everything on to a server with a `port`, so that a
// test sees what the real one is asked, and can put another in its place.
export function relayTo(server) {
  return (request, response) => {
    const { method, url: path, headers } = request;
    const onwards = http.request({ host: '127.0.0.1', port: server.port, method, path, headers, agent: false });
    onwards.on('error', () => response.destroy());
    onwards.on('response', (answer) => {
      response.writeHead(answer.statusCode, answer.rawHeaders).flushHeaders();
      answer.pipe(response);
    });
    response.on('close', () => onwards.destroy());
    request.pipe(onwards);
  };
}

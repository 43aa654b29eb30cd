// Hot standbys of the bench's Postgres, and a front that has them answer what only reads.
//
// All servers share the machine, so that the rate says little of what more machines would give: what does
// is the processor time of a request on each of them.
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { removeFolder, Server, serverFolder } from '../tests/e2e/servers.mjs';

const FIRST_PORT = 5561; // a part of the socket's name only

export class Standbys {
  #world;
  #folder;
  #servers = [];

  constructor(world) {
    this.#world = world;
  }

  // A front over the primary and so many standbys, each of which answers: as Fronts has a server, with the
  // processor time of each standby beside that of the primary.
  async front(count) {
    const used = await this.#running(count);
    const server = await this.#world.fronts.front(...used.flatMap((standby) => ['--standby',
      `host=${standby.sockets} port=${standby.port} dbname=${process.env.PGDATABASE} user=openclaw_front`]));
    used.forEach((standby, i) => { server.processes[`s${i + 1}`] = standby.process.pid; });
    if (!server.usesStandbys) await this.#untilTheyAnswer(server, count);
    server.usesStandbys = true;
    return server;
  }

  // How to reach one that has not preloaded the module.
  async withoutPreloading() {
    const [standby] = await this.#running(1);
    return { host: standby.sockets, port: standby.port };
  }

  async #running(count) {
    while (this.#servers.length < count) await this.#start();
    return this.#servers.slice(0, count);
  }

  async #start() {
    const { rows: [{ key, buffers }] } = await this.#world.session.query(`select
      current_setting('openclaw.master_key_file') as key, current_setting('shared_buffers') as buffers`);
    // What a standby still needs must not go with the checkpoint of the next one's copy.
    await this.#world.session.query(`alter system set wal_keep_size = '1GB'`);
    await this.#world.session.query('select pg_reload_conf()');
    this.#folder ??= serverFolder('openclaw-bench-');
    const { PGHOST, PGPORT, PGUSER } = process.env;
    const standby = new Server(this.#folder, `standby-${this.#servers.length + 1}`,
      FIRST_PORT + this.#servers.length,
      { 'openclaw.master_key_file': key, shared_buffers: buffers, shared_preload_libraries: '' });
    standby.copyOf({ at: ['-h', PGHOST, '-p', PGPORT, '-U', PGUSER] });
    this.#servers.push(await standby.start());
  }

  async #untilTheyAnswer({ port }, count) {
    for (let inARow = 0, asked = 0; inARow < 20; asked += 1) {
      if (asked > 1000) throw new Error('the standbys are not asked');
      const answer = await fetch(`http://127.0.0.1:${port}/.well-known/jwks.json`, { headers: { Connection: 'close' } });
      await answer.arrayBuffer();
      const source = answer.headers.get('openclaw-source') ?? 'primary';
      inARow = source.startsWith('standby') === count > 0 ? inARow + 1 : 0;
      await pause(5);
    }
  }

  async end() {
    await Promise.all(this.#servers.splice(0).map(async ({ process: server }) => {
      const ended = once(server, 'exit');
      server.kill('SIGQUIT');
      await ended;
    }));
    if (this.#folder) removeFolder(this.#folder);
    this.#folder = undefined;
  }
}

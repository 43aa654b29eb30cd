// The world of docs/how-to/row-level-security.md, made by the page's own blocks: the table app.notes, its
// owner, the role that the application logs in as, and the policies. Users with notes and tokens in it.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { root, until } from './world.mjs';

export const READ = 'notes:read';
export const WRITE = 'notes:write';

// The fenced blocks of a page under docs/how-to: [{ name, language, text }], in their order. The name is
// what the mark before it says (`<!-- name -->`), if there is one.
export async function blocksOf(page) {
  const text = await readFile(`${root}docs/how-to/${page}.md`, 'utf8');
  const blocks = /^(?:<!-- ([a-z-]+) -->\n+)?```([a-z]*)\n(.*?)^```$/gms;
  return [...text.matchAll(blocks)].map(([, name, language, body]) => ({ name, language, text: body }));
}

export class Notes {
  #sessions = [];
  #roles = ['notes_app', 'notes_owner'];

  static async open() {
    const notes = new Notes();
    notes.admin = await notes.session('postgres');
    notes.blocks = new Map((await blocksOf('row-level-security'))
      .filter(({ language }) => language === 'sql').map(({ name, text }) => [name, text]));
    for (const name of ['table', 'roles', 'policies']) await notes.admin.query(notes.block(name));
    return notes;
  }

  block(name) {
    const text = this.blocks.get(name);
    assert.ok(text, `row-level-security.md has a block after <!-- ${name} -->`);
    return text;
  }

  async session(user, options = {}) {
    // The timeout is for a defect: a test that waits for ever fails.
    const client = new pg.Client({ user, options: '-c statement_timeout=20s', ...options });
    client.on('error', () => {}); // a killed one
    await client.connect();
    this.#sessions.push(client);
    return client;
  }

  // A connection of the application's.
  app(options) {
    return this.session('notes_app', options);
  }

  // The roles and tables that the pages for other backends add, by their own block.
  async setUpBackend(block) {
    this.#roles.push('notes_backend');
    await this.admin.query(block);
  }

  // One more role to be dropped in the end.
  async role(name, attributes = 'login') {
    await this.admin.query(`create role ${name} ${attributes}`);
    this.#roles.push(name);
  }

  // A user with so many notes.
  async user(id, count = 0) {
    await this.admin.query(`select openclaw.create_user(user_id => $1)`, [id]);
    await this.admin.query(
      `insert into app.notes (owner, body) select $1, $1 || ' ' || n from generate_series(1, $2) as n`, [id, count]);
  }

  // A token's text.
  async token(user, scopes = [READ, WRITE], container = null) {
    const { rows: [issued] } = await this.admin.query(
      `select token from openclaw.issue_token($1, $2, '1 hour', container_id => $3)`, [user, scopes, container]);
    return issued.token;
  }

  revoke(token, by = this.admin) {
    return by.query('select openclaw.revoke_token($1)', [token]);
  }

  // Resolves once the session waits for a lock that a test holds.
  waitsForLock(client) {
    return until('the session waits for a lock', async () => (await this.admin.query(
      `select wait_event_type = 'Lock' as waits from pg_stat_activity where pid = $1`,
      [client.processID])).rows[0]?.waits);
  }

  async close() {
    await Promise.all(this.#sessions.filter((client) => client !== this.admin).map((client) => client.end()));
    // What a failed test has left prepared holds its locks, and its database.
    const { rows: left } = await this.admin.query('select gid from pg_prepared_xacts where database = current_database()');
    for (const { gid } of left) await this.admin.query(`rollback prepared ${pg.escapeLiteral(gid)}`);
    const roles = this.#roles.join(', ');
    await this.admin.query(`drop schema app cascade; drop owned by ${roles} cascade; drop role ${roles}`);
    await this.admin.end();
  }
}

export const begin = (client, token, scopes = [], container = null) =>
  client.query('select openclaw.begin_session($1, $2, $3)', [token, scopes, container]);

// A transaction of its own under the token; gives what `work` gives.
export async function transaction(client, token, work, scopes = []) {
  await client.query('begin');
  try {
    await begin(client, token, scopes);
    const answer = await work(client);
    await client.query('commit');
    return answer;
  } catch (problem) {
    await client.query('rollback');
    throw problem;
  }
}

// The first column of the first row.
export async function value(client, text, values = []) {
  return Object.values((await client.query({ text, values })).rows[0])[0];
}

export const caller = (client) => value(client, 'select openclaw.current_user_id()');

// Whose notes the session sees: [] or [owner, ...].
export const owners = (client) =>
  value(client, `select coalesce(array_agg(distinct owner order by owner), '{}') from app.notes`);

export const count = (client) => value(client, 'select count(*)::int from app.notes');

// Asserts a refusal by its SQLSTATE, and by its reason in the DETAIL.
export function assertRefused(promise, code, reason) {
  return assert.rejects(promise, (problem) => {
    assert.equal(problem.code, code, problem.message);
    if (reason) assert.equal(problem.detail, `reason: ${reason}`);
    return true;
  });
}

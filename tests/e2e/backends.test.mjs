// docs/how-to/python.md, node.md and go.md: the code of each page, taken from it, does what the page says.
// (rust.md is not run: Debian and npm have no sqlx.)
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { blocksOf, Notes, value } from './notes_world.mjs';
import { root } from './world.mjs';

const execute = promisify(execFile);
const languages = { python: 'python', node: 'js', go: 'go', rust: 'rust' };
const pages = Object.keys(languages);

// All the code of a page, one block after the other; the last one is its program.
async function codeOf(page) {
  const blocks = (await blocksOf(page)).filter(({ language }) => language === languages[page]);
  assert.ok(blocks.length >= 7, page);
  return blocks.map(({ text }) => text);
}

const blockNamed = async (page, wanted) => {
  const block = (await blocksOf(page)).find(({ name }) => name === wanted);
  assert.ok(block, `${page}.md has a block after <!-- ${wanted} -->`);
  return block.text;
};

// What every page's program prints, however its language writes lists.
const wordsOf = (output) => output.split('\n')
  .map((line) => line.toLowerCase().split(/[^a-z0-9:_.]+/).filter(Boolean).join(' ')).filter(Boolean);
const printed = [
  'valid true ada notes:read notes:write',
  'reason insufficient_scope',
  'batch ada malformed',
  'outside 0',
  '200 water the plants.', // the caller's own note and none of bob's
  '401', '401', // a token that is none; no token
  '401', // revoked
  'unknown user p0002 404',
  'no name 23502 500', // the table refuses the row; the token goes with it
  'devices 1',
];

// What raises each SQLSTATE of the pages' table, the role that runs it, and the pages' status for it.
const refusals = [
  ['28000', 401, 'app', `select openclaw.begin_session('nonsense')`],
  ['42501', 403, 'app', `insert into app.notes (owner, body) values ('ada', 'forged')`],
  ['P0002', 404, 'backend', `select openclaw.issue_token('nobody', '{notes:read}')`],
  ['23505', 409, 'backend', `select openclaw.create_user(user_id => 'ada')`],
  ['22004', 400, 'backend', `select openclaw.verify_token('x', null)`],
  ['22023', 400, 'backend', `select openclaw.issue_token('ada', '{not a scope}')`],
  ['54000', 400, 'backend', `select openclaw.verify_tokens(array_fill('x'::text, '{65537}'))`],
  ['53400', 403, 'backend', `select openclaw.issue_token('small', '{notes:read}')`],
  ['53400', 429, 'backend',
    `select openclaw.issue_token('slow', '{notes:read}'); select openclaw.issue_token('slow', '{notes:read}')`],
  ['25006', 503, 'backend', `set transaction read only; select openclaw.issue_token('ada', '{notes:read}')`],
  ['57P01', 503, 'backend', 'select pg_terminate_backend(pg_backend_pid())'],
  ['42P01', 500, 'backend', 'select from app.no_such_table'],
].map(([code, status, role, statement]) => ({ code, status, role, statement }));
// [SQLSTATE of the first two tries, what comes of it]
const retries = [['40001', 'done 3'], ['40P01', 'done 3'], ['22012', 'gives up 1']].map(([code, outcome]) =>
  ({ code, outcome, statement: `do $$ begin raise exception 'in the way' using errcode = '${code}'; end $$` }));
const errorsPrinted = [
  ...refusals.map(({ code, status }) => `${code} ${status}`), 'no server 503',
  ...retries.map(({ code, outcome }) => `${code} ${outcome}`)];

describe('the pages for other backends', () => {
  let notes;
  let folder;
  let env;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'openclaw-backends-'));
    symlinkSync(`${root}node_modules`, join(folder, 'node_modules'));
    writeFileSync(join(folder, 'cases.json'), JSON.stringify({ refusals, retries }));
    notes = await Notes.open();
    await notes.setUpBackend(await blockNamed('python', 'setup'));
    await notes.user('ada');
    await notes.user('bob', 2);
    await notes.admin.query(`select openclaw.define_plan('small', null, 0, null, null, null),
      openclaw.define_plan('slow', null, null, null, null, 1),
      openclaw.create_user(user_id => 'small', plan_tier => 'small'),
      openclaw.create_user(user_id => 'slow', plan_tier => 'slow')`);
    const { PGHOST, PGPORT, PGDATABASE } = process.env;
    const url = (user) => `postgresql://${user}@/${PGDATABASE}?host=${encodeURIComponent(PGHOST)}&port=${PGPORT}`;
    env = { ...process.env, BACKEND_URL: url('notes_backend'), APP_URL: url('notes_app'),
      CASES: join(folder, 'cases.json') };
  });
  beforeEach(() => notes.admin.query(`delete from app.notes where owner = 'ada'; delete from app.devices;
    delete from openclaw.api_tokens where user_id = 'ada'`));
  after(async () => {
    await notes?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  // Each takes the pieces of a program and gives what it prints.
  const run = {
    async python(...code) {
      const program = join(folder, 'notes.py');
      writeFileSync(program, code.join('\n\n'));
      // Debian's, whose psycopg it is.
      return (await execute('/usr/bin/python3', [program], { env })).stdout;
    },
    async node(...code) {
      const program = join(folder, 'notes.mjs');
      writeFileSync(program, code.join('\n\n'));
      return (await execute(process.execPath, [program], { env })).stdout;
    },
    async go(...code) {
      const source = join(folder, 'src', 'notes');
      mkdirSync(source, { recursive: true });
      writeFileSync(join(source, 'main.go'), code.join('\n\n')
        .replaceAll('"github.com/jackc/pgx/v5/pgconn"', '"github.com/jackc/pgconn"')
        .replaceAll('"github.com/jackc/pgx/v5', '"github.com/jackc/pgx/v4')
        .replaceAll('pgxpool.New(', 'pgxpool.Connect('));
      const go = { ...env, GO111MODULE: 'off', GOPATH: `${folder}:/usr/share/gocode`, GOFLAGS: '', GOTOOLCHAIN: 'local',
        GOCACHE: join(folder, 'cache') };
      const program = join(folder, 'notes');
      await execute('go', ['build', '-o', program, 'notes'], { env: go });
      return (await execute(program, [], { env })).stdout;
    },
  };

  const assertDone = async (output) => {
    assert.deepEqual(wordsOf(output), printed);
    // One device, one token, and both of one transaction.
    const { rows } = await notes.admin.query(`select d.name, d.user_id, t.name as token_name,
        t.expires_at - t.created_at between interval '29 days 23 hours' and interval '30 days 1 hour' as a_month,
        t.revoked_at is not null as revoked
      from openclaw.api_tokens as t left join app.devices as d on d.token_id = t.id where t.user_id = 'ada'`);
    assert.deepEqual(rows, [{ name: 'laptop', user_id: 'ada', token_name: 'laptop', a_month: true, revoked: true }]);
    assert.equal(await value(notes.admin, `select owner from app.notes where body = 'Water the plants.'`), 'ada');
  };

  test('set up the same roles and tables, and name the same errors', async () => {
    const setups = await Promise.all(pages.map((page) => blockNamed(page, 'setup')));
    assert.deepEqual(new Set(setups), new Set([setups[0]]));
    const tables = await Promise.all(pages.map(async (page) =>
      (await readFile(`${root}docs/how-to/${page}.md`, 'utf8')).split('\n').filter((line) => line.startsWith('| '))));
    for (const table of tables) assert.deepEqual(table, tables[0]);
    const named = tables[0].map((line) => line.split('|')[1]).join();
    for (const { code } of [...refusals.filter((refusal) => refusal.status !== 500), ...retries.slice(0, 2)]) {
      assert.ok(named.includes(code.startsWith('57P') ? '57P01' : code), code);
    }
  });

  for (const page of Object.keys(run)) {
    test(`${page}: the page's program`, async () => assertDone(await run[page](...await codeOf(page))));
  }

  const errors = {
    python: (code) => [...code.slice(0, -1), `
import json
cases = json.load(open(os.environ["CASES"]))
for case in cases["refusals"]:
    try:
        connect(os.environ[case["role"].upper() + "_URL"]).execute(case["statement"])
    except psycopg.Error as error:
        print(error.sqlstate, status_of(error))
try:
    connect(os.environ["APP_URL"] + "1")
except psycopg.Error as error:
    print("no server", status_of(error))
backend = connect(os.environ["BACKEND_URL"])
for case in cases["retries"]:
    tries = []
    def work():
        tries.append(1)
        if len(tries) < 3:
            backend.execute(case["statement"])
        return "done"
    try:
        print(case["code"], again(work), len(tries))
    except psycopg.Error:
        print(case["code"], "gives up", len(tries))
`],
    node: (code) => [...code.slice(0, -1), `
import { readFileSync } from 'node:fs';
const { refusals, retries } = JSON.parse(readFileSync(process.env.CASES));
const pools = { app: connect(process.env.APP_URL), backend: connect(process.env.BACKEND_URL) };
for (const { role, statement } of refusals) {
  await transaction(pools[role], (client) => client.query(statement))
    .catch((error) => console.log(error.code, statusOf(error)));
}
await connect(process.env.APP_URL + '1').query('').catch((error) => console.log('no server', statusOf(error)));
for (const { code, statement } of retries) {
  let tries = 0;
  const outcome = await again(async () => {
    tries += 1;
    if (tries < 3) await pools.backend.query(statement);
    return 'done';
  }).catch(() => 'gives up');
  console.log(code, outcome, tries);
}
await Promise.all([pools.app.end(), pools.backend.end()]);
`],
    go: (code) => [...code.slice(0, -1), code.at(-1).replace('func main() {', 'func page() {'), `
func main() {
	var cases struct {
		Refusals []struct{ Role, Statement string }
		Retries  []struct{ Code, Statement string }
	}
	text, _ := os.ReadFile(os.Getenv("CASES"))
	if err := json.Unmarshal(text, &cases); err != nil {
		panic(err)
	}
	ctx := context.Background()
	pools := map[string]*pgxpool.Pool{
		"app": connect(ctx, os.Getenv("APP_URL")), "backend": connect(ctx, os.Getenv("BACKEND_URL"))}
	for _, each := range cases.Refusals {
		err := transaction(ctx, pools[each.Role], func(tx pgx.Tx) (err error) {
			for _, statement := range strings.Split(each.Statement, ";") {
				if _, err = tx.Exec(ctx, statement); err != nil {
					return err
				}
			}
			return nil
		})
		var refusal *pgconn.PgError
		errors.As(err, &refusal)
		fmt.Println(refusal.Code, statusOf(err))
	}
	_, err := pgx.Connect(ctx, os.Getenv("APP_URL")+"1")
	fmt.Println("no server", statusOf(err))
	for _, each := range cases.Retries {
		tries, outcome := 0, "done"
		if again(func() error {
			tries++
			if tries == 3 {
				return nil
			}
			_, err := pools["backend"].Exec(ctx, each.Statement)
			return err
		}) != nil {
			outcome = "gives up"
		}
		fmt.Println(each.Code, outcome, tries)
	}
}
`],
  };
  for (const [page, program] of Object.entries(errors)) {
    test(`${page}: each error by its SQLSTATE, and what was in the way again`, async () => {
      const output = await run[page](...program(await codeOf(page)));
      // psycopg can see the closed socket before the reason for it.
      assert.deepEqual(output.trim().replace('None 503', '57P01 503').split('\n'), errorsPrinted);
    });
  }

  test('python: through what the page says for PgBouncer, nothing is prepared', async () => {
    const code = (await codeOf('python')).slice(0, -1);
    const output = await run.python(...code, `
for connection in connect_through_pgbouncer, connect:
    conn = connection(os.environ["BACKEND_URL"])
    for _ in range(9):
        verify(conn, "nonsense")
    print(conn.execute("select count(*) from pg_prepared_statements").fetchone().count)
`);
    assert.equal(output, '0\n1\n');
  });

  test('node: a connection that breaks between two statements is an error of that request alone', async () => {
    const code = (await codeOf('node')).slice(0, -1);
    const output = await run.node(...code, `
const pool = connect(process.env.BACKEND_URL);
const pid = async (client) => (await client.query('select pg_backend_pid() as pid')).rows[0].pid;
const ended = async (victim) => {
  while ((await pool.query('select 1 from pg_stat_activity where pid = $1', [victim])).rowCount > 0);
};
await transaction(pool, async (client) => {
  const gone = new Promise((resolve) => { client.once('error', resolve); });
  await pool.query('select pg_terminate_backend($1)', [await pid(client)]);
  await gone;
  await client.query('select 1');
}).catch((error) => console.log(statusOf(error)));
const idle = await pid(pool); // an idle one
const one = await pool.connect();
const other = await pool.connect();
const victim = await pid(other);
other.release();
await one.query('select pg_terminate_backend($1)', [victim]);
one.release();
await ended(victim);
console.log((await pool.query('select 1 as one')).rows[0].one);
await pool.end();
`);
    assert.equal(output, '503\n1\n');
  });
});

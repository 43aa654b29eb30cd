// Real MCP through the gate: the reference server and the reference clients, of the era of sessions
// (2025-11-25) and of the stateless one (2026-07-28), in modes token and local, over HTTP and stdio.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import * as modern from '@modelcontextprotocol/client';
import { StdioClientTransport as ModernStdio } from '@modelcontextprotocol/client/stdio';
import { Client as ClassicClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as ClassicStdio } from '@modelcontextprotocol/sdk/client/stdio.js';
import {
  StreamableHTTPClientTransport as ClassicHttp, StreamableHTTPError,
} from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import {
  CallToolResultSchema, CreateMessageRequestSchema, LoggingMessageNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { Everything, everythingProgram } from './everything.mjs';
import { Gate, Upstream, apiKey, openclaw, until } from './gate_world.mjs';
import { StatelessServer, statelessVersion } from './stateless_server.mjs';

const identity = { name: 'openclaw-tests', version: '1' };
const serverOnStdio = [process.execPath, everythingProgram, 'stdio'];
const steps = 'trigger-long-running-operation';

// The two clients behind one face. `open` gives a connected client with its `transport`.
const clients = [
  {
    name: '@modelcontextprotocol/sdk 1.x',
    transport: (url, { key, ...options }) => new ClassicHttp(url, {
      ...options, ...(key && { requestInit: { headers: { Authorization: `Bearer ${key}` } } }),
    }),
    stdio: (parameters) => new ClassicStdio(parameters),
    client: (capabilities) => new ClassicClient(identity, { capabilities }),
    call: (client, name, args, options) =>
      client.callTool({ name, arguments: args }, CallToolResultSchema, options),
    onSampling: (client, answer) => client.setRequestHandler(CreateMessageRequestSchema, answer),
    onLog: (client, act) => client.setNotificationHandler(LoggingMessageNotificationSchema, act),
    assertRefused: (error, status) => {
      assert.ok(error instanceof StreamableHTTPError, error);
      assert.equal(error.code, status);
    },
  },
  {
    name: '@modelcontextprotocol/client 2.x',
    transport: (url, { key, ...options }) => new modern.StreamableHTTPClientTransport(url, {
      ...options, ...(key && { requestInit: { headers: { Authorization: `Bearer ${key}` } } }),
    }),
    stdio: (parameters) => new ModernStdio(parameters),
    client: (capabilities) => new modern.Client(identity, { capabilities, versionNegotiation: { mode: 'auto' } }),
    call: (client, name, args, options) => client.callTool({ name, arguments: args }, options),
    onSampling: (client, answer) => client.setRequestHandler('sampling/createMessage', answer),
    onLog: (client, act) => client.setNotificationHandler('notifications/message', act),
    assertRefused: (error, status) => {
      assert.ok(error instanceof modern.SdkHttpError, error);
      assert.equal(error.status, status);
    },
  },
];

const textOf = ({ content }) => content.map(({ text }) => text).join('');

describe('MCP through the gate', () => {
  let laptop;
  let reader;
  let token;
  let server;
  let gates;
  before(async () => {
    laptop = apiKey('laptop', { scopes: ['mcp:*'] });
    reader = apiKey('reader', { scopes: ['data:read'] });
    token = { mode: 'token', scopes: ['mcp:tools'], tokens: [laptop.entry, reader.entry] };
    server = await Everything.start();
    gates = {
      token: await Gate.start({ config: { auth: token, upstream: server.url } }),
      local: await Gate.start({ config: { auth: { mode: 'local' }, upstream: server.url } }),
    };
  });
  after(async () => {
    await Promise.all(Object.values(gates).map((gate) => gate.stop()));
    await server.stop();
  });

  const opened = [];
  afterEach(async () => {
    for (const client of opened.splice(0)) await client.close();
  });
  const connect = async (kind, gate, options, client = kind.client({})) => {
    opened.push(client);
    await client.connect(kind.transport(new URL(`http://127.0.0.1:${gate.port}/mcp`), options));
    return client;
  };

  for (const kind of clients) {
    for (const mode of ['token', 'local']) {
      describe(`${kind.name} in mode ${mode}`, () => {
        const options = () => (mode === 'token' ? { key: laptop.key } : {});
        const open = (more = {}) => connect(kind, gates[mode], { ...options(), ...more });

        test('initializes, lists the tools and calls one', async () => {
          const client = await open();
          assert.equal(client.getServerVersion().name, 'mcp-servers/everything');
          const { tools } = await client.listTools();
          assert.ok(tools.some(({ name }) => name === 'echo'));
          assert.equal(textOf(await kind.call(client, 'echo', { message: 'höflich' })), 'Echo: höflich');
          assert.ok((await client.listResources()).resources.length > 0);
          assert.ok((await client.listPrompts()).prompts.length > 0);
        });

        test('sees the progress of a long call step by step, before its result', async () => {
          const client = await open();
          const seen = [];
          const result = await kind.call(client, steps, { duration: 1, steps: 5 },
            { onprogress: ({ progress }) => seen.push({ progress, at: Date.now() }) });
          const end = Date.now();
          assert.match(textOf(result), /completed/);
          // The fifth is followed by the result at once; a client may drop it then.
          assert.deepEqual(seen.map(({ progress }) => progress).slice(0, 4), [1, 2, 3, 4]);
          // The server takes 800 ms from the first to the end: held back, all would come at once.
          assert.ok(end - seen[0].at >= 500, `${end - seen[0].at} ms`);
        });

        test("hears on the GET stream what the server says by itself", async () => {
          const client = await open();
          const heard = [];
          kind.onLog(client, ({ params }) => heard.push(params.data));
          // It speaks at once and every five seconds: the first word may come before the stream.
          await kind.call(client, 'toggle-simulated-logging', {});
          await until('the message arrives', () => heard.length > 0);
          assert.match(heard[0], new RegExp(`SessionId ${client.transport.sessionId}`));
          await kind.call(client, 'toggle-simulated-logging', {});
        });

        test("answers what the server asks in the middle of a call", async () => {
          const client = kind.client({ sampling: {} });
          kind.onSampling(client, ({ params }) => ({
            model: 'none',
            role: 'assistant',
            content: { type: 'text', text: `heard ${params.messages[0].content.text}` },
          }));
          await connect(kind, gates[mode], options(), client);
          const result = await kind.call(client, 'trigger-sampling-request', { prompt: 'hello', maxTokens: 10 });
          assert.match(textOf(result), /heard .*hello/);
        });

        test('picks up a call that was cut off, by Last-Event-ID', async () => {
          const first = await open();
          let lastEvent;
          let progress = 0;
          const cut = kind.call(first, steps, { duration: 1, steps: 4 }, {
            onprogress: () => ++progress, onresumptiontoken: (event) => (lastEvent = event),
          });
          cut.catch(() => {}); // it is never answered here
          await until('the call is under way', () => progress >= 1 && lastEvent);
          const { sessionId, protocolVersion } = first.transport;
          await first.transport.close();

          // The same session goes on without a second handshake. A call that was begun later and takes
          // as long ends later: then the server has kept all of the one that was cut off.
          const second = await open({ sessionId, protocolVersion });
          assert.equal(second.transport.sessionId, sessionId);
          await kind.call(second, steps, { duration: 1, steps: 3 });
          const result = await kind.call(second, steps, {}, { resumptionToken: lastEvent });
          assert.match(textOf(result), /Steps: 4/);
        });

        test('ends its session with DELETE', async () => {
          const client = await open();
          const { sessionId } = client.transport;
          await client.transport.terminateSession();
          const { status } = await gates[mode].get('/mcp', {
            bearer: options().key, headers: { 'Mcp-Session-Id': sessionId, Accept: 'text/event-stream' },
          });
          assert.equal(status, 400, 'the server no longer knows it');
        });

        test('thirty clients at once each get their own answers', async () => {
          const numbers = Array.from({ length: 30 }, (_, i) => i);
          await Promise.all(numbers.map(async (i) => {
            const client = await open();
            for (let round = 0; round < 5; ++round) {
              const message = `${i}/${round}`;
              assert.equal(textOf(await kind.call(client, 'echo', { message })), `Echo: ${message}`);
            }
          }));
        });
      });
    }

    describe(`${kind.name} that may not call`, () => {
      let upstream;
      let gate;
      before(async () => {
        upstream = await Upstream.start();
        gate = await Gate.start({ config: { auth: token, upstream: upstream.url } });
      });
      after(async () => {
        await gate.stop();
        assert.deepEqual(upstream.requests, [], 'the server is not asked');
        await upstream.close();
      });
      const refusal = (options) =>
        connect(kind, gate, options).then(() => assert.fail('it was let in'), (error) => error);

      test('without a key, or with a wrong one, is told 401', async () => {
        kind.assertRefused(await refusal({}), 401);
        const mistyped = `${laptop.key.slice(0, -1)}${laptop.key.endsWith('A') ? 'B' : 'A'}`;
        for (const key of [mistyped, apiKey('other').key, 'x']) {
          kind.assertRefused(await refusal({ key }), 401);
        }
      });

      test('with a key that lacks a scope is told 403', async () => {
        const error = await refusal({ key: reader.key });
        if (error instanceof modern.InsufficientScopeError) assert.equal(error.requiredScope, 'mcp:tools');
        else kind.assertRefused(error, 403);
      });
    });

    describe(`${kind.name} on stdio`, () => {
      test('speaks to the server that openclaw run has started', async () => {
        const transport = kind.stdio({
          command: openclaw, stderr: 'pipe',
          args: ['run', '--config', gates.local.file('config.yaml'), '--', ...serverOnStdio],
        });
        const client = kind.client({});
        opened.push(client);
        await client.connect(transport);
        const { pid } = transport;
        assert.equal(client.getServerVersion().name, 'mcp-servers/everything');
        assert.ok((await client.listTools()).tools.some(({ name }) => name === 'echo'));
        assert.equal(textOf(await kind.call(client, 'echo', { message: 'a\nb' })), 'Echo: a\nb');
        const seen = [];
        await kind.call(client, steps, { duration: 0.5, steps: 5 },
          { onprogress: ({ progress }) => seen.push(progress) });
        assert.deepEqual(seen.slice(0, 4), [1, 2, 3, 4]); // as over HTTP
        await client.close();
        await until('the server has ended with its client', () => !isRunning(pid));
      });

      test('is not served when the configuration says another mode', async () => {
        const transport = kind.stdio({
          command: openclaw, stderr: 'pipe',
          args: ['run', '--config', gates.token.file('config.yaml'), '--', ...serverOnStdio],
        });
        const client = kind.client({});
        opened.push(client);
        await assert.rejects(client.connect(transport));
      });
    });
  }

  test("a client's own provider of the key is asked for it, and told when it is refused", async () => {
    const url = new URL(`http://127.0.0.1:${gates.token.port}/mcp`);
    const enter = async (key) => {
      const client = new modern.Client(identity);
      opened.push(client);
      await client.connect(new modern.StreamableHTTPClientTransport(url, { authProvider: { token: async () => key } }));
      return client;
    };
    const client = await enter(laptop.key);
    assert.equal(textOf(await client.callTool({ name: 'echo', arguments: { message: 'x' } })), 'Echo: x');
    await assert.rejects(enter(undefined), modern.UnauthorizedError);
    await assert.rejects(enter('wrong'), modern.UnauthorizedError);
  });

  test('no key of these tests is in a log', () => {
    for (const gate of Object.values(gates)) gate.assertLogHoldsNone([laptop.key, reader.key]);
  });
});

describe('stateless MCP through the gate', () => {
  let laptop;
  let server;
  let gate;
  before(async () => {
    laptop = apiKey('laptop');
    server = await StatelessServer.start();
    gate = await Gate.start({
      config: { auth: { mode: 'token', tokens: [laptop.entry] }, upstream: server.upstream.url },
    });
  });
  after(async () => {
    await gate.stop();
    await server.close();
  });

  const opened = [];
  afterEach(async () => {
    for (const client of opened.splice(0)) await client.close();
  });
  const connect = async (mode, key = laptop.key) => {
    const client = new modern.Client(identity, { versionNegotiation: { mode } });
    opened.push(client);
    await client.connect(new modern.StreamableHTTPClientTransport(new URL(`http://127.0.0.1:${gate.port}/mcp`),
      { requestInit: { headers: { Authorization: `Bearer ${key}` } } }));
    return client;
  };

  for (const mode of [{ pin: statelessVersion }, 'auto']) {
    const asked = mode.pin ?? 'whatever there is';
    test(`a client that asks for ${asked} gets ${statelessVersion}, and its calls`, async () => {
      const client = await connect(mode);
      assert.equal(client.getProtocolEra(), 'modern');
      assert.equal(client.getNegotiatedProtocolVersion(), statelessVersion);
      assert.deepEqual((await client.listTools()).tools.map(({ name }) => name), ['echo', 'steps']);
      assert.equal(textOf(await client.callTool({ name: 'echo', arguments: { message: 'hi' } })), 'hi');
    });
  }

  test('Mcp-Method, Mcp-Name and the version reach the server, the key and a session do not', async () => {
    const client = await connect({ pin: statelessVersion });
    await client.callTool({ name: 'echo', arguments: { message: 'hi' } });
    const { headers } = server.upstream.last;
    assert.equal(headers['mcp-method'], 'tools/call');
    assert.equal(headers['mcp-name'], 'echo');
    assert.equal(headers['mcp-protocol-version'], statelessVersion);
    assert.equal(headers['mcp-session-id'], undefined);
    assert.equal(headers.authorization, undefined);
    assert.ok(!JSON.stringify(server.upstream.requests).includes(laptop.key));
  });

  test('each step of a call is with the client before the server takes the next', async () => {
    const client = await connect({ pin: statelessVersion });
    const seen = [];
    server.allow(1);
    const result = await client.callTool({ name: 'steps', arguments: { steps: 20 } }, {
      onprogress: ({ progress }) => {
        seen.push(progress);
        server.allow(progress + 1);
      },
    });
    assert.deepEqual(seen, Array.from({ length: 20 }, (_, i) => i + 1));
    assert.equal(textOf(result), '20 steps');
  });

  test('a call that the client gives up ends at the server', async () => {
    const client = await connect({ pin: statelessVersion });
    const giveUp = new AbortController();
    server.allow(1);
    await assert.rejects(client.callTool({ name: 'steps', arguments: { steps: 5 } },
      { signal: giveUp.signal, onprogress: () => giveUp.abort() }));
    await until('the server is told', () => server.upstream.requests.some(
      ({ headers, left }) => headers['mcp-name'] === 'steps' && left));
  });

  test('a subscription brings what the server announces, and ends at the server when it is closed', async () => {
    const client = await connect({ pin: statelessVersion });
    let changes = 0;
    client.setNotificationHandler('notifications/tools/list_changed', () => ++changes);
    const subscription = await client.listen({ toolsListChanged: true });
    for (let i = 1; i <= 3; ++i) {
      server.announceTools();
      await until('the announcement arrives', () => changes === i);
    }
    const listening = server.upstream.requests.findLast(
      ({ headers }) => headers['mcp-method'] === 'subscriptions/listen');
    assert.equal(listening.left, false);
    await subscription.close();
    await until('the server is told', () => listening.left);
  });

  test('a client of the era of sessions is served too, one request at a time', async () => {
    const client = new ClassicClient(identity);
    opened.push(client);
    await client.connect(new ClassicHttp(new URL(`http://127.0.0.1:${gate.port}/mcp`),
      { requestInit: { headers: { Authorization: `Bearer ${laptop.key}` } } }));
    assert.equal(textOf(await client.callTool({ name: 'echo', arguments: { message: 'old' } })), 'old');
    const refusals = server.upstream.requests.filter(({ method }) => method === 'GET');
    assert.equal(refusals.length, 1, 'its GET stream is refused with 405, which it takes for a no');
    const stream = await gate.get('/mcp', { bearer: laptop.key, headers: { Accept: 'text/event-stream' } });
    assert.equal(stream.status, 405);
  });

  test('a wrong key is told 401, by probe and by pin', async () => {
    const asked = server.upstream.requests.length;
    for (const mode of [{ pin: statelessVersion }, 'auto']) {
      const error = await connect(mode, 'wrong').then(() => assert.fail('it was let in'), (e) => e);
      assert.ok(error instanceof modern.SdkHttpError, error);
      assert.equal(error.status, 401);
    }
    assert.equal(server.upstream.requests.length, asked);
    gate.assertLogHoldsNone([laptop.key]);
  });
});

function isRunning(pid) {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

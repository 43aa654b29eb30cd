// An MCP server of the stateless era (2026-07-28), made with the protocol's own packages: each request
// stands for itself, with no session. A test opens its gate for each step of a call, so that it
// knows what the server cannot have sent yet.
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, fromJsonSchema, McpServer } from '@modelcontextprotocol/server';
import { Upstream, until } from './gate_world.mjs';

export const statelessVersion = '2026-07-28';

export class StatelessServer {
  #stepsAllowed = 0;

  // `upstream` is where it listens, and what it was asked.
  static async start() {
    const server = new StatelessServer();
    server.upstream = await Upstream.start(toNodeHandler(server.handler));
    return server;
  }

  handler = createMcpHandler(() => this.#serve());

  #serve() {
    const server = new McpServer({ name: 'stateless', version: '1' },
      { capabilities: { tools: { listChanged: true } } });
    const schema = (properties) => fromJsonSchema({ type: 'object', properties, required: Object.keys(properties) });
    server.registerTool('echo', { inputSchema: schema({ message: { type: 'string' } }) },
      async ({ message }) => ({ content: [{ type: 'text', text: message }] }));
    server.registerTool('steps', { inputSchema: schema({ steps: { type: 'integer' } }) },
      async ({ steps }, context) => this.#walk(steps, context.mcpReq));
    return server;
  }

  async #walk(steps, { signal, _meta: meta, notify }) {
    for (let progress = 1; progress <= steps; ++progress) {
      await until(`step ${progress} is allowed`, () => signal.aborted || this.#stepsAllowed >= progress);
      if (signal.aborted) break;
      await notify({
        method: 'notifications/progress',
        params: { progressToken: meta.progressToken, progress, total: steps },
      });
    }
    await until('the end is allowed', () => signal.aborted || this.#stepsAllowed > steps);
    return { content: [{ type: 'text', text: `${steps} steps` }] };
  }

  // A call of `steps` may get as far as this step; its result is the one after the last.
  allow(step) {
    this.#stepsAllowed = step;
  }

  // Tells whoever has subscribed.
  announceTools() {
    this.handler.notify.toolsChanged();
  }

  async close() {
    await this.handler.close();
    await this.upstream.close();
  }
}

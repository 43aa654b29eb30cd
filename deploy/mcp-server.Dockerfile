# A real MCP server, streamable HTTP, for trying things out: the protocol's reference server.
# Built from the repository's root.
FROM debian:bookworm-slim AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates npm \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /srv/mcp
COPY deploy/mcp-server/package.json deploy/mcp-server/package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends nodejs \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10002 --no-create-home --shell /usr/sbin/nologin mcp
COPY --from=build /srv/mcp /srv/mcp
WORKDIR /srv/mcp
ENV PORT=3100
USER mcp
EXPOSE 3100
# Whatever it answers, it answers.
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s \
    CMD ["node", "--eval", "fetch('http://127.0.0.1:3100/mcp').catch(() => process.exit(1))"]
ENTRYPOINT ["node", "node_modules/@modelcontextprotocol/server-everything/dist/index.js", "streamableHttp"]

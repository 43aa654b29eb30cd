# Postgres with the extension. Data, the master key and the socket are three volumes, so that no
# backup of the data holds the key. Built from the repository's root.
FROM debian:bookworm-slim AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
       g++ libsimdjson-dev libsodium-dev libssl-dev make postgresql-server-dev-15 zlib1g-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Makefile ./
COPY core core
COPY extension extension
COPY sql sql
RUN make install DESTDIR=/out

FROM debian:bookworm-slim
# The package would make a cluster of its own; the entry point makes ours. The front's user exists
# here too, because Postgres knows it by its number (peer authentication).
RUN mkdir -p /etc/postgresql-common \
    && echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf \
    && apt-get update \
    && apt-get install --yes --no-install-recommends libsimdjson14 libsodium23 libssl3 postgresql-15 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin openclaw-front \
    && mkdir -p /var/lib/openclaw/data /var/lib/openclaw/keys /run/openclaw \
    && chown postgres: /var/lib/openclaw/data /var/lib/openclaw/keys /run/openclaw \
    && chmod 700 /var/lib/openclaw/data /var/lib/openclaw/keys
COPY --from=build /out/ /
COPY --chmod=755 deploy/postgres-entrypoint /usr/local/bin/
ENV PATH=/usr/lib/postgresql/15/bin:$PATH PGHOST=/run/openclaw
USER postgres
VOLUME ["/var/lib/openclaw/data", "/var/lib/openclaw/keys", "/run/openclaw"]
# SIGINT is Postgres's fast shutdown; SIGTERM would wait for its clients.
STOPSIGNAL SIGINT
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s CMD ["pg_isready", "--quiet"]
ENTRYPOINT ["postgres-entrypoint"]

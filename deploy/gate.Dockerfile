# The gate and the CLI. Built from the repository's root. The configuration it comes with lets nobody
# in until `openclaw token create` has made a key; its folder is a volume.
FROM debian:bookworm-slim AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
       cmake g++ libboost-dev libcli11-dev libsimdjson-dev libsodium-dev libspdlog-dev libssl-dev libyaml-cpp-dev \
       make nlohmann-json3-dev pkgconf zlib1g-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY CMakeLists.txt ./
COPY core core
COPY extension/openclaw.control extension/
COPY gate gate
COPY serving serving
RUN cmake -S . -B build -DOPENCLAW_FRONT=OFF -DOPENCLAW_TESTS=OFF \
    && cmake --build build --parallel 2 --target openclaw \
    && strip build/openclaw

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
       ca-certificates curl libsimdjson14 libsodium23 libspdlog1.10 libssl3 libyaml-cpp0.7 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10003 --no-create-home --shell /usr/sbin/nologin openclaw-gate \
    && mkdir --mode=0700 /etc/openclaw
COPY deploy/gate-config.yaml /etc/openclaw/config.yaml
RUN chmod 600 /etc/openclaw/config.yaml && chown -R openclaw-gate: /etc/openclaw
COPY --from=build /src/build/openclaw /usr/local/bin/
USER openclaw-gate
VOLUME ["/etc/openclaw"]
WORKDIR /etc/openclaw
EXPOSE 3200
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s \
    CMD ["curl", "--silent", "--fail", "--output", "/dev/null", "http://127.0.0.1:9100/healthz"]
ENTRYPOINT ["openclaw"]
CMD ["gate"]

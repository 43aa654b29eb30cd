# The HTTP front. Built from the repository's root.
FROM debian:bookworm-slim AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
       cmake g++ libboost-dev libcli11-dev libcpp-httplib-dev libpq-dev \
       libspdlog-dev libssl-dev make nlohmann-json3-dev pkgconf \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY CMakeLists.txt ./
COPY extension/openclaw.control extension/
COPY service service
COPY serving serving
RUN cmake -S . -B build -DOPENCLAW_GATE=OFF -DOPENCLAW_TESTS=OFF \
    && cmake --build build --parallel 2 --target openclaw-front \
    && strip build/openclaw-front

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
       curl libcpp-httplib0.11 libpq5 libspdlog1.10 libssl3 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin openclaw-front
COPY --from=build /src/build/openclaw-front /usr/local/bin/
ENV OPENCLAW_LISTEN=0.0.0.0:8080 \
    OPENCLAW_DATABASE="host=/run/openclaw dbname=openclaw user=openclaw_front"
USER openclaw-front
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s \
    CMD ["curl", "--silent", "--fail", "--output", "/dev/null", "http://127.0.0.1:8080/readyz"]
ENTRYPOINT ["openclaw-front"]

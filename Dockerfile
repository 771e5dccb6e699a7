# syntax=docker/dockerfile:1
# One image with every program; docker-compose.yml names the one that a container runs.

FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
COPY . .
# The caches outlive the layer: a change of one crate rebuilds that crate.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin bellhop --bin api --bin worker --bin simulator \
    && mkdir /programs \
    && cp target/release/bellhop target/release/api target/release/worker target/release/simulator /programs/

FROM debian:bookworm-slim
# Certificates to reach WhatsApp by; curl asks after a container's health.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates curl \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin bellhop \
    && install -d -o bellhop -g bellhop -m 0700 /data /media
COPY --from=build /programs/ /usr/local/bin/
COPY scripts/docker-entrypoint /usr/local/bin/docker-entrypoint
USER bellhop
WORKDIR /data
# Inside a container all interfaces are its own; what leaves it is the compose file's to say.
ENV BELLHOP_DATA_DIR=/data \
    BELLHOP_HTTP_ADDR=0.0.0.0:8080 \
    BELLHOP_WORKER_HTTP_ADDR=0.0.0.0:8081 \
    BELLHOP_SIMULATOR_ADDR=0.0.0.0:8090
EXPOSE 8080 8081 8090
ENTRYPOINT ["docker-entrypoint"]
# Alone: all in one process, with the simulator.
CMD ["bellhop"]

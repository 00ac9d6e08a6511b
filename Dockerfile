# Headgate in a container: one binary on a small Debian, as a user without rights.
#
#   docker build -t headgate .
#   docker run -p 8080:8080 -v ./config:/etc/headgate:ro -v headgate-data:/var/lib/headgate --env-file env headgate
#
# In the configuration, listeners on 0.0.0.0: with `tls`, or with `insecure_clear_text = true` where only what
# terminates TLS can reach them.
# Run it with `--read-only --cap-drop ALL --security-opt no-new-privileges`: it needs none of what these
# take away. There is no HEALTHCHECK: let the orchestrator ask /healthz and /readyz of the ops listener.

FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY src src
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin headgate \
    && install -D -m 755 target/release/headgate /out/headgate

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin headgate \
    && install -d -o headgate -g headgate -m 700 /var/lib/headgate
COPY --from=build /out/headgate /usr/local/bin/headgate
USER 10001
VOLUME /var/lib/headgate
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["headgate"]
CMD ["serve", "--config", "/etc/headgate"]

# The image of Filespool: one program in three roles. What follows the image's name is what follows `filespool`
# elsewhere; nothing means `serve`.
#
#   docker build -t filespool .
#   docker run --read-only --cap-drop all --volume filespool:/data filespool
#   docker run --network host --volume "$PWD":/files --user "$(id -u)" filespool send report.pdf
#
# Two folders are written to: /data (the spool of a server) and /files (where files are read from and put into).
# Why it is built like this: adr/0044. How it runs under compose, Kubernetes and systemd: deploy/README.md.

# Any Debian with Node 20.19 or newer and npm. The published image stays on the long-term release of Node. The digest is that of
# the index for all platforms, so a build of today and one of next year have the same base; how to take a newer one:
# deploy/README.md.
ARG BASE_IMAGE=node:24.21.0-bookworm-slim@sha256:d6aa754f16b3197301076f047b5def2f02ea1dbbc2ca920407d46d7ec7f87b20

# --- what is needed to build: compiler, types, all packages -----------------------------------------------------------
FROM ${BASE_IMAGE} AS build
WORKDIR /build
# The lists of packages first, so that a change of the source does not install them again.
COPY package.json package-lock.json .npmrc ./
COPY scripts/ensure-installed.mjs scripts/build.mjs scripts/bundle.mjs scripts/
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN npm run build && find dist -name "*.map" -delete -o -name "*.d.ts" -delete

# --- what is needed to run: the packages of the program, for this system only -----------------------------------------
FROM ${BASE_IMAGE} AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# One package names the compiler as an optional companion, and one brings its binaries for every system there is.
RUN npm ci --omit=dev --no-audit --no-fund \
  && rm -rf node_modules/typescript node_modules/@typescript node_modules/.package-lock.json \
  && find node_modules -path "*/prebuilds/*" -prune ! -name "linux-*" -exec rm -rf {} +

# --- the image ---------------------------------------------------------------------------------------------------------
FROM ${BASE_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="filespool" \
      org.opencontainers.image.description="Send a file now, collect it later, over plain TCP" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

# Process 1 has to reap what others leave behind: a command of `--exec` may end before what it has started. Node does not.
RUN command -v tini >/dev/null \
  || { apt-get update && apt-get install -y --no-install-recommends tini && rm -rf /var/lib/apt/lists/*; }

# A number, because Kubernetes cannot tell from a name that it is not root. An empty volume takes over these owners.
RUN install -d -o 10001 -g 10001 -m 0750 /data \
  && install -d -o 10001 -g 10001 -m 0755 /files \
  && ln -s /app/dist/cli/filespool.cjs /usr/local/bin/filespool
WORKDIR /files
COPY --from=packages /app/node_modules /app/node_modules
COPY package.json LICENSE README.md /app/
COPY deploy/healthcheck.mjs /app/deploy/healthcheck.mjs
COPY --from=build /build/dist /app/dist
USER 10001:10001

# Defaults that any flag, and any variable given to the container, replaces. The host stays localhost: to be reachable
# from outside is said by whoever starts the container, together with TLS and tokens.
ENV NODE_ENV=production \
    FILESPOOL_SPOOL=/data \
    FILESPOOL_STATE=/files/.filespool \
    FILESPOOL_METRICS_PORT=5012
VOLUME /data
EXPOSE 5011 5012

# Ready, not only alive: this is what `depends_on: service_healthy` waits for. Senders and receivers switch it off.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
  CMD ["node", "/app/deploy/healthcheck.mjs"]

# tini is process 1: it hands on signals (SIGTERM, SIGHUP) and the exit code. `-s`: it reaps as well where an engine has put
# an init of its own before it. `--drain` (8 s) is below the 10 s after which engines kill.
STOPSIGNAL SIGTERM
ENTRYPOINT ["tini", "-s", "--", "node", "/app/dist/cli/filespool.cjs"]
CMD ["serve", "--yes"]

# One image for every process of the fleet: `api`, `worker <name>`, `keeper`, `sandbox`.

FROM node:26 AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY application/package.json application/
RUN npm ci --ignore-scripts
COPY . .
# Only what runs stays: no development packages, no sources and headers of native code, no binaries for other systems, no
# declarations and source maps.
RUN npm run build \
 && npm prune --omit=dev \
 && rm -rf node_modules/better-sqlite3/deps node_modules/better-sqlite3/src node_modules/node-addon-api node_modules/zod/src \
 && find node_modules/better-sqlite3/prebuilds -type f ! -name "linux-$(node -p process.arch).node" -delete \
 && find dist node_modules -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' \) -delete

FROM node:26-slim
LABEL org.opencontainers.image.title="Flotilla" \
      org.opencontainers.image.description="An event-driven worker fleet on RabbitMQ" \
      org.opencontainers.image.licenses="MIT"
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
# SQLite puts large temporary files beside the stores: /tmp is memory in docker-compose.yml.
ENV NODE_ENV=production \
    FLOTILLA_COMMIT=$REVISION \
    LOG_FORMAT=json \
    DATA_DIR=/data \
    SQLITE_TMPDIR=/data \
    HEALTH_PORT=3002
WORKDIR /app
RUN install -d -o node -g node -m 0700 /data
COPY --from=build /app/package.json ./
COPY --from=build /app/scripts/healthcheck.mjs ./scripts/
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
# the samples of messages are the examples in the documents of the API
COPY --from=build /app/schemas ./schemas
USER node
VOLUME /data
EXPOSE 3000 3002
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s CMD ["node", "scripts/healthcheck.mjs"]
# No shell and no npm in between: SIGTERM reaches node, which drains and exits 0.
ENTRYPOINT ["node", "dist/src/cli/main.js"]
CMD ["api"]

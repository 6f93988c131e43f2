# One image for every process of the fleet: `api`, `worker <name>`, `keeper`, `sandbox`.

FROM node:22-bookworm AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY . .
RUN npm run build && npm prune --omit=dev

FROM node:22-bookworm-slim
ENV NODE_ENV=production \
    LOG_FORMAT=json \
    DATA_DIR=/data \
    HEALTH_PORT=3002
WORKDIR /app
RUN mkdir /data && chown node:node /data
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/bin ./bin
COPY --from=build /app/scripts ./scripts
COPY --from=build /app/dist ./dist
USER node
VOLUME /data
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s CMD ["node", "scripts/healthcheck.mjs"]
# No shell and no npm in between: SIGTERM reaches node, which drains and exits 0.
ENTRYPOINT ["node", "dist/src/cli/main.js"]
CMD ["api"]

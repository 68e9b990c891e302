# Debian's slim image rather than Alpine: Node's builds for musl are experimental and made unofficially, and musl's
# resolver and allocator behave differently under the load of a proxy.
FROM node:26-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts

FROM node:26-slim
ENV NODE_ENV=production
WORKDIR /app
# The only places that are written; as volumes they take this owner over.
RUN mkdir data logs && chown 1000:1000 data logs
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json openapi.yaml LICENSE ./
COPY scripts/init.ts scripts/import.ts scripts/backup.ts scripts/restore.ts scripts/rotate-key.ts scripts/operator.ts ./scripts/
COPY static ./static
COPY src ./src
# `node` in this image; as a number, so that a cluster can see that it is not root.
USER 1000:1000
EXPOSE 8000
VOLUME ["/app/data", "/app/logs"]
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 8000}${process.env.BASE_PATH || ''}/health/live`).then(answer => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "--no-allocation-site-pretenuring", "src/main.ts"]

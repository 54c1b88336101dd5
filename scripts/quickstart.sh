#!/usr/bin/env bash
# The whole job on a fresh clone: install, build, make the sample corpus, then scripts/quickstart.ts prepares, trains, is killed, resumes,
# evaluates and samples. Run it by `npm run quickstart`.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ ! -d node_modules ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  echo "Installing dependencies ..."
  npm ci --no-audit --no-fund --loglevel=error
fi
echo "Building ..."
npm run --silent build
node dist/cli.js forge --config configs/forge-quickstart.yaml
exec npx tsx scripts/quickstart.ts "$@"

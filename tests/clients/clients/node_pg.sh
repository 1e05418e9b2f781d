#!/usr/bin/env bash
# node's pg from npm, in an environment of its own.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
environment=${SURUS_NODE_ENV:-$here/../../../target/clients-node}
mkdir -p "$environment"
[ -d "$environment/node_modules/pg" ] || npm --silent --prefix "$environment" install pg pg-cursor >/dev/null
NODE_PATH=$environment/node_modules node "$here/node_pg.js"

#!/usr/bin/env bash
# Records PostgreSQL 18's answers to the TPC-H queries under tests/tpch/answers: scale 0.01 with three choices of
# random parameters of each query, and scale 1. Run it only when the data or the queries change.
#
# usage: tests/record_tpch.sh postgres://USER@HOST:PORT/DATABASE
#
# The TPC-H tables of that database are dropped and made anew. Scale 1 takes some minutes.
set -euo pipefail
url=${1:?usage: tests/record_tpch.sh postgres://USER@HOST:PORT/DATABASE}
cd "$(dirname "$0")/.."
answers=tests/tpch/answers
cargo run --release --package bench --bin surus-bench -- \
    record --url "$url" --scale 0.01 --load --variants 3 --answers "$answers/sf0.01"
cargo run --release --package bench --bin surus-bench -- \
    record --url "$url" --scale 1 --load --answers "$answers/sf1"

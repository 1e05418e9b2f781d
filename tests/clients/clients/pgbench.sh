#!/usr/bin/env bash
# pgbench: initialization and the built-in scripts in all three query modes.
set -euo pipefail
pgbench --initialize --quiet --scale 1 "$SURUS_URL"
for mode in simple extended prepared; do
    for script in tpcb-like simple-update select-only; do
        pgbench --no-vacuum --builtin "$script" --protocol "$mode" --client 2 --transactions 20 "$SURUS_URL" |
            grep --quiet 'number of failed transactions: 0 '
    done
done
psql --no-psqlrc --quiet --dbname "$SURUS_URL" --command \
    'drop table pgbench_accounts, pgbench_branches, pgbench_history, pgbench_tellers'

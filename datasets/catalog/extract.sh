#!/usr/bin/env bash
# Extracts PostgreSQL 18's built-in catalog rows (oid < 16384) into TSV files beside this script.
#
# usage: datasets/catalog/extract.sh [psql options, e.g. --host 127.0.0.1 --port 5432 --username postgres]
#
# Each file has one header line with the column names and then rows in COPY text format (tab separated,
# \N for NULL, backslash escapes), in the order of the table. `regproc` columns are written as oids, expression trees
# as SQL text; statistics and settings that
# belong to one server are written as in a fresh cluster (a setting is its boot value). Prose
# (pg_description, short_desc) is left out.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
connect=("$@")

sql() { psql --no-psqlrc --quiet --no-align --tuples-only --set ON_ERROR_STOP=1 "${connect[@]}" "$@"; }

version=$(sql --command "SELECT current_setting('server_version_num')::int / 10000")
[ "$version" = 18 ] || { echo "PostgreSQL 18 is needed, this is $version" >&2; exit 1; }

# copy NAME QUERY: writes one file.
copy() {
    PGOPTIONS="-c TimeZone=UTC -c search_path=pg_catalog" \
        sql --command "COPY ($2) TO STDOUT (FORMAT text, HEADER)" >"$here/$1.tsv"
    echo "$1: $(($(wc -l <"$here/$1.tsv") - 1)) rows"
}

# columns TABLE: its columns in order, written so that they read back without a catalog at hand.
columns() {
    sql --command "
        SELECT string_agg(
            CASE
                WHEN attname IN ('relpages', 'relallvisible', 'relallfrozen') THEN '0 AS ' || attname
                WHEN attname = 'reltuples' THEN '-1 AS reltuples'
                WHEN attname IN ('relfrozenxid', 'datfrozenxid') THEN '3 AS ' || attname
                WHEN attname IN ('relminmxid', 'datminmxid') THEN '1 AS ' || attname
                WHEN attname IN ('ev_qual', 'attmissingval', 'rolpassword') THEN 'NULL AS ' || attname
                WHEN attname = 'prosqlbody' THEN 'pg_get_function_sqlbody(oid) AS prosqlbody'
                WHEN attname = 'ev_action' THEN
                    'CASE WHEN rulename = ''_RETURN'' THEN pg_get_viewdef(ev_class)
                     ELSE pg_get_ruledef(oid) END AS ev_action'
                WHEN attname = 'proargdefaults' THEN 'pg_get_expr(proargdefaults, 0) AS proargdefaults'
                WHEN attname = 'adbin' THEN 'pg_get_expr(adbin, adrelid) AS adbin'
                WHEN attname = 'conbin' THEN
                    'CASE WHEN conrelid <> 0 THEN pg_get_expr(conbin, conrelid)
                     ELSE pg_get_expr(conbin, 0) END AS conbin'
                WHEN atttypid = 'pg_node_tree'::regtype THEN attname || '::text AS ' || attname
                WHEN atttypid = 'regproc'::regtype THEN attname || '::oid AS ' || attname
                ELSE quote_ident(attname)
            END, ', ' ORDER BY attnum)
        FROM pg_attribute
        WHERE attrelid = 'pg_catalog.$1'::regclass AND attnum > 0 AND NOT attisdropped"
}

# table NAME KEY [FILTER]: writes the built-in rows of a catalog in the order of the table, which is the order that
# queries without ORDER BY mostly give them in.
table() {
    copy "$1" "SELECT $(columns "$1") FROM pg_catalog.$1 WHERE ${3:-oid < 16384} ORDER BY ctid, $2"
}

for name in pg_am pg_amop pg_amproc pg_auth_members pg_authid pg_cast pg_class pg_collation pg_conversion \
    pg_extension pg_language pg_namespace pg_opclass pg_operator pg_opfamily pg_proc pg_tablespace pg_ts_config pg_ts_dict \
    pg_ts_parser pg_ts_template pg_type; do
    table "$name" oid
done
table pg_aggregate "aggfnoid::oid" "aggfnoid::oid < 16384"
table pg_range rngtypid "rngtypid < 16384"
table pg_ts_config_map "mapcfg, maptokentype, mapseqno" "mapcfg < 16384"
table pg_attribute "attrelid, attnum" "attrelid < 16384"
table pg_attrdef oid "adrelid < 16384"
table pg_index indexrelid "indexrelid < 16384"
table pg_constraint oid "oid < 16384"
table pg_rewrite oid "oid < 16384"

copy pg_settings "
    SELECT name,
        CASE WHEN name IN ('server_encoding', 'data_directory_mode') THEN setting ELSE boot_val END AS setting,
        unit, category, context, vartype, min_val, max_val, enumvals, boot_val
    FROM pg_settings WHERE name NOT LIKE '%.%' ORDER BY name COLLATE \"C\""
copy pg_timezone_abbrevs "
    SELECT abbrev, utc_offset, is_dst FROM pg_timezone_abbrevs ORDER BY abbrev COLLATE \"C\""
copy pg_keywords "
    SELECT word, catcode, barelabel FROM pg_get_keywords() ORDER BY word COLLATE \"C\""

#!/usr/bin/env bash
# JDBC with Debian's libpostgresql-jdbc-java (skipped where it is not installed).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
jar=${SURUS_JDBC_JAR:-/usr/share/java/postgresql.jar}
[ -f "$jar" ] && command -v java >/dev/null || { echo "no JDBC driver at $jar"; exit 0; }
java -cp "$jar" "$here/Jdbc.java"

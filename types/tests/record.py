#!/usr/bin/env python3
"""Records what PostgreSQL answers.

For each tests/data/*.in file: lines `name<TAB>SQL template with $1..$9` open a group, lines that start with
a tab give arguments (tab separated). Writes tests/data/*.tsv with `name, args..., result` where a result is
the text form, `NULL`, or `ERROR sqlstate message [/ detail]`. Usage: record.py PSQL-CONNECTION-OPTIONS...
"""
import pathlib
import subprocess
import sys

SETUP = r"""
set client_min_messages = error;
create or replace function pg_temp.try(query text) returns text language plpgsql as $f$
declare r text; d text;
begin
  execute 'select (' || query || ')::text' into r;
  return replace(replace(replace(coalesce(r, 'NULL'), E'\\', E'\\\\'), E'\n', E'\\n'), E'\t', E'\\t');
exception when others then
  get stacked diagnostics d = pg_exception_detail;
  return 'ERROR ' || sqlstate || ' ' || sqlerrm || case when d <> '' then ' / ' || d else '' end;
end $f$;
"""


def quote(text):
    return "E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def main():
    data = pathlib.Path(__file__).parent / "data"
    for source in sorted(data.glob("*.in")):
        rows, template, name = [], None, None
        for line in source.read_text().split("\n"):
            if not line.strip(" ") or line.startswith("#"):
                continue
            if line.startswith("\t"):
                arguments = line[1:].split("\t")
                query = template
                for index in range(len(arguments), 0, -1):
                    value = arguments[index - 1].encode().decode("unicode_escape") if "\\u" in arguments[index - 1] else arguments[index - 1]
                    query = query.replace(f"${index}", "NULL" if value == "\\N" else quote(value))
                rows.append(([name] + arguments, query))
            else:
                name, template = line.split("\t", 1)
        script = SETUP + "".join(f"select pg_temp.try({quote(q)});\n" for _, q in rows)
        answer = subprocess.run(["psql", "-XqAt", *sys.argv[1:]], input=script, text=True, capture_output=True, check=True)
        lines = answer.stdout.split("\n")[:-1]
        assert len(lines) == len(rows), (source, len(lines), len(rows), answer.stderr)
        out = "".join("\t".join(row + [result]) + "\n" for (row, _), result in zip(rows, lines))
        source.with_suffix(".tsv").write_text(out)
        print(source.name, len(rows))


main()

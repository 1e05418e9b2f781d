"""Drives one engine that runs in process, for `surus-bench versus`.

Reads one JSON request a line from standard input and answers each with one JSON line:
  {"open": ENGINE, "directory": DIR, "threads": N}   -> {"version": TEXT}
  {"load": TABLE, "ddl": SQL, "file": PATH}          -> {"seconds": S}
  {"finish": true}                                   -> {"seconds": S}     after the last load
  {"query": SQL}                                     -> {"seconds": S}     the answer is taken, not converted
  {"answer": SQL}                                    -> {"rows": [[TEXT or null, ...], ...]}
or with {"error": TEXT}. The process keeps to N processors, and so do those that it starts.
"""

import json
import os
import sys
import time


class DuckDB:
    def __init__(self, directory, threads):
        import duckdb

        self.connection = duckdb.connect(os.path.join(directory, "tpch.duckdb"))
        self.connection.execute(f"SET threads = {threads}")
        self.connection.execute("SET enable_progress_bar = false")
        self.version = "duckdb " + duckdb.__version__

    def load(self, table, ddl, file):
        self.connection.execute(f"DROP TABLE IF EXISTS {table}")
        self.connection.execute(ddl)
        self.connection.execute(f"COPY {table} FROM '{file}' (FORMAT csv, DELIMITER '|', HEADER false)")

    def finish(self):
        self.connection.execute("CHECKPOINT")

    def query(self, sql):
        # Columns as arrays: DuckDB's fastest way out, without a Python object for each value.
        self.connection.execute(sql).fetchnumpy()

    def answer(self, sql):
        return self.connection.execute(sql).fetchall()

    def close(self):
        self.connection.close()


class Hyper:
    def __init__(self, directory, threads):
        import tableauhyperapi as api

        self.process = api.HyperProcess(
            api.Telemetry.DO_NOT_SEND_USAGE_DATA_TO_TABLEAU, parameters={"log_config": ""}
        )
        database = os.path.join(directory, "tpch.hyper")
        self.connection = api.Connection(
            self.process.endpoint, database, api.CreateMode.CREATE_AND_REPLACE
        )
        self.version = "hyper " + api.__version__

    def load(self, table, ddl, file):
        self.connection.execute_command(f"DROP TABLE IF EXISTS {table}")
        self.connection.execute_command(ddl)
        self.connection.execute_command(f"COPY {table} FROM '{file}' WITH (FORMAT csv, DELIMITER '|')")

    def finish(self):
        pass

    def query(self, sql):
        # Walks over the rows without making Python objects of them.
        with self.connection.execute_query(sql) as result:
            while result.next_row():
                pass

    def answer(self, sql):
        return self.connection.execute_list_query(sql)

    def close(self):
        self.connection.close()
        self.process.shutdown()


def timed(function, *arguments):
    start = time.perf_counter()
    function(*arguments)
    return {"seconds": time.perf_counter() - start}


def text(value):
    return None if value is None else str(value)


def handle(request, engine):
    """Returns the answer to one request and the engine."""
    if "open" in request:
        threads = request["threads"]
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
        engine = {"duckdb": DuckDB, "hyper": Hyper}[request["open"]](request["directory"], threads)
        return {"version": engine.version}, engine
    if "load" in request:
        return timed(engine.load, request["load"], request["ddl"], request["file"]), engine
    if "finish" in request:
        return timed(engine.finish), engine
    if "query" in request:
        return timed(engine.query, request["query"]), engine
    return {"rows": [[text(value) for value in row] for row in engine.answer(request["answer"])]}, engine


def main():
    # What engines print goes to standard error: standard output carries answers alone.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    engine = None
    for line in sys.stdin:
        try:
            answer, engine = handle(json.loads(line), engine)
        except Exception as error:  # any failure of an engine is an answer
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)
    if engine is not None:
        engine.close()


main()

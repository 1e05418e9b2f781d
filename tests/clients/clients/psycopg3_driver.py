"""psycopg 3: server-side binding in text and binary, pipelines, prepared statements, COPY, notices, async."""
import asyncio
import datetime
import decimal
import os
import uuid

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

url = os.environ["SURUS_URL"]

VALUES = [
    ("bool", True), ("int2", 7), ("int4", -7), ("int8", 1 << 40), ("float4", 1.5), ("float8", 0.1),
    ("numeric", decimal.Decimal("123456789.000000001")), ("text", "täxt"), ("varchar", "v"), ("bytea", b"\x00\x01"),
    ("date", datetime.date(1999, 12, 31)), ("time", datetime.time(23, 59, 59, 999999)),
    ("timestamp", datetime.datetime(2000, 1, 1, 0, 0, 0, 1)),
    ("timestamptz", datetime.datetime(2024, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)),
    ("interval", datetime.timedelta(days=3, seconds=4, microseconds=5)),
    ("uuid", uuid.UUID("01234567-89ab-cdef-0123-456789abcdef")), ("int4[]", [1, None, 3]), ("text[]", ["a", "b c"]),
]

with psycopg.connect(url) as connection:
    for binary in (False, True):
        for kind, value in VALUES:
            got = connection.cursor(binary=binary).execute(f"select %s::{kind}", (value,)).fetchone()[0]
            assert got == value, (kind, binary, value, got)
            got = connection.cursor(binary=binary).execute(f"select %b::{kind}", (value,)).fetchone()[0] \
                if kind not in ("time", "interval") else got
            assert got == value, (kind, binary, value, got)

    connection.execute("drop table if exists c_psycopg3")
    connection.execute("create table c_psycopg3 (id int primary key, name text)")
    with connection.cursor().copy("copy c_psycopg3 from stdin") as copy:
        for number in range(1000):
            copy.write_row((number, f"row {number}"))
    with connection.cursor().copy("copy c_psycopg3 (id, name) from stdin (format binary)") as copy:
        copy.set_types(["int4", "text"])
        for number in range(1000, 1100):
            copy.write_row((number, None))
    with connection.cursor().copy("copy (select * from c_psycopg3 where id in (1, 1000) order by id) to stdout") as copy:
        assert list(copy.rows()) == [("1", "row 1"), ("1000", None)]
    cursor = connection.cursor(row_factory=dict_row)
    for number in range(12):  # becomes a prepared statement on the way
        row = cursor.execute("select name from c_psycopg3 where id = %s", (number,)).fetchone()
        assert row == {"name": f"row {number}"}
    cursor.executemany("update c_psycopg3 set name = %s where id = %s", [("x", 1), ("y", 2), ("z", -1)])
    assert cursor.rowcount == 2, cursor.rowcount

    with connection.pipeline():
        results = [connection.execute("select %s::int4 + 1", (number,)) for number in range(50)]
    assert [result.fetchone()[0] for result in results] == list(range(1, 51))
    try:
        with connection.transaction():
            connection.execute("select 1 / %s", (0,))
        raise AssertionError("division by zero went well")
    except psycopg.errors.DivisionByZero as error:
        assert error.sqlstate == "22012" and error.diag.severity == "ERROR"
    with connection.transaction():
        connection.execute("savepoint here")
        try:
            connection.execute("select nothing")
        except psycopg.errors.UndefinedColumn as error:
            assert error.diag.statement_position == "8", error.diag.statement_position
        connection.execute("rollback to here")
    assert connection.execute("select count(*) from c_psycopg3").fetchone() == (1100,)
    assert connection.info.parameter_status("server_encoding") == "UTF8"
    stream = connection.cursor().stream("select id from c_psycopg3 order by id")
    assert [row[0] for row in stream] == list(range(1100))
    connection.execute("drop table c_psycopg3")
    assert connection.execute("select %s::jsonb", (Jsonb({"b": 1, "a": [1, 2]}),)).fetchone()[0] == {"a": [1, 2], "b": 1}


async def canceled():
    connection = await psycopg.AsyncConnection.connect(url, autocommit=True)
    async with connection:
        sleeping = asyncio.create_task(connection.execute("select pg_sleep(30)"))
        await asyncio.sleep(0.3)
        await connection.cancel_safe()
        try:
            await sleeping
            raise AssertionError("a cancel request did nothing")
        except psycopg.errors.QueryCanceled:
            pass
        assert (await (await connection.execute("select 1")).fetchone()) == (1,)


asyncio.run(canceled())

"""asyncpg: everything binary, introspection of types, prepared statements, cursors, COPY of records."""
import asyncio
import datetime
import decimal
import os
import uuid

import asyncpg

VALUES = [
    ("bool", True), ("int2", 7), ("int4", -7), ("int8", 1 << 40), ("float4", 1.5), ("float8", 0.1),
    ("numeric", decimal.Decimal("-0.00123")), ("numeric", decimal.Decimal("12345678901234567890.5")), ("text", "täxt"),
    ("varchar", "v"), ("bytea", b"\x00\x01"), ("date", datetime.date(1999, 12, 31)),
    ("time", datetime.time(1, 2, 3, 4)), ("timestamp", datetime.datetime(2000, 1, 1, 0, 0, 0, 1)),
    ("timestamptz", datetime.datetime(2024, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)),
    ("interval", datetime.timedelta(days=3, seconds=4)), ("uuid", uuid.UUID(int=5)), ("int4[]", [1, None, 3]),
    ("text[]", ["a", "b"]), ("json", '{"a": 1}'), ("jsonb", '{"a": 1}'), ("oid", 5), ("name", "n"), ("\"char\"", b"x"),
]


async def main():
    connection = await asyncpg.connect(os.environ["SURUS_URL"])
    for kind, value in VALUES:
        got = await connection.fetchval(f"select $1::{kind}", value)
        assert got == value, (kind, value, got)
    await connection.execute("drop table if exists c_asyncpg")
    await connection.execute("create table c_asyncpg (id int primary key, name text, at timestamptz)")
    await connection.executemany("insert into c_asyncpg values ($1, $2)", [(number, str(number)) for number in range(100)])
    status = await connection.copy_records_to_table(
        "c_asyncpg", records=[(number, None, None) for number in range(100, 200)]
    )
    assert status == "COPY 100", status
    statement = await connection.prepare("select id, name from c_asyncpg where id >= $1 order by id limit $2")
    assert [parameter.name for parameter in statement.get_parameters()] == ["int4", "int8"]
    assert [(column.name, column.type.name) for column in statement.get_attributes()] == [("id", "int4"), ("name", "text")]
    assert [tuple(row) for row in await statement.fetch(98, 3)] == [(98, "98"), (99, "99"), (100, None)]
    async with connection.transaction():
        rows = [row["id"] async for row in connection.cursor("select id from c_asyncpg order by id", prefetch=7)]
        assert rows == list(range(200))
    try:
        async with connection.transaction():
            await connection.execute("insert into c_asyncpg values (1)")
    except asyncpg.UniqueViolationError as error:
        assert error.constraint_name == "c_asyncpg_pkey"
    assert await connection.fetchval("select count(*) from c_asyncpg") == 200
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        assert await connection.fetchval("show transaction_isolation") == "repeatable read"
    rows = await connection.fetch("select array[row(1, 'a'::text), row(2, null)] as r")
    assert [tuple(item) for item in rows[0]["r"]] == [(1, "a"), (2, None)]
    try:
        await connection.fetch("select pg_sleep(20)", timeout=0.3)
        raise AssertionError("a timeout did nothing")
    except asyncio.TimeoutError:
        pass
    await connection.execute("drop table c_asyncpg")
    await connection.reset()
    assert connection.get_server_version()[0] == 18
    await connection.close()
    pool = await asyncpg.create_pool(os.environ["SURUS_URL"], min_size=2, max_size=8)
    values = await asyncio.gather(*(pool.fetchval("select $1::int8 * 2", number) for number in range(100)))
    assert values == [number * 2 for number in range(100)]
    await pool.close()


asyncio.run(main())

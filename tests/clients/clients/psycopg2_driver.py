"""psycopg2: text results, adaptation of values, errors, transactions, cursors, COPY, notices."""
import datetime
import decimal
import io
import os
import uuid

import psycopg2
import psycopg2.errors
import psycopg2.extras

connection = psycopg2.connect(os.environ["SURUS_URL"])
assert connection.server_version >= 180000, connection.server_version
assert connection.encoding == "UTF8"
cursor = connection.cursor()

cursor.execute(
    "select %s, %s, %s, %s, %s, %s, %s",
    (1, "o'clock", decimal.Decimal("1.50"), None, True, datetime.date(2024, 2, 29), b"\x00\xff"),
)
row = cursor.fetchone()
assert row[:6] == (1, "o'clock", decimal.Decimal("1.50"), None, True, datetime.date(2024, 2, 29)), row
assert bytes(row[6]) == b"\x00\xff"

cursor.execute("drop table if exists c_psycopg2")
cursor.execute(
    """create table c_psycopg2 (
        id int primary key, name text not null, price numeric(10,2), seen timestamptz, tags text[], key uuid, flag bool
    )"""
)
key = uuid.UUID("01234567-89ab-cdef-0123-456789abcdef")
psycopg2.extras.register_uuid()
now = datetime.datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=datetime.timezone.utc)
cursor.execute(
    "insert into c_psycopg2 values (%s, %s, %s, %s, %s, %s, %s)",
    (1, "one", decimal.Decimal("12.30"), now, ["a", 'b"c', None], key, False),
)
assert cursor.rowcount == 1 and cursor.statusmessage == "INSERT 0 1"
psycopg2.extras.execute_values(
    cursor, "insert into c_psycopg2 (id, name) values %s", [(number, f"n{number}") for number in range(2, 102)]
)
connection.commit()

cursor.execute("select * from c_psycopg2 where id = 1")
assert cursor.fetchone() == (1, "one", decimal.Decimal("12.30"), now, ["a", 'b"c', None], key, False)
assert [column.name for column in cursor.description] == ["id", "name", "price", "seen", "tags", "key", "flag"]
assert cursor.description[2].type_code == 1700 and cursor.description[2].precision == 10

try:
    cursor.execute("insert into c_psycopg2 values (1, 'again')")
    raise AssertionError("a duplicate key was taken")
except psycopg2.errors.UniqueViolation as error:
    assert error.pgcode == "23505"
    assert error.diag.constraint_name == "c_psycopg2_pkey", error.diag.constraint_name
    assert error.diag.table_name == "c_psycopg2" and error.diag.schema_name == "public"
    assert error.diag.message_detail == "Key (id)=(1) already exists."
try:
    cursor.execute("select 1")
    raise AssertionError("a failed transaction went on")
except psycopg2.errors.InFailedSqlTransaction:
    pass
connection.rollback()

named = connection.cursor(name="streamed")
named.itersize = 10
named.execute("select id from c_psycopg2 order by id")
assert [row[0] for row in named] == list(range(1, 102))
connection.commit()

out = io.StringIO()
cursor.copy_expert("copy (select id, name from c_psycopg2 where id < 3 order by id) to stdout with csv", out)
assert out.getvalue() == "1,one\n2,n2\n"
cursor.copy_expert("copy c_psycopg2 (id, name) from stdin", io.StringIO("500\tfive\n501\tx\n"))
assert cursor.rowcount == 2
connection.commit()

dictionary = connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor)
dictionary.execute("select count(*) as many, max(id) as top from c_psycopg2")
assert dict(dictionary.fetchone()) == {"many": 103, "top": 501}
connection.commit()

connection.set_session(isolation_level="SERIALIZABLE", readonly=True)
cursor.execute("show transaction_isolation")
assert cursor.fetchone() == ("serializable",)
try:
    cursor.execute("delete from c_psycopg2")
    raise AssertionError("a read-only transaction wrote")
except psycopg2.errors.ReadOnlySqlTransaction:
    connection.rollback()
connection.set_session(isolation_level="DEFAULT", readonly=False)
connection.autocommit = True
cursor.execute("drop table c_psycopg2")
cursor.execute("drop table if exists c_psycopg2")
assert any("does not exist, skipping" in notice for notice in connection.notices), connection.notices
connection.close()

"""pg8000: a driver in plain Python with its own idea of types."""
import datetime
import decimal
import os
import urllib.parse

import pg8000.native

url = urllib.parse.urlparse(os.environ["SURUS_URL"])
connection = pg8000.native.Connection(url.username, host=url.hostname, port=url.port, database=url.path.lstrip("/"))
assert connection.run("select :a::int4 + :b::int4", a=1, b=2) == [[3]]
assert connection.run("select :v::numeric", v=decimal.Decimal("1.10")) == [[decimal.Decimal("1.10")]]
assert connection.run("select cast(:v as timestamp)", v=datetime.datetime(2024, 1, 1)) == [[datetime.datetime(2024, 1, 1)]]
connection.run("drop table if exists c_pg8000")
connection.run("create table c_pg8000 (id int primary key, name text)")
connection.run("start transaction")
for number in range(10):
    connection.run("insert into c_pg8000 values (:id, :name)", id=number, name=f"n{number}")
connection.run("commit")
assert connection.row_count == -1 or connection.row_count == 0
assert connection.run("select count(*) from c_pg8000") == [[10]]
assert [column["name"] for column in connection.columns] == ["count"]
prepared = connection.prepare("select name from c_pg8000 where id = :id")
assert prepared.run(id=3) == [["n3"]] and prepared.run(id=4) == [["n4"]]
prepared.close()
try:
    connection.run("select * from c_pg8000 where nothing = 1")
    raise AssertionError("a missing column was found")
except pg8000.native.DatabaseError as error:
    assert error.args[0]["C"] == "42703" and error.args[0]["M"] == 'column "nothing" does not exist'
connection.run("drop table c_pg8000")
connection.close()

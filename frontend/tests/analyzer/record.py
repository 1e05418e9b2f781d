#!/usr/bin/env python3
"""Writes expected.txt: how a live PostgreSQL 18 describes each statement of statements.sql (one a line).

usage: record.py [HOST [PORT [USER [DATABASE]]]]

Statements are parsed and described, never run. The tables of schema.sql are made in a transaction that is rolled back.
"""
import pathlib
import socket
import struct
import sys

HOST, PORT, USER, DATABASE = (sys.argv[1:] + ["127.0.0.1", "5432", "postgres", "postgres"][len(sys.argv) - 1 :])[:4]
HERE = pathlib.Path(__file__).parent


class Connection:
    """As much of the protocol as is needed."""

    def __init__(self):
        self.socket = socket.create_connection((HOST, int(PORT)))
        self.file = self.socket.makefile("rb")
        body = struct.pack("!i", 196608) + b"user\0" + USER.encode() + b"\0database\0" + DATABASE.encode() + b"\0\0"
        self.socket.sendall(struct.pack("!i", len(body) + 4) + body)
        self.until_ready()

    def message(self):
        kind, length = struct.unpack("!ci", self.file.read(5))
        return kind, self.file.read(length - 4)

    def until_ready(self):
        messages = []
        while True:
            kind, body = self.message()
            if kind == b"Z":
                return messages
            messages.append((kind, body))

    def send(self, kind, body):
        self.socket.sendall(kind + struct.pack("!i", len(body) + 4) + body)

    def query(self, sql):
        self.send(b"Q", sql.encode() + b"\0")
        return self.until_ready()

    def value(self, sql):
        for kind, body in self.query(sql):
            if kind == b"D":
                return body[6:].decode()
        raise RuntimeError(sql)

    def describe(self, sql):
        self.query("savepoint s")
        self.send(b"P", b"\0" + sql.encode() + b"\0\0\0")
        self.send(b"D", b"S\0")
        self.send(b"S", b"")
        messages = self.until_ready()
        self.query("rollback to s")
        for kind, body in messages:
            if kind == b"E":
                fields = {part[:1]: part[1:].decode() for part in body.split(b"\0") if part}
                text = f"{fields[b'C']} @{fields.get(b'P', '0')} {fields[b'M']}"
                text += f" DETAIL: {fields[b'D']}" if b"D" in fields else ""
                text += f" HINT: {fields[b'H']}" if b"H" in fields else ""
                return text.replace("\n", " ")
        for kind, body in messages:
            if kind == b"T":
                return "ok " + ", ".join(self.columns(body))
        return "ok "

    def columns(self, body):
        (count,) = struct.unpack("!h", body[:2])
        position = 2
        for _ in range(count):
            end = body.index(b"\0", position)
            name = body[position:end].decode()
            _, _, oid, _, typmod, _ = struct.unpack("!ihihih", body[end + 1 : end + 19])
            position = end + 19
            yield f"{name} " + self.value(f"select format_type({oid}, {typmod})")


connection = Connection()
connection.query("begin")
for statement in (HERE / "schema.sql").read_text().split(";"):
    connection.query(statement)
lines = (HERE / "statements.sql").read_text().splitlines()
(HERE / "expected.txt").write_text("".join(connection.describe(line) + "\n" for line in lines))

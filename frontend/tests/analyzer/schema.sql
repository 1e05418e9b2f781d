CREATE TABLE t (a integer PRIMARY KEY, b text NOT NULL, c numeric(10,2), d date DEFAULT '2020-01-01', e varchar(5), f double precision, g timestamp(3), h boolean);
CREATE TABLE u (a bigint, x integer, b char(3), arr integer[], ts timestamptz, i interval);
CREATE TABLE v (k integer, a integer, z smallint DEFAULT 7 CHECK (z > 0), UNIQUE (k));

-- UPDATE of rows found by their key, column by column.
CREATE TABLE point_update (
    id int PRIMARY KEY,
    small smallint,
    big bigint DEFAULT 7,
    price numeric(12,2),
    wide numeric(38,10),
    free numeric,
    name text NOT NULL,
    pad char(8),
    code varchar(12),
    flag boolean,
    at timestamp,
    span interval,
    doc jsonb,
    list int[],
    who uuid,
    real4 real,
    other int UNIQUE
);
INSERT INTO point_update
SELECT i, i % 7, i * 1000000007, i * 1.25, i * 12345678901234567890.5, i / 7.0, 'name ' || i, 'p' || i % 5, 'c' || i,
    i % 2 = 0, timestamp '2024-01-01' + i * interval '1 hour', i * interval '1 day', jsonb_build_object('i', i),
    ARRAY[i, i + 1], ('00000000-0000-0000-0000-' || lpad(i::text, 12, '0'))::uuid, i / 3.0, i * 10
FROM generate_series(1, 200) AS i;
PREPARE up1 (int, text) AS UPDATE point_update SET name = $2 WHERE id = $1;
EXECUTE up1 (5, 'a much longer name than it was before');
EXECUTE up1 (5, 'x');
EXECUTE up1 (5, '');
EXECUTE up1 (5, NULL);
EXECUTE up1 (100000, 'nobody');
SELECT * FROM point_update WHERE id = 5;
PREPARE up2 (int, numeric) AS UPDATE point_update SET price = price + $2, small = small + 1, big = big - id WHERE id = $1
    RETURNING id, price, small, big, old.price, new.price, old.name, new.name, point_update.flag;
EXECUTE up2 (6, 0.01);
EXECUTE up2 (6, 123456789.99);
EXECUTE up2 (6, 9999999999.99);
EXECUTE up2 (6, NULL);
SELECT * FROM point_update WHERE id = 6;
PREPARE up3 (int, numeric) AS UPDATE point_update SET wide = $2, free = $2 * 3 WHERE id = $1 RETURNING *;
EXECUTE up3 (7, 1234567890123456789012345678.0123456789);
EXECUTE up3 (7, 0.5);
EXECUTE up3 (7, -0.00000000005);
EXECUTE up3 (7, 'NaN');
EXECUTE up3 (7, NULL);
EXECUTE up3 (7, 99);
PREPARE up4 (int) AS UPDATE point_update SET flag = NOT flag, at = at + interval '1 day', span = span * 2, doc = doc || '{"k": [1, 2]}',
    list = list || 9, who = NULL, real4 = real4 * 2, pad = 'zz', code = upper(code) WHERE id = $1 AND name LIKE 'name%' RETURNING *;
EXECUTE up4 (8);
EXECUTE up4 (8);
EXECUTE up4 (5);
SELECT * FROM point_update WHERE id = 8;
PREPARE up5 (int, int) AS UPDATE point_update SET small = 100 / ($2 - id) WHERE id BETWEEN $1 AND $2;
EXECUTE up5 (10, 14);
SELECT id, small FROM point_update WHERE id BETWEEN 9 AND 15 ORDER BY id;
PREPARE up6 (int, int) AS UPDATE point_update SET small = 1 WHERE id > $1 AND id <= $2 RETURNING id, old.small, new.small;
EXECUTE up6 (190, 195);
-- keys change
PREPARE up7 (int, int) AS UPDATE point_update SET other = $2 WHERE id = $1 RETURNING id, other;
EXECUTE up7 (20, 30);
EXECUTE up7 (20, 5);
EXECUTE up7 (20, 200);
PREPARE up8 (int) AS UPDATE point_update SET id = id + 1000, name = 'moved' WHERE id = $1 RETURNING old.id, new.id;
EXECUTE up8 (21);
EXECUTE up8 (21);
-- several times in a transaction, and taken back
BEGIN;
EXECUTE up1 (30, 'first');
EXECUTE up1 (30, 'second');
SAVEPOINT s;
EXECUTE up2 (30, 5);
ROLLBACK TO s;
EXECUTE up2 (30, 7);
SELECT id, name, price FROM point_update WHERE id = 30;
ROLLBACK;
SELECT id, name, price FROM point_update WHERE id = 30;
-- with subqueries, defaults, row values and other tables
PREPARE up9 (int) AS UPDATE point_update SET (small, name) = (SELECT 3, 'sub ' || id) WHERE id = $1 RETURNING id, small, name;
EXECUTE up9 (40);
PREPARE up10 (int) AS UPDATE point_update SET big = DEFAULT, small = (SELECT max(small) FROM point_update) WHERE id = $1 RETURNING id, small, big;
EXECUTE up10 (41);
PREPARE up11 (int) AS UPDATE point_update AS p SET name = q.name FROM point_update AS q WHERE p.id = $1 AND q.id = p.id + 1 RETURNING p.id, p.name;
EXECUTE up11 (42);
PREPARE up12 (int) AS UPDATE point_update SET name = name || '!' WHERE id = $1 RETURNING ctid IS NOT NULL AS has_ctid, tableoid::regclass, name;
EXECUTE up12 (43);
VACUUM point_update;
EXECUTE up12 (43);
EXECUTE up1 (44, 'after the vacuum');
EXECUTE up4 (45);
SELECT * FROM point_update WHERE id BETWEEN 43 AND 45 ORDER BY id;
SELECT count(*), sum(price), sum(small), sum(big), sum(length(name)) FROM point_update;
-- demands on the row
CREATE TABLE point_demands (id int PRIMARY KEY, a int CHECK (a < 100), b int NOT NULL, c int GENERATED ALWAYS AS (a + b) STORED);
INSERT INTO point_demands VALUES (1, 10, 20), (2, 30, 40);
PREPARE pd (int, int, int) AS UPDATE point_demands SET a = $2, b = $3 WHERE id = $1 RETURNING *;
EXECUTE pd (1, 50, 5);
EXECUTE pd (1, 100, 5);
EXECUTE pd (1, NULL, 5);
EXECUTE pd (1, 3, NULL);
SELECT * FROM point_demands ORDER BY id;
CREATE VIEW point_view AS SELECT id, price FROM point_update WHERE price < 100 WITH CHECK OPTION;
PREPARE pv (int, numeric) AS UPDATE point_view SET price = $2 WHERE id = $1 RETURNING *;
EXECUTE pv (50, 99.5);
EXECUTE pv (50, 100);
CREATE TABLE point_child (id int PRIMARY KEY, parent int REFERENCES point_update (id) ON UPDATE CASCADE, n int);
INSERT INTO point_child VALUES (1, 60, 0);
PREPARE pc (int, int) AS UPDATE point_child SET parent = $2, n = n + 1 WHERE id = $1 RETURNING *;
EXECUTE pc (1, 61);
EXECUTE pc (1, 60000);
EXECUTE up8 (61);
SELECT * FROM point_child;
CREATE UNIQUE INDEX ON point_update (code) WHERE flag;
PREPARE pp (int) AS UPDATE point_update SET flag = true, name = 'indexed' WHERE id = $1 RETURNING id, flag, code;
UPDATE point_update SET code = 'c70' WHERE id = 71;
EXECUTE pp (70);
EXECUTE pp (71);
DROP VIEW point_view;
DROP TABLE point_child, point_demands, point_update;

-- The rows of a table that an outer join keeps come in their order, with a partner or without, and MERGE treats them so.
CREATE TABLE t (id int PRIMARY KEY, k int, v int);
CREATE UNIQUE INDEX t_k ON t (k) WHERE v > 15;
INSERT INTO t VALUES (1, 1, 10), (2, 2, 20), (3, 3, 30), (4, 4, 40);
SELECT t.id, s.x, s.y FROM t LEFT JOIN (VALUES (4, 'd'), (2, 'b'), (2, NULL)) AS s(x, y) ON t.id = s.x;
SELECT t.id, s.x, s.y IS NULL FROM t LEFT JOIN (VALUES (3, NULL), (1, 'a')) AS s(x, y) ON t.id = s.x AND t.v < 25;
MERGE INTO t USING (VALUES (3, 5), (7, 2)) AS s(id, k) ON t.id = s.id WHEN MATCHED THEN UPDATE SET k = 2 WHEN NOT MATCHED THEN DO NOTHING WHEN NOT MATCHED BY SOURCE THEN DELETE RETURNING merge_action(), t.*;
MERGE INTO t USING (VALUES (3, 5), (7, 2), (8, 3)) AS s(id, k) ON t.id = s.id WHEN MATCHED THEN UPDATE SET v = 1 WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.k, 30) WHEN NOT MATCHED BY SOURCE THEN UPDATE SET v = 2 RETURNING merge_action(), t.*;
SELECT * FROM t ORDER BY id;

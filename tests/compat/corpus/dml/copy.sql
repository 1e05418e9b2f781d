-- COPY: text, CSV, options, errors (manual, COPY).
CREATE TABLE c (a integer, b text, d date, f float8);
COPY c FROM STDIN;
1	one	2024-01-01	1.5
2	\N	\N	\N
3	tab\there	2024-02-29	NaN
4		infinity	-Infinity
5	back\\slash\nnewline	2024-12-31	1e10
\.
SELECT * FROM c ORDER BY a;
COPY c TO STDOUT;
COPY c (b, a) TO STDOUT;
COPY c TO STDOUT (FORMAT csv);
COPY c TO STDOUT (FORMAT csv, HEADER, DELIMITER ';', NULL 'nil', QUOTE '''', FORCE_QUOTE (b));
COPY c TO STDOUT WITH (DELIMITER '|', NULL '<null>');
COPY c TO STDOUT CSV HEADER;
COPY (SELECT a, b FROM c WHERE a < 3 ORDER BY a DESC) TO STDOUT;
COPY (VALUES (1, NULL), (2, '\.')) TO STDOUT;
COPY (SELECT 'a,b', 'q"q', '', NULL, ' sp ') TO STDOUT (FORMAT csv);
COPY (SELECT 'a,b', 'q"q', '', NULL) TO STDOUT (FORMAT csv, FORCE_QUOTE *);
COPY (SELECT E'\b\f\n\r\t\v\\') TO STDOUT;
COPY (SELECT 1 WHERE false) TO STDOUT (FORMAT csv, HEADER);
COPY (SELECT ARRAY[1, NULL], ROW(1, 'a'), '\x00ff'::bytea, true, '1 day'::interval) TO STDOUT;
COPY c (a, b) FROM STDIN (FORMAT csv);
10,"quoted, ""comma"""
11,
12,""
13," sp "
\.
SELECT a, b, b IS NULL FROM c WHERE a >= 10 ORDER BY a;
COPY c (a, b) FROM STDIN (FORMAT csv, HEADER, NULL 'nil');
x,y
20,nil
21,
\.
SELECT a, b, b IS NULL FROM c WHERE a >= 20 ORDER BY a;
COPY c (a, b) FROM STDIN (FORMAT csv, HEADER MATCH);
a,nope
1,2
\.
COPY c (a, b) FROM STDIN (DELIMITER '|', NULL '');
30|x
31|
\.
COPY c (a, b) FROM STDIN (FORMAT csv, FORCE_NOT_NULL (b), FORCE_NULL (a));
40,
"",x
\.
SELECT a, b, b IS NULL FROM c WHERE a >= 30 OR a IS NULL ORDER BY a;
COPY c FROM STDIN;
1	x
\.
COPY c FROM STDIN;
1	x	2024-01-01	1	extra
\.
COPY c FROM STDIN;
x	x	2024-01-01	1
\.
COPY c FROM STDIN;
1	x	2024-02-30	1
\.
COPY c FROM STDIN;
1	x	2024-02-28	1e999
\.
COPY c (a) FROM STDIN (FORMAT csv);
"unterminated
\.
COPY c (a) FROM STDIN WHERE a > 100;
99
101
\.
SELECT a FROM c WHERE a > 90 ORDER BY a;
COPY c (a) FROM STDIN (ON_ERROR ignore);
201
bad
202
\.
SELECT a FROM c WHERE a > 200 ORDER BY a;
COPY c (a) FROM STDIN (DEFAULT 'd');
d
\.
COPY c (nope) FROM STDIN;
COPY c (a, a) FROM STDIN;
COPY nope FROM STDIN;
COPY c TO STDOUT (FORMAT nope);
COPY c TO STDOUT (DELIMITER 'ab');
COPY c TO STDOUT (DELIMITER 'a');
COPY c TO STDOUT (NULL E'\n');
COPY c TO STDOUT (HEADER maybe);
COPY c TO STDOUT (QUOTE '"');
COPY c TO STDOUT (nope true);
COPY c TO STDOUT (FORMAT csv, FORMAT csv);
COPY (INSERT INTO c (a) VALUES (1)) TO STDOUT;
COPY (INSERT INTO c (a) VALUES (300) RETURNING a) TO STDOUT;
COPY c (a) TO STDOUT WHERE a > 1;
CREATE TABLE num (a numeric, b numeric(20,3));
COPY num FROM STDIN;
1.5	2
2.5	\N
\.
COPY num FROM STDIN;
\N	\N
\.
COPY num FROM STDIN;
-3	123456789012345.678
1e3	0.0005
NaN	1
\.
SELECT * FROM num ORDER BY a, b;
CREATE VIEW cv AS SELECT a FROM c;
COPY cv TO STDOUT;
COPY (SELECT count(*) FROM cv) TO STDOUT;

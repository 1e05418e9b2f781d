-- Values that would be too large: PostgreSQL's own limits come before any memory is taken.
SELECT length(repeat('x', 1073741823));
SELECT length(repeat('xx', 536870911));
SELECT length(lpad('x', 268435455, 'y'));
SELECT length(rpad('x', 2147483647, 'y'));
SELECT length(lpad('x', 1073741823));
SELECT length(replace(repeat('x', 300000), 'x', repeat('y', 10000)));
SELECT length(format('%2000000000s', 'x'));
SELECT array_length(array_fill(1, array[134217728]), 1);
SELECT polygon(2147483647, circle '<(0,0),1>');
SELECT npoints(polygon(100000000, circle '<(0,0),1>'));
-- Loops that end by their time.
SET statement_timeout = '200ms';
SELECT sum(x) FROM generate_series(1, 1000000000000) x;
SELECT max(x) FROM generate_series(1::numeric, 1000000000000) x;
WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT max(n) FROM r;
SELECT count(*) FROM generate_series(1, 1000000) a JOIN generate_series(1, 1000000) b ON a < b - 2000000;
RESET statement_timeout;
SELECT 1;

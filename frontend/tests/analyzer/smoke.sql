select 1, 'a', 2.5, null, true
select 1 + 1.5, 1 + '2', 'a' || 'b', 3 / 2.0::float8
select relname, count(*) from pg_class group by relname having count(*) > 1 order by 2 desc limit 5
select relnam from pg_class
select c.relname, a.attname from pg_class c join pg_attribute a on a.attrelid = c.oid where a.attnum > 0 order by 1
select relname, relkind, count(*) from pg_class group by 1
select 1 + 'abc'::text
select foo(1)
select * from nope
select extract(year from date '2020-01-01'), substring('abc' from 2 for 1), position('a' in 'b'), trim(both 'x' from 'xax')
select case when relkind = 'r' then 1 else 2.5 end from pg_class
select array_agg(relname order by oid) filter (where relkind = 'r') from pg_class
select rank() over (partition by relkind order by oid), sum(relnatts) over w from pg_class window w as (order by oid rows between 1 preceding and current row)
with recursive t(n) as (select 1 union all select n + 1 from t where n < 10) select * from t
select * from generate_series(1, 3) as g(x), lateral (select x + 1 as y) s
select 1 union select 2.5 order by 1
select 'a' union select null
values (1, 'x'), (2.5, null)
select (select max(oid) from pg_class), exists (select 1), 1 in (select oid::int from pg_class), 3 = any (array[1,2])
select current_date, current_timestamp(2), now(), localtime
select $1::int + $2
select coalesce(null, 1, 2.5), greatest(1, 2), nullif(1, 2), (1, 2) < (3, 4)
select 'pg_class'::regclass, pg_catalog.format_type(23, null), 'x' operator(pg_catalog.~) '^a' collate pg_catalog.default

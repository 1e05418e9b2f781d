select * from t
select t.*, u.x from t, u
select t from t
select a, b, c from t where a > 5 order by c desc nulls last limit 3 offset 1
select a from t, u
select t.a from t join u on t.a = u.a
select a from t join u using (a)
select * from t natural join v
select * from t full join v using (a)
select nosuch from t
select t.nosuch from t
select bb from t
select x.a from t
select t.a from t as y
select * from nosuch
select * from public.nosuch
select a + b from t
select a + '1' from t
select a || b from t
select -b from t
select c * 1.5, c / 2, c + a, f * 2, d + 1, d - d, d + interval '1 day', g - g from t
select sum(a), sum(c), avg(a), avg(f), min(b), max(d), count(*), count(distinct b) from t
select a, count(*) from t group by b
select a, b, count(*) from t group by a
select b, sum(a) from t group by b having a > 1
select sum(a) from t where sum(a) > 1
select sum(sum(a)) from t
select count() from t
select lower(b), count(*) from t group by lower(b)
select lower(b), upper(b) from t group by lower(b)
select b as x, count(*) from t group by x order by 2, x
select a from t order by 3
select a from t group by 5
select a from t order by 'x'
select distinct a from t order by b
select distinct on (b) a, b from t order by a
select distinct on (b) a, b from t order by b, a
select case when a > 1 then 'x' else b end from t
select case a when 1 then 2 when 'x' then 3 end from t
select case when a then 1 end from t
select coalesce(a, b) from t
select coalesce(a, 1.5), greatest(a, c), least('a', b), nullif(a, 1) from t
select a in (1, 2, 3), b in ('x', 'y'), a in (1, 2.5), a not in (select x from u) from t
select a in ('x') from t
select (select a from t), (select a from t limit 1) + 1
select (select a, b from t)
select exists (select 1), array(select a from t), array[1, 2.5], array['a', b] from t
select array[]
select array[]::int[]
select a = any (arr), a = any ('{1,2}') from u
select a = any (b) from t
select arr[1], arr[1:2] from u
select a[1] from t
select cast(a as text), a::varchar(3), b::int, '12'::numeric(5,1), d::timestamp, '1 day'::interval from t
select a::date from t
select 'x'::nosuchtype
select 1::numeric(2000)
select 'a'::varchar(0)
select f::text, h::int, a::bool from t
select d::int from t
select nosuch(1)
select nosuch(a, b, 'x') from t
select abs('x')
select round(f, 2) from t
select round(c, 2), substr(b, 1, 2), length(b), b like 'a%', b ilike 'x', b similar to 'x' from t
select date_trunc('month', d), extract(year from d), date_part('year', g), now() - g from t
select make_interval(days => 3), make_interval(1, nope => 2)
select concat(a, b, 'x'), format('%s', a) from t
select upper(a) from t
select generate_series(1, 3), b from t
select * from generate_series(1, 3) g
select g.g, g.o from generate_series(1, 3) with ordinality as g(g, o)
select * from unnest(array[1,2], array['a','b']) as x(p, q)
select * from json_to_record('{}')
select * from t where generate_series(1, 2) = 1
select row_number() over (), rank() over (partition by b order by a), sum(a) over w, lag(b, 1) over w from t window w as (order by a)
select rank() from t
select sum(a) over (order by b range between 1 preceding and current row) from t
select sum(c) over (order by a range between 1 preceding and current row) from t
select a from t where rank() over () = 1
select sum(a) over nosuch from t
select a from t union select x from u
select a from t union select b from t
select a, b from t union select x from u
select a from t union all select c from t order by a
select a from t union select x from u order by x
select 1 union select 'x'
select '1' union select 2
select null union select null
values (1, 'a'), (2, null)
values (1), (1, 2)
values (1), ('x')
with q as (select a, b from t) select * from q where a > 1
with q(x, y) as (select a, b from t) select x from q
with q(x, y, z) as (select a, b from t) select x from q
with recursive r(n) as (select 1 union all select n + 1 from r where n < 5) select * from r
with recursive r(n) as (select 1 union all select n + 1.5 from r) select * from r
with q as (select 1), q as (select 2) select 1
with q as (select * from r), r as (select 1) select * from q
select * from t, lateral (select t.a + u.x as s from u) l
select * from t, (select t.a + u.x as s from u) l
select * from (select a from t) s, (select s.a) q
select * from t a, t a
select * from t join u on t.a = v.a, v
select s.x from (select a from t) s
select * from (select a from t) as s(p, q)
select a from t limit a
select a from t limit 'x'
select a from t fetch first 2 rows with ties
select $1 + 1, $2::text
select a from t where b = $1 and a = $2
select $1
select $1 from t where a = $1
insert into t (a, b) values (1, 'x')
insert into t values (1, 'x', 2.5, '2020-01-01', 'abc', 1.5, now(), true)
insert into t (a, b) values (1)
insert into t (a) values (1, 2)
insert into t (a, nosuch) values (1, 2)
insert into t (a, a) values (1, 2)
insert into t (a, b, h) values (1, 'x', 5)
insert into t (a, b) select x, b from u
insert into t (a, b, d) select x, b, x from u
insert into t (a, b) values (1, 'x') returning a, b || 'y' as z, *
insert into t (a, b, d) values (1, 'x', default)
insert into nosuch values (1)
update t set b = 'x' where a = 1
update t set b = 5, c = 'x' returning *
update t set h = a
update t set nosuch = 1
update t set b = 'x', b = 'y'
update t set (b, c) = ('x', 2)
update t set c = u.x from u where t.a = u.a
update t set b = default where nosuch = 1
delete from t where a = 1 returning a
delete from t using u where t.a = u.a
delete from nosuch
delete from t where sum(a) = 1
select a is null, h is true, h is not unknown, a is distinct from 5, not h from t
select not a from t
select a and h from t
select a from t where b
select a between 1 and 5, a not between symmetric 5 and 1, c between 1 and 2 from t
select (a, b) = (1, 'x'), (a, b) < (1, 'x'), row(a, b) is null from t
select (a, b) = (1, 2, 3) from t
select (a, b) in (select a, b from t), (a, b) = (select a, b from t limit 1) from t
select (a, b) in (select a from t) from t
select a = (select b from t) from t
select b collate "C", b collate nosuch from t
select a collate "C" from t
select b < 'x' collate "C" from t
select current_date, current_timestamp, current_time(2), localtime, localtimestamp(0), current_user, session_user, current_catalog, current_schema, user
select position('a' in b), substring(b from 2), substring(b from 2 for 3), trim(b), trim(leading 'x' from b), overlay(b placing 'x' from 1), d at time zone 'UTC', g at time zone 'UTC' from t
select string_agg(b, ','), string_agg(b, ',' order by a desc), array_agg(a), bool_and(h), percentile_cont(0.5) within group (order by f) from t
select string_agg(distinct b, ',' order by a) from t
select count(*) filter (where a > 1), sum(a) filter (where b) from t
select lower(*) from t
select lower(distinct b) from t
select b, c, sum(a), grouping(b) from t group by rollup (b, c)
select b, grouping(a) from t group by b
select b from t group by grouping sets ((b), ())
select (select sum(t.a) from u) from t
select (select t.b from u limit 1), count(*) from t
select b, (select max(x) from u where u.a = t.a) from t group by b
select t.a, u.ts::date, u.i * 2, u.b || 'x', u.ts + u.i, u.ts - u.ts from t, u
select 1 = 1.0, 1 < 2::bigint, 'a' < 'b', 1.5::float4 + 1.5, 2147483648, 99999999999999999999, 0xFF, 1_000, 1e3
select 'a' 'b'
select pg_catalog.lower('X'), pg_catalog.nosuch('x'), nosuch.lower('x')
select 'pg_class'::regclass, 'nosuch'::regclass
select 'int4'::regtype, 'numeric(5)'::regtype::text
select oid, relname from pg_class where relnamespace = 'pg_catalog'::regnamespace and oid = 'pg_type'::regclass
select c.oid::regclass, pg_get_expr(d.adbin, d.adrelid) from pg_class c, pg_attrdef d
select table_name, column_name from information_schema.columns
select * from pg_namespace
select tableoid, ctid from t
select t.tableoid::regclass from t
select max(b), min(arr), max(ts) from t, u
select * from t order by arr
select arr < arr, arr = arr, arr || 5, arr || arr, array_length(arr, 1), 5 || arr from u
select a as "A b", b as select_ from t
select
select 1 where true
select 1 having true
select a from t having true
select * 
select t.* from t group by t.a
select xmlparse(document '<a/>')
select b from t for update
select int4(1.5), text(5), float8('1'), date('2020-01-01'), varchar(b) from t
select coalesce(), 1
select 5 !~ 'x', b ~ 'x', b !~~ 'y', b ~~* 'z' from t
select 1 # 'x', 1 <=> 2
select @ -5, |/ 4, ~ 5, !! 5
select b::name, b::"char", b::bytea from t
select interval '1' year, interval '1' day to second, time '10:00', timestamp with time zone '2020-01-01 00:00+00', date 'x'
select abs(-5::smallint), mod(5, 2::smallint), power(2, 3), sqrt(4), ceil(2.5), random(), pi(), width_bucket(1.5, 0, 3, 3)
select sum(z), avg(z), sum(k::bigint), stddev(z), variance(k), corr(k, z), bit_and(k) from v

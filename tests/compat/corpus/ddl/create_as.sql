create table a as select 1.5 as n, null::numeric as u, null::numeric(10,2) as d, 'x' as t, null as z, now() - now() as i;
select *, pg_typeof(n), pg_typeof(d), pg_typeof(z), pg_typeof(i) from a;
create table b as select x * 1.25 as n, (x / 3.0)::numeric(12,4) as d from generate_series(1, 5) x order by x;
select * from b order by n;
alter table b add column e numeric default 1.5, add column f numeric(6,2) default 2.345;
alter table b alter column n type numeric(10,3);
alter table b alter column d type numeric;
alter table b alter column e type double precision, alter column f type numeric;
select * from b order by n;
create table c with (fillfactor = 50) as select 1 as a;
select reloptions from pg_class where relname = 'c';
create table g (a int, b int generated always as (a * 2) stored, c int generated always as (a * 3));
insert into g values (1), (2);
copy g to stdout;
copy g (a, b) to stdout;
copy g from stdin;
7
\.
select * from g order by a;
copy (delete from g where a = 7) to stdout;
copy (select 1 into x) to stdout;
create table nn (a int, b text not null, d int generated always as (a * 2) stored, e int default 5);
copy nn (a, b) from stdin;
1	\N
\.
create table tx (a text);
copy tx from stdin;
1
2\.
\.

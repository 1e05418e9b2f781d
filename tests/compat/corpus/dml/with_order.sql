-- Parts of a statement that nobody reads are run last, the last one first.
create table m(id int primary key, a int, b text); insert into m select i, 1, 'b' from generate_series(1,100) i;
with u as (update m set a = 11 where id <= 50), v as (update m set a = 12 where id <= 30) select count(*), sum(a) from m;
select a, count(*) from m group by 1 order by 1;
with u as (update m set a = 21 where id <= 50 returning id), v as (update m set a = 22 where id <= 30 returning id) select count(*) from m;
select a, count(*) from m group by 1 order by 1;
with u as (update m set a = 31 where id <= 50 returning id), v as (update m set a = 32 where id <= 30 returning id) select count(*) from u;
select a, count(*) from m group by 1 order by 1;
with u as (update m set a = 41 where id <= 50 returning id), v as (update m set a = 42 where id <= 30 returning id) select count(*) from v;
select a, count(*) from m group by 1 order by 1;
with u as (update m set a = 51 where id <= 50 returning id), v as (update m set a = 52 where id <= 30 returning id) delete from m where id <= 10 returning a;
select a, count(*) from m group by 1 order by 1;
with u as (insert into m values (1001, 1) returning id), v as (insert into m values (1002, 1) returning id), x as (insert into m values (1003, 1)) select 1;
select * from m where id > 1000 order by ctid;
with u as (insert into m values (2001, 1)), v as (insert into m values (2002, 1)), x as (insert into m values (2003, 1)) insert into m values (2004, 1);
select * from m where id > 2000 order by ctid;

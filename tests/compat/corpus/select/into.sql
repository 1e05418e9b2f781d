-- SELECT INTO, also of a set operation; INTO where rows are needed.
select 1 as a, 'x' as b into into_one;
select * from into_one;
select 1 as a into into_two union all select 2 order by 1 desc;
select * from into_two order by a;
(select 3 as a into into_three) except select 4;
select * from into_three;
select * from (select 1 into x) s;
insert into into_one (a) select 1 into x;
select 1 union select 2 into x;
with w as (select 1 into x) select * from w;
create table y as select 1 into x;
declare c cursor for select 1 into x;
select exists (select 1 into x);
create view v as select 1 into x;
copy (select 1 into x) to stdout;
drop table into_one, into_two, into_three;

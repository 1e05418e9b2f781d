-- pg_depend of the user's objects.
create table d (id int generated always as identity primary key, a serial, b int default 5 check (b > 0), c int unique);
create table r (d int references d);
create view v as select id from d;
create sequence s owned by d.b;
select classid::regclass, deptype, refclassid::regclass, refobjsubid from pg_depend where refobjid = 'd'::regclass and objid <> 'd'::regclass and classid <> 'pg_rewrite'::regclass and classid <> 'pg_type'::regclass and classid <> 'pg_trigger'::regclass order by classid, refobjsubid, deptype;
select s.relname, d.deptype, a.attname from pg_class s join pg_depend d on d.objid = s.oid and d.classid = 'pg_class'::regclass join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid where s.relkind = 'S' order by 1;
discard sequences;
discard temp;
create temp table tt (a int);
discard all;
select count(*) from pg_class where relname = 'tt';
create temp table tt (a int);
select count(*) from tt;

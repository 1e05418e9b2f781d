create table t (a int);
drop function nope(int, text[]); drop function if exists nope(int, text[]), nope2(); drop function nope(); drop procedure nope(int); drop procedure if exists nope(); drop aggregate nope(int); drop routine if exists nope(int);
drop operator === (int, int); drop operator if exists === (int, none); drop operator === (none, int);
drop type if exists nope, nope.x, s.y; drop type nope.x; drop domain nope; drop type "Nope X";
drop trigger a on nope; drop trigger if exists a on nope; drop rule if exists a on nope; drop policy a on nope; drop trigger a on t; drop rule a on t;
drop extension nope; drop language nope; drop collation nope; drop collation if exists nope.x; drop conversion nope; drop text search dictionary nope; drop foreign table nope; drop server nope; drop foreign data wrapper if exists nope; drop statistics nope; drop publication nope; drop event trigger nope; drop access method nope; drop text search configuration if exists nope;
drop table if exists t;

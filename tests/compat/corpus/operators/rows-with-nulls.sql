-- Rows that are written out are compared column by column, each with the types of the two.
select (1, 'a'::text) in ((null, null)), (1, 'a'::text) in ((2, 'b'), (1, 'a'));
select (null, 1) in ((1, 2), (3, 4)), (1, 2) not in ((1, null), (3, 4)), ('1', 2) in ((1, 2));
select (1, 'a'::text) is distinct from (null, 'a'), (1, 2) is not distinct from (null, null), (1, 2) is distinct from (1, '2');
select (1, 2) between (null, 1) and (3, null), (1, 'b'::text) between (0, 'a') and ('2', 'c');
select (1, 2) not between symmetric (3, '4') and (0, null);
select (1, 2) in (row(1, 2), (select row(1, 2)));
select (1, 2) in ((1, 2), null);
select (1, 2) in ((1, 2, 3));
select (1, 2) in (5);
select 5 in ((1, 2));
select x from (values (1, 'a'::text), (2, 'b'), (null, 'c')) v(x, y) where (x, y) not in ((1, null), (2, 'c'));
select ((1, 2), 3) in (((1, 2), 3)), ((1, 2), 3) is distinct from ((1, 2), 4);

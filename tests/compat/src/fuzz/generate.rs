//! Typed random queries over the tables of [`super::schema`].
//!
//! Values are kept small and divisors away from zero, so that most queries answer; sums of floats are left out,
//! because their last digit depends on the order of rows.

use super::query::{Expr, Select, Source};
use super::schema::{COLUMNS, TABLES, Type};
use crate::random::Random;

/// The columns that an expression may use.
#[derive(Clone)]
struct Scope {
    columns: Vec<(String, Type)>,
}

impl Scope {
    fn of_type(&self, ty: Type) -> Vec<&str> {
        self.columns.iter().filter(|(_, column)| *column == ty).map(|(name, _)| name.as_str()).collect()
    }
}

/// Returns a random query.
pub fn query(random: &mut Random) -> Select {
    let types: Vec<Type> = (0..1 + random.below(4)).map(|_| *random.pick(&Type::ALL)).collect();
    let mut select = select(random, &types, 2, None);
    if random.chance(15) {
        let operations = ["UNION", "UNION ALL", "INTERSECT", "EXCEPT", "INTERSECT ALL", "EXCEPT ALL"];
        let right = self::select(random, &types, 1, None);
        select.set_operation = Some((*random.pick(&operations), Box::new(right)));
    }
    select.ordered = random.chance(60);
    if select.ordered && random.chance(50) {
        select.limit = Some(random.below(20));
        select.offset = random.chance(30).then(|| random.below(10));
    }
    select
}

/// Returns a SELECT with outputs of `types`; `outer` columns make it correlated.
fn select(random: &mut Random, types: &[Type], depth: usize, outer: Option<&Scope>) -> Select {
    let (sources, scope) = from(random, depth, outer);
    let mut visible = scope.clone();
    if let Some(outer) = outer {
        visible.columns.extend(outer.columns.iter().cloned());
    }
    let filter = random.chance(70).then(|| expr(random, &visible, Type::Bool, depth + 1, depth > 0));
    let grouped = random.chance(35);
    let mut group_by = Vec::new();
    let targets;
    let mut having = None;
    if grouped {
        for _ in 0..random.below(3) {
            let ty = *random.pick(&Type::ALL);
            let depth = usize::from(random.chance(30));
            group_by.push(expr(random, &scope, ty, depth, false));
        }
        // A constant in GROUP BY would be a column number.
        group_by.retain(|key| scope.columns.iter().any(|(name, _)| key.to_sql().contains(name.as_str())));
        targets = types.iter().map(|&ty| grouped_target(random, &scope, &group_by, ty)).collect();
        having = random.chance(20).then(|| {
            Expr::node(
                Type::Bool,
                "(? > ?)",
                vec![aggregate(random, &scope, Type::Int8), literal(random, Type::Int8)],
            )
        });
    } else {
        targets = types.iter().map(|&ty| target(random, &visible, &scope, ty, depth)).collect();
    }
    let distinct = random.chance(15);
    Select {
        distinct,
        targets,
        sources,
        filter,
        group_by,
        having,
        set_operation: None,
        ordered: false,
        limit: None,
        offset: None,
    }
}

fn from(random: &mut Random, depth: usize, outer: Option<&Scope>) -> (Vec<Source>, Scope) {
    let count = 1 + random.below(if depth > 1 { 3 } else { 2 });
    let mut sources: Vec<Source> = Vec::new();
    let mut scope = Scope { columns: Vec::new() };
    let level = if outer.is_some() { "s" } else { "a" };
    for index in 0..count {
        let alias = format!("{level}{depth}{index}");
        let table = table(random, index == 0 && depth > 1, outer.is_some());
        let mut joined = scope.clone();
        joined.columns.extend(COLUMNS.iter().map(|column| (format!("{alias}.{}", column.name), column.ty)));
        let joins = ["JOIN", "JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"];
        let on = (index > 0).then(|| join_condition(random, &scope, &alias, &joined));
        sources.push(Source {
            text: format!("{table} AS {alias}"),
            join: joins[random.below(joins.len())],
            on,
        });
        scope = joined;
    }
    (sources, scope)
}

/// Picks a table; the largest only first in a top-level join, small ones in subqueries, so that answers come soon.
fn table(random: &mut Random, first: bool, inner: bool) -> &'static str {
    let choice = if random.chance(5) {
        random.below(2)
    } else if inner {
        2
    } else if first && random.chance(8) {
        4
    } else {
        2 + random.below(2)
    };
    TABLES[choice].0
}

fn join_condition(random: &mut Random, left: &Scope, alias: &str, joined: &Scope) -> Expr {
    let keys = ["id", "id", "i4", "d"];
    let key = *random.pick(&keys);
    let partner = left
        .columns
        .iter()
        .filter(|(name, _)| name.ends_with(&format!(".{key}")))
        .map(|(name, _)| name.clone())
        .next_back()
        .unwrap_or_else(|| "1".to_owned());
    let equal = Expr::leaf(Type::Bool, format!("{partner} = {alias}.{key}"));
    // FULL JOIN takes mergeable conditions only: a further conjunct is allowed beside the equality.
    if random.chance(25) {
        let more = expr(random, joined, Type::Bool, 1, false);
        return Expr::node(Type::Bool, "(? AND ?)", vec![equal, more]);
    }
    equal
}

fn target(random: &mut Random, visible: &Scope, local: &Scope, ty: Type, depth: usize) -> Expr {
    if depth > 1 && random.chance(10) {
        return window(random, local, ty);
    }
    expr(random, visible, ty, 2, depth > 0)
}

fn window(random: &mut Random, scope: &Scope, ty: Type) -> Expr {
    let id = scope.of_type(Type::Int4).first().map_or("1".to_owned(), |name| (*name).to_owned());
    let order: Vec<String> = scope
        .columns
        .iter()
        .filter(|(name, _)| name.ends_with(".id"))
        .map(|(name, _)| name.clone())
        .collect();
    let order = if order.is_empty() { id } else { order.join(", ") };
    let partition = if random.chance(60) {
        let ty = *random.pick(&Type::ALL);
        format!("PARTITION BY {} ", column_or_literal(random, scope, ty).to_sql())
    } else {
        String::new()
    };
    let over = format!("OVER ({partition}ORDER BY {order})");
    if ty == Type::Int8 {
        let calls = ["row_number()", "rank()", "dense_rank()", "count(*)"];
        return Expr::leaf(ty, format!("{} {over}", random.pick(&calls)));
    }
    let calls = ["lag(?)", "lead(?, 2)", "first_value(?)", "last_value(?)", "max(?)"];
    let call = if matches!(ty, Type::Bool) { calls[random.below(4)] } else { *random.pick(&calls) };
    let arg = column_or_literal(random, scope, ty);
    Expr::node(ty, &format!("{call} {over}"), vec![arg])
}

fn grouped_target(random: &mut Random, scope: &Scope, keys: &[Expr], ty: Type) -> Expr {
    let fitting: Vec<&Expr> = keys.iter().filter(|key| key.ty == ty).collect();
    if !fitting.is_empty() && random.chance(50) {
        return (*random.pick(&fitting)).clone();
    }
    aggregate(random, scope, ty)
}

fn aggregate(random: &mut Random, scope: &Scope, ty: Type) -> Expr {
    let arg = |random: &mut Random, ty| expr(random, scope, ty, 1, false);
    let (template, child): (&str, Option<Expr>) = match ty {
        Type::Bool => {
            (if random.chance(50) { "bool_and(?)" } else { "bool_or(?)" }, Some(arg(random, Type::Bool)))
        }
        Type::Int8 => match random.below(5) {
            0 => ("count(*)", None),
            1 => {
                let any = *random.pick(&Type::ALL);
                ("count(?)", Some(arg(random, any)))
            }
            2 => {
                let any = *random.pick(&Type::ALL);
                ("count(DISTINCT ?)", Some(arg(random, any)))
            }
            3 => ("sum(?)", Some(column_or_literal(random, scope, Type::Int4))),
            _ => ("max(?)", Some(arg(random, Type::Int8))),
        },
        Type::Numeric => match random.below(4) {
            0 => ("sum(?)", Some(arg(random, Type::Numeric))),
            1 => ("avg(?)", Some(arg(random, Type::Numeric))),
            2 => ("avg(?)", Some(arg(random, Type::Int4))),
            _ => ("min(?)", Some(arg(random, Type::Numeric))),
        },
        Type::Int2
        | Type::Int4
        | Type::Float8
        | Type::Text
        | Type::Date
        | Type::Timestamp
        | Type::Interval => (if random.chance(50) { "min(?)" } else { "max(?)" }, Some(arg(random, ty))),
    };
    let mut template = template.to_owned();
    let mut children: Vec<Expr> = child.into_iter().collect();
    if random.chance(15) {
        template.push_str(" FILTER (WHERE ?)");
        children.push(expr(random, scope, Type::Bool, 1, false));
    }
    let mut node = Expr::node(ty, &template, children);
    node.aggregate = true;
    node
}

fn literal(random: &mut Random, ty: Type) -> Expr {
    if random.chance(6) {
        return Expr::leaf(ty, format!("NULL::{}", ty.name()));
    }
    let text = match ty {
        Type::Bool => if random.chance(50) { "true" } else { "false" }.to_owned(),
        Type::Int2 => format!("{}::smallint", random.below(12)),
        Type::Int4 => format!("{}", random.below(50)),
        Type::Int8 => format!("{}::bigint", random.below(5000)),
        Type::Numeric => format!("{}.{}", random.below(100), random.below(1000)),
        Type::Float8 => format!("'{}'::double precision", random.below(64) as f64 / 4.0),
        Type::Text => format!("'{}'", random.pick(&["", "a", "ab", "abc", "c1", "c12", "%a%", "12"])),
        Type::Date => {
            format!("date '20{}-0{}-1{}'", 10 + random.below(15), 1 + random.below(9), random.below(10))
        }
        Type::Timestamp => format!("timestamp '2024-0{}-1{} 12:00'", 1 + random.below(9), random.below(10)),
        Type::Interval => format!("interval '{} days {} hours'", random.below(40), random.below(30)),
    };
    Expr::leaf(ty, text)
}

fn column_or_literal(random: &mut Random, scope: &Scope, ty: Type) -> Expr {
    let columns = scope.of_type(ty);
    if columns.is_empty() || random.chance(15) {
        return literal(random, ty);
    }
    Expr::leaf(ty, *random.pick(&columns))
}

/// Returns an expression of type `ty`; subqueries may be used when `subqueries`.
fn expr(random: &mut Random, scope: &Scope, ty: Type, depth: usize, subqueries: bool) -> Expr {
    if depth == 0 || random.chance(20) {
        return column_or_literal(random, scope, ty);
    }
    if subqueries && random.chance(8) {
        return subquery(random, scope, ty);
    }
    if random.chance(12) {
        return conditional(random, scope, ty, depth - 1);
    }
    let templates = templates(ty);
    let (template, types) = random.pick(templates);
    let children = types.iter().map(|&child| expr(random, scope, child, depth - 1, subqueries)).collect();
    Expr::node(ty, template, children)
}

fn conditional(random: &mut Random, scope: &Scope, ty: Type, depth: usize) -> Expr {
    let mut child = |ty| expr(random, scope, ty, depth, false);
    let children = vec![child(Type::Bool), child(ty), child(ty)];
    match random.below(3) {
        0 => Expr::node(ty, "coalesce(?, ?)", children[1..].to_vec()),
        1 => Expr::node(ty, "nullif(?, ?)", children[1..].to_vec()),
        _ => Expr::node(ty, "CASE WHEN ? THEN ? ELSE ? END", children),
    }
}

fn subquery(random: &mut Random, scope: &Scope, ty: Type) -> Expr {
    if ty == Type::Bool {
        let key = *random.pick(&[Type::Int4, Type::Text, Type::Date]);
        let inner = select(random, &[key], 0, Some(scope)).to_sql();
        let left = column_or_literal(random, scope, key);
        return match random.below(4) {
            0 => Expr::leaf(ty, format!("EXISTS ({inner})")),
            1 => Expr::leaf(ty, format!("NOT EXISTS ({inner})")),
            2 => Expr::node(ty, &format!("(? IN ({}))", inner.replace('?', "")), vec![left]),
            _ => Expr::node(ty, &format!("(? NOT IN ({}))", inner.replace('?', "")), vec![left]),
        };
    }
    let mut inner = select(random, &[ty], 0, Some(scope));
    inner.group_by.clear();
    inner.having = None;
    inner.distinct = false;
    let local =
        Scope { columns: COLUMNS.iter().map(|column| (format!("s00.{}", column.name), column.ty)).collect() };
    inner.targets = vec![aggregate(random, &local, ty)];
    Expr::leaf(ty, format!("({})", inner.to_sql()))
}

type Template = (&'static str, &'static [Type]);

const BOOL: &[Template] = &[
    ("(? AND ?)", &[Type::Bool, Type::Bool]),
    ("(? OR ?)", &[Type::Bool, Type::Bool]),
    ("(NOT ?)", &[Type::Bool]),
    ("(? IS NULL)", &[Type::Int4]),
    ("(? IS NOT NULL)", &[Type::Text]),
    ("(? IS DISTINCT FROM ?)", &[Type::Int4, Type::Int4]),
    ("(? IS TRUE)", &[Type::Bool]),
    ("(? = ?)", &[Type::Int4, Type::Int8]),
    ("(? < ?)", &[Type::Int2, Type::Int4]),
    ("(? <= ?)", &[Type::Numeric, Type::Numeric]),
    ("(? > ?)", &[Type::Numeric, Type::Int4]),
    ("(? >= ?)", &[Type::Float8, Type::Float8]),
    ("(? <> ?)", &[Type::Text, Type::Text]),
    ("(? < ?)", &[Type::Text, Type::Text]),
    ("(? < ?)", &[Type::Date, Type::Date]),
    ("(? >= ?)", &[Type::Timestamp, Type::Date]),
    ("(? > ?)", &[Type::Interval, Type::Interval]),
    ("(? BETWEEN ? AND ?)", &[Type::Int4, Type::Int4, Type::Int4]),
    ("(? BETWEEN ? AND ?)", &[Type::Date, Type::Date, Type::Date]),
    ("(? IN (?, ?, 5, NULL))", &[Type::Int4, Type::Int4, Type::Int4]),
    ("(? IN ('a', 'ab', ?))", &[Type::Text, Type::Text]),
    ("(? NOT IN (1, 2, ?))", &[Type::Int2, Type::Int2]),
    ("(? LIKE 'a%')", &[Type::Text]),
    ("(? LIKE '%b_')", &[Type::Text]),
    ("(? NOT LIKE '%1%')", &[Type::Text]),
    ("(? ILIKE 'A%')", &[Type::Text]),
    ("((?, ?) < (?, ?))", &[Type::Int4, Type::Text, Type::Int4, Type::Text]),
];
const INT2: &[Template] =
    &[("(? % 7::smallint)", &[Type::Int2]), ("(- ?)", &[Type::Int2]), ("abs(?)", &[Type::Int2])];
const INT4: &[Template] = &[
    ("(? + ?)", &[Type::Int4, Type::Int2]),
    ("(? - ?)", &[Type::Int4, Type::Int4]),
    ("(? * 3)", &[Type::Int4]),
    ("(? / nullif(?, 0))", &[Type::Int4, Type::Int4]),
    ("(? % 10)", &[Type::Int4]),
    ("length(?)", &[Type::Text]),
    ("position('b' IN ?)", &[Type::Text]),
    ("(? - ?)", &[Type::Date, Type::Date]),
    ("greatest(?, ?)", &[Type::Int4, Type::Int4]),
    ("extract(year FROM ?)::integer", &[Type::Date]),
    ("round(?)::integer", &[Type::Numeric]),
];
const INT8: &[Template] = &[
    ("(? + ?)", &[Type::Int8, Type::Int4]),
    ("(? - ?)", &[Type::Int8, Type::Int8]),
    ("(?::bigint * ?)", &[Type::Int4, Type::Int2]),
    ("least(?, ?)", &[Type::Int8, Type::Int8]),
    ("(? & 255)", &[Type::Int8]),
];
const NUMERIC: &[Template] = &[
    ("(? + ?)", &[Type::Numeric, Type::Numeric]),
    ("(? - ?)", &[Type::Numeric, Type::Int4]),
    ("(? * ?)", &[Type::Numeric, Type::Numeric]),
    ("(? / nullif(?, 0))", &[Type::Numeric, Type::Numeric]),
    ("round(?, 1)", &[Type::Numeric]),
    ("trunc(?)", &[Type::Numeric]),
    ("abs(?)", &[Type::Numeric]),
    ("?::numeric(20,3)", &[Type::Numeric]),
    ("(? % 7)", &[Type::Numeric]),
    ("extract(day FROM ?)", &[Type::Date]),
    ("?::numeric", &[Type::Int8]),
];
const FLOAT8: &[Template] = &[
    ("(? + ?)", &[Type::Float8, Type::Float8]),
    ("(? * ?)", &[Type::Float8, Type::Float8]),
    ("(? - ?)", &[Type::Float8, Type::Int4]),
    ("?::double precision", &[Type::Int4]),
    ("floor(?)", &[Type::Float8]),
    ("abs(?)", &[Type::Float8]),
];
const TEXT: &[Template] = &[
    ("(? || ?)", &[Type::Text, Type::Text]),
    ("upper(?)", &[Type::Text]),
    ("lower(?)", &[Type::Text]),
    ("substring(? FROM 2 FOR 2)", &[Type::Text]),
    ("left(?, 2)", &[Type::Text]),
    ("replace(?, 'a', ?)", &[Type::Text, Type::Text]),
    ("?::text", &[Type::Int4]),
    ("?::text", &[Type::Numeric]),
    ("?::text", &[Type::Date]),
    ("?::text", &[Type::Float8]),
    ("trim(?)", &[Type::Text]),
    ("lpad(?, 5, '*')", &[Type::Text]),
    ("?::text", &[Type::Interval]),
];
const DATE: &[Template] = &[
    ("(? + ?)", &[Type::Date, Type::Int2]),
    ("(? - 30)", &[Type::Date]),
    ("?::date", &[Type::Timestamp]),
    ("greatest(?, ?)", &[Type::Date, Type::Date]),
];
const TIMESTAMP: &[Template] = &[
    ("(? + ?)", &[Type::Timestamp, Type::Interval]),
    ("(? - ?)", &[Type::Date, Type::Interval]),
    ("date_trunc('month', ?)", &[Type::Timestamp]),
    ("?::timestamp", &[Type::Date]),
];
const INTERVAL: &[Template] = &[
    ("(? - ?)", &[Type::Timestamp, Type::Timestamp]),
    ("(? + ?)", &[Type::Interval, Type::Interval]),
    ("(? * 2)", &[Type::Interval]),
    ("(? * interval '1 day')", &[Type::Int2]),
];

fn templates(ty: Type) -> &'static [Template] {
    match ty {
        Type::Bool => BOOL,
        Type::Int2 => INT2,
        Type::Int4 => INT4,
        Type::Int8 => INT8,
        Type::Numeric => NUMERIC,
        Type::Float8 => FLOAT8,
        Type::Text => TEXT,
        Type::Date => DATE,
        Type::Timestamp => TIMESTAMP,
        Type::Interval => INTERVAL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_one_query() {
        for seed in 0..500 {
            let sql = query(&mut Random::new(seed)).to_sql();
            assert_eq!(sql, query(&mut Random::new(seed)).to_sql(), "seed {seed}");
            assert!(!sql.contains('?'), "seed {seed}: {sql}");
        }
    }
}

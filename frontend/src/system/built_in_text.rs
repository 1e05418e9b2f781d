//! SQL text of built-in views, indexes and constraints.

use std::collections::HashMap;
use std::sync::LazyLock;

use datasets::catalog::{self as rows, Row};
use types::Oid;

use super::built_in;
use crate::catalog::builtin::builtin;
use crate::session::settings::quote_identifier;

/// Text of the built-in views by oid.
static VIEWS: LazyLock<HashMap<Oid, String>> = LazyLock::new(|| {
    rows::rows(rows::PG_REWRITE)
        .filter(|row| row.text("rulename") == "_RETURN")
        .map(|row| (row.oid("ev_class"), row.text("ev_action").into_owned()))
        .collect()
});

/// Rows of `pg_index` by the oid of the index.
static INDEXES: LazyLock<HashMap<Oid, Row<'static>>> =
    LazyLock::new(|| rows::rows(rows::PG_INDEX).map(|row| (row.oid("indexrelid"), row)).collect());

/// Returns the text of a built-in view.
pub fn view(oid: Oid) -> Option<&'static str> {
    VIEWS.get(&oid).map(String::as_str)
}

fn column_name(relation: Oid, number: i64) -> String {
    let column =
        usize::try_from(number - 1).ok().and_then(|at| builtin().relation(relation)?.columns.get(at));
    column.map_or_else(String::new, |column| quote_identifier(&column.name))
}

/// Returns CREATE INDEX of a built-in index, or its column `at` when that is not 0.
pub fn index(oid: Oid, at: usize) -> Option<String> {
    let row = INDEXES.get(&oid)?;
    let table = row.oid("indrelid");
    let numbers: Vec<i64> = row.numbers("indkey").unwrap_or_default();
    let names: Vec<String> = numbers.iter().map(|number| column_name(table, *number)).collect();
    if at > 0 {
        return Some(names.get(at - 1).cloned().unwrap_or_default());
    }
    let class = built_in::row(rows::PG_CLASS, oid)?;
    let relation = built_in::row(rows::PG_CLASS, table)?;
    let schema = builtin().namespaces().iter().find(|(oid, _)| *oid == relation.oid("relnamespace"))?;
    let method = built_in::row(rows::PG_AM, class.oid("relam"))?;
    let classes: Vec<Oid> = row.numbers("indclass").unwrap_or_default();
    let keys: Vec<String> = names
        .iter()
        .zip(&classes)
        .map(|(name, class)| match built_in::row(rows::PG_OPCLASS, *class) {
            Some(class) if !class.bool("opcdefault") => format!("{name} {}", class.text("opcname")),
            Some(_) | None => name.clone(),
        })
        .collect();
    Some(format!(
        "CREATE {}INDEX {} ON {}.{} USING {} ({})",
        if row.bool("indisunique") { "UNIQUE " } else { "" },
        quote_identifier(&class.text("relname")),
        quote_identifier(&schema.1),
        quote_identifier(&relation.text("relname")),
        method.text("amname"),
        keys.join(", ")
    ))
}

/// Returns the SQL of a built-in constraint.
pub fn constraint(oid: Oid) -> Option<String> {
    let row = built_in::row(rows::PG_CONSTRAINT, oid)?;
    let table = row.oid("conrelid");
    let numbers: Vec<i64> = row.numbers("conkey").unwrap_or_default();
    let names: Vec<String> = numbers.iter().map(|number| column_name(table, *number)).collect();
    Some(match row.char("contype") {
        'p' => format!("PRIMARY KEY ({})", names.join(", ")),
        'u' => format!("UNIQUE ({})", names.join(", ")),
        'n' => format!("NOT NULL {}", names.join(", ")),
        'c' => format!("CHECK ({})", row.text("conbin")),
        _ => return None,
    })
}

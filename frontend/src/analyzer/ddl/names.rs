//! Names that PostgreSQL generates: `table_column_label`, numbered until they are free.

use ecow::EcoString;
use types::Oid;

use crate::catalog::Catalog;

/// `NAMEDATALEN - 1`.
const NAME_BYTES_MAX: usize = 63;

/// Returns `table_column_label`, cut to 63 bytes as PostgreSQL's `makeObjectName` does.
pub fn object_name(table: &str, column: &str, label: &str) -> EcoString {
    let overhead = if label.is_empty() { 0 } else { label.len() + 1 } + usize::from(!column.is_empty());
    let available = NAME_BYTES_MAX.saturating_sub(overhead);
    let (mut first, mut second) = (table.len(), column.len());
    while first + second > available {
        if first > second { first -= 1 } else { second -= 1 }
    }
    let mut name = cut(table, first).to_owned();
    for part in [cut(column, second), label] {
        if !part.is_empty() {
            name.push('_');
            name.push_str(part);
        }
    }
    name.into()
}

fn cut(text: &str, len: usize) -> &str {
    let end = (0..=len.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    &text[..end]
}

/// Returns the first of `table_column_label`, `table_column_label1`, ... that is not taken.
pub fn choose(table: &str, column: &str, label: &str, taken: &dyn Fn(&str) -> bool) -> EcoString {
    let name = object_name(table, column, label);
    if !taken(&name) {
        return name;
    }
    (1..u32::MAX)
        .map(|number| object_name(table, column, &format!("{label}{number}")))
        .find(|name| !taken(name))
        .unwrap_or(name)
}

/// Joins column names for a generated name, as `ChooseIndexNameAddition`.
pub fn columns_addition<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut text = String::new();
    for name in names {
        if !text.is_empty() {
            text.push('_');
        }
        text.push_str(name);
        if text.len() >= NAME_BYTES_MAX {
            break;
        }
    }
    text
}

impl Catalog {
    /// Says whether a relation or index of the schema has the name.
    pub fn is_relation_name_taken(&self, schema: Oid, name: &str) -> bool {
        self.relations
            .values()
            .filter(|relation| relation.schema == schema)
            .any(|relation| relation.name == name || relation.indexes.iter().any(|index| index.name == name))
    }
    /// Says whether a constraint of a table in the schema has the name.
    pub fn is_constraint_name_taken(&self, schema: Oid, name: &str) -> bool {
        self.relations
            .values()
            .filter(|relation| relation.schema == schema)
            .any(|relation| relation.constraints.iter().any(|constraint| constraint.name == name))
    }
}

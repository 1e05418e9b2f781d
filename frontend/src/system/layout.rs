//! The columns of system relations, their built-in rows, and rows built by column name.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use datasets::catalog::{self, PG_ATTRIBUTE, PG_CLASS};
use parking_lot::Mutex;
use types::io::{IoContext, text_input};
use types::{ArrayValue, Datum, Oid, Result, oids};

/// A system relation.
#[derive(Debug)]
pub struct Layout {
    /// Name.
    pub name: String,
    /// `pg_class.relkind`.
    pub kind: char,
    /// Names and types of the columns.
    pub columns: Vec<(String, Oid)>,
}

/// System relations by oid.
static LAYOUTS: LazyLock<HashMap<Oid, Arc<Layout>>> = LazyLock::new(|| {
    let mut columns: HashMap<Oid, Vec<(i64, String, Oid)>> = HashMap::new();
    for row in catalog::rows(PG_ATTRIBUTE) {
        let number = row.int("attnum");
        if number > 0 {
            let column = (number, row.text("attname").into_owned(), row.oid("atttypid"));
            columns.entry(row.oid("attrelid")).or_default().push(column);
        }
    }
    let layout = |row: catalog::Row<'_>| {
        let mut columns = columns.remove(&row.oid("oid")).unwrap_or_default();
        columns.sort_by_key(|(number, ..)| *number);
        let layout = Layout {
            name: row.text("relname").into_owned(),
            kind: row.char("relkind"),
            columns: columns.into_iter().map(|(_, name, ty)| (name, ty)).collect(),
        };
        (row.oid("oid"), Arc::new(layout))
    };
    catalog::rows(PG_CLASS).map(layout).collect()
});

/// Returns a system relation.
pub fn layout(relation: Oid) -> Option<Arc<Layout>> {
    LAYOUTS.get(&relation).cloned()
}

/// Rows of a system relation.
pub type Rows = Vec<Vec<Datum>>;

/// Built-in rows that were read, by the relation's name.
static BUILTIN: LazyLock<Mutex<HashMap<String, Arc<Rows>>>> = LazyLock::new(Mutex::default);

/// Returns the built-in rows of a relation; empty when it has none.
///
/// # Errors
/// When a row does not read, which a test excludes.
pub fn builtin_rows(layout: &Layout) -> Result<Arc<Rows>> {
    if let Some(rows) = BUILTIN.lock().get(&layout.name) {
        return Ok(Arc::clone(rows));
    }
    let file = catalog::ALL.iter().find(|(name, _)| *name == layout.name);
    let rows = match file {
        Some((_, file)) if layout.kind == 'r' => catalog::rows(file)
            .map(|row| layout.columns.iter().map(|(name, ty)| value(row.get(name).as_deref(), *ty)).collect())
            .collect::<Result<_>>()?,
        Some(_) | None => Rows::new(),
    };
    let rows = Arc::new(rows);
    BUILTIN.lock().insert(layout.name.clone(), Arc::clone(&rows));
    Ok(rows)
}

fn value(text: Option<&str>, ty: Oid) -> Result<Datum> {
    let Some(text) = text else { return Ok(Datum::Null) };
    match ty {
        oids::ACLITEM_ARRAY => match text_input(oids::TEXT_ARRAY, -1, text, &IoContext::default())? {
            Datum::Array(array) => Ok(Datum::Array(Arc::new(ArrayValue {
                element_type: oids::ACLITEM,
                ..ArrayValue::clone(&array)
            }))),
            other => Ok(other),
        },
        oids::ANYARRAY => Ok(Datum::Null),
        _ => text_input(ty, -1, text, &IoContext::default()),
    }
}

/// Builds rows of a relation by column name; columns that are not named are NULL.
pub struct Maker<'a> {
    layout: &'a Layout,
    positions: HashMap<&'a str, usize>,
    /// The rows so far.
    pub rows: Rows,
}

impl<'a> Maker<'a> {
    /// Returns a maker of rows of `layout`.
    pub fn new(layout: &'a Layout) -> Self {
        let positions =
            layout.columns.iter().enumerate().map(|(index, (name, _))| (name.as_str(), index)).collect();
        Self { layout, positions, rows: Vec::new() }
    }

    /// Adds a row.
    pub fn add(&mut self, values: &[(&str, Datum)]) {
        let mut row = vec![Datum::Null; self.layout.columns.len()];
        for (name, value) in values {
            if let Some(position) = self.positions.get(name) {
                row[*position] = value.clone();
            } else {
                debug_assert!(false, "{} has no column {name}", self.layout.name);
            }
        }
        self.rows.push(row);
    }
}

/// Returns an oid as a datum.
pub fn oid(value: Oid) -> Datum {
    Datum::I64(i64::from(value))
}

/// Returns a vector of small integers (`int2vector`).
pub fn int2_vector(values: impl IntoIterator<Item = i16>) -> Datum {
    vector(oids::INT2, values.into_iter().map(Datum::I16).collect())
}

/// Returns a vector of oids (`oidvector`).
pub fn oid_vector(values: impl IntoIterator<Item = Oid>) -> Datum {
    vector(oids::OID, values.into_iter().map(oid).collect())
}

fn vector(element_type: Oid, elements: Vec<Datum>) -> Datum {
    let len = i32::try_from(elements.len()).unwrap_or(0);
    Datum::Array(Arc::new(ArrayValue { element_type, dimensions: vec![(len, 0)], elements }))
}

/// Returns a one-dimensional array.
pub fn array(element_type: Oid, elements: Vec<Datum>) -> Datum {
    Datum::Array(Arc::new(ArrayValue::one_dimensional(element_type, elements)))
}

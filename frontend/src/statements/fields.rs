//! Descriptions of result columns.

use std::collections::HashMap;
use std::sync::LazyLock;

use types::{Oid, TypeRef, oids};

use crate::query::OutputColumn;
use crate::server::output::FieldDescription;

/// `pg_type.typlen` of the built-in types.
static SIZES: LazyLock<HashMap<Oid, i16>> = LazyLock::new(|| {
    datasets::catalog::rows(datasets::catalog::PG_TYPE)
        .map(|row| (row.oid("oid"), row.parse("typlen").unwrap_or(-1)))
        .collect()
});

/// Describes a column.
pub fn field(name: &str, ty: TypeRef) -> FieldDescription {
    FieldDescription {
        name: name.to_owned(),
        origin: None,
        ty,
        size: SIZES.get(&ty.oid).copied().unwrap_or(-1),
    }
}

/// Describes a column of type text.
pub fn text_field(name: &str) -> FieldDescription {
    field(name, TypeRef::plain(oids::TEXT))
}

/// Describes the columns of a query.
pub fn output_fields(columns: &[OutputColumn]) -> Vec<FieldDescription> {
    columns
        .iter()
        .map(|column| FieldDescription { origin: column.origin, ..field(&column.name, column.ty) })
        .collect()
}

//! System relations and the functions that need the session.

mod built_in;
mod built_in_text;
mod constraint_rows;
mod definitions;
mod dependencies;
mod encodings;
pub mod functions;
mod layout;
mod locks;
pub mod names;
mod relations;
mod sequence_rows;
mod shown;
mod view_definition;
mod views;

use types::{Datum, Oid, PgError, Result};

use crate::catalog::{Relation, RelationKind};
use crate::session::access::Access;
use layout::{Maker, layout};

/// Returns the row of a sequence.
fn sequence_row(access: &Access, relation: &Relation, columns: &[usize]) -> Result<Vec<Vec<Datum>>> {
    let RelationKind::Sequence(sequence) = &relation.kind else {
        return Err(PgError::internal("a relation without rows"));
    };
    let state = access.engine.sequences.peek(&access.engine, sequence)?;
    let row = [Datum::I64(state.last), Datum::I64(state.ahead), Datum::Bool(state.called)];
    Ok(vec![columns.iter().filter_map(|column| row.get(*column).cloned()).collect()])
}

/// Returns the rows of a system relation.
///
/// # Errors
/// `0A000` for a relation that cannot be made yet.
pub fn rows(access: &Access, relation: Oid, columns: &[usize]) -> Result<Vec<Vec<Datum>>> {
    if let Some(sequence) = access.catalog.relations.get(&relation) {
        return sequence_row(access, sequence, columns);
    }
    let layout = layout(relation)
        .ok_or_else(|| PgError::internal(format!("there is no system relation {relation}")))?;
    let builtin = layout::builtin_rows(&layout)?;
    let mut maker = Maker::new(&layout);
    let known = match layout.kind {
        'r' => relations::add(access, &layout.name, &mut maker)?,
        _ => views::add(access, &layout.name, &mut maker)?,
    };
    if !known {
        return Err(PgError::not_supported(format!("reading system relation \"{}\"", layout.name)));
    }
    let pick = |row: &Vec<Datum>| {
        columns.iter().map(|column| row.get(*column).cloned().unwrap_or_default()).collect::<Vec<_>>()
    };
    // `public` is an ordinary schema, which may have been dropped.
    let gone = |row: &&Vec<Datum>| {
        layout.name == "pg_namespace"
            && row.first() == Some(&Datum::I64(i64::from(types::oids::PUBLIC_NAMESPACE)))
            && !access.catalog.schemas.contains_key(&types::oids::PUBLIC_NAMESPACE)
    };
    Ok(builtin.iter().filter(|row| !gone(row)).chain(&maker.rows).map(pick).collect())
}

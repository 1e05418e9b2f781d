//! System relations and the functions that need the session.

mod built_in;
mod built_in_text;
mod definitions;
mod encodings;
pub mod functions;
mod layout;
pub mod names;
mod relations;
mod views;

use types::{Datum, Oid, PgError, Result};

use crate::session::access::Access;
use layout::{Maker, layout};

/// Returns the rows of a system relation.
///
/// # Errors
/// `0A000` for a relation that cannot be made yet.
pub fn rows(access: &Access, relation: Oid, columns: &[usize]) -> Result<Vec<Vec<Datum>>> {
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
    Ok(builtin.iter().chain(&maker.rows).map(pick).collect())
}

//! INTO of SELECT INTO: it stands in the first SELECT of a set operation.

use std::borrow::Cow;

use pg_query::NodeEnum;
use pg_query::protobuf::{IntoClause, SelectStmt};
use types::{PgError, Result, SqlState};

use super::state::error;

/// Returns where a statement puts its rows; `None` when it returns them.
pub fn into_of(select: &SelectStmt) -> Option<&IntoClause> {
    match &select.larg {
        Some(first) => into_of(first),
        None => select.into_clause.as_deref(),
    }
}

/// Returns a statement that returns the rows.
pub fn without_into(node: &NodeEnum) -> Cow<'_, NodeEnum> {
    let NodeEnum::SelectStmt(select) = node else { return Cow::Borrowed(node) };
    if into_of(select).is_none() {
        return Cow::Borrowed(node);
    }
    let mut select = select.clone();
    let mut first = &mut select;
    while first.larg.is_some() {
        let Some(left) = &mut first.larg else { break };
        first = left;
    }
    first.into_clause = None;
    Cow::Owned(NodeEnum::SelectStmt(select))
}

/// Refuses INTO where rows are needed, or in another SELECT than the first one.
pub fn refuse_into(select: &SelectStmt) -> Result<()> {
    if let Some(into) = into_of(select) {
        return Err(refused("SELECT ... INTO is not allowed here", into));
    }
    if let Some(into) = select.rarg.as_deref().and_then(any_into) {
        return Err(refused("INTO is only allowed on first SELECT of UNION/INTERSECT/EXCEPT", into));
    }
    Ok(())
}

fn any_into(select: &SelectStmt) -> Option<&IntoClause> {
    let below = [&select.larg, &select.rarg].into_iter().flatten().find_map(|below| any_into(below));
    below.or(select.into_clause.as_deref())
}

fn refused(message: &str, into: &IntoClause) -> PgError {
    let at = into.rel.as_ref().and_then(|name| usize::try_from(name.location).ok());
    error(SqlState::SYNTAX_ERROR, message, at)
}

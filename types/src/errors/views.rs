//! Errors of changes through views.

use super::{PgError, SqlState};

/// What a statement wants of a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ViewChange {
    /// INSERT
    Insert,
    /// UPDATE
    Update,
    /// DELETE
    Delete,
    /// MERGE that inserts first of all
    MergeInsert,
    /// MERGE that updates first of all
    MergeUpdate,
    /// MERGE that deletes first of all
    MergeDelete,
}

impl ViewChange {
    /// Returns the verb, its `-ing` form and the word of triggers and rules.
    fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Insert | Self::MergeInsert => ("insert into", "inserting into", "INSERT"),
            Self::Update | Self::MergeUpdate => ("update", "updating", "UPDATE"),
            Self::Delete | Self::MergeDelete => ("delete from", "deleting from", "DELETE"),
        }
    }

    fn is_merge(self) -> bool {
        matches!(self, Self::MergeInsert | Self::MergeUpdate | Self::MergeDelete)
    }
}

/// `cannot insert into view "v"` for a view that is not automatically updatable; `why` is the detail.
pub fn view_not_updatable(view: &str, change: ViewChange, why: &str) -> PgError {
    let (verb, doing, command) = change.words();
    let refused =
        PgError::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, format!("cannot {verb} view \"{view}\""))
            .with_detail(why);
    if change.is_merge() {
        return refused.with_hint(format!(
            "To enable {doing} the view using MERGE, provide an INSTEAD OF {command} trigger."
        ));
    }
    refused.with_hint(format!(
        "To enable {doing} the view, provide an INSTEAD OF {command} trigger or an unconditional ON {command} DO INSTEAD rule."
    ))
}

/// `cannot insert into column "c" of view "v"`
pub fn view_column_not_updatable(
    view: &str,
    column: &str,
    change: ViewChange,
    insert: bool,
    why: &str,
) -> PgError {
    let verb = match insert {
        _ if change.is_merge() => "merge into",
        true => "insert into",
        false => "update",
    };
    let message = format!("cannot {verb} column \"{column}\" of view \"{view}\"");
    PgError::new(SqlState::FEATURE_NOT_SUPPORTED, message).with_detail(why)
}

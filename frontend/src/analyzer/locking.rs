//! FOR UPDATE and its relatives: where they are allowed and what they name (`CheckSelectLocking`,
//! `transformLockingClause`).

use executor::plan::{LockStrength, LockWait};
use pg_query::NodeEnum;
use pg_query::protobuf::{LockClauseStrength, LockWaitPolicy, LockingClause, SelectStmt};
use types::errors::locking;
use types::{PgError, Result, SqlState};

use super::select::Grouped;
use super::state::{Analyzer, at, error};
use crate::catalog::RelationKind;
use crate::query::{Distinct, FromItem, JoinType, Query, QueryBody, RowMark};

/// Returns the locking clauses of a SELECT.
fn clauses(select: &SelectStmt) -> impl Iterator<Item = &LockingClause> {
    select.locking_clause.iter().filter_map(|node| match &node.node {
        Some(NodeEnum::LockingClause(clause)) => Some(clause),
        _ => None,
    })
}

/// Returns a clause as SQL has it.
fn words(clause: &LockingClause) -> &'static str {
    match LockClauseStrength::try_from(clause.strength) {
        Ok(LockClauseStrength::LcsForkeyshare) => "FOR KEY SHARE",
        Ok(LockClauseStrength::LcsForshare) => "FOR SHARE",
        Ok(LockClauseStrength::LcsFornokeyupdate) => "FOR NO KEY UPDATE",
        Ok(
            LockClauseStrength::LcsForupdate | LockClauseStrength::LcsNone | LockClauseStrength::Undefined,
        )
        | Err(_) => "FOR UPDATE",
    }
}

/// Returns the words of a SELECT's first locking clause.
pub fn locking_words(select: &SelectStmt) -> Option<&'static str> {
    clauses(select).next().map(words)
}

/// Returns the name of a SELECT that locks rows as a command.
pub fn locking_command(select: &SelectStmt) -> Option<&'static str> {
    clauses(select).next().map(|clause| command_of(how(clause).0))
}

/// Returns the name of a SELECT that locks rows so as a command.
pub fn command_of(strength: LockStrength) -> &'static str {
    match strength {
        LockStrength::KeyShare => "SELECT FOR KEY SHARE",
        LockStrength::Share => "SELECT FOR SHARE",
        LockStrength::NoKeyUpdate => "SELECT FOR NO KEY UPDATE",
        LockStrength::Update => "SELECT FOR UPDATE",
    }
}

fn refused(message: String) -> PgError {
    PgError::new(SqlState::FEATURE_NOT_SUPPORTED, message)
}

/// Refuses locking clauses beside `what`.
pub(super) fn not_allowed_with(select: &SelectStmt, what: &str) -> Result<()> {
    match clauses(select).next() {
        Some(clause) => Err(refused(format!("{} is not allowed with {what}", words(clause)))),
        None => Ok(()),
    }
}

/// Refuses locking clauses on VALUES.
pub(super) fn not_on_values(select: &SelectStmt) -> Result<()> {
    match clauses(select).next() {
        Some(clause) => Err(refused(format!("{} cannot be applied to VALUES", words(clause)))),
        None => Ok(()),
    }
}

impl Analyzer<'_> {
    /// Checks the locking clauses of a SELECT and returns the tables whose rows they lock; subqueries get theirs.
    pub(super) fn check_locking(&mut self, select: &SelectStmt, parts: &mut Grouped) -> Result<Vec<RowMark>> {
        let mut marks = Vec::new();
        if select.locking_clause.is_empty() {
            return Ok(marks);
        }
        let level = self.level();
        let with_sets =
            |target: &super::select::Target| crate::optimizer::expressions::has_set_call(&target.expr);
        let beside = if !select.distinct_clause.is_empty() {
            "DISTINCT clause"
        } else if !select.group_clause.is_empty() {
            "GROUP BY clause"
        } else if select.having_clause.is_some() {
            "HAVING clause"
        } else if !level.aggregates.is_empty() {
            "aggregate functions"
        } else if !level.window_calls.is_empty() {
            "window functions"
        } else if parts.targets.iter().any(with_sets) {
            "set-returning functions in the target list"
        } else {
            ""
        };
        if !beside.is_empty() {
            not_allowed_with(select, beside)?;
        }
        for clause in clauses(select) {
            let strength = words(clause);
            if clause.locked_rels.is_empty() {
                parts.from.iter().try_for_each(|item| refuse_nullable(item, None, false, strength))?;
                parts.from.iter_mut().try_for_each(|item| mark(item, None, how(clause), &mut marks))?;
                continue;
            }
            for node in &clause.locked_rels {
                let Some(NodeEnum::RangeVar(range)) = &node.node else { continue };
                let location = at(range.location);
                let name = range.relname.as_str();
                if !range.schemaname.is_empty() || !range.catalogname.is_empty() {
                    let message = format!("{strength} must specify unqualified relation names");
                    return Err(error(SqlState::SYNTAX_ERROR, message, location));
                }
                let kind = parts.from.iter().find_map(|item| kind_of(item, name));
                let joined = self.level().items.iter().any(|item| item.alias.as_deref() == Some(name));
                let kind = kind.or(joined.then_some("a join"));
                match kind {
                    Some("") => {}
                    Some(kind) => {
                        let message = format!("{strength} cannot be applied to {kind}");
                        return Err(error(SqlState::FEATURE_NOT_SUPPORTED, message, location));
                    }
                    None => {
                        let message =
                            format!("relation \"{name}\" in {strength} clause not found in FROM clause");
                        return Err(error(SqlState::UNDEFINED_TABLE, message, location));
                    }
                }
                parts.from.iter().try_for_each(|item| refuse_nullable(item, Some(name), false, strength))?;
                parts.from.iter_mut().try_for_each(|item| mark(item, Some(name), how(clause), &mut marks))?;
            }
        }
        Ok(marks)
    }
}

/// Returns what an item of that name is: empty for one that can be locked.
fn kind_of(item: &FromItem, name: &str) -> Option<&'static str> {
    match item {
        FromItem::Table { alias, .. } | FromItem::Subquery { alias, .. } => (alias == name).then_some(""),
        FromItem::Cte { alias, .. } => (alias == name).then_some("a WITH query"),
        FromItem::Functions { alias, .. } => (alias == name).then_some("a function"),
        FromItem::Join(join) => kind_of(&join.left, name).or_else(|| kind_of(&join.right, name)),
    }
}

/// Returns what a clause asks for.
fn how(clause: &LockingClause) -> (LockStrength, LockWait) {
    let strength = match LockClauseStrength::try_from(clause.strength) {
        Ok(LockClauseStrength::LcsForkeyshare) => LockStrength::KeyShare,
        Ok(LockClauseStrength::LcsForshare) => LockStrength::Share,
        Ok(LockClauseStrength::LcsFornokeyupdate) => LockStrength::NoKeyUpdate,
        Ok(
            LockClauseStrength::LcsForupdate | LockClauseStrength::LcsNone | LockClauseStrength::Undefined,
        )
        | Err(_) => LockStrength::Update,
    };
    let wait = match LockWaitPolicy::try_from(clause.wait_policy) {
        Ok(LockWaitPolicy::LockWaitSkip) => LockWait::Skip,
        Ok(LockWaitPolicy::LockWaitError) => LockWait::Error,
        Ok(LockWaitPolicy::LockWaitBlock | LockWaitPolicy::Undefined) | Err(_) => LockWait::Block,
    };
    (strength, wait)
}

/// Marks (all or the named) tables for locking; those of subqueries in the subqueries. Of several clauses for a table the
/// strongest counts (`applyLockingClause`).
fn mark(
    item: &mut FromItem,
    name: Option<&str>,
    how: (LockStrength, LockWait),
    marks: &mut Vec<RowMark>,
) -> Result<()> {
    match item {
        FromItem::Table { relation, alias, row_id, .. } if name.is_none_or(|name| alias == name) => {
            match &relation.kind {
                RelationKind::Table => {}
                RelationKind::Sequence(_) => {
                    return Err(locking::cannot_lock_rows("sequence", &relation.name));
                }
                RelationKind::Materialized { .. } => {
                    return Err(locking::cannot_lock_rows("materialized view", &relation.name));
                }
                // Nobody but the server changes their rows.
                RelationKind::System | RelationKind::View { .. } | RelationKind::Composite => return Ok(()),
            }
            let Some(row_id) = *row_id else { return Ok(()) };
            match marks.iter_mut().find(|mark| mark.row_id == row_id) {
                Some(mark) => {
                    mark.strength = mark.strength.max(how.0);
                    mark.wait = mark.wait.max(how.1);
                }
                None => marks.push(RowMark {
                    row_id,
                    table: relation.table_id().0,
                    name: relation.name.clone(),
                    strength: how.0,
                    wait: how.1,
                }),
            }
            Ok(())
        }
        FromItem::Subquery { query, alias, .. } if name.is_none_or(|name| alias == name) => {
            if query.as_simple().is_some()
                && let QueryBody::Select(select) = &mut query.body
            {
                // They are locked above the conditions of this query, too.
                return select.from.iter_mut().try_for_each(|item| mark(item, None, how, marks));
            }
            query.locking = true;
            let QueryBody::Select(select) = &mut query.body else { return Ok(()) };
            select.from.iter_mut().try_for_each(|item| mark(item, None, how, &mut query.row_marks))
        }
        FromItem::Join(join) => {
            mark(&mut join.left, name, how, marks)?;
            mark(&mut join.right, name, how, marks)
        }
        FromItem::Table { .. }
        | FromItem::Subquery { .. }
        | FromItem::Cte { .. }
        | FromItem::Functions { .. } => Ok(()),
    }
}

/// Refuses to lock the tables of a subquery whose rows are not those of tables.
fn refuse_inside(query: &Query, strength: &str) -> Result<()> {
    let beside = match &query.body {
        QueryBody::SetOperation(_) => "UNION/INTERSECT/EXCEPT",
        QueryBody::Values { .. } | QueryBody::Modify(_) => return Ok(()),
        QueryBody::Select(select) => match &select.grouping {
            _ if !matches!(select.distinct, Distinct::No) => "DISTINCT clause",
            Some(grouping) if !grouping.keys.is_empty() => "GROUP BY clause",
            Some(_) if select.having.is_some() => "HAVING clause",
            Some(_) => "aggregate functions",
            None if !select.windows.is_empty() => "window functions",
            None => {
                return select.from.iter().try_for_each(|item| refuse_nullable(item, None, false, strength));
            }
        },
    };
    Err(refused(format!("{strength} is not allowed with {beside}")))
}

/// Refuses to lock (all or the named) tables where an outer join may have no row of them.
fn refuse_nullable(item: &FromItem, name: Option<&str>, nullable: bool, strength: &str) -> Result<()> {
    match item {
        FromItem::Table { alias, .. } | FromItem::Subquery { alias, .. } => {
            if nullable && name.is_none_or(|name| alias == name) {
                let message = format!("{strength} cannot be applied to the nullable side of an outer join");
                return Err(refused(message));
            }
            match item {
                // A view over a set operation locks nothing (`markQueryForLocking`).
                FromItem::Subquery { query, view: Some(_), .. }
                    if matches!(query.body, QueryBody::SetOperation(_)) =>
                {
                    Ok(())
                }
                FromItem::Subquery { query, .. } if name.is_none_or(|name| alias == name) => {
                    refuse_inside(query, strength)
                }
                _ => Ok(()),
            }
        }
        FromItem::Cte { .. } | FromItem::Functions { .. } => Ok(()),
        FromItem::Join(join) => {
            let (left, right) = match join.kind {
                JoinType::Inner => (false, false),
                JoinType::Left => (false, true),
                JoinType::Right => (true, false),
                JoinType::Full => (true, true),
            };
            refuse_nullable(&join.left, name, nullable || left, strength)?;
            refuse_nullable(&join.right, name, nullable || right, strength)
        }
    }
}

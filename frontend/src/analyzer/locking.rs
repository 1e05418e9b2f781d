//! FOR UPDATE and its relatives: where they are allowed and what they name (`CheckSelectLocking`,
//! `transformLockingClause`).

use pg_query::NodeEnum;
use pg_query::protobuf::{LockClauseStrength, LockingClause, SelectStmt};
use types::{PgError, Result, SqlState};

use super::select::Grouped;
use super::state::{Analyzer, at, error};
use crate::query::{Distinct, FromItem, JoinType, Query, QueryBody};

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
    /// Checks the locking clauses of a SELECT.
    pub(super) fn check_locking(&mut self, select: &SelectStmt, parts: &Grouped) -> Result<()> {
        if select.locking_clause.is_empty() {
            return Ok(());
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
            }
        }
        Ok(())
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
            None => return Ok(()),
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

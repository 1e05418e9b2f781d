//! ON CONFLICT: which keys count, and what DO UPDATE does.

use ecow::EcoString;
use executor::expr::{ColumnId, Expr};
use executor::plan::{Conflict, ConflictUpdate, TargetExclusion, TargetKey};
use pg_query::NodeEnum;
use pg_query::protobuf::{IndexElem, InferClause, OnConflictAction, OnConflictClause};
use types::errors::integrity;
use types::{PgError, Result, SqlState};

use super::Changed;
use super::target::{Happens, Touched};
use crate::analyzer::raw;
use crate::analyzer::state::{Analyzer, Clause, at, error};
use crate::analyzer::{ExpressionUse, node_expression};
use crate::catalog::IndexKey;
use crate::catalog::builtin::{BTREE, operator_class, operator_class_by_name};
use crate::optimizer::access::implication::implies;
use crate::optimizer::expressions::conjuncts;

impl Analyzer<'_> {
    /// Analyzes ON CONFLICT; the level keeps the result.
    pub(super) fn on_conflict(&mut self, clause: &OnConflictClause, table: &Changed<'_>) -> Result<()> {
        let updates = clause.action == OnConflictAction::OnconflictUpdate as i32;
        if updates && clause.infer.is_none() {
            let message = "ON CONFLICT DO UPDATE requires inference specification or constraint name";
            return Err(error(SqlState::SYNTAX_ERROR, message, at(clause.location))
                .with_hint("For example, ON CONFLICT (column_name)."));
        }
        let (targets, _) =
            self.targets_of(&table.relation, Happens { arrives: false, goes: false }, Touched::default())?;
        let keys = targets.first().map_or(&[][..], |target| &target.keys);
        let exclusions = targets.first().map_or(&[][..], |target| &target.exclusions);
        let arbiters = match &clause.infer {
            None => None,
            Some(infer) => Some(self.arbiters(infer, table, (keys, exclusions), updates)?),
        };
        let update = if updates { Some(self.conflict_update(clause, table)?) } else { None };
        let named_exclusion = |at: &usize| exclusions.get(at.checked_sub(keys.len())?);
        let deferrable = |at: &usize| match named_exclusion(at) {
            Some(exclusion) => Some(&exclusion.name).filter(|_| exclusion.deferrable),
            None => keys.get(*at).filter(|key| key.deferrable).map(|key| &key.name),
        };
        if let Some(deferrable) = arbiters.iter().flatten().find_map(deferrable) {
            let schema = self.context.catalog.schema_name(table.relation.schema).unwrap_or_default();
            let named = integrity::TableName { schema, table: &table.relation.name };
            return Err(integrity::deferrable_arbiter(named, deferrable));
        }
        self.level().conflict = Some(Conflict { arbiters, update });
        Ok(())
    }

    fn conflict_update(&mut self, clause: &OnConflictClause, table: &Changed<'_>) -> Result<ConflictUpdate> {
        let own = self.row_item(table, &table.name, &table.row.old, false)?;
        let mut excluded = self.row_item(table, &"excluded".into(), &table.row.new, true)?;
        excluded.alias = Some("excluded".into());
        excluded.system = None;
        self.level().items = vec![own];
        self.level().items.push(excluded);
        let base: Vec<Expr> = table
            .row
            .old
            .iter()
            .take(table.relation.columns.len())
            .map(|(id, ty)| Expr::column(*id, *ty))
            .collect();
        let values = self.set_list(&clause.target_list, table, &base)?;
        let values = values.into_iter().zip(&base).map(|(value, old)| value.unwrap_or_else(|| old.clone()));
        let values = values.collect();
        let filter = match raw::inner(&clause.where_clause) {
            Some(node) => Some(self.condition(node, Clause::Where)?),
            None => None,
        };
        self.level().items.clear();
        Ok(ConflictUpdate { values, filter })
    }

    /// Finds the keys that an inference clause means (`infer_arbiter_indexes`).
    fn arbiters(
        &mut self,
        infer: &InferClause,
        table: &Changed<'_>,
        (keys, exclusions): (&[TargetKey], &[TargetExclusion]),
        updates: bool,
    ) -> Result<Vec<usize>> {
        let relation = &table.relation;
        let named = table.view.as_ref().map_or(relation, |view| &view.relation);
        if !infer.conname.is_empty() {
            let found = keys.iter().position(|key| key.constraint && key.name == infer.conname.as_str());
            let excluding = exclusions.iter().position(|exclusion| exclusion.name == infer.conname.as_str());
            return match (found, excluding) {
                _ if table.view.is_some() => Err(no_constraint(&infer.conname, &named.name)),
                (Some(position), _) => Ok(vec![position]),
                (None, Some(_)) if updates => {
                    let message = "ON CONFLICT DO UPDATE not supported with exclusion constraints";
                    Err(PgError::new(SqlState::WRONG_OBJECT_TYPE, message))
                }
                (None, Some(position)) => Ok(vec![keys.len() + position]),
                (None, None) => Err(no_constraint(&infer.conname, &named.name)),
            };
        }
        let positions: Vec<ColumnId> = (0..).take(named.columns.len()).map(ColumnId).collect();
        let over_table = |mut expr: Expr| {
            if let Some(view) = &table.view {
                view.expand(&mut expr);
            }
            expr
        };
        let (mut wanted, mut demands): (Vec<Expr>, Vec<Inference>) = (Vec::new(), Vec::new());
        for node in &infer.index_elems {
            let Some(NodeEnum::IndexElem(element)) = &node.node else { continue };
            if element.ordering > 1 {
                let message = "ASC/DESC is not allowed in ON CONFLICT clause";
                return Err(error(SqlState::INVALID_COLUMN_REFERENCE, message, at(infer.location)));
            }
            if element.nulls_ordering > 1 {
                let message = "NULLS FIRST/LAST is not allowed in ON CONFLICT clause";
                return Err(error(SqlState::INVALID_COLUMN_REFERENCE, message, at(infer.location)));
            }
            demands.push(self.inference(element)?);
            wanted.push(match raw::inner(&element.expr) {
                Some(node) => over_table(
                    node_expression(node, ExpressionUse::Index, named, &positions, self.context)?.1,
                ),
                None => {
                    let position = named.column_position(&element.name);
                    if position.is_none() && super::assign::is_system_column(&element.name) {
                        return Err(no_arbiter());
                    }
                    let position = position.ok_or_else(|| {
                        let message = format!("column \"{}\" does not exist", element.name);
                        error(SqlState::UNDEFINED_COLUMN, message, at(infer.location))
                    })?;
                    over_table(Expr::column(ColumnId(position as u32), named.columns[position].ty))
                }
            });
        }
        let filter = match raw::inner(&infer.where_clause) {
            Some(node) => {
                let usage = ExpressionUse::Predicate;
                Some(over_table(node_expression(node, usage, named, &positions, self.context)?.1))
            }
            None => None,
        };
        let by_key = |key: &TargetKey| {
            let index = relation.indexes.iter().find(|index| index.oid == key.index);
            let same = key.columns.iter().all(|(expr, _)| wanted.contains(expr))
                && wanted.iter().zip(&demands).all(|(expr, demand)| {
                    key.columns.iter().enumerate().any(|(at, (known, _))| {
                        known == expr && demand.is_met(index.and_then(|index| index.keys.get(at)))
                    })
                });
            let implied = match (&key.predicate, &filter) {
                (None, _) => true,
                (Some(predicate), Some(filter)) => implies(&conjuncts(filter.clone()), predicate),
                (Some(_), None) => false,
            };
            same && implied
        };
        let found = keys.iter().enumerate().filter(|(_, key)| by_key(key));
        let found: Vec<usize> = found.map(|(position, _)| position).collect();
        if found.is_empty() {
            return Err(no_arbiter());
        }
        Ok(found)
    }
}

fn no_constraint(name: &str, table: &str) -> PgError {
    let message = format!("constraint \"{name}\" for table \"{table}\" does not exist");
    PgError::new(SqlState::UNDEFINED_OBJECT, message)
}

fn no_arbiter() -> PgError {
    PgError::new(
        SqlState::INVALID_COLUMN_REFERENCE,
        "there is no unique or exclusion constraint matching the ON CONFLICT specification",
    )
}

/// What an inference element says beside what is indexed.
#[derive(Default)]
struct Inference {
    collation: Option<types::Oid>,
    class: Option<EcoString>,
}

impl Inference {
    fn is_met(&self, key: Option<&IndexKey>) -> bool {
        let class = key.and_then(|key| operator_class(key.class));
        self.collation.is_none_or(|wanted| key.is_some_and(|key| key.collation == wanted))
            && self.class.as_ref().is_none_or(|wanted| class.is_some_and(|class| class.name == *wanted))
    }
}

impl Analyzer<'_> {
    fn inference(&self, element: &IndexElem) -> Result<Inference> {
        let names = raw::strings(&element.collation);
        let collation = if names.is_empty() { None } else { Some(self.collation(&names, None)?) };
        let class = raw::strings(&element.opclass).last().map(|name| EcoString::from(*name));
        if let Some(name) = &class {
            operator_class_by_name(BTREE, name).ok_or_else(|| {
                let message = format!("operator class \"{name}\" does not exist for access method \"btree\"");
                PgError::new(SqlState::UNDEFINED_OBJECT, message)
            })?;
        }
        Ok(Inference { collation, class })
    }
}

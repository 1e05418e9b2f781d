//! MERGE: a join of source and target, and what each WHEN clause does with its rows.

use ecow::EcoString;
use executor::expr::{Expr, ExprKind};
use executor::plan::{InputShape, MatchKind, MergeAction, MergeArm, ModifyKind};
use pg_query::NodeEnum;
use pg_query::protobuf::{CmdType, MergeMatchKind, MergeStmt, MergeWhenClause};
use types::errors::views::ViewChange;
use types::{PgError, Result, SqlState, oids};

use super::insert::insert_columns;
use super::update::{Found, columns_of, with_filters};
use super::{Changed, Parts, PlacedTable, from_columns, query};
use crate::analyzer::coerce::plain;
use crate::analyzer::raw;
use crate::analyzer::state::{Analyzer, Clause, NamespaceItem, at, error};
use crate::query::{Distinct, FromItem, Join, JoinType, Modify, OutputColumn, QueryBody, Select};

impl Analyzer<'_> {
    /// Analyzes MERGE on the innermost level.
    pub(super) fn merge(&mut self, merge: &MergeStmt) -> Result<Modify> {
        if let Some(with) = &merge.with_clause {
            if with.recursive {
                let message = "WITH RECURSIVE is not supported for MERGE statement";
                return Err(PgError::new(SqlState::SYNTAX_ERROR, message));
            }
            self.with_clause(with)?;
        }
        let clauses: Vec<&MergeWhenClause> = merge
            .merge_when_clauses
            .iter()
            .filter_map(|node| match &node.node {
                Some(NodeEnum::MergeWhenClause(clause)) => Some(clause.as_ref()),
                _ => None,
            })
            .collect();
        refuse_unreachable(&clauses)?;
        let range = merge.relation.as_ref().ok_or_else(|| PgError::internal("MERGE without a table"))?;
        let table = self.changed_table(range, view_change(&clauses))?;
        let placed = self.place_changed(&table)?;
        let target = shown(&placed, &table);
        let target_items = placed.namespace;
        let node = raw::inner(&merge.source_relation);
        let node = node.ok_or_else(|| PgError::internal("MERGE without a source"))?;
        let (source, source_items) = self.from_item(node)?;
        let clash = |item: &NamespaceItem| item.table_visible && item.alias.as_ref() == Some(&table.name);
        if source_items.iter().any(clash) {
            let message = format!("name \"{}\" specified more than once", table.name);
            return Err(PgError::new(SqlState::DUPLICATE_ALIAS, message)
                .with_detail("The name is used both as MERGE target table and data source."));
        }
        self.level().items = target_items.into_iter().chain(source_items.iter().cloned()).collect();
        let node = raw::inner(&merge.join_condition);
        let node = node.ok_or_else(|| PgError::internal("MERGE without a condition"))?;
        let condition = self.within(Clause::JoinOn, |analyzer| {
            let expr = analyzer.expr(node)?;
            analyzer.coerce_to_boolean(expr, "JOIN/ON", raw::location(node))
        })?;
        let kinds: Vec<MatchKind> = clauses.iter().map(|clause| match_kind(clause)).collect();
        let (source, marker) = self.marked(source);
        let kind = match (
            kinds.contains(&MatchKind::NotMatchedByTarget),
            kinds.contains(&MatchKind::NotMatchedBySource),
        ) {
            (false, false) => JoinType::Inner,
            (true, false) => JoinType::Left,
            (false, true) => JoinType::Right,
            (true, true) => JoinType::Full,
        };
        let join = FromItem::Join(Box::new(Join {
            kind,
            left: source,
            right: target,
            condition: Some(condition),
            using: Vec::new(),
        }));
        let found = Found {
            from: Vec::new(),
            columns: placed.columns,
            row_id: placed.row_id,
            filters: Vec::new(),
            items: Vec::new(),
        };
        let mut exprs = vec![Expr::column(found.row_id, plain(oids::INT8))];
        exprs.extend(columns_of(&table, &found));
        let shape =
            InputShape { row_id: Some(0), old: Some(1), source: Some(exprs.len()), ..InputShape::default() };
        exprs.push(Expr::column(marker, plain(oids::BOOL)));
        let names = exprs.iter().map(|_| EcoString::new()).collect();
        let source = self.modify_source(vec![join], None, names, exprs);
        let input = source.output.iter().map(|column| Expr::column(column.id, column.ty)).collect();
        let mut arms = Vec::with_capacity(clauses.len());
        for (clause, kind) in clauses.iter().zip(kinds) {
            arms.push(self.merge_arm(clause, kind, &table, &source_items)?);
        }
        self.level().arms = arms;
        self.level().merge_action = table.row.action;
        let returning =
            self.returning_over(merge.returning_clause.as_ref(), &table, source_items, Vec::new())?;
        self.finish_modify(
            table,
            Parts { kind: ModifyKind::Merge, assigned: None, source, input, shape, returning },
        )
    }

    /// Adds a column to the source that is NULL only where a join has found no source row.
    fn marked(&mut self, source: FromItem) -> (FromItem, executor::expr::ColumnId) {
        let marker = self.new_id();
        let depth = self.depth();
        self.add_computed(marker, depth);
        let mut columns = Vec::new();
        from_columns(&source, &mut columns);
        let mut output: Vec<OutputColumn> = columns
            .into_iter()
            .map(|(id, ty)| OutputColumn { id, name: EcoString::new(), ty, origin: None })
            .collect();
        output.push(OutputColumn { id: marker, name: EcoString::new(), ty: plain(oids::BOOL), origin: None });
        let select = Select {
            from: vec![source],
            filter: None,
            grouping: None,
            having: None,
            windows: Vec::new(),
            targets: vec![(marker, Expr::bool(true))],
            distinct: Distinct::No,
        };
        let query = query(QueryBody::Select(Box::new(select)), output);
        (
            FromItem::Subquery {
                query: Box::new(query),
                lateral: false,
                view: None,
                names: Vec::new(),
                alias: "source".into(),
            },
            marker,
        )
    }

    fn merge_arm(
        &mut self,
        clause: &MergeWhenClause,
        kind: MatchKind,
        table: &Changed<'_>,
        source: &[NamespaceItem],
    ) -> Result<MergeArm> {
        let own = self.row_item(table, &table.name, &table.row.old, false)?;
        self.level().items = match kind {
            MatchKind::Matched => std::iter::once(own).chain(source.iter().cloned()).collect(),
            MatchKind::NotMatchedBySource => vec![own],
            MatchKind::NotMatchedByTarget => source.to_vec(),
        };
        let condition = match raw::inner(&clause.condition) {
            Some(node) => Some(self.within(Clause::MergeWhen, |analyzer| {
                let expr = analyzer.expr(node)?;
                analyzer.coerce_to_boolean(expr, "WHEN", raw::location(node))
            })?),
            None => None,
        };
        let action = match CmdType::try_from(clause.command_type) {
            Ok(CmdType::CmdNothing) => MergeAction::Nothing,
            Ok(CmdType::CmdDelete) => MergeAction::Delete,
            Ok(CmdType::CmdUpdate) => {
                let row = table.row.old.iter().take(table.relation.columns.len());
                let base: Vec<Expr> = row.map(|(id, ty)| Expr::column(*id, *ty)).collect();
                let values = self.set_list(&clause.target_list, table, &base)?;
                let values = values.into_iter().zip(base).map(|(value, old)| value.unwrap_or(old));
                MergeAction::Update(values.collect())
            }
            Ok(CmdType::CmdInsert) => MergeAction::Insert(self.merge_insert(clause, table)?),
            _ => return Err(PgError::internal("an unknown action of MERGE")),
        };
        Ok(MergeArm { kind, condition, action })
    }

    fn merge_insert(&mut self, clause: &MergeWhenClause, table: &Changed<'_>) -> Result<Vec<Expr>> {
        let relation = &table.relation;
        let columns = insert_columns(table, &clause.target_list)?;
        let mut row: Vec<Option<Expr>> = vec![None; relation.columns.len()];
        let mut explicit = vec![false; relation.columns.len()];
        if !clause.values.is_empty() {
            let listed = !clause.target_list.is_empty();
            self.values_row(
                &clause.values,
                relation,
                &columns,
                listed,
                (&mut row, &mut explicit),
                Clause::Values,
            )?;
        }
        if let Some(view) = &table.view {
            view.refuse_defaults()?;
        }
        self.override_values(clause.r#override, relation, &explicit, &mut row)?;
        let mut values = Vec::with_capacity(row.len());
        for (position, value) in row.into_iter().enumerate() {
            values.push(match value {
                Some(value) => value,
                None => self.default_of(relation, position)?,
            });
        }
        Ok(values)
    }

    /// Analyzes `merge_action()`.
    pub(in crate::analyzer) fn merge_support(&mut self, location: i32) -> Result<Expr> {
        let found = self.levels.iter().rev().find_map(|level| level.merge_action);
        let allowed = self.levels.iter().any(|level| level.clause == Clause::Returning);
        match found.filter(|_| allowed) {
            Some(id) => Ok(Expr { kind: ExprKind::Column(id), ty: plain(oids::TEXT) }),
            None => Err(error(
                SqlState::SYNTAX_ERROR,
                "MERGE_ACTION() can only be used in the RETURNING list of a MERGE command",
                at(location),
            )),
        }
    }
}

/// Returns what PostgreSQL says MERGE wants of a view that it cannot change: the first action.
fn view_change(clauses: &[&MergeWhenClause]) -> ViewChange {
    let change = |clause: &&MergeWhenClause| match CmdType::try_from(clause.command_type) {
        Ok(CmdType::CmdInsert) => Some(ViewChange::MergeInsert),
        Ok(CmdType::CmdUpdate) => Some(ViewChange::MergeUpdate),
        Ok(CmdType::CmdDelete) => Some(ViewChange::MergeDelete),
        _ => None,
    };
    clauses.iter().find_map(change).unwrap_or(ViewChange::MergeDelete)
}

/// Returns the target of a join: the rows that the view shows, if it is one.
fn shown(placed: &PlacedTable, table: &Changed<'_>) -> FromItem {
    let Some(filter) = with_filters(placed.filters.clone(), None) else { return placed.item.clone() };
    let mut output = Vec::with_capacity(placed.columns.len() + 1);
    let columns = placed.columns.iter().zip(&table.relation.columns).map(|(id, column)| (*id, column.ty));
    for (id, ty) in columns.chain([(placed.row_id, plain(oids::INT8))]) {
        output.push(OutputColumn { id, name: EcoString::new(), ty, origin: None });
    }
    let select = Select {
        from: vec![placed.item.clone()],
        filter: Some(filter),
        grouping: None,
        having: None,
        windows: Vec::new(),
        targets: Vec::new(),
        distinct: Distinct::No,
    };
    let mut inner = query(QueryBody::Select(Box::new(select)), output);
    inner.subqueries.clone_from(&placed.subqueries);
    FromItem::Subquery {
        query: Box::new(inner),
        lateral: false,
        view: None,
        names: Vec::new(),
        alias: table.name.clone(),
    }
}

fn match_kind(clause: &MergeWhenClause) -> MatchKind {
    match MergeMatchKind::try_from(clause.match_kind) {
        Ok(MergeMatchKind::MergeWhenNotMatchedBySource) => MatchKind::NotMatchedBySource,
        Ok(MergeMatchKind::MergeWhenNotMatchedByTarget) => MatchKind::NotMatchedByTarget,
        Ok(MergeMatchKind::MergeWhenMatched | MergeMatchKind::Undefined) | Err(_) => MatchKind::Matched,
    }
}

/// Refuses a WHEN clause after one of its kind without condition.
fn refuse_unreachable(clauses: &[&MergeWhenClause]) -> Result<()> {
    for (position, clause) in clauses.iter().enumerate() {
        let earlier = clauses.iter().take(position);
        let covers = |earlier: &&&MergeWhenClause| {
            earlier.match_kind == clause.match_kind && earlier.condition.is_none()
        };
        if earlier.clone().any(|earlier| covers(&earlier)) {
            let message = "unreachable WHEN clause specified after unconditional WHEN clause";
            return Err(PgError::new(SqlState::SYNTAX_ERROR, message));
        }
    }
    Ok(())
}

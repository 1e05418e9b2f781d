//! COPY FROM into tables that demand more of their rows than storage checks.

use std::sync::Arc;

use executor::expr::{ColumnId, Expr};
use executor::plan::{InputShape, Modify, ModifyKind, NodeKind, Plan, PlanNode};
use pg_query::NodeEnum;
use types::{Result, TypeRef, oids};

use super::target::{Happens, Touched};
use crate::analyzer::state::Analyzer;
use crate::analyzer::{AnalyzerContext, ExpressionUse, node_expression};
use crate::catalog::Relation;

/// Number of the working table that holds the rows of the data.
pub const COPY_WORKING: u32 = 0;

/// Returns the plan that stores the data's rows (the working table [`COPY_WORKING`], a column for each of the
/// table's): columns that are not among `fields` get their defaults. `None`: storage alone can take the rows.
///
/// # Errors
/// PostgreSQL's for the WHERE clause.
pub fn copy_plan(
    relation: &Arc<Relation>,
    fields: &[usize],
    filter: Option<&NodeEnum>,
    volatile: bool,
    context: &AnalyzerContext<'_>,
) -> Result<Option<Plan>> {
    let analyzer = Analyzer::new(context);
    let (targets, foreign_keys) =
        analyzer.targets_of(relation, Happens { arrives: true, goes: false }, Touched::default())?;
    let stored = crate::statements::stored_indexes(relation);
    let plain = targets.first().is_some_and(|target| {
        target.checks.is_empty()
            && target.exclusions.is_empty()
            && target.generated.is_empty()
            && target.columns.iter().all(|column| column.computed.is_none())
            && target
                .keys
                .iter()
                .all(|key| stored.iter().any(|stored| stored.unique && stored.id.0 == u64::from(key.index)))
    });
    if plain && foreign_keys.is_empty() && filter.is_none() && !volatile {
        return Ok(None);
    }
    let ids: Vec<ColumnId> = (0..).take(relation.columns.len()).map(ColumnId).collect();
    let types: Vec<TypeRef> = relation.columns.iter().map(|column| column.ty).collect();
    let mut input = node(NodeKind::WorkingScan { working: COPY_WORKING }, types.clone());
    if let Some(filter) = filter {
        let (predicate, _) = node_expression(filter, ExpressionUse::CopyWhere, relation, &ids, context)?;
        input = node(NodeKind::Filter { input: Box::new(input), predicate }, types.clone());
    }
    let mut exprs = Vec::with_capacity(types.len());
    for (position, (id, ty)) in ids.iter().zip(&types).enumerate() {
        exprs.push(if fields.contains(&position) {
            Expr::column(*id, *ty)
        } else {
            analyzer.default_of(relation, position)?
        });
    }
    let input = node(NodeKind::Project { input: Box::new(input), exprs }, types);
    let modify = Modify {
        marks: Vec::new(),
        copies: Vec::new(),
        target_scan: None,
        kind: ModifyKind::Insert,
        targets,
        foreign_keys,
        shape: InputShape { new: Some(0), extra: input.output.len(), ..InputShape::default() },
        input: Box::new(input),
        conflict: None,
        arms: Vec::new(),
        check_options: Vec::new(),
        returning: None,
    };
    let root = node(NodeKind::Modify(Box::new(modify)), vec![TypeRef::plain(oids::INT8)]);
    Ok(Some(Plan { root, shared: Vec::new(), changing: Vec::new(), subplans: Vec::new() }))
}

fn node(kind: NodeKind, output: Vec<TypeRef>) -> PlanNode {
    PlanNode { id: 0, kind, output, rows: 0.0 }
}

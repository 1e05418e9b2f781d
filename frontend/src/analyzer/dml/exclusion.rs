//! Exclusion constraints as the executor checks them.

use executor::expr::{ColumnId, Expr};
use executor::plan::{ElementKind, ExclusionElement, TargetExclusion};
use types::{Oid, PgError, Result, TypeRef, oids};

use super::target::key_exprs;
use crate::analyzer::ExpressionUse;
use crate::analyzer::coerce::base_type;
use crate::analyzer::state::Analyzer;
use crate::catalog::builtin::{TypeKind, builtin};
use crate::catalog::{Index, Relation};

impl Analyzer<'_> {
    /// Returns what an index of an exclusion constraint demands. Expressions are over positions.
    pub(super) fn exclusion(
        &self,
        relation: &Relation,
        index: &Index,
        analyze: &dyn Fn(&str, ExpressionUse) -> Result<Expr>,
    ) -> Result<TargetExclusion> {
        let constraint = relation.constraints.iter().find(|constraint| constraint.oid == index.constraint);
        let mut elements = Vec::with_capacity(index.keys.len());
        let keys = key_exprs(relation, index, self.context.catalog, analyze)?;
        for ((expr, shown), operator) in keys.into_iter().zip(&index.exclusion) {
            elements.push(ExclusionElement {
                kind: kind(*operator, expr.ty.oid),
                test: self.exclusion_test(*operator, expr.ty)?,
                expr,
                shown,
            });
        }
        let predicate = index.predicate.as_ref();
        Ok(TargetExclusion {
            name: index.name.clone(),
            index: index.oid,
            oid: index.constraint,
            elements,
            predicate: predicate.map(|text| analyze(text, ExpressionUse::Check)).transpose()?,
            deferrable: constraint.is_some_and(|constraint| constraint.deferrable),
            deferred: constraint.is_some_and(|constraint| constraint.deferred),
            period: index.is_period(),
        })
    }

    fn exclusion_test(&self, operator: Oid, ty: TypeRef) -> Result<Expr> {
        let operator = builtin().operator(operator);
        let operator = operator.ok_or_else(|| PgError::internal("an operator that is gone"))?;
        let (new, old) = (Expr::column(ColumnId(0), ty), Expr::column(ColumnId(1), ty));
        Analyzer::new(self.context).operator_call_of(operator, Some((new, None)), (old, None), None)
    }
}

/// Returns how rows that an operator may say yes to are found.
fn kind(operator: Oid, ty: Oid) -> ElementKind {
    let name = builtin().operator(operator).map_or("", |operator| operator.name.as_str());
    let ty = base_type(ty);
    let is_range = builtin()
        .type_by_oid(ty)
        .is_some_and(|row| matches!(row.kind, TypeKind::Range | TypeKind::Multirange));
    let is_geometric = matches!(ty, oids::POINT | oids::BOX | oids::POLYGON | oids::CIRCLE);
    match name {
        "=" if !is_geometric => ElementKind::Equal,
        "&&" | "-|-" if is_range => ElementKind::Span,
        "&&" | "~=" if is_geometric => ElementKind::Span,
        _ => ElementKind::Other,
    }
}

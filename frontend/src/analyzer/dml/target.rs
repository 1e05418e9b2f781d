//! What a table demands of its rows, in the form that the executor checks, and the tables that its foreign keys reach.

use std::sync::Arc;

use ecow::EcoString;
use executor::expr::{ColumnId, Expr, ExprKind};
use executor::plan::{ForeignKey, ReferentialAction, Target, TargetColumn, TargetKey};
use types::{Datum, PgError, Result};

use crate::analyzer::ddl::index::parenthesized;
use crate::analyzer::state::Analyzer;
use crate::analyzer::{self, ExpressionUse};
use crate::catalog::Catalog;
use crate::catalog::ForeignKey as CatalogKey;
use crate::catalog::deparse::Deparse;
use crate::catalog::{
    Constraint, ConstraintKind, ForeignKeyAction, Generated, Index, IndexKey, IndexKeySource, Relation,
};
use crate::session::settings::quote_identifier;

/// What happens to the rows of a table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Happens {
    /// New rows or new values.
    pub(super) arrives: bool,
    /// Rows or values go.
    pub(super) goes: bool,
}

/// The columns that get new values, and those whose values go; none: all may.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Touched<'a> {
    pub(super) arriving: Option<&'a [usize]>,
    pub(super) going: Option<&'a [usize]>,
}

/// The tables found so far.
struct Reached {
    relations: Vec<Arc<Relation>>,
    keys: Vec<ForeignKey>,
    /// Columns that SET DEFAULT needs the default of: table and column.
    defaults: Vec<(usize, usize)>,
    /// What happens to which table, to be looked at; what was looked at stays in front of `next`.
    work: Vec<(usize, Happens)>,
}

impl Analyzer<'_> {
    /// Returns the targets of a statement on `relation` and the foreign keys between them.
    pub(super) fn targets_of(
        &self,
        relation: &Arc<Relation>,
        happens: Happens,
        touched: Touched<'_>,
    ) -> Result<(Vec<Target>, Vec<ForeignKey>)> {
        let mut reached = Reached {
            relations: vec![Arc::clone(relation)],
            keys: Vec::new(),
            defaults: Vec::new(),
            work: Vec::new(),
        };
        if touched.arriving.is_some() || touched.going.is_some() {
            self.reach(&mut reached, (0, relation), happens, touched)?;
        } else {
            reached.work.push((0, happens));
        }
        let mut next = 0;
        while let Some((position, happens)) = reached.work.get(next).copied() {
            if let Some(relation) = reached.relations.get(position).cloned() {
                self.reach(&mut reached, (position, &relation), happens, Touched::default())?;
            }
            next += 1;
        }
        reached.keys.sort_by_key(|key| key.oid);
        for key in &mut reached.keys {
            if key.on_update == ReferentialAction::Cascade {
                self.follow(&reached.relations, key)?;
            }
        }
        let targets = reached.relations.iter().map(|relation| self.target(relation));
        let mut targets = targets.collect::<Result<Vec<_>>>()?;
        for (target, column) in reached.defaults {
            let Some(relation) = reached.relations.get(target) else { continue };
            let default = self.default_of(relation, column)?;
            if let Some(column) = targets.get_mut(target).and_then(|target| target.columns.get_mut(column)) {
                column.default = default;
            }
        }
        Ok((targets, reached.keys))
    }

    /// Finds the conversions of ON UPDATE CASCADE between columns of different types.
    fn follow(&self, relations: &[Arc<Relation>], key: &mut ForeignKey) -> Result<()> {
        let (Some(child), Some(parent)) = (relations.get(key.child), relations.get(key.parent)) else {
            return Ok(());
        };
        let ids: Vec<ColumnId> = (0..).take(parent.columns.len()).map(ColumnId).collect();
        let columns = key.child_columns.iter().zip(&key.parent_columns).zip(&mut key.followed);
        for ((column, referenced), followed) in columns {
            let (Some(column), Some(referenced)) =
                (child.columns.get(*column), parent.columns.get(*referenced))
            else {
                continue;
            };
            if (column.ty.oid, column.ty.typmod) != (referenced.ty.oid, referenced.ty.typmod) {
                let text = quote_identifier(&referenced.name);
                let usage = ExpressionUse::Using { ty: column.ty };
                *followed = Some(analyzer::expression(&text, usage, parent, &ids, self.context)?);
            }
        }
        Ok(())
    }

    fn reach(
        &self,
        reached: &mut Reached,
        (position, relation): (usize, &Arc<Relation>),
        happens: Happens,
        touched: Touched<'_>,
    ) -> Result<()> {
        let among = |touched: Option<&[usize]>, column| touched.is_none_or(|all| all.contains(&column));
        let nothing = Happens { arrives: false, goes: false };
        if happens.arrives {
            for (constraint, key) in relation.foreign_keys().filter(|(constraint, _)| constraint.enforced) {
                if !key.columns.iter().any(|column| among(touched.arriving, *column)) {
                    continue;
                }
                let Some(parent) = self.context.catalog.relation(key.table) else { continue };
                let parent_position = add(reached, parent, nothing);
                push_key(reached, constraint, key, (position, parent_position), parent)?;
            }
        }
        if !happens.goes {
            return Ok(());
        }
        let referencing: Vec<Arc<Relation>> = self
            .context
            .catalog
            .relations
            .values()
            .filter(|child| child.foreign_keys().any(|(_, key)| key.table == relation.oid))
            .cloned()
            .collect();
        for child in referencing {
            for (constraint, key) in child.foreign_keys() {
                let mut referenced = key.referenced.iter().filter_map(|attnum| relation.position_of(*attnum));
                let is_touched = referenced.any(|column| among(touched.going, column));
                if key.table != relation.oid || !constraint.enforced || !is_touched {
                    continue;
                }
                let happens = child_happens(key);
                let child_position = add(reached, &child, happens);
                push_key(reached, constraint, key, (child_position, position), relation)?;
                let acts = [key.on_update, key.on_delete];
                if acts.contains(&ForeignKeyAction::SetDefault) {
                    reached.defaults.extend(key.columns.iter().map(|column| (child_position, *column)));
                }
            }
        }
        Ok(())
    }

    /// Returns what a relation demands. Expressions are over positions.
    pub(in crate::analyzer) fn target(&self, relation: &Relation) -> Result<Target> {
        let positions: Vec<ColumnId> = (0..).take(relation.columns.len()).map(ColumnId).collect();
        let computed = self.computed_columns(relation, &positions)?;
        let analyze = |text: &str, usage: ExpressionUse| -> Result<Expr> {
            let mut expr = analyzer::expression(text, usage, relation, &positions, self.context)?;
            inline(&mut expr, &computed);
            Ok(expr)
        };
        let mut checks: Vec<(EcoString, Expr)> = Vec::new();
        let mut keys: Vec<TargetKey> = Vec::new();
        for constraint in relation.constraints.iter().filter(|constraint| constraint.enforced) {
            match &constraint.kind {
                ConstraintKind::Check { definition } => {
                    checks.push((constraint.name.clone(), analyze(definition, ExpressionUse::Check)?));
                }
                ConstraintKind::PrimaryKey { columns, index } | ConstraintKind::Unique { columns, index } => {
                    if relation.index(*index).is_some() {
                        continue;
                    }
                    let columns = columns.iter().map(|column| named_column(relation, *column));
                    keys.push(TargetKey {
                        name: constraint.name.clone(),
                        index: *index,
                        oid: constraint.oid,
                        columns: columns.collect::<Result<_>>()?,
                        predicate: None,
                        nulls_equal: false,
                        deferrable: constraint.deferrable,
                        deferred: constraint.deferred,
                        constraint: true,
                    });
                }
                ConstraintKind::NotNull { .. }
                | ConstraintKind::Exclusion { .. }
                | ConstraintKind::ForeignKey(_) => {}
            }
        }
        let mut exclusions = Vec::new();
        for index in relation.indexes.iter().filter(|index| !index.exclusion.is_empty()) {
            exclusions.push(self.exclusion(relation, index, &analyze)?);
        }
        for index in relation.indexes.iter().filter(|index| index.is_plainly_unique()) {
            keys.push(unique_index(relation, index, self.context.catalog, &analyze)?);
        }
        checks.sort_by(|(left, _), (right, _)| left.cmp(right));
        keys.sort_by_key(|key: &TargetKey| key.index);
        let mut generated = Vec::new();
        for (position, expr) in &computed {
            let kind = relation.columns.get(*position).and_then(|column| column.generated);
            if kind == Some(Generated::Stored) {
                generated.push((*position, expr.clone()));
            }
        }
        let columns = relation.columns.iter().enumerate().map(|(position, column)| TargetColumn {
            name: column.name.clone(),
            ty: column.ty,
            not_null: column.not_null,
            default: Expr::constant(Datum::Null, column.ty),
            computed: match column.generated {
                Some(Generated::Virtual) => {
                    computed.iter().find(|(at, _)| *at == position).map(|(_, expr)| expr.clone())
                }
                Some(Generated::Stored) | None => None,
            },
        });
        Ok(Target {
            table: relation.table_id().0,
            schema: self.context.catalog.schema_name(relation.schema).unwrap_or_default().into(),
            name: relation.name.clone(),
            columns: columns.collect(),
            generated,
            checks,
            keys,
            exclusions,
        })
    }

    /// Returns the generated columns of a relation with their expressions over `ids`.
    pub(in crate::analyzer) fn computed_columns(
        &self,
        relation: &Relation,
        ids: &[ColumnId],
    ) -> Result<Vec<(usize, Expr)>> {
        let mut computed = Vec::new();
        for (position, column) in relation.columns.iter().enumerate() {
            if let (Some(_), Some(text)) = (column.generated, &column.default) {
                let usage = ExpressionUse::Generated { column: position };
                computed.push((position, analyzer::expression(text, usage, relation, ids, self.context)?));
            }
        }
        Ok(computed)
    }
}

/// Replaces virtual columns (by position) by their expressions.
fn inline(expr: &mut Expr, computed: &[(usize, Expr)]) {
    if let ExprKind::Column(id) = expr.kind
        && let Some((_, value)) = computed.iter().find(|(position, _)| *position == id.0 as usize)
    {
        *expr = value.clone();
        return;
    }
    expr.for_each_child_mut(&mut |child| inline(child, computed));
}

fn named_column(relation: &Relation, position: usize) -> Result<(Expr, EcoString)> {
    let info = relation.columns.get(position).ok_or_else(|| PgError::internal("a key of no column"))?;
    let id = ColumnId(u32::try_from(position).unwrap_or(u32::MAX));
    Ok((Expr::column(id, info.ty), info.name.clone()))
}

/// Returns a key over positions as messages show it.
fn shown_key(relation: &Relation, expr: &Expr, catalog: &Catalog) -> Option<EcoString> {
    let column = |id: ColumnId| {
        let column = relation.columns.get(id.0 as usize)?;
        Some(quote_identifier(&column.name))
    };
    let path = &[types::oids::PG_CATALOG_NAMESPACE, types::oids::PUBLIC_NAMESPACE];
    let deparse = Deparse { catalog, path, column: &column, stored: false, pretty: true, subquery: None };
    Some(parenthesized(deparse.expression(expr)?.into()))
}

/// Returns the keys of an index over positions, and as messages show them.
pub(super) fn key_exprs(
    relation: &Relation,
    index: &Index,
    catalog: &Catalog,
    analyze: &dyn Fn(&str, ExpressionUse) -> Result<Expr>,
) -> Result<Vec<(Expr, EcoString)>> {
    let key = |key: &IndexKey| match &key.source {
        IndexKeySource::Column(position) => named_column(relation, *position),
        IndexKeySource::Expression { definition, .. } => {
            let expr = analyze(definition, ExpressionUse::Index)?;
            let shown = shown_key(relation, &expr, catalog).unwrap_or_else(|| definition.clone());
            Ok((expr, shown))
        }
    };
    index.keys.iter().map(key).collect()
}

fn unique_index(
    relation: &Relation,
    index: &Index,
    catalog: &Catalog,
    analyze: &dyn Fn(&str, ExpressionUse) -> Result<Expr>,
) -> Result<TargetKey> {
    let constraint = relation.constraints.iter().find(|constraint| constraint.oid == index.constraint);
    let constraint = constraint.filter(|_| index.constraint != 0);
    let columns = key_exprs(relation, index, catalog, analyze)?;
    let predicate = index.predicate.as_ref().map(|text| analyze(text, ExpressionUse::Check)).transpose()?;
    Ok(TargetKey {
        name: index.name.clone(),
        index: index.oid,
        oid: index.constraint,
        columns,
        predicate,
        nulls_equal: index.nulls_not_distinct,
        deferrable: constraint.is_some_and(|constraint| constraint.deferrable),
        deferred: constraint.is_some_and(|constraint| constraint.deferred),
        constraint: constraint.is_some(),
    })
}

/// Returns what a foreign key does to the referencing table when referenced rows go.
fn child_happens(key: &CatalogKey) -> Happens {
    let changes = |action| match action {
        ForeignKeyAction::NoAction | ForeignKeyAction::Restrict => false,
        ForeignKeyAction::Cascade | ForeignKeyAction::SetNull | ForeignKeyAction::SetDefault => true,
    };
    let updates = changes(key.on_update)
        || matches!(key.on_delete, ForeignKeyAction::SetNull | ForeignKeyAction::SetDefault);
    Happens { arrives: updates, goes: updates || changes(key.on_delete) }
}

/// Adds a table and what happens to it, and returns its position.
fn add(reached: &mut Reached, relation: &Arc<Relation>, happens: Happens) -> usize {
    let position = match reached.relations.iter().position(|known| known.oid == relation.oid) {
        Some(position) => position,
        None => {
            reached.relations.push(Arc::clone(relation));
            reached.relations.len() - 1
        }
    };
    let known = |(at, before): &(usize, Happens)| {
        *at == position && (before.arrives || !happens.arrives) && (before.goes || !happens.goes)
    };
    if (happens.arrives || happens.goes) && !reached.work.iter().any(known) {
        reached.work.push((position, happens));
    }
    position
}

fn push_key(
    reached: &mut Reached,
    constraint: &Constraint,
    key: &CatalogKey,
    (child, parent): (usize, usize),
    parent_relation: &Relation,
) -> Result<()> {
    if reached.keys.iter().any(|known| known.oid == constraint.oid) {
        return Ok(());
    }
    let parent_columns: Option<Vec<usize>> =
        key.referenced.iter().map(|attnum| parent_relation.position_of(*attnum)).collect();
    reached.keys.push(ForeignKey {
        oid: constraint.oid,
        name: constraint.name.clone(),
        child,
        child_columns: key.columns.clone(),
        parent,
        parent_columns: parent_columns.ok_or_else(|| PgError::internal("a foreign key to no column"))?,
        on_update: action(key.on_update),
        on_delete: action(key.on_delete),
        followed: vec![None; key.columns.len()],
        set_columns: key.delete_columns.clone(),
        match_full: key.full,
        period: key.has_period(parent_relation),
        deferrable: constraint.deferrable,
        deferred: constraint.deferred,
    });
    Ok(())
}

fn action(action: ForeignKeyAction) -> ReferentialAction {
    match action {
        ForeignKeyAction::NoAction => ReferentialAction::NoAction,
        ForeignKeyAction::Restrict => ReferentialAction::Restrict,
        ForeignKeyAction::Cascade => ReferentialAction::Cascade,
        ForeignKeyAction::SetNull => ReferentialAction::SetNull,
        ForeignKeyAction::SetDefault => ReferentialAction::SetDefault,
    }
}

//! Functional dependencies: grouping keys that other keys determine are carried along instead of compared.
//!
//! `GROUP BY c_custkey, c_name, c_address` groups by the primary key alone; the other keys have one value in each
//! group. Dependencies come from primary keys and, in inner joins and filters, from equal columns of types whose equal
//! values are the same.

use executor::expr::{ColumnId, Expr, ExprKind, FunctionRef, Volatility};
use executor::plan::{AggregateCall, DEPENDENT_KEY};
use types::{TypeRef, oids};

use super::functions;
use super::logical::{ColumnSet, Logical, LogicalAggregate, LogicalJoinKind};
use crate::catalog::ConstraintKind;

/// Columns that determine others.
struct Dependency {
    from: ColumnSet,
    to: ColumnSet,
}

/// Shortens the keys of a plan's aggregates.
pub(super) fn shorten_keys(plan: Logical) -> Logical {
    match plan.map_inputs(&mut shorten_keys) {
        Logical::Aggregate(mut aggregate) if aggregate.sets.is_none() && aggregate.keys.len() > 1 => {
            shorten(&mut aggregate);
            Logical::Aggregate(aggregate)
        }
        other => other,
    }
}

fn shorten(aggregate: &mut LogicalAggregate) {
    let mut dependencies = Vec::new();
    collect(&aggregate.input, &mut dependencies);
    if dependencies.is_empty() {
        return;
    }
    // What is costly to compare goes first.
    let mut order: Vec<usize> = (0..aggregate.keys.len()).collect();
    order.sort_by_key(|&index| is_integer(aggregate.keys[index].1.ty));
    let mut kept: Vec<bool> = vec![true; aggregate.keys.len()];
    for index in order {
        // Without any key there would be a group of no rows.
        if kept.iter().filter(|kept| **kept).count() == 1 {
            break;
        }
        let Some(column) = column_of(&aggregate.keys[index].1) else { continue };
        let others = aggregate.keys.iter().enumerate().filter(|(other, _)| kept[*other] && *other != index);
        let others: ColumnSet = others.filter_map(|(_, (_, key))| column_of(key)).collect();
        kept[index] = !closure(others, &dependencies).contains(&column);
    }
    let mut index = 0;
    let (keys, dependent): (Vec<_>, Vec<_>) =
        std::mem::take(&mut aggregate.keys).into_iter().partition(|_| {
            index += 1;
            kept[index - 1]
        });
    aggregate.keys = keys;
    aggregate.calls.extend(dependent.into_iter().map(|(id, key)| (id, carried(key))));
}

/// Returns the call that takes the key's value from a group's first row.
fn carried(key: Expr) -> AggregateCall {
    AggregateCall {
        function: FunctionRef {
            oid: 0,
            prosrc: DEPENDENT_KEY.into(),
            name: DEPENDENT_KEY.into(),
            strict: false,
            volatility: Volatility::Immutable,
        },
        ty: key.ty,
        input_collation: 0,
        args: vec![key],
        direct_args: Vec::new(),
        distinct: false,
        order_by: Vec::new(),
        filter: None,
    }
}

fn column_of(expr: &Expr) -> Option<ColumnId> {
    match &expr.kind {
        ExprKind::Column(id) => Some(*id),
        _ => None,
    }
}

fn closure(mut columns: ColumnSet, dependencies: &[Dependency]) -> ColumnSet {
    loop {
        let before = columns.len();
        for dependency in dependencies {
            if dependency.from.is_subset(&columns) {
                columns.extend(dependency.to.iter().copied());
            }
        }
        if columns.len() == before {
            return columns;
        }
    }
}

fn collect(plan: &Logical, out: &mut Vec<Dependency>) {
    match plan {
        Logical::Get(get) => {
            for constraint in get.relation.constraints.iter().filter(|constraint| !constraint.deferrable) {
                if let ConstraintKind::PrimaryKey { columns, .. } = &constraint.kind {
                    let from = columns.iter().filter_map(|at| get.columns.get(*at)).copied().collect();
                    out.push(Dependency { from, to: get.columns.iter().copied().collect() });
                }
            }
            equalities(&get.filters, out);
        }
        Logical::Filter { input, conjuncts } => {
            equalities(conjuncts, out);
            collect(input, out);
        }
        Logical::Map { input, .. }
        | Logical::Sort { input, .. }
        | Logical::Limit { input, .. }
        | Logical::LockRows { input, .. } => collect(input, out),
        Logical::Join(join) => {
            collect(&join.left, out);
            match join.kind {
                LogicalJoinKind::Inner => {
                    equalities(&join.conjuncts, out);
                    collect(&join.right, out);
                }
                LogicalJoinKind::Semi | LogicalJoinKind::Anti | LogicalJoinKind::AntiNullAware => {}
                // A row without partner has NULL in all columns of the other side; that the keys of such rows are NULL
                // too does not tell them apart from others, so nothing is concluded there.
                LogicalJoinKind::Left
                | LogicalJoinKind::Full
                | LogicalJoinKind::Mark(_)
                | LogicalJoinKind::MarkNullAware(_)
                | LogicalJoinKind::Single => {}
            }
            if join.kind == LogicalJoinKind::Full {
                out.clear();
            }
        }
        Logical::Aggregate(aggregate) if aggregate.sets.is_none() => {
            let from = aggregate.keys.iter().map(|(id, _)| *id).collect();
            out.push(Dependency { from, to: aggregate.calls.iter().map(|(id, _)| *id).collect() });
        }
        Logical::Aggregate(_)
        | Logical::Values { .. }
        | Logical::Functions { .. }
        | Logical::SharedScan { .. }
        | Logical::WorkingScan { .. }
        | Logical::ProjectSet { .. }
        | Logical::Window { .. }
        | Logical::DistinctOn { .. }
        | Logical::Append { .. }
        | Logical::SetOperation(_)
        | Logical::RecursiveUnion(_)
        | Logical::Modify(_) => {}
    }
}

fn equalities(conjuncts: &[Expr], out: &mut Vec<Dependency>) {
    for equality in conjuncts.iter().filter_map(functions::equality) {
        if let (ExprKind::Column(left), ExprKind::Column(right)) = (&equality.left.kind, &equality.right.kind)
            && equality.left.ty.oid == equality.right.ty.oid
            && is_identity(equality.left.ty)
        {
            out.push(Dependency { from: [*left].into(), to: [*right].into() });
            out.push(Dependency { from: [*right].into(), to: [*left].into() });
        }
    }
}

fn is_integer(ty: TypeRef) -> bool {
    matches!(ty.oid, oids::INT2 | oids::INT4 | oids::INT8)
}

/// Returns whether equal values of the type are the same in every respect.
fn is_identity(ty: TypeRef) -> bool {
    is_integer(ty) || matches!(ty.oid, oids::DATE | oids::TEXT | oids::VARCHAR | oids::UUID | oids::BOOL)
}

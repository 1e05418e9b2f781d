//! Join order.
//!
//! A region is a maximal tree of inner joins, together with the joins on its spine that only look at their right
//! side (semi, anti, mark, single, left): those commute with inner joins as soon as the columns of their condition
//! are there, so their right sides take part as leaves that can only be attached. Column equalities of inner joins
//! become equivalence classes, of which each join enforces one pair; constants spread over a class. Dynamic
//! programming over sets of leaves up to [`DYNAMIC_LEAVES_MAX`], greedy beyond.

use executor::expr::{Expr, ExprKind, Volatility};
use types::{Oid, TypeRef};

use super::functions::{self, strategy};
use super::logical::{ColumnSet, Logical, LogicalJoin, LogicalJoinKind};
use super::search::{Graph, Leaf, Predicate};
use super::{Planner, predicates};

/// A set of equal expressions of one btree family, each over one column.
#[derive(Debug, Clone)]
pub(super) struct Class {
    pub(super) family: Oid,
    pub(super) collation: Oid,
    /// The expression and its leaf.
    pub(super) members: Vec<(Expr, usize)>,
}

impl Planner<'_> {
    /// Orders the joins of a plan whose predicates have been pushed down.
    pub(super) fn order_joins(&self, plan: Logical) -> Logical {
        match plan {
            Logical::Join(join) if self.in_region(&join) => self.order_region(Logical::Join(join)),
            Logical::Filter { input, conjuncts } if self.is_region(&input) && self.movable(&conjuncts) => {
                self.order_region(Logical::Filter { input, conjuncts })
            }
            other => other.map_inputs(&mut |input| self.order_joins(input)),
        }
    }

    fn is_region(&self, plan: &Logical) -> bool {
        match plan {
            Logical::Join(join) => self.in_region(join),
            Logical::Filter { input, conjuncts } => self.movable(conjuncts) && self.is_region(input),
            _ => false,
        }
    }

    fn in_region(&self, join: &LogicalJoin) -> bool {
        join.kind != LogicalJoinKind::Full && self.movable(&join.conjuncts)
    }

    fn movable(&self, conjuncts: &[Expr]) -> bool {
        conjuncts.iter().all(|expr| self.volatility(expr) != Volatility::Volatile)
    }

    fn order_region(&self, plan: Logical) -> Logical {
        let mut region = Region::default();
        self.collect(plan, &mut region);
        if region.dependent || region.leaves.len() > 64 {
            return region.rebuild_as_written(self);
        }
        self.spread(&mut region);
        let leaves = region.leaves.into_iter().zip(region.attached);
        let graph = Graph::new(
            self,
            leaves.map(|(plan, attached)| Leaf::new(self, plan, attached)).collect(),
            region.classes,
            region.predicates,
        );
        graph.best()
    }

    fn collect(&self, plan: Logical, region: &mut Region) {
        match plan {
            Logical::Filter { input, conjuncts } if self.is_region(&input) && self.movable(&conjuncts) => {
                self.collect(*input, region);
                conjuncts.into_iter().for_each(|expr| region.predicates.push(expr));
            }
            Logical::Join(join) if self.in_region(&join) => {
                let left_columns = join.left.columns();
                let free = self.free_columns(&join.right);
                region.dependent |= free.iter().any(|id| left_columns.contains(id));
                if join.kind == LogicalJoinKind::Inner {
                    self.collect(join.left, region);
                    self.collect(join.right, region);
                    region.predicates.extend(join.conjuncts);
                } else {
                    self.collect(join.left, region);
                    let right = self.order_joins(join.right);
                    region.leaves.push(right);
                    region.attached.push(Some((join.kind, join.conjuncts)));
                }
            }
            other => {
                region.leaves.push(self.order_joins(other));
                region.attached.push(None);
            }
        }
    }

    /// Makes equivalence classes of the equalities and applies constants to whole classes.
    fn spread(&self, region: &mut Region) {
        let columns: Vec<ColumnSet> = region.leaves.iter().map(Logical::columns).collect();
        let leaf_of = |expr: &Expr| {
            let used = self.expr_columns(expr);
            let id = used.iter().next()?;
            columns.iter().position(|leaf| leaf.contains(id))
        };
        let mut others = Vec::new();
        for predicate in std::mem::take(&mut region.predicates) {
            let pair = functions::equality(&predicate)
                .filter(|equality| is_member(equality.left) && is_member(equality.right));
            let Some(equality) = pair else {
                others.push(predicate);
                continue;
            };
            match (leaf_of(equality.left), leaf_of(equality.right)) {
                (Some(left), Some(right))
                    if left != right
                        && region.attached.get(left).is_some_and(Option::is_none)
                        && region.attached.get(right).is_some_and(Option::is_none) =>
                {
                    let members = [(equality.left.clone(), left), (equality.right.clone(), right)];
                    add_to_classes(&mut region.classes, equality.family, equality.input_collation, members);
                }
                _ => others.push(predicate),
            }
        }
        for (index, leaf) in region.leaves.iter_mut().enumerate() {
            if region.attached.get(index).is_some_and(Option::is_some) {
                continue;
            }
            let mut extra = Vec::new();
            for predicate in &others {
                if let Some(columns) = columns.get(index) {
                    extra.extend(predicates::implied(predicate, columns));
                }
            }
            if !extra.is_empty() {
                let taken = std::mem::replace(leaf, Logical::unit());
                *leaf = self.push(taken, extra);
            }
        }
        self.spread_constants(region);
        self.equate_within_leaves(region);
        region.predicates = others;
    }

    /// Where one member of a class is compared with a constant in its leaf, compares the others too.
    fn spread_constants(&self, region: &mut Region) {
        let mut extra: Vec<(usize, Expr)> = Vec::new();
        for class in &region.classes {
            for (member, leaf) in &class.members {
                let Some(Logical::Get(get)) = region.leaves.get(*leaf) else { continue };
                for filter in &get.filters {
                    let Some(found) = functions::comparison(filter) else { continue };
                    let constant = matches!(found.right.kind, ExprKind::Const(_) | ExprKind::Param(_));
                    if found.left != member || !constant || found.family != class.family {
                        continue;
                    }
                    for (other, other_leaf) in &class.members {
                        if other_leaf == leaf {
                            continue;
                        }
                        let ty = operand_type(other.ty);
                        let function = functions::family_member(
                            class.family,
                            ty,
                            operand_type(found.right.ty),
                            found.strategy,
                        );
                        if let Some(function) = function {
                            let call = functions::boolean_call(
                                function,
                                other.clone(),
                                found.right.clone(),
                                found.input_collation,
                            );
                            extra.push((*other_leaf, call));
                        }
                    }
                }
            }
        }
        for (leaf, predicate) in extra {
            if let Some(Logical::Get(get)) = region.leaves.get_mut(leaf)
                && !get.filters.contains(&predicate)
            {
                get.filters.push(predicate);
            }
        }
    }

    /// Members of one class in one leaf are equal there; one of them stays in the class.
    fn equate_within_leaves(&self, region: &mut Region) {
        for class in &mut region.classes {
            let mut kept: Vec<(Expr, usize)> = Vec::new();
            for (member, leaf) in std::mem::take(&mut class.members) {
                let known = kept.iter().find(|(_, other)| *other == leaf).map(|(expr, _)| expr.clone());
                let Some(known) = known else {
                    kept.push((member, leaf));
                    continue;
                };
                match equal_in_class(class.family, class.collation, &known, &member) {
                    Some(predicate) => {
                        if let Some(plan) = region.leaves.get_mut(leaf) {
                            let taken = std::mem::replace(plan, Logical::unit());
                            *plan = self.push(taken, vec![predicate]);
                        }
                    }
                    None => kept.push((member, leaf)),
                }
            }
            class.members = kept;
        }
    }
}

/// Returns the equality of two members of a class.
pub(super) fn equal_in_class(family: Oid, collation: Oid, left: &Expr, right: &Expr) -> Option<Expr> {
    let function =
        functions::family_member(family, operand_type(left.ty), operand_type(right.ty), strategy::EQUAL)?;
    Some(functions::boolean_call(function, left.clone(), right.clone(), collation))
}

fn operand_type(ty: TypeRef) -> Oid {
    if ty.oid == types::oids::VARCHAR { types::oids::TEXT } else { ty.oid }
}

fn is_member(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Column(_) => functions::is_hashable(expr.ty.oid),
        ExprKind::Relabel(inner) => {
            matches!(inner.kind, ExprKind::Column(_)) && functions::is_hashable(expr.ty.oid)
        }
        _ => false,
    }
}

fn add_to_classes(classes: &mut Vec<Class>, family: Oid, collation: Oid, members: [(Expr, usize); 2]) {
    let mut merged = Class { family, collation, members: members.to_vec() };
    let mut rest = Vec::new();
    for class in classes.drain(..) {
        let shares = class.family == family
            && class.collation == collation
            && class.members.iter().any(|member| members.contains(member));
        if shares {
            for member in class.members {
                if !merged.members.contains(&member) {
                    merged.members.push(member);
                }
            }
        } else {
            rest.push(class);
        }
    }
    rest.push(merged);
    *classes = rest;
}

#[derive(Default)]
struct Region {
    leaves: Vec<Logical>,
    /// How a leaf is attached, when not by inner joins.
    attached: Vec<Option<(LogicalJoinKind, Vec<Expr>)>>,
    predicates: Vec<Predicate>,
    classes: Vec<Class>,
    dependent: bool,
}

impl Region {
    /// Joins the leaves in the order in which they were written (which a dependent leaf needs).
    fn rebuild_as_written(self, planner: &Planner<'_>) -> Logical {
        let mut plan: Option<Logical> = None;
        for (leaf, attached) in self.leaves.into_iter().zip(self.attached) {
            let (kind, conjuncts) = attached.unwrap_or((LogicalJoinKind::Inner, Vec::new()));
            plan = Some(match plan {
                None => leaf,
                Some(left) => Logical::join(kind, left, leaf, conjuncts),
            });
        }
        let plan = plan.unwrap_or_else(Logical::unit);
        planner.push(plan, self.predicates)
    }
}

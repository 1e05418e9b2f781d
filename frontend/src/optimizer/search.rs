//! The search for the cheapest join tree of a region.
//!
//! Sets of leaves are bitmasks. A set's cardinality does not depend on how it is split as long as the first split
//! found decides it. Cost is C_out plus what building and probing take.

use std::collections::HashMap;

use executor::expr::Expr;

use super::Planner;
use super::logical::{ColumnSet, Logical, LogicalJoinKind};
use super::ordering::{Class, equal_in_class};

/// Regions of more leaves are ordered greedily. A tuning constant: it bounds planning time, never results.
const DYNAMIC_LEAVES_MAX: usize = 10;
/// Cost of hashing a row against that of producing one.
const BUILD_COST: f64 = 2.0;
/// Cost of looking up a row.
const PROBE_COST: f64 = 0.6;

/// A conjunct of the region.
pub(super) type Predicate = Expr;

/// A leaf of the region.
pub(super) struct Leaf {
    plan: Logical,
    columns: ColumnSet,
    attached: Option<(LogicalJoinKind, Vec<Expr>)>,
    rows: f64,
    unfiltered_rows: f64,
    unique: Vec<ColumnSet>,
}

impl Leaf {
    pub(super) fn new(
        planner: &Planner<'_>,
        plan: Logical,
        attached: Option<(LogicalJoinKind, Vec<Expr>)>,
    ) -> Self {
        let mut columns = plan.columns();
        if let Some((kind, _)) = &attached {
            columns.extend(kind.mark());
        }
        let rows = planner.estimate(&plan).max(1.0);
        let unique = planner.unique_keys(&plan);
        Self {
            columns,
            attached,
            rows,
            unfiltered_rows: planner.unfiltered_rows(&plan).max(rows),
            unique,
            plan,
        }
    }
}

#[derive(Clone, Copy)]
struct Entry {
    rows: f64,
    cost: f64,
    split: Option<(u64, u64)>,
}

/// The join graph of a region.
pub(super) struct Graph<'a, 'b> {
    planner: &'a Planner<'b>,
    leaves: Vec<Leaf>,
    classes: Vec<Class>,
    predicates: Vec<(Predicate, u64)>,
    /// For an attached leaf: the leaves that its condition needs.
    required: Vec<u64>,
    entries: HashMap<u64, Entry>,
}

impl<'a, 'b> Graph<'a, 'b> {
    pub(super) fn new(
        planner: &'a Planner<'b>,
        leaves: Vec<Leaf>,
        classes: Vec<Class>,
        predicates: Vec<Predicate>,
    ) -> Self {
        let mut graph = Self {
            planner,
            leaves,
            classes,
            predicates: Vec::new(),
            required: Vec::new(),
            entries: HashMap::new(),
        };
        for predicate in predicates {
            let mask = graph.mask_of(&planner.expr_columns(&predicate));
            graph.predicates.push((predicate, mask));
        }
        for index in 0..graph.leaves.len() {
            let mut used = ColumnSet::new();
            if let Some(Leaf { attached: Some((_, conjuncts)), .. }) = graph.leaves.get(index) {
                conjuncts.iter().for_each(|expr| planner.add_expr_columns(expr, &mut used));
            }
            let required = graph.mask_of(&used) & !(1 << index);
            graph.required.push(required);
        }
        graph
    }

    fn mask_of(&self, columns: &ColumnSet) -> u64 {
        let mut mask = 0;
        for (index, leaf) in self.leaves.iter().enumerate() {
            if columns.iter().any(|id| leaf.columns.contains(id)) {
                mask |= 1 << index;
            }
        }
        mask
    }

    /// Returns the cheapest tree found.
    pub(super) fn best(mut self) -> Logical {
        self.filter_leaves();
        let count = self.leaves.len();
        let all = if count >= 64 { u64::MAX } else { (1u64 << count) - 1 };
        for (index, leaf) in self.leaves.iter().enumerate() {
            self.entries.insert(1 << index, Entry { rows: leaf.rows, cost: 0.0, split: None });
        }
        if count <= DYNAMIC_LEAVES_MAX {
            self.dynamic(all);
        }
        if !self.entries.contains_key(&all) {
            self.greedy(all);
        }
        assert!(self.entries.contains_key(&all), "every region has a join tree");
        let rest: Vec<Expr> =
            self.predicates.iter().filter(|(_, mask)| *mask == 0).map(|(expr, _)| expr.clone()).collect();
        self.build(all).filter(rest)
    }

    /// Predicates over one leaf of inner joins are filters of that leaf.
    fn filter_leaves(&mut self) {
        let mut rest = Vec::new();
        for (predicate, mask) in std::mem::take(&mut self.predicates) {
            let leaf = self.leaves.get_mut(mask.trailing_zeros() as usize);
            match leaf {
                Some(leaf) if mask.count_ones() == 1 && leaf.attached.is_none() => {
                    let plan = std::mem::replace(&mut leaf.plan, Logical::unit());
                    *leaf = Leaf::new(self.planner, self.planner.push(plan, vec![predicate]), None);
                }
                _ => rest.push((predicate, mask)),
            }
        }
        self.predicates = rest;
    }

    fn attached(&self, set: u64) -> Option<&(LogicalJoinKind, Vec<Expr>)> {
        if set.count_ones() != 1 {
            return None;
        }
        self.leaves.get(set.trailing_zeros() as usize)?.attached.as_ref()
    }

    fn dynamic(&mut self, all: u64) {
        for set in 1..=all {
            if set.count_ones() < 2 {
                continue;
            }
            let mut part = (set - 1) & set;
            while part > 0 {
                let other = set & !part;
                // Each unordered split once; an attached leaf only on the right.
                if self.attached(part).is_none() && (self.attached(other).is_some() || part > other) {
                    self.consider(part, other, false);
                }
                part = (part - 1) & set;
            }
        }
    }

    /// Joins the pair with the least result again and again.
    fn greedy(&mut self, all: u64) {
        let mut parts: Vec<u64> = (0..self.leaves.len()).map(|index| 1 << index).collect();
        while parts.len() > 1 {
            let mut best: Option<(f64, u64, u64)> = None;
            for cross in [false, true] {
                for left in &parts {
                    for right in &parts {
                        let pair = left != right
                            && self.attached(*left).is_none()
                            && (self.attached(*right).is_some() || left > right);
                        if !pair {
                            continue;
                        }
                        self.consider(*left, *right, cross);
                        let Some(entry) = self.entries.get(&(left | right)) else { continue };
                        if best.is_none_or(|(rows, _, _)| entry.rows < rows) {
                            best = Some((entry.rows, *left, *right));
                        }
                    }
                }
                if best.is_some() {
                    break;
                }
            }
            let Some((_, left, right)) = best else { break };
            // The table may know a better split of this set from another pair; this one is what `parts` hold.
            parts.retain(|part| *part != left && *part != right);
            parts.push(left | right);
        }
        debug_assert!(parts.first() == Some(&all));
    }

    /// Notes the join of two sets, when it is allowed, connected (or `cross`) and cheaper than what is known.
    fn consider(&mut self, left: u64, right: u64, cross: bool) {
        let (Some(one), Some(other)) = (self.entries.get(&left), self.entries.get(&right)) else { return };
        let (one, other) = (*one, *other);
        let kind = match self.attached(right) {
            None => LogicalJoinKind::Inner,
            Some((kind, _)) => {
                let required = self.required.get(right.trailing_zeros() as usize).copied().unwrap_or(0);
                if required & !left != 0 {
                    return;
                }
                *kind
            }
        };
        let (selectivity, connected) = self.selectivity(left, right, one.rows, other.rows);
        if kind == LogicalJoinKind::Inner && !connected && !cross {
            return;
        }
        let known = self.entries.get(&(left | right)).copied();
        let rows = known.map_or_else(|| self.rows(kind, right, one, other, selectivity), |entry| entry.rows);
        let (small, large) = (one.rows.min(other.rows), one.rows.max(other.rows));
        let cost = one.cost + other.cost + rows + BUILD_COST * small + PROBE_COST * large;
        if known.is_none_or(|entry| cost < entry.cost) {
            self.entries.insert(left | right, Entry { rows, cost, split: Some((left, right)) });
        }
    }

    fn rows(&self, kind: LogicalJoinKind, right: u64, one: Entry, other: Entry, selectivity: f64) -> f64 {
        let semi = || {
            let conjuncts = self.attached(right).map_or(&[][..], |(_, conjuncts)| conjuncts);
            let right = self.leaves.get(right.trailing_zeros() as usize);
            right.map_or(0.5, |leaf| {
                self.planner.semi_fraction(&leaf.plan, &leaf.columns, conjuncts, one.rows, other.rows)
            })
        };
        let rows = match kind {
            LogicalJoinKind::Inner => one.rows * other.rows * selectivity,
            LogicalJoinKind::Semi => one.rows * semi(),
            LogicalJoinKind::Anti | LogicalJoinKind::AntiNullAware => one.rows * (1.0 - semi()).max(0.05),
            LogicalJoinKind::Left | LogicalJoinKind::Full => {
                let conjuncts = self.attached(right).map_or(&[][..], |(_, conjuncts)| conjuncts);
                let matches = self.planner.condition_selectivity(conjuncts, one.rows, other.rows);
                (one.rows * other.rows * matches).max(one.rows)
            }
            LogicalJoinKind::Mark(_) | LogicalJoinKind::MarkNullAware(_) | LogicalJoinKind::Single => {
                one.rows
            }
        };
        rows.max(1.0)
    }

    /// Returns the selectivity of what an inner join of two sets enforces, and whether they are connected.
    fn selectivity(&self, left: u64, right: u64, left_rows: f64, right_rows: f64) -> (f64, bool) {
        let mut connected = self.attached(right).is_some();
        let mut joining: Vec<&Class> = Vec::new();
        for class in &self.classes {
            if pair_of(class, left, right).is_some() {
                joining.push(class);
                connected = true;
            }
        }
        let mut selectivity = 1.0;
        if let Some((index, key)) = self.unique_side(&joining, left | right) {
            selectivity /= self.leaves.get(index).map_or(1.0, |leaf| leaf.unfiltered_rows);
            joining.retain(|class| {
                !class
                    .members
                    .iter()
                    .any(|(member, leaf)| *leaf == index && self.planner.expr_columns(member).is_subset(&key))
            });
        }
        let mut factors: Vec<f64> = joining
            .iter()
            .filter_map(|class| pair_of(class, left, right))
            .map(|((one, _), (other, _))| {
                let one = self.planner.distinct(one, left_rows);
                let other = self.planner.distinct(other, right_rows);
                1.0 / one.max(other).max(1.0)
            })
            .collect();
        for (predicate, mask) in &self.predicates {
            let both = left | right;
            if mask & !both == 0 && mask & left != 0 && mask & right != 0 {
                connected = true;
                factors.push(self.planner.conjunct_selectivity(predicate));
            }
        }
        (selectivity * super::cardinality::combined(&mut factors), connected)
    }

    /// Returns a leaf of `set` of which the columns in `joining` cover a unique key, and that key. Every member
    /// of a class counts: within a side all are equal already. Of several keys the widest says most.
    fn unique_side(&self, joining: &[&Class], set: u64) -> Option<(usize, ColumnSet)> {
        let mut widest: Option<(usize, ColumnSet)> = None;
        for (index, leaf) in self.leaves.iter().enumerate() {
            if set & (1 << index) == 0 {
                continue;
            }
            let mut columns = ColumnSet::new();
            for (member, at) in joining.iter().flat_map(|class| &class.members) {
                if *at == index {
                    self.planner.add_expr_columns(member, &mut columns);
                }
            }
            for key in leaf.unique.iter().filter(|key| !key.is_empty() && key.is_subset(&columns)) {
                if widest.as_ref().is_none_or(|(_, known)| known.len() < key.len()) {
                    widest = Some((index, key.clone()));
                }
            }
        }
        widest
    }

    fn build(&self, set: u64) -> Logical {
        let split = self.entries.get(&set).and_then(|entry| entry.split);
        let Some((left, right)) = split else {
            let leaf = self.leaves.get(set.trailing_zeros() as usize);
            return leaf.map_or_else(Logical::unit, |leaf| leaf.plan.clone());
        };
        let mut decided: Vec<Expr> = self
            .predicates
            .iter()
            .filter(|(_, mask)| {
                mask & !set == 0
                    && mask & !left != 0
                    && (mask & !right != 0 || self.attached(right).is_some())
            })
            .map(|(expr, _)| expr.clone())
            .collect();
        let (one, other) = (self.build(left), self.build(right));
        match self.attached(right) {
            Some((kind, conjuncts)) => Logical::join(*kind, one, other, conjuncts.clone()).filter(decided),
            None => {
                for class in &self.classes {
                    if let Some((one, other)) = pair_of(class, left, right) {
                        decided.extend(equal_in_class(class.family, class.collation, &one.0, &other.0));
                    }
                }
                Logical::join(LogicalJoinKind::Inner, one, other, decided)
            }
        }
    }
}

type Member = (Expr, usize);

fn pair_of(class: &Class, left: u64, right: u64) -> Option<(&Member, &Member)> {
    let one = class.members.iter().find(|(_, leaf)| left & (1 << leaf) != 0)?;
    let other = class.members.iter().find(|(_, leaf)| right & (1 << leaf) != 0)?;
    Some((one, other))
}

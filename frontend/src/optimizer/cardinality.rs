//! Estimates of row counts, from statistics where there are any.

use executor::expr::{Expr, ExprKind};
use types::Datum;

use super::functions::{self, strategy};
use super::logical::{ColumnSet, Get, Logical, LogicalJoin, LogicalJoinKind};
use super::{ColumnStatistics, Planner};
use crate::catalog::ConstraintKind;

/// Rows of a table that nothing is known of.
const UNKNOWN_ROWS: f64 = 1000.0;
/// Fractions for predicates that nothing is known of: equality, range, pattern, other.
const EQUAL_FRACTION: f64 = 0.01;
const RANGE_FRACTION: f64 = 0.33;
const PATTERN_FRACTION: f64 = 0.1;
const OTHER_FRACTION: f64 = 0.33;

/// Returns the product of selectivities of which the later (weaker) count less: columns are seldom independent.
pub(super) fn combined(factors: &mut [f64]) -> f64 {
    factors.sort_by(f64::total_cmp);
    let mut exponent = 1.0;
    factors.iter().fold(1.0, |product, factor| {
        let result = product * factor.powf(exponent);
        exponent *= 0.75;
        result
    })
}

impl Planner<'_> {
    /// Returns the estimated number of rows of a plan.
    pub fn estimate(&self, plan: &Logical) -> f64 {
        match plan {
            Logical::Get(get) => self.base_rows(get) * self.filters_selectivity(get),
            Logical::Values { rows, .. } => rows.len() as f64,
            Logical::Functions { .. } => 100.0,
            Logical::SharedScan { shared, .. } => {
                self.shared.get(*shared as usize).map_or(UNKNOWN_ROWS, |shared| self.estimate(&shared.plan))
            }
            Logical::WorkingScan { .. } => UNKNOWN_ROWS,
            Logical::Filter { input, conjuncts } => {
                let mut factors: Vec<f64> =
                    conjuncts.iter().map(|expr| self.conjunct_selectivity(expr)).collect();
                (self.estimate(input) * combined(&mut factors)).max(1.0)
            }
            Logical::Map { input, .. }
            | Logical::Window { input, .. }
            | Logical::Sort { input, .. }
            | Logical::LockRows { input, .. } => self.estimate(input),
            Logical::ProjectSet { input, .. } => self.estimate(input) * 10.0,
            Logical::Join(join) => self.estimate_join(join),
            Logical::Aggregate(aggregate) => {
                if aggregate.keys.is_empty() {
                    return 1.0;
                }
                let input = self.estimate(&aggregate.input);
                let mut groups = 1.0;
                for (_, key) in &aggregate.keys {
                    groups *= self.distinct(key, input).max(1.0);
                }
                groups.min(input).max(1.0)
            }
            Logical::Limit { input, limit, .. } => {
                let rows = self.estimate(input);
                match limit.as_ref().map(|limit| &limit.kind) {
                    Some(ExprKind::Const(Datum::I64(limit))) => rows.min(*limit as f64),
                    _ => rows,
                }
            }
            Logical::DistinctOn { input, keys } => {
                let rows = self.estimate(input);
                keys.iter().map(|key| self.distinct(key, rows)).product::<f64>().min(rows)
            }
            Logical::Append { inputs, .. } => inputs.iter().map(|(input, _)| self.estimate(input)).sum(),
            Logical::SetOperation(operation) => self.estimate(&operation.left),
            Logical::RecursiveUnion(recursion) => self.estimate(&recursion.initial) * 10.0,
            Logical::Modify(modify) if modify.returning.is_none() => 1.0,
            Logical::Modify(modify) => self.estimate(&modify.input),
        }
    }

    fn estimate_join(&self, join: &LogicalJoin) -> f64 {
        let left = self.estimate(&join.left);
        let right = self.estimate(&join.right);
        let pairs = left * right * self.join_selectivity(join, left, right);
        let semi = || self.semi_fraction(&join.right, &join.right.columns(), &join.conjuncts, left, right);
        match join.kind {
            LogicalJoinKind::Inner => pairs.max(1.0),
            LogicalJoinKind::Left => pairs.max(left),
            LogicalJoinKind::Full => pairs.max(left).max(right),
            LogicalJoinKind::Semi => (left * semi()).max(1.0),
            LogicalJoinKind::Anti | LogicalJoinKind::AntiNullAware => left * (1.0 - semi()).max(0.05),
            LogicalJoinKind::Mark(_) | LogicalJoinKind::MarkNullAware(_) | LogicalJoinKind::Single => left,
        }
    }

    /// Returns the selectivity of a join condition; a covered unique key decides it.
    fn join_selectivity(&self, join: &LogicalJoin, left: f64, right: f64) -> f64 {
        let mut columns = ColumnSet::new();
        for conjunct in &join.conjuncts {
            if let Some(equality) = functions::equality(conjunct) {
                columns.extend(self.expr_columns(equality.left));
                columns.extend(self.expr_columns(equality.right));
            }
        }
        let mut covered: Option<f64> = None;
        for side in [&join.left, &join.right] {
            if self.unique_keys(side).iter().any(|key| !key.is_empty() && key.is_subset(&columns)) {
                let sel = 1.0 / self.unfiltered_rows(side).max(1.0);
                covered = Some(covered.map_or(sel, |known: f64| known.min(sel)));
            }
        }
        covered.unwrap_or_else(|| self.condition_selectivity(&join.conjuncts, left, right))
    }

    /// Returns the selectivity of conjuncts over pairs.
    pub(super) fn condition_selectivity(&self, conjuncts: &[Expr], left: f64, right: f64) -> f64 {
        let mut factors: Vec<f64> = conjuncts
            .iter()
            .map(|conjunct| match functions::equality(conjunct) {
                Some(equality) => {
                    let rows = left.max(right);
                    let one = self.distinct(equality.left, rows);
                    let other = self.distinct(equality.right, rows);
                    1.0 / one.max(other).max(1.0)
                }
                None => self.conjunct_selectivity(conjunct),
            })
            .collect();
        combined(&mut factors)
    }

    /// Returns the fraction of left rows that have a partner on the right.
    pub(super) fn semi_fraction(
        &self,
        right: &Logical,
        right_columns: &ColumnSet,
        conjuncts: &[Expr],
        left_rows: f64,
        right_rows: f64,
    ) -> f64 {
        let mut fraction: f64 = 1.0;
        let base = self.unfiltered_rows(right).max(1.0);
        for conjunct in conjuncts {
            let Some(equality) = functions::equality(conjunct) else {
                fraction *= 0.9;
                continue;
            };
            let on_right = |expr: &Expr| self.expr_columns(expr).is_subset(right_columns);
            let (inner, outer) = if on_right(equality.right) {
                (equality.right, equality.left)
            } else {
                (equality.left, equality.right)
            };
            let inner_distinct = self.distinct(inner, base).min(right_rows);
            let outer_distinct = self.distinct(outer, f64::INFINITY).min(left_rows.max(self.domain(outer)));
            fraction *= (inner_distinct / outer_distinct.max(1.0)).min(1.0);
        }
        fraction.clamp(1e-6, 1.0)
    }

    fn domain(&self, expr: &Expr) -> f64 {
        self.distinct(expr, f64::INFINITY)
    }

    fn base_rows(&self, get: &Get) -> f64 {
        self.context.statistics.rows(get.relation.oid).unwrap_or(UNKNOWN_ROWS).max(1.0)
    }

    /// Returns the rows of a plan before its filters.
    pub(super) fn unfiltered_rows(&self, plan: &Logical) -> f64 {
        match plan {
            Logical::Get(get) => self.base_rows(get),
            Logical::Filter { input, .. }
            | Logical::Map { input, .. }
            | Logical::Sort { input, .. }
            | Logical::Window { input, .. } => self.unfiltered_rows(input),
            Logical::Join(join) if !join.kind.shows_right() => self.unfiltered_rows(&join.left),
            other => self.estimate(other),
        }
    }

    /// Returns sets of columns of which no two rows of the plan agree (NULLs aside).
    pub(super) fn unique_keys(&self, plan: &Logical) -> Vec<ColumnSet> {
        match plan {
            Logical::Get(get) => unique_columns(get).collect(),
            Logical::Aggregate(aggregate) if aggregate.sets.is_none() => {
                vec![aggregate.keys.iter().map(|(id, _)| *id).collect()]
            }
            Logical::Filter { input, .. }
            | Logical::Map { input, .. }
            | Logical::Sort { input, .. }
            | Logical::Limit { input, .. }
            | Logical::Window { input, .. } => self.unique_keys(input),
            Logical::Join(join) if !join.kind.shows_right() => self.unique_keys(&join.left),
            _ => Vec::new(),
        }
    }

    /// Returns the number of distinct values of an expression among `rows` rows.
    pub(super) fn distinct(&self, expr: &Expr, rows: f64) -> f64 {
        match &expr.kind {
            ExprKind::Column(id) => match self.origins.get(id) {
                Some((relation, position)) => {
                    let table_rows =
                        self.context.statistics.rows(relation.oid).unwrap_or(UNKNOWN_ROWS).max(1.0);
                    let unique = relation.constraints.iter().any(|constraint| match &constraint.kind {
                        ConstraintKind::PrimaryKey { columns, .. }
                        | ConstraintKind::Unique { columns, .. } => columns.as_slice() == [*position],
                        ConstraintKind::NotNull { .. }
                        | ConstraintKind::Check { .. }
                        | ConstraintKind::Exclusion { .. }
                        | ConstraintKind::ForeignKey(_) => false,
                    });
                    let statistics = self.context.statistics.column(relation.oid, *position);
                    let known = if unique { Some(table_rows) } else { statistics.distinct };
                    known.unwrap_or(table_rows / 10.0).min(rows).max(1.0)
                }
                None => rows.min(1e6),
            },
            ExprKind::Const(_) | ExprKind::Param(_) | ExprKind::Outer(_) => 1.0,
            _ => {
                let mut product = 1.0;
                let columns = self.expr_columns(expr);
                for id in columns {
                    if let Ok(column) = self.column(id) {
                        product *= self.distinct(&column, rows);
                    }
                }
                product.min(rows)
            }
        }
    }

    fn filters_selectivity(&self, get: &Get) -> f64 {
        if get.filters.is_empty() {
            return 1.0;
        }
        let rows = self.base_rows(get);
        // A column of an outer query has no position in the table.
        let (mut positional, foreign): (Vec<Expr>, Vec<Expr>) =
            get.filters.iter().cloned().partition(|filter| {
                super::expressions::columns_of(filter).iter().all(|id| get.columns.contains(id))
            });
        for filter in &mut positional {
            super::expressions::rewrite(filter, &mut |part| {
                if let ExprKind::Column(id) = &mut part.kind
                    && let Some(at) = get.columns.iter().position(|column| column == id)
                {
                    id.0 = u32::try_from(at).unwrap_or(u32::MAX);
                }
            });
        }
        let guess = |filters: &[Expr]| {
            combined(&mut filters.iter().map(|filter| self.conjunct_selectivity(filter)).collect::<Vec<_>>())
        };
        let fraction = if self.is_lookup(get) {
            1.0 / rows
        } else {
            match self.context.statistics.sample_share(get.relation.oid, &positional) {
                None => guess(&get.filters),
                // Nothing in the sample: fewer than one row of it.
                Some(sample) if sample.share == 0.0 => guess(&get.filters).min(1.0 / sample.rows as f64),
                Some(sample) => combined(&mut [sample.share, guess(&sample.rest), guess(&foreign)]),
            }
        };
        fraction.max(1.0 / rows)
    }

    /// Returns whether the filters fix all columns of a unique key.
    fn is_lookup(&self, get: &Get) -> bool {
        let mut fixed = ColumnSet::new();
        for equality in get.filters.iter().filter_map(functions::equality) {
            for (one, other) in [(equality.left, equality.right), (equality.right, equality.left)] {
                if let ExprKind::Column(id) = one.kind
                    && self.expr_columns(other).is_empty()
                {
                    fixed.insert(id);
                }
            }
        }
        let mut keys = unique_columns(get);
        keys.any(|key| key.is_subset(&fixed))
    }

    /// Returns the fraction of rows for which a predicate is true.
    pub(super) fn conjunct_selectivity(&self, expr: &Expr) -> f64 {
        match &expr.kind {
            ExprKind::Const(Datum::Bool(true)) => 1.0,
            ExprKind::Const(_) => 0.0,
            ExprKind::And(items) => {
                combined(&mut items.iter().map(|item| self.conjunct_selectivity(item)).collect::<Vec<_>>())
            }
            ExprKind::Or(items) => {
                1.0 - items.iter().map(|item| 1.0 - self.conjunct_selectivity(item)).product::<f64>()
            }
            ExprKind::Not(arg) => 1.0 - self.conjunct_selectivity(arg),
            ExprKind::IsNull { negated, .. } => {
                if *negated {
                    0.95
                } else {
                    0.05
                }
            }
            ExprKind::ScalarArray { scalar, array, all, .. } => {
                let items = match &array.kind {
                    ExprKind::Array { elements, .. } => elements.len(),
                    ExprKind::Const(Datum::Array(array)) => array.elements.len(),
                    _ => 10,
                };
                let one = self.equal_fraction(scalar) * items as f64;
                if *all { (1.0 - one).max(0.1) } else { one.min(0.9) }
            }
            _ => self.comparison_selectivity(expr),
        }
    }

    fn equal_fraction(&self, expr: &Expr) -> f64 {
        let columns = self.expr_columns(expr);
        if columns.iter().any(|id| self.origins.contains_key(id)) {
            1.0 / self.distinct(expr, f64::INFINITY).max(1.0)
        } else {
            EQUAL_FRACTION
        }
    }

    fn comparison_selectivity(&self, expr: &Expr) -> f64 {
        let Some(comparison) = functions::comparison(expr) else {
            let ExprKind::Call { function, args, .. } = &expr.kind else { return OTHER_FRACTION };
            return match function.name.as_str() {
                "<>" => args.first().map_or(0.9, |arg| 1.0 - self.equal_fraction(arg)),
                "~~" | "~~*" | "~" => PATTERN_FRACTION,
                "!~~" | "!~~*" | "!~" => 1.0 - PATTERN_FRACTION,
                _ => OTHER_FRACTION,
            };
        };
        if comparison.strategy == strategy::EQUAL {
            return self.equal_fraction(comparison.left).min(self.equal_fraction(comparison.right).max(1e-9));
        }
        let ExprKind::Column(id) = comparison.left.kind else { return RANGE_FRACTION };
        let (Some((relation, position)), ExprKind::Const(value)) =
            (self.origins.get(&id), &comparison.right.kind)
        else {
            return RANGE_FRACTION;
        };
        let statistics = self.context.statistics.column(relation.oid, *position);
        let Some(below) = fraction_below(&statistics, value) else { return RANGE_FRACTION };
        match comparison.strategy {
            strategy::LESS | strategy::LESS_EQUAL => below,
            _ => 1.0 - below,
        }
        .clamp(1e-4, 1.0)
    }
}

/// Returns the unique keys of a table.
fn unique_columns(get: &Get) -> impl Iterator<Item = ColumnSet> {
    let positions = get.relation.constraints.iter().filter_map(|constraint| match &constraint.kind {
        ConstraintKind::PrimaryKey { columns, .. } | ConstraintKind::Unique { columns, .. } => Some(columns),
        ConstraintKind::NotNull { .. }
        | ConstraintKind::Check { .. }
        | ConstraintKind::Exclusion { .. }
        | ConstraintKind::ForeignKey(_) => None,
    });
    positions.map(|columns| columns.iter().filter_map(|at| get.columns.get(*at)).copied().collect())
}

/// Returns the fraction of the column's range that lies below `value`.
fn fraction_below(statistics: &ColumnStatistics, value: &Datum) -> Option<f64> {
    let min = as_number(statistics.min.as_ref()?)?;
    let max = as_number(statistics.max.as_ref()?)?;
    let value = as_number(value)?;
    if max <= min { None } else { Some(((value - min) / (max - min)).clamp(0.0, 1.0)) }
}

fn as_number(value: &Datum) -> Option<f64> {
    match value {
        Datum::I16(value) => Some(f64::from(*value)),
        Datum::I32(value) => Some(f64::from(*value)),
        Datum::I64(value) => Some(*value as f64),
        Datum::F32(value) => Some(f64::from(*value)),
        Datum::F64(value) => Some(*value),
        Datum::Numeric(types::numeric::Numeric::Fixed { unscaled, scale }) => {
            Some(*unscaled as f64 / 10f64.powi(i32::from(*scale)))
        }
        _ => None,
    }
}

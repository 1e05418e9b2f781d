//! Which conjuncts of a scan storage can decide on its own, and in which form.

use storage::{ColumnDefinition, RangeEnd, ScanPredicate, ScanValue};
use types::{Datum, PhysicalType, Result, oids};

use crate::execute::Run;
use crate::expr::{Expr, ExprKind, Volatility};
use crate::rows::RowEvaluator;

/// The six comparisons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

impl Operator {
    /// Returns the comparison with its sides exchanged.
    pub(crate) fn swapped(self) -> Self {
        match self {
            Self::Equal => Self::Equal,
            Self::NotEqual => Self::NotEqual,
            Self::Less => Self::Greater,
            Self::LessEqual => Self::GreaterEqual,
            Self::Greater => Self::Less,
            Self::GreaterEqual => Self::LessEqual,
        }
    }
}

/// Types whose comparison is that of their lanes, by the stem of the `prosrc` names.
const STEMS: &[&str] = &[
    "bool",
    "date",
    "float4",
    "float8",
    "int2",
    "int24",
    "int28",
    "int4",
    "int42",
    "int48",
    "int8",
    "int82",
    "int84",
    "numeric",
    "oid",
    "text",
    "time",
    "timestamp",
    "uuid",
];

/// Returns the comparison that a function computes, if it compares lanes in their own order.
pub(crate) fn operator_of(prosrc: &str) -> Option<Operator> {
    let (stem, suffix) = prosrc.split_at_checked(prosrc.len().checked_sub(2)?)?;
    let stem = stem.strip_suffix('_').unwrap_or(stem);
    if !STEMS.contains(&stem) {
        return None;
    }
    match suffix {
        "eq" => Some(Operator::Equal),
        "ne" => Some(Operator::NotEqual),
        "lt" => Some(Operator::Less),
        "le" => Some(Operator::LessEqual),
        "gt" => Some(Operator::Greater),
        "ge" => Some(Operator::GreaterEqual),
        _ => None,
    }
}

/// Returns the comparison of a date with a timestamp that a function computes.
fn date_timestamp_operator(prosrc: &str) -> Option<Operator> {
    match prosrc {
        "date_lt_timestamp" => Some(Operator::Less),
        "date_le_timestamp" => Some(Operator::LessEqual),
        "date_gt_timestamp" => Some(Operator::Greater),
        "date_ge_timestamp" => Some(Operator::GreaterEqual),
        _ => None,
    }
}

/// Returns the dates that compare so with a timestamp.
fn date_range(operator: Operator, timestamp: i64) -> Option<ScanPredicate> {
    const DAY_MICROSECONDS: i64 = 86_400_000_000;
    if timestamp == i64::MIN || timestamp == i64::MAX {
        return None;
    }
    let whole = timestamp.rem_euclid(DAY_MICROSECONDS) == 0;
    let day = ScanValue::Int(i128::from(timestamp.div_euclid(DAY_MICROSECONDS)));
    // A moment within a day lies after that day's midnight.
    Some(match operator {
        Operator::Less if whole => comparison(Operator::Less, day),
        Operator::Less | Operator::LessEqual => comparison(Operator::LessEqual, day),
        Operator::GreaterEqual if whole => comparison(Operator::GreaterEqual, day),
        Operator::GreaterEqual | Operator::Greater => comparison(Operator::Greater, day),
        Operator::Equal | Operator::NotEqual => return None,
    })
}

/// Returns a stored column and a predicate on it that says the same as `filter`, if there is one.
pub(super) fn translate(
    run: &Run<'_>,
    filter: &Expr,
    columns: &[usize],
    definitions: &[ColumnDefinition],
) -> Result<Option<(usize, ScanPredicate)>> {
    let stored = |expr: &Expr| match &expr.kind {
        ExprKind::Column(id) => columns.get(id.0 as usize).copied(),
        _ => None,
    };
    match &filter.kind {
        ExprKind::IsNull { arg, negated } if arg.ty.oid != oids::RECORD => Ok(stored(arg)
            .map(|column| (column, if *negated { ScanPredicate::NotNull } else { ScanPredicate::IsNull }))),
        ExprKind::Call { function, args, .. } => {
            let [left, right] = args.as_slice() else { return Ok(None) };
            if let Some(operator) = date_timestamp_operator(&function.prosrc) {
                let Some(column) = stored(left) else { return Ok(None) };
                return Ok(constant(run, right)?.and_then(|value| match value {
                    Datum::I64(timestamp) => Some((column, date_range(operator, timestamp)?)),
                    _ => None,
                }));
            }
            let Some(operator) = operator_of(&function.prosrc) else { return Ok(None) };
            let (column, operator, other) = match (stored(left), stored(right)) {
                (Some(column), None) => (column, operator, right),
                (None, Some(column)) => (column, operator.swapped(), left),
                (Some(_), Some(_)) | (None, None) => return Ok(None),
            };
            let (Some(value), Some(definition)) = (constant(run, other)?, definitions.get(column)) else {
                return Ok(None);
            };
            Ok(scan_value(&value, definition).map(|value| (column, comparison(operator, value))))
        }
        ExprKind::ScalarArray { function, scalar, array, all: false, .. } => {
            if operator_of(&function.prosrc) != Some(Operator::Equal) {
                return Ok(None);
            }
            let Some(column) = stored(scalar) else { return Ok(None) };
            let (Some(Datum::Array(items)), Some(definition)) =
                (constant(run, array)?, definitions.get(column))
            else {
                return Ok(None);
            };
            let values = items
                .elements
                .iter()
                .filter(|item| !item.is_null())
                .map(|item| scan_value(item, definition))
                .collect::<Option<Vec<_>>>();
            Ok(values.map(|values| (column, ScanPredicate::In(values))))
        }
        _ => Ok(None),
    }
}

/// Returns the value of a part without columns, subqueries and volatile calls; `None` for NULL, and where it raises an
/// error, which is for the first row to raise.
fn constant(run: &Run<'_>, expr: &Expr) -> Result<Option<Datum>> {
    let mut plain = true;
    expr.walk(&mut |part| {
        plain &= match &part.kind {
            ExprKind::Const(_)
            | ExprKind::Param(_)
            | ExprKind::Outer(_)
            | ExprKind::Relabel(_)
            | ExprKind::Array { .. } => true,
            ExprKind::Call { function, .. } => function.volatility != Volatility::Volatile,
            _ => false,
        };
    });
    if !plain {
        return Ok(None);
    }
    let value = RowEvaluator::new(run).evaluate(expr, &[]).unwrap_or_default();
    Ok((!value.is_null()).then_some(value))
}

/// Returns `value` as storage compares it with the lanes of `column`.
fn scan_value(value: &Datum, column: &ColumnDefinition) -> Option<ScanValue> {
    match (value, column.physical) {
        (Datum::Bool(value), PhysicalType::Bool) => Some(ScanValue::Int(i128::from(*value))),
        (Datum::I16(value), PhysicalType::I16 | PhysicalType::I32 | PhysicalType::I64) => {
            Some(ScanValue::Int(i128::from(*value)))
        }
        (Datum::I32(value), PhysicalType::I16 | PhysicalType::I32 | PhysicalType::I64) => {
            Some(ScanValue::Int(i128::from(*value)))
        }
        (Datum::I64(value), PhysicalType::I16 | PhysicalType::I32 | PhysicalType::I64) => {
            Some(ScanValue::Int(i128::from(*value)))
        }
        (Datum::Numeric(value), PhysicalType::Numeric) => {
            value.to_fixed_scale(u16::from(column.fixed_scale?)).map(ScanValue::Int)
        }
        (Datum::F32(value), PhysicalType::F32 | PhysicalType::F64) => {
            Some(ScanValue::Float(f64::from(*value)))
        }
        (Datum::F64(value), PhysicalType::F64) => Some(ScanValue::Float(*value)),
        (Datum::Text(value), PhysicalType::Text) => Some(ScanValue::Bytes(value.as_bytes().to_vec())),
        (Datum::Uuid(value), PhysicalType::Uuid) => Some(ScanValue::Wide(u128::from_be_bytes(*value))),
        _ => None,
    }
}

fn comparison(operator: Operator, value: ScanValue) -> ScanPredicate {
    let end = |inclusive| Some(RangeEnd { value: value.clone(), inclusive });
    match operator {
        Operator::Equal => ScanPredicate::Equals(value),
        Operator::NotEqual => ScanPredicate::NotEquals(value),
        Operator::Less => ScanPredicate::Range { low: None, high: end(false) },
        Operator::LessEqual => ScanPredicate::Range { low: None, high: end(true) },
        Operator::Greater => ScanPredicate::Range { low: end(false), high: None },
        Operator::GreaterEqual => ScanPredicate::Range { low: end(true), high: None },
    }
}

/// Joins a lower and an upper end on one column into one range.
pub(super) fn merge_ranges(predicates: &mut Vec<(usize, ScanPredicate)>) {
    let mut index = 0;
    while index < predicates.len() {
        let mut other = index + 1;
        while other < predicates.len() {
            let joined = match (&predicates[index], &predicates[other]) {
                (
                    (column, ScanPredicate::Range { low: Some(low), high: None }),
                    (same, ScanPredicate::Range { low: None, high: Some(high) }),
                )
                | (
                    (column, ScanPredicate::Range { low: None, high: Some(high) }),
                    (same, ScanPredicate::Range { low: Some(low), high: None }),
                ) if column == same => {
                    Some(ScanPredicate::Range { low: Some(low.clone()), high: Some(high.clone()) })
                }
                _ => None,
            };
            match joined {
                Some(range) => {
                    predicates[index].1 = range;
                    predicates.remove(other);
                }
                None => other += 1,
            }
        }
        index += 1;
    }
}

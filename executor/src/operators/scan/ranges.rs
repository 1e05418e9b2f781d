//! The ranges of an index's keys that conditions allow, from the values that they have now.

use std::cmp::Ordering;

use storage::{IndexColumn, IndexDefinition, IndexRange};
use types::{Datum, Oid, PgError, Result, oids};

use crate::expr::Expr;
use crate::plan::{IndexBound, IndexKey};

/// Where a value lies among those that a column can hold.
enum Fit {
    Value(Datum),
    Below,
    Above,
    Null,
}

/// Returns disjoint ranges in the order of the index; none when no row can satisfy the conditions.
pub(super) fn of(
    definition: &IndexDefinition,
    keys: &[IndexKey],
    evaluate: &mut dyn FnMut(&Expr) -> Result<Datum>,
) -> Result<Vec<IndexRange>> {
    let mut prefixes: Vec<Vec<Datum>> = vec![Vec::new()];
    for (at, key) in keys.iter().enumerate() {
        let column = definition
            .columns
            .get(at)
            .ok_or_else(|| PgError::internal("more conditions than the index has columns"))?;
        let values = match key {
            IndexKey::Equals(value) => match fit(evaluate(value)?, column.ty) {
                Fit::Value(value) => vec![value],
                Fit::Below | Fit::Above | Fit::Null => return Ok(Vec::new()),
            },
            IndexKey::Any(array) => elements(evaluate(array)?, column),
            IndexKey::IsNull => vec![Datum::Null],
            IndexKey::Range { low, high } => {
                let Some((low, high)) = ends(column, low, high, evaluate)? else { return Ok(Vec::new()) };
                let range = |prefix| IndexRange { prefix, low: low.clone(), high: high.clone() };
                return Ok(prefixes.into_iter().map(range).collect());
            }
        };
        prefixes = prefixes
            .iter()
            .flat_map(|prefix| {
                values.iter().map(|value| prefix.iter().cloned().chain([value.clone()]).collect())
            })
            .collect();
    }
    Ok(prefixes.into_iter().map(IndexRange::key).collect())
}

/// Returns the elements of an array that a column can hold, in the order of the index, each once.
fn elements(array: Datum, column: &IndexColumn) -> Vec<Datum> {
    let Datum::Array(array) = array else { return Vec::new() };
    let mut keyed: Vec<(Vec<u8>, Datum)> = Vec::with_capacity(array.elements.len());
    for element in &array.elements {
        if let Fit::Value(value) = fit(element.clone(), column.ty) {
            keyed.push((bytes(column, &value), value));
        }
    }
    keyed.sort_unstable_by(|left, right| left.0.cmp(&right.0));
    keyed.dedup_by(|left, right| left.0 == right.0);
    keyed.into_iter().map(|(_, value)| value).collect()
}

fn bytes(column: &IndexColumn, value: &Datum) -> Vec<u8> {
    let mut bytes = Vec::new();
    types::key::encode_key(column.ty, value, column.descending, column.nulls_first, &mut bytes);
    bytes
}

type End = Option<(Datum, bool)>;

/// Returns both ends of a range in the order of the index; `None` when it is empty.
fn ends(
    column: &IndexColumn,
    low: &[IndexBound],
    high: &[IndexBound],
    evaluate: &mut dyn FnMut(&Expr) -> Result<Datum>,
) -> Result<Option<(End, End)>> {
    let mut tightest = |bounds: &[IndexBound], lower: bool| -> Result<Option<End>> {
        let mut end: End = None;
        for bound in bounds {
            let value = match (fit(evaluate(&bound.value)?, column.ty), lower) {
                (Fit::Value(value), _) => value,
                (Fit::Below, true) | (Fit::Above, false) => continue,
                (Fit::Below, false) | (Fit::Above, true) | (Fit::Null, _) => return Ok(None),
            };
            let tighter = end.as_ref().is_none_or(|(known, inclusive)| {
                let (known, new) = (bytes(column, known), bytes(column, &value));
                let order = if lower == column.descending { known.cmp(&new) } else { new.cmp(&known) };
                order == Ordering::Greater || order == Ordering::Equal && *inclusive
            });
            if tighter {
                end = Some((value, bound.inclusive));
            }
        }
        Ok(Some(end))
    };
    let (Some(low), Some(high)) = (tightest(low, true)?, tightest(high, false)?) else { return Ok(None) };
    let (mut first, mut last) = if column.descending { (high, low) } else { (low, high) };
    // NULLs satisfy no comparison.
    let nulls = &mut if column.nulls_first { &mut first } else { &mut last };
    nulls.get_or_insert((Datum::Null, false));
    Ok(Some((first, last)))
}

/// Returns a value as one of a column's type.
fn fit(value: Datum, ty: Oid) -> Fit {
    let wide = match (&value, ty) {
        (Datum::Null, _) => return Fit::Null,
        (Datum::I16(number), oids::INT2 | oids::INT4 | oids::INT8) => i64::from(*number),
        (Datum::I32(number), oids::INT2 | oids::INT4 | oids::INT8) => i64::from(*number),
        (Datum::I64(number), oids::INT2 | oids::INT4 | oids::INT8) => *number,
        _ => return Fit::Value(value),
    };
    let narrow = match ty {
        oids::INT2 => i16::try_from(wide).map(Datum::I16),
        oids::INT4 => i32::try_from(wide).map(Datum::I32),
        _ => Ok(Datum::I64(wide)),
    };
    match narrow {
        Ok(value) => Fit::Value(value),
        Err(_) if wide < 0 => Fit::Below,
        Err(_) => Fit::Above,
    }
}

#[cfg(test)]
mod tests {
    use storage::IndexId;
    use types::TypeRef;

    use super::*;

    fn index(descending: bool, nulls_first: bool) -> IndexDefinition {
        let column = IndexColumn { column: 0, ty: oids::INT4, descending, nulls_first };
        let columns = vec![column.clone(), IndexColumn { column: 1, ..column }];
        IndexDefinition { id: IndexId(1), name: "i".to_owned(), columns, unique: false, nulls_distinct: true }
    }

    fn int8(value: i64) -> Expr {
        Expr::constant(Datum::I64(value), TypeRef::plain(oids::INT8))
    }

    fn constant(expr: &Expr) -> Result<Datum> {
        match &expr.kind {
            crate::expr::ExprKind::Const(value) => Ok(value.clone()),
            _ => Err(PgError::internal("not a constant")),
        }
    }

    fn range(low: &[(i64, bool)], high: &[(i64, bool)]) -> IndexKey {
        let bounds = |ends: &[(i64, bool)]| {
            ends.iter()
                .map(|(value, inclusive)| IndexBound { value: int8(*value), inclusive: *inclusive })
                .collect()
        };
        IndexKey::Range { low: bounds(low), high: bounds(high) }
    }

    #[test]
    fn the_tightest_ends_count_and_nulls_are_outside() {
        let ends = |definition: &IndexDefinition, key: IndexKey| {
            let ranges = of(definition, &[key], &mut |expr| constant(expr)).unwrap();
            ranges.first().map(|range| (range.low.clone(), range.high.clone()))
        };
        let five = Some((Datum::I32(5), false));
        let nine = Some((Datum::I32(9), true));
        let null = Some((Datum::Null, false));
        let key = || range(&[(3, true), (5, false), (5, true)], &[(12, false), (9, true)]);
        assert_eq!(ends(&index(false, false), key()), Some((five.clone(), nine.clone())));
        assert_eq!(ends(&index(true, true), key()), Some((nine.clone(), five.clone())));
        assert_eq!(ends(&index(false, false), range(&[(5, false)], &[])), Some((five.clone(), null.clone())));
        assert_eq!(ends(&index(true, true), range(&[(5, false)], &[])), Some((null.clone(), five)));
        assert_eq!(ends(&index(false, true), range(&[], &[(9, true)])), Some((null.clone(), nine)));
        // What the column cannot hold.
        let above = i64::from(i32::MAX) + 1;
        assert_eq!(ends(&index(false, false), range(&[], &[(above, true)])), Some((None, null)));
        assert_eq!(ends(&index(false, false), range(&[(above, true)], &[])), None);
    }

    #[test]
    fn lists_are_sorted_and_crossed() {
        let array = Datum::Array(std::sync::Arc::new(types::ArrayValue::one_dimensional(
            oids::INT8,
            vec![Datum::I64(4), Datum::Null, Datum::I64(2), Datum::I64(4), Datum::I64(i64::MAX)],
        )));
        let any = IndexKey::Any(Expr::constant(array, TypeRef::plain(oids::INT8_ARRAY)));
        let keys = [any, IndexKey::Equals(int8(7))];
        let ranges = of(&index(false, false), &keys, &mut |expr| constant(expr)).unwrap();
        let prefixes: Vec<_> = ranges.into_iter().map(|range| range.prefix).collect();
        let key = |value| vec![Datum::I32(value), Datum::I32(7)];
        assert_eq!(prefixes, [key(2), key(4)]);
    }
}

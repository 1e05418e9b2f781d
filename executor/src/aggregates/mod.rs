//! Aggregates on single values: the definition that the vector accumulators are held to, and what window frames
//! and DISTINCT or ordered calls run on. An aggregate is one type that implements [`RowAggregate`] and one line in
//! [`create`].

mod collecting;
mod floats;
mod json;
mod logic;
mod numerics;
mod ordered_set;
mod ranges;
mod spans;

use std::sync::Arc;

use types::io::IoContext;
use types::{Datum, PgError, PhysicalType, Result, TypeRef};

use crate::convert::physical_type;
use crate::values;

pub(crate) use numerics::sum_or_average;
pub(crate) use ordered_set::OrderedSet;

/// The state of one group.
pub(crate) trait RowAggregate: Send + Sync {
    /// Takes a row's arguments.
    fn add(&mut self, args: &[Datum]) -> Result<()>;
    /// Returns the result for the rows so far.
    fn finish(&self) -> Result<Datum>;
    /// Returns the state as values that [`RowAggregate::combine`] takes; `None` when order matters.
    fn state(&self) -> Option<Vec<Datum>>;
    /// Adds the rows behind another state of the same aggregate.
    fn combine(&mut self, state: &[Datum]) -> Result<()>;
}

/// What identifies an aggregate call.
#[derive(Debug, Clone)]
pub(crate) struct Signature {
    pub(crate) name: String,
    pub(crate) args: Vec<TypeRef>,
    pub(crate) result: TypeRef,
    /// The session's settings, for aggregates that make text of values.
    pub(crate) io: Arc<IoContext>,
}

/// Returns an empty state.
///
/// # Errors
/// `0A000` for an aggregate without a body.
pub(crate) fn create(signature: &Signature) -> Result<Box<dyn RowAggregate>> {
    let physical = signature.args.first().map(|ty| physical_type(*ty));
    let result = signature.result;
    Ok(match (signature.name.as_str(), physical) {
        ("count", _) => Box::new(Count { rows: 0, any: signature.args.is_empty() }),
        ("min", Some(_)) => Box::new(Extreme { best: Datum::Null, ty: signature.args[0], greatest: false }),
        ("max", Some(_)) => Box::new(Extreme { best: Datum::Null, ty: signature.args[0], greatest: true }),
        ("any_value" | crate::plan::DEPENDENT_KEY, Some(_)) => Box::new(logic::AnyValue::default()),
        ("sum", Some(PhysicalType::I64)) if result.oid == types::oids::MONEY => {
            Box::new(spans::MoneySum::default())
        }
        (name @ ("sum" | "avg"), Some(PhysicalType::Interval)) => {
            Box::new(spans::IntervalSum::new(name == "avg"))
        }
        ("sum", Some(PhysicalType::I16 | PhysicalType::I32)) => Box::new(numerics::IntegerSum::default()),
        ("sum", Some(PhysicalType::I64 | PhysicalType::Numeric)) => {
            Box::new(numerics::NumericSum::new(false))
        }
        ("sum", Some(PhysicalType::F32)) => Box::new(floats::SingleSum::default()),
        ("sum", Some(PhysicalType::F64)) => Box::new(floats::DoubleSum::default()),
        ("avg", Some(PhysicalType::I16 | PhysicalType::I32 | PhysicalType::I64 | PhysicalType::Numeric)) => {
            Box::new(numerics::NumericSum::new(true))
        }
        (
            name @ ("avg" | "variance" | "var_samp" | "var_pop" | "stddev" | "stddev_samp" | "stddev_pop"),
            Some(PhysicalType::F32 | PhysicalType::F64),
        ) => Box::new(floats::Moments::new(name)),
        (
            name @ ("variance" | "var_samp" | "var_pop" | "stddev" | "stddev_samp" | "stddev_pop"),
            Some(PhysicalType::I16 | PhysicalType::I32 | PhysicalType::I64 | PhysicalType::Numeric),
        ) => Box::new(numerics::NumericMoments::new(name)),
        (
            name @ ("regr_count" | "regr_sxx" | "regr_syy" | "regr_sxy" | "regr_avgx" | "regr_avgy"
            | "regr_r2" | "regr_slope" | "regr_intercept" | "covar_pop" | "covar_samp" | "corr"),
            Some(PhysicalType::F64),
        ) => Box::new(floats::Regression::new(name)),
        ("bool_and" | "every", Some(PhysicalType::Bool)) => Box::new(logic::Fold::new(logic::FoldKind::And)),
        ("bool_or", Some(PhysicalType::Bool)) => Box::new(logic::Fold::new(logic::FoldKind::Or)),
        (
            "bit_and",
            Some(PhysicalType::I16 | PhysicalType::I32 | PhysicalType::I64 | PhysicalType::Bytes),
        ) => Box::new(logic::Fold::new(logic::FoldKind::And)),
        ("bit_or", Some(PhysicalType::I16 | PhysicalType::I32 | PhysicalType::I64 | PhysicalType::Bytes)) => {
            Box::new(logic::Fold::new(logic::FoldKind::Or))
        }
        (
            "bit_xor",
            Some(PhysicalType::I16 | PhysicalType::I32 | PhysicalType::I64 | PhysicalType::Bytes),
        ) => Box::new(logic::Fold::new(logic::FoldKind::Xor)),
        ("string_agg", Some(_)) => Box::new(collecting::StringAgg::default()),
        ("array_agg", Some(_)) if types::element_type(signature.args[0].oid).is_none() => Box::new(
            collecting::ArrayAgg::new(types::element_type(result.oid).unwrap_or(signature.args[0].oid)),
        ),
        ("array_agg", Some(_)) => Box::new(collecting::ArrayOfArrays::new(
            types::element_type(result.oid).unwrap_or(signature.args[0].oid),
        )),
        ("range_agg", Some(_)) => Box::new(ranges::RangeAgg::new(result.oid)),
        ("range_intersect_agg", Some(_)) => Box::new(ranges::IntersectAgg::default()),
        (name, _) => match json::create(signature) {
            Some(aggregate) => aggregate,
            None => return Err(PgError::not_supported(format!("aggregate {name}"))),
        },
    })
}

/// Whether the result depends on the order of the rows.
pub(crate) fn order_matters(signature: &Signature) -> bool {
    let floats = signature
        .args
        .first()
        .is_some_and(|ty| matches!(physical_type(*ty), PhysicalType::F32 | PhysicalType::F64));
    match signature.name.as_str() {
        "count" | "min" | "max" | crate::plan::DEPENDENT_KEY => false,
        "string_agg" | "array_agg" | "any_value" => true,
        name if name.starts_with("json") => true,
        _ => floats,
    }
}

#[derive(Default)]
struct Count {
    rows: i64,
    any: bool,
}

impl RowAggregate for Count {
    fn add(&mut self, args: &[Datum]) -> Result<()> {
        if self.any || args.first().is_some_and(|arg| !arg.is_null()) {
            self.rows += 1;
        }
        Ok(())
    }
    fn finish(&self) -> Result<Datum> {
        Ok(Datum::I64(self.rows))
    }
    fn state(&self) -> Option<Vec<Datum>> {
        Some(vec![Datum::I64(self.rows)])
    }
    fn combine(&mut self, state: &[Datum]) -> Result<()> {
        if let Some(Datum::I64(rows)) = state.first() {
            self.rows += rows;
        }
        Ok(())
    }
}

struct Extreme {
    best: Datum,
    ty: TypeRef,
    greatest: bool,
}

impl RowAggregate for Extreme {
    fn add(&mut self, args: &[Datum]) -> Result<()> {
        let Some(value) = args.first().filter(|value| !value.is_null()) else { return Ok(()) };
        let order = values::compare(value, &self.best, self.ty);
        // Of equal values that are not the same, the later one counts, as the types' `larger` functions have it.
        let later = order.is_eq()
            && matches!(
                value,
                Datum::Numeric(_) | Datum::Interval(_) | Datum::F64(_) | Datum::F32(_) | Datum::Array(_)
            );
        if self.best.is_null() || later || if self.greatest { order.is_gt() } else { order.is_lt() } {
            self.best = value.clone();
        }
        Ok(())
    }
    fn finish(&self) -> Result<Datum> {
        Ok(self.best.clone())
    }
    fn state(&self) -> Option<Vec<Datum>> {
        Some(vec![self.best.clone()])
    }
    fn combine(&mut self, state: &[Datum]) -> Result<()> {
        self.add(state)
    }
}

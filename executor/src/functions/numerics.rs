//! Functions on numeric.

use types::{Datum, Result};

use super::arguments::{int2, int4, int8, numeric};
use super::{FunctionEntry, row, with_vector};
use crate::vectors::lanes;

macro_rules! compare { ($name:literal, $operator:tt, $comparison:ident) => {
    with_vector(
        $name,
        |args, _| Ok(Datum::Bool(numeric(args, 0)? $operator numeric(args, 1)?)),
        lanes::compare_decimals::<{ lanes::$comparison }>,
    )
} }

macro_rules! unary {
    ($name:literal, $method:ident) => {
        row($name, |args, _| Ok(Datum::Numeric(numeric(args, 0)?.$method()?)))
    };
}

macro_rules! binary {
    ($name:literal, $method:ident) => {
        row($name, |args, _| Ok(Datum::Numeric(numeric(args, 0)?.$method(numeric(args, 1)?)?)))
    };
}

fn scale_argument(args: &[Datum]) -> Result<i32> {
    if args.len() > 1 { int4(args, 1) } else { Ok(0) }
}

/// `in_range` of numerics, as that of floats.
fn in_range(args: &[Datum], _: &super::CallContext<'_>) -> Result<Datum> {
    let (value, base, offset) = (numeric(args, 0)?, numeric(args, 1)?, numeric(args, 2)?);
    let (subtract, less) = (super::arguments::boolean(args, 3)?, super::arguments::boolean(args, 4)?);
    if offset.is_nan() || *offset < types::Numeric::ZERO {
        return Err(types::errors::data::invalid_preceding_or_following());
    }
    Ok(Datum::Bool(if value.is_nan() {
        base.is_nan() || !less
    } else if base.is_nan() {
        less
    } else if !offset.is_finite() && !base.is_finite() && (*base > types::Numeric::ZERO) == subtract {
        true
    } else {
        let bound = if subtract { base.sub(offset)? } else { base.add(offset)? };
        if less { *value <= bound } else { *value >= bound }
    }))
}

/// Sorted by `prosrc`.
pub(super) const TABLE: &[FunctionEntry] = &[
    row("int2_numeric", |args, _| Ok(Datum::Numeric(i64::from(int2(args, 0)?).into()))),
    row("numeric", |args, _| Ok(Datum::Numeric(numeric(args, 0)?.apply_typmod(int4(args, 1)?)?))),
    row("numeric_abs", |args, _| Ok(Datum::Numeric(numeric(args, 0)?.abs()))),
    with_vector(
        "numeric_add",
        |args, _| Ok(Datum::Numeric(numeric(args, 0)?.add(numeric(args, 1)?)?)),
        lanes::add_decimals,
    ),
    unary!("numeric_ceil", ceil),
    row("numeric_cmp", |args, _| Ok(Datum::I32(numeric(args, 0)?.cmp(numeric(args, 1)?) as i32))),
    binary!("numeric_div", div),
    binary!("numeric_div_trunc", div_trunc),
    compare!("numeric_eq", ==, EQUAL),
    unary!("numeric_exp", exp),
    row("numeric_float4", |args, _| Ok(Datum::F32(numeric(args, 0)?.to_f32()?))),
    row("numeric_float8", |args, _| Ok(Datum::F64(numeric(args, 0)?.to_f64()?))),
    unary!("numeric_floor", floor),
    binary!("numeric_gcd", gcd),
    compare!("numeric_ge", >=, GREATER_EQUAL),
    compare!("numeric_gt", >, GREATER),
    unary!("numeric_inc", inc),
    row("numeric_int2", |args, _| Ok(Datum::I16(numeric(args, 0)?.to_i16()?))),
    row("numeric_int4", |args, _| Ok(Datum::I32(numeric(args, 0)?.to_i32()?))),
    row("numeric_int8", |args, _| Ok(Datum::I64(numeric(args, 0)?.to_i64()?))),
    row("numeric_larger", |args, _| {
        let (left, right) = (numeric(args, 0)?, numeric(args, 1)?);
        Ok(Datum::Numeric(if left > right { left } else { right }.clone()))
    }),
    binary!("numeric_lcm", lcm),
    compare!("numeric_le", <=, LESS_EQUAL),
    unary!("numeric_ln", ln),
    compare!("numeric_lt", <, LESS),
    row("numeric_min_scale", |args, _| Ok(numeric(args, 0)?.min_scale().map_or(Datum::Null, Datum::I32))),
    binary!("numeric_mod", rem),
    with_vector(
        "numeric_mul",
        |args, _| Ok(Datum::Numeric(numeric(args, 0)?.mul(numeric(args, 1)?)?)),
        lanes::multiply_decimals,
    ),
    compare!("numeric_ne", !=, NOT_EQUAL),
    binary!("numeric_power", power),
    row("numeric_round", |args, _| Ok(Datum::Numeric(numeric(args, 0)?.round(scale_argument(args)?)?))),
    row("numeric_scale", |args, _| Ok(numeric(args, 0)?.scale().map_or(Datum::Null, Datum::I32))),
    row("numeric_sign", |args, _| Ok(Datum::Numeric(numeric(args, 0)?.sign()))),
    row("numeric_smaller", |args, _| {
        let (left, right) = (numeric(args, 0)?, numeric(args, 1)?);
        Ok(Datum::Numeric(if left < right { left } else { right }.clone()))
    }),
    unary!("numeric_sqrt", sqrt),
    with_vector(
        "numeric_sub",
        |args, _| Ok(Datum::Numeric(numeric(args, 0)?.sub(numeric(args, 1)?)?)),
        lanes::subtract_decimals,
    ),
    unary!("numeric_trim_scale", trim_scale),
    row("numeric_trunc", |args, _| Ok(Datum::Numeric(numeric(args, 0)?.trunc(scale_argument(args)?)?))),
    row("numeric_uminus", |args, _| Ok(Datum::Numeric(numeric(args, 0)?.neg()))),
    row("numeric_uplus", |args, _| Ok(Datum::Numeric(numeric(args, 0)?.clone()))),
    row("in_range_numeric_numeric", in_range),
    row("numeric_log", |args, _| {
        // log(numeric) is log(10, numeric), which an SQL body says.
        Ok(Datum::Numeric(numeric(args, 1)?.log(numeric(args, 0)?)?))
    }),
    row("log10_1481", |args, _| Ok(Datum::Numeric(numeric(args, 0)?.log10()?))),
    row("log_1741", |args, _| Ok(Datum::Numeric(numeric(args, 0)?.log10()?))),
    row("numeric_pl_pg_lsn_5023", |args, _| {
        types::identifiers::lsn_plus(int8(args, 1)?, numeric(args, 0)?).map(Datum::I64)
    }),
    row("round_1708", |args, _| Ok(Datum::Numeric(numeric(args, 0)?.round(0)?))),
    row("trunc_1710", |args, _| Ok(Datum::Numeric(numeric(args, 0)?.trunc(0)?))),
    row("width_bucket_numeric", |args, _| {
        let count = int4(args, 3)?;
        Ok(Datum::I32(numeric(args, 0)?.width_bucket(numeric(args, 1)?, numeric(args, 2)?, count)?))
    }),
    row("numeric_fac", |args, _| Ok(Datum::Numeric(types::Numeric::factorial(int8(args, 0)?)?))),
];

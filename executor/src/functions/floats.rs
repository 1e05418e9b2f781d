//! Functions on float4 and float8.

use types::arithmetic::float8 as float8_functions;
use types::errors::data;
use types::float_functions as advanced;
use types::{Datum, Numeric, Result};

use super::arguments::{float4, float8, int2, int4, int8};
use super::{FunctionEntry, row};
use crate::values::compare_floats;

/// Returns either float argument in double precision.
fn float(args: &[Datum], index: usize) -> Result<f64> {
    match args.get(index) {
        Some(Datum::F32(value)) => Ok(f64::from(*value)),
        _ => float8(args, index),
    }
}

macro_rules! compare {
    ($name:literal, $test:ident) => {
        row($name, |args, _| Ok(Datum::Bool(compare_floats(float(args, 0)?, float(args, 1)?).$test())))
    };
}

/// Returns `result` unless it overflowed, as `CHECKFLOATVAL`.
fn checked(result: f64, left: f64, right: f64, may_be_zero: bool) -> Result<f64> {
    if result.is_infinite() && !left.is_infinite() && !right.is_infinite() {
        return Err(data::float_overflow());
    }
    if result == 0.0 && !may_be_zero {
        return Err(data::float_underflow());
    }
    Ok(result)
}

fn add(left: f64, right: f64) -> Result<f64> {
    checked(left + right, left, right, true)
}
fn subtract(left: f64, right: f64) -> Result<f64> {
    checked(left - right, left, right, true)
}
fn multiply(left: f64, right: f64) -> Result<f64> {
    checked(left * right, left, right, left == 0.0 || right == 0.0)
}
fn divide(left: f64, right: f64) -> Result<f64> {
    if right == 0.0 && !left.is_nan() {
        return Err(data::division_by_zero());
    }
    checked(left / right, left, right, left == 0.0 || right.is_infinite())
}

macro_rules! double {
    ($name:literal, $function:ident) => {
        row($name, |args, _| Ok(Datum::F64($function(float(args, 0)?, float(args, 1)?)?)))
    };
}

/// Single precision: computed in single precision and checked there.
macro_rules! single { ($name:literal, $operator:tt, $zero:expr) => {
    row($name, |args, _| {
        let (left, right) = (float4(args, 0)?, float4(args, 1)?);
        let zero: fn(f32, f32) -> bool = $zero;
        let result = f64::from(left $operator right);
        Ok(Datum::F32(checked(result, f64::from(left), f64::from(right), zero(left, right))? as f32))
    })
} }

/// A function that has a result for every argument.
macro_rules! total {
    ($name:literal, $function:expr) => {
        row($name, |args, _| {
            let function: fn(f64) -> f64 = $function;
            Ok(Datum::F64(function(float8(args, 0)?)))
        })
    };
}

/// A function that refuses some arguments.
macro_rules! partial {
    ($name:literal, $function:expr) => {
        row($name, |args, _| {
            let function: fn(f64) -> Result<f64> = $function;
            Ok(Datum::F64(function(float8(args, 0)?)?))
        })
    };
}

/// `in_range` of floats: NaN is beyond every bound, an infinite offset reaches whatever is not on the other side.
fn in_range(args: &[Datum]) -> Result<Datum> {
    let (value, base, offset) = (float(args, 0)?, float(args, 1)?, float8(args, 2)?);
    let (subtract, less) = (super::arguments::boolean(args, 3)?, super::arguments::boolean(args, 4)?);
    if offset.is_nan() || offset < 0.0 {
        return Err(data::invalid_preceding_or_following());
    }
    Ok(Datum::Bool(if value.is_nan() {
        base.is_nan() || !less
    } else if base.is_nan() {
        less
    } else if offset.is_infinite() && base.is_infinite() && if subtract { base > 0.0 } else { base < 0.0 } {
        true
    } else {
        let bound = if subtract { base - offset } else { base + offset };
        if less { value <= bound } else { value >= bound }
    }))
}

/// Sorted by `prosrc`.
pub(super) const TABLE: &[FunctionEntry] = &[
    row("btfloat48cmp", |args, _| Ok(Datum::I32(compare_floats(float(args, 0)?, float(args, 1)?) as i32))),
    row("btfloat84cmp", |args, _| Ok(Datum::I32(compare_floats(float(args, 0)?, float(args, 1)?) as i32))),
    partial!("dacos", |value| float8_functions::inverse(value, f64::acos)),
    partial!("dacosd", advanced::acosd),
    partial!("dacosh", advanced::acosh),
    partial!("dasin", |value| float8_functions::inverse(value, f64::asin)),
    partial!("dasind", advanced::asind),
    total!("dasinh", advanced::asinh),
    total!("datan", f64::atan),
    row("datan2", |args, _| Ok(Datum::F64(float8(args, 0)?.atan2(float8(args, 1)?)))),
    row("datan2d", |args, _| Ok(Datum::F64(advanced::atan2d(float8(args, 0)?, float8(args, 1)?)))),
    total!("datand", advanced::atand),
    partial!("datanh", advanced::atanh),
    partial!("dcbrt", advanced::cbrt),
    partial!("dcos", |value| float8_functions::trigonometric(value, f64::cos)),
    partial!("dcosd", advanced::cosd),
    total!("dcosh", f64::cosh),
    partial!("dcot", advanced::cot),
    partial!("dcotd", advanced::cotd),
    partial!("degrees", advanced::degrees),
    total!("derf", advanced::erf),
    total!("derfc", advanced::erfc),
    partial!("dexp", float8_functions::exp),
    partial!("dgamma", advanced::gamma),
    partial!("dlgamma", advanced::lgamma),
    partial!("dlog1", float8_functions::ln),
    partial!("dlog10", float8_functions::log10),
    row("dpi", |_, _| Ok(Datum::F64(std::f64::consts::PI))),
    row("dpow", |args, _| Ok(Datum::F64(float8_functions::power(float8(args, 0)?, float8(args, 1)?)?))),
    total!("dsign", float8_functions::sign),
    partial!("dsin", |value| float8_functions::trigonometric(value, f64::sin)),
    partial!("dsind", advanced::sind),
    total!("dsinh", f64::sinh),
    partial!("dtan", |value| float8_functions::trigonometric(value, f64::tan)),
    partial!("dtand", advanced::tand),
    total!("dtanh", f64::tanh),
    row("dtoi2", |args, _| Ok(Datum::I16(types::arithmetic::int2::from_f64(float8(args, 0)?)?))),
    row("float4up", |args, _| Ok(Datum::F32(float4(args, 0)?))),
    row("float8up", |args, _| Ok(Datum::F64(float8(args, 0)?))),
    row("ftoi2", |args, _| Ok(Datum::I16(types::arithmetic::int2::from_f64(float(args, 0)?)?))),
    row("ftoi4", |args, _| Ok(Datum::I32(types::arithmetic::int4::from_f64(float(args, 0)?)?))),
    row("ftoi8", |args, _| Ok(Datum::I64(types::arithmetic::int8::from_f64(float(args, 0)?)?))),
    row("in_range_float4_float8", |args, _| in_range(args)),
    row("in_range_float8_float8", |args, _| in_range(args)),
    partial!("radians", advanced::radians),
    row("width_bucket_float8", |args, _| {
        let (operand, low, high) = (float8(args, 0)?, float8(args, 1)?, float8(args, 2)?);
        Ok(Datum::I32(advanced::width_bucket(operand, low, high, int4(args, 3)?)?))
    }),
    row("dceil", |args, _| Ok(Datum::F64(float(args, 0)?.ceil()))),
    row("dfloor", |args, _| Ok(Datum::F64(float(args, 0)?.floor()))),
    row("dround", |args, _| Ok(Datum::F64(float(args, 0)?.round_ties_even()))),
    row("dsqrt", |args, _| {
        let value = float(args, 0)?;
        if value < 0.0 { Err(data::square_root_of_negative()) } else { Ok(Datum::F64(value.sqrt())) }
    }),
    row("dtrunc", |args, _| Ok(Datum::F64(float(args, 0)?.trunc()))),
    row("float4_numeric", |args, _| Ok(Datum::Numeric(Numeric::from_f32(float4(args, 0)?)?))),
    row("float4abs", |args, _| Ok(Datum::F32(float4(args, 0)?.abs()))),
    row("float4div", |args, _| {
        let (left, right) = (float4(args, 0)?, float4(args, 1)?);
        if right == 0.0 && !left.is_nan() {
            return Err(data::division_by_zero());
        }
        let zero = left == 0.0 || right.is_infinite();
        Ok(Datum::F32(checked(f64::from(left / right), f64::from(left), f64::from(right), zero)? as f32))
    }),
    compare!("float4eq", is_eq),
    compare!("float4ge", is_ge),
    compare!("float4gt", is_gt),
    compare!("float4le", is_le),
    compare!("float4lt", is_lt),
    single!("float4mi", -, |_, _| true),
    single!("float4mul", *, |left, right| left == 0.0 || right == 0.0),
    compare!("float4ne", is_ne),
    single!("float4pl", +, |_, _| true),
    row("float4um", |args, _| Ok(Datum::F32(-float4(args, 0)?))),
    compare!("float48eq", is_eq),
    compare!("float48ge", is_ge),
    compare!("float48gt", is_gt),
    compare!("float48le", is_le),
    compare!("float48lt", is_lt),
    compare!("float48ne", is_ne),
    double!("float48div", divide),
    double!("float48mi", subtract),
    double!("float48mul", multiply),
    double!("float48pl", add),
    compare!("float84eq", is_eq),
    compare!("float84ge", is_ge),
    compare!("float84gt", is_gt),
    compare!("float84le", is_le),
    compare!("float84lt", is_lt),
    compare!("float84ne", is_ne),
    double!("float84div", divide),
    double!("float84mi", subtract),
    double!("float84mul", multiply),
    double!("float84pl", add),
    row("float8_numeric", |args, _| Ok(Datum::Numeric(Numeric::from_f64(float8(args, 0)?)?))),
    row("float8abs", |args, _| Ok(Datum::F64(float8(args, 0)?.abs()))),
    double!("float8div", divide),
    compare!("float8eq", is_eq),
    compare!("float8ge", is_ge),
    compare!("float8gt", is_gt),
    compare!("float8le", is_le),
    compare!("float8lt", is_lt),
    double!("float8mi", subtract),
    double!("float8mul", multiply),
    compare!("float8ne", is_ne),
    double!("float8pl", add),
    row("float8um", |args, _| Ok(Datum::F64(-float8(args, 0)?))),
    row("ftod", |args, _| Ok(Datum::F64(f64::from(float4(args, 0)?)))),
    row("dtof", |args, _| {
        let value = float8(args, 0)?;
        let single = value as f32;
        if single.is_infinite() && !value.is_infinite() {
            return Err(data::float_overflow());
        }
        if single == 0.0 && value != 0.0 {
            return Err(data::float_underflow());
        }
        Ok(Datum::F32(single))
    }),
    row("i2tod", |args, _| Ok(Datum::F64(f64::from(int2(args, 0)?)))),
    row("i2tof", |args, _| Ok(Datum::F32(f32::from(int2(args, 0)?)))),
    row("i4tod", |args, _| Ok(Datum::F64(f64::from(int4(args, 0)?)))),
    row("i4tof", |args, _| Ok(Datum::F32(int4(args, 0)? as f32))),
    row("i8tod", |args, _| Ok(Datum::F64(int8(args, 0)? as f64))),
    row("i8tof", |args, _| Ok(Datum::F32(int8(args, 0)? as f32))),
    row("dtoi4", |args, _| {
        let value = float(args, 0)?.round_ties_even();
        if (-2_147_483_648.0..2_147_483_648.0).contains(&value) {
            Ok(Datum::I32(value as i32))
        } else {
            Err(data::integer_out_of_range())
        }
    }),
    row("dtoi8", |args, _| {
        let value = float(args, 0)?.round_ties_even();
        if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&value) {
            Ok(Datum::I64(value as i64))
        } else {
            Err(data::bigint_out_of_range())
        }
    }),
];

//! Functions on int2, int4, int8 and on the types whose lanes are integers (date, time, timestamp, oid).

use types::errors::data;
use types::{Datum, Numeric, Result};

use super::arguments::{int2, int4, int8};
use super::{FunctionEntry, row, with_vector};
use crate::vectors::lanes;

/// Returns any integer argument.
fn integer(args: &[Datum], index: usize) -> Result<i64> {
    match args.get(index) {
        Some(Datum::I16(value)) => Ok(i64::from(*value)),
        Some(Datum::I32(value)) => Ok(i64::from(*value)),
        _ => int8(args, index),
    }
}

macro_rules! compare { ($name:literal, $operator:tt, $comparison:ident) => {
    with_vector(
        $name,
        |args, _| Ok(Datum::Bool(integer(args, 0)? $operator integer(args, 1)?)),
        lanes::compare_integers::<{ lanes::$comparison }>,
    )
} }

macro_rules! order {
    ($name:literal) => {
        row($name, |args, _| Ok(Datum::I32(integer(args, 0)?.cmp(&integer(args, 1)?) as i32)))
    };
}

fn fit2(value: Option<i64>) -> Result<Datum> {
    value.and_then(|value| i16::try_from(value).ok()).map(Datum::I16).ok_or_else(data::smallint_out_of_range)
}
fn fit4(value: Option<i64>) -> Result<Datum> {
    value.and_then(|value| i32::try_from(value).ok()).map(Datum::I32).ok_or_else(data::integer_out_of_range)
}
fn fit8(value: Option<i64>) -> Result<Datum> {
    value.map(Datum::I64).ok_or_else(data::bigint_out_of_range)
}

macro_rules! arithmetic {
    ($name:literal, $method:ident, $fit:ident, $vector:expr) => {
        with_vector($name, |args, _| $fit(integer(args, 0)?.$method(integer(args, 1)?)), $vector)
    };
}

macro_rules! divide {
    ($name:literal, $method:ident, $fit:ident) => {
        row($name, |args, _| {
            let (left, right) = (integer(args, 0)?, integer(args, 1)?);
            if right == 0 {
                return Err(data::division_by_zero());
            }
            $fit(left.$method(right))
        })
    };
}

/// Remainder; by -1 it is 0 even where the quotient overflows.
macro_rules! remainder {
    ($name:literal, $fit:ident) => {
        row($name, |args, _| {
            let (left, right) = (integer(args, 0)?, integer(args, 1)?);
            if right == 0 {
                return Err(data::division_by_zero());
            }
            $fit(Some(left.wrapping_rem(right)))
        })
    };
}

macro_rules! larger {
    ($name:literal, $get:ident, $variant:ident, $method:ident) => {
        row($name, |args, _| Ok(Datum::$variant($get(args, 0)?.$method($get(args, 1)?))))
    };
}

macro_rules! bits { ($name:literal, $get:ident, $variant:ident, $operator:tt) => {
    row($name, |args, _| Ok(Datum::$variant($get(args, 0)? $operator $get(args, 1)?)))
} }

/// `in_range` of integers, as window frames ask: value <= or >= base -/+ offset, where overflow is infinitely far.
fn in_range(args: &[Datum]) -> Result<Datum> {
    let (value, base, offset) = (integer(args, 0)?, integer(args, 1)?, integer(args, 2)?);
    let (subtract, less) = (super::arguments::boolean(args, 3)?, super::arguments::boolean(args, 4)?);
    if offset < 0 {
        return Err(data::invalid_preceding_or_following());
    }
    let bound = i128::from(base) + if subtract { -i128::from(offset) } else { i128::from(offset) };
    let value = i128::from(value);
    Ok(Datum::Bool(if less { value <= bound } else { value >= bound }))
}

/// Sorted by `prosrc`.
pub(super) const TABLE: &[FunctionEntry] = &[
    order!("btint24cmp"),
    order!("btint28cmp"),
    order!("btint42cmp"),
    order!("btint48cmp"),
    order!("btint82cmp"),
    order!("btint84cmp"),
    row("chartoi4", |args, _| {
        Ok(Datum::I32(i32::from(types::compare::char_byte(super::arguments::text(args, 0)?) as i8)))
    }),
    compare!("date_eq", ==, EQUAL),
    compare!("date_ge", >=, GREATER_EQUAL),
    compare!("date_gt", >, GREATER),
    row("date_larger", |args, _| Ok(Datum::I32(int4(args, 0)?.max(int4(args, 1)?)))),
    compare!("date_le", <=, LESS_EQUAL),
    compare!("date_lt", <, LESS),
    compare!("date_ne", !=, NOT_EQUAL),
    row("date_smaller", |args, _| Ok(Datum::I32(int4(args, 0)?.min(int4(args, 1)?)))),
    row("i2toi4", |args, _| Ok(Datum::I32(i32::from(int2(args, 0)?)))),
    row("i4tochar", |args, _| match i8::try_from(int4(args, 0)?) {
        Ok(value) => Ok(types::compare::char_from_byte(value as u8)),
        Err(_) => Err(data::char_out_of_range()),
    }),
    row("i4toi2", |args, _| fit2(Some(integer(args, 0)?))),
    row("i8tooid", |args, _| types::arithmetic::oid_from_i64(int8(args, 0)?).map(Datum::I64)),
    row("in_range_int2_int2", |args, _| in_range(args)),
    row("in_range_int2_int4", |args, _| in_range(args)),
    row("in_range_int2_int8", |args, _| in_range(args)),
    row("in_range_int4_int2", |args, _| in_range(args)),
    row("in_range_int4_int4", |args, _| in_range(args)),
    row("in_range_int4_int8", |args, _| in_range(args)),
    row("in_range_int8_int8", |args, _| in_range(args)),
    row("int24div", |args, _| {
        let (left, right) = (integer(args, 0)?, integer(args, 1)?);
        if right == 0 { Err(data::division_by_zero()) } else { fit4(left.checked_div(right)) }
    }),
    compare!("int24eq", ==, EQUAL),
    compare!("int24ge", >=, GREATER_EQUAL),
    compare!("int24gt", >, GREATER),
    compare!("int24le", <=, LESS_EQUAL),
    compare!("int24lt", <, LESS),
    arithmetic!("int24mi", checked_sub, fit4, lanes::subtract_integers),
    arithmetic!("int24mul", checked_mul, fit4, lanes::multiply_integers),
    compare!("int24ne", !=, NOT_EQUAL),
    arithmetic!("int24pl", checked_add, fit4, lanes::add_integers),
    row("int28", |args, _| Ok(Datum::I64(i64::from(int2(args, 0)?)))),
    divide!("int28div", checked_div, fit8),
    compare!("int28eq", ==, EQUAL),
    compare!("int28ge", >=, GREATER_EQUAL),
    compare!("int28gt", >, GREATER),
    compare!("int28le", <=, LESS_EQUAL),
    compare!("int28lt", <, LESS),
    arithmetic!("int28mi", checked_sub, fit8, lanes::subtract_integers),
    arithmetic!("int28mul", checked_mul, fit8, lanes::multiply_integers),
    compare!("int28ne", !=, NOT_EQUAL),
    arithmetic!("int28pl", checked_add, fit8, lanes::add_integers),
    row("int2abs", |args, _| fit2(Some(integer(args, 0)?.abs()))),
    bits!("int2and", int2, I16, &),
    divide!("int2div", checked_div, fit2),
    compare!("int2eq", ==, EQUAL),
    compare!("int2ge", >=, GREATER_EQUAL),
    compare!("int2gt", >, GREATER),
    larger!("int2larger", int2, I16, max),
    compare!("int2le", <=, LESS_EQUAL),
    compare!("int2lt", <, LESS),
    arithmetic!("int2mi", checked_sub, fit2, lanes::subtract_integers),
    remainder!("int2mod", fit2),
    arithmetic!("int2mul", checked_mul, fit2, lanes::multiply_integers),
    compare!("int2ne", !=, NOT_EQUAL),
    row("int2not", |args, _| Ok(Datum::I16(!int2(args, 0)?))),
    bits!("int2or", int2, I16, |),
    arithmetic!("int2pl", checked_add, fit2, lanes::add_integers),
    row("int2shl", |args, _| {
        Ok(Datum::I16((i32::from(int2(args, 0)?).wrapping_shl(int4(args, 1)? as u32)) as i16))
    }),
    row("int2shr", |args, _| {
        Ok(Datum::I16((i32::from(int2(args, 0)?).wrapping_shr(int4(args, 1)? as u32)) as i16))
    }),
    larger!("int2smaller", int2, I16, min),
    row("int2um", |args, _| fit2(Some(-integer(args, 0)?))),
    row("int2up", |args, _| Ok(Datum::I16(int2(args, 0)?))),
    bits!("int2xor", int2, I16, ^),
    divide!("int42div", checked_div, fit4),
    compare!("int42eq", ==, EQUAL),
    compare!("int42ge", >=, GREATER_EQUAL),
    compare!("int42gt", >, GREATER),
    compare!("int42le", <=, LESS_EQUAL),
    compare!("int42lt", <, LESS),
    arithmetic!("int42mi", checked_sub, fit4, lanes::subtract_integers),
    arithmetic!("int42mul", checked_mul, fit4, lanes::multiply_integers),
    compare!("int42ne", !=, NOT_EQUAL),
    arithmetic!("int42pl", checked_add, fit4, lanes::add_integers),
    row("int48", |args, _| Ok(Datum::I64(i64::from(int4(args, 0)?)))),
    divide!("int48div", checked_div, fit8),
    compare!("int48eq", ==, EQUAL),
    compare!("int48ge", >=, GREATER_EQUAL),
    compare!("int48gt", >, GREATER),
    compare!("int48le", <=, LESS_EQUAL),
    compare!("int48lt", <, LESS),
    arithmetic!("int48mi", checked_sub, fit8, lanes::subtract_integers),
    arithmetic!("int48mul", checked_mul, fit8, lanes::multiply_integers),
    compare!("int48ne", !=, NOT_EQUAL),
    arithmetic!("int48pl", checked_add, fit8, lanes::add_integers),
    row("int4_bool", |args, _| Ok(Datum::Bool(int4(args, 0)? != 0))),
    row("int4_numeric", |args, _| Ok(Datum::Numeric(Numeric::from_i64(integer(args, 0)?)))),
    row("int4abs", |args, _| fit4(Some(integer(args, 0)?.abs()))),
    bits!("int4and", int4, I32, &),
    divide!("int4div", checked_div, fit4),
    compare!("int4eq", ==, EQUAL),
    row("int4gcd", |args, _| Ok(Datum::I32(types::arithmetic::int4::gcd(int4(args, 0)?, int4(args, 1)?)?))),
    compare!("int4ge", >=, GREATER_EQUAL),
    compare!("int4gt", >, GREATER),
    row("int4inc", |args, _| fit4(Some(integer(args, 0)? + 1))),
    larger!("int4larger", int4, I32, max),
    row("int4lcm", |args, _| Ok(Datum::I32(types::arithmetic::int4::lcm(int4(args, 0)?, int4(args, 1)?)?))),
    compare!("int4le", <=, LESS_EQUAL),
    compare!("int4lt", <, LESS),
    arithmetic!("int4mi", checked_sub, fit4, lanes::subtract_integers),
    remainder!("int4mod", fit4),
    arithmetic!("int4mul", checked_mul, fit4, lanes::multiply_integers),
    compare!("int4ne", !=, NOT_EQUAL),
    row("int4not", |args, _| Ok(Datum::I32(!int4(args, 0)?))),
    bits!("int4or", int4, I32, |),
    arithmetic!("int4pl", checked_add, fit4, lanes::add_integers),
    row("int4shl", |args, _| Ok(Datum::I32(int4(args, 0)?.wrapping_shl(int4(args, 1)? as u32)))),
    row("int4shr", |args, _| Ok(Datum::I32(int4(args, 0)?.wrapping_shr(int4(args, 1)? as u32)))),
    larger!("int4smaller", int4, I32, min),
    row("int4um", |args, _| fit4(Some(-integer(args, 0)?))),
    row("int4up", |args, _| Ok(Datum::I32(int4(args, 0)?))),
    bits!("int4xor", int4, I32, ^),
    row("int8", |args, _| Ok(Datum::I64(integer(args, 0)?))),
    row("int82", |args, _| fit2(Some(integer(args, 0)?))),
    divide!("int82div", checked_div, fit8),
    compare!("int82eq", ==, EQUAL),
    compare!("int82ge", >=, GREATER_EQUAL),
    compare!("int82gt", >, GREATER),
    compare!("int82le", <=, LESS_EQUAL),
    compare!("int82lt", <, LESS),
    arithmetic!("int82mi", checked_sub, fit8, lanes::subtract_integers),
    arithmetic!("int82mul", checked_mul, fit8, lanes::multiply_integers),
    compare!("int82ne", !=, NOT_EQUAL),
    arithmetic!("int82pl", checked_add, fit8, lanes::add_integers),
    row("int84", |args, _| fit4(Some(integer(args, 0)?))),
    divide!("int84div", checked_div, fit8),
    compare!("int84eq", ==, EQUAL),
    compare!("int84ge", >=, GREATER_EQUAL),
    compare!("int84gt", >, GREATER),
    compare!("int84le", <=, LESS_EQUAL),
    compare!("int84lt", <, LESS),
    arithmetic!("int84mi", checked_sub, fit8, lanes::subtract_integers),
    arithmetic!("int84mul", checked_mul, fit8, lanes::multiply_integers),
    compare!("int84ne", !=, NOT_EQUAL),
    arithmetic!("int84pl", checked_add, fit8, lanes::add_integers),
    row("int8_numeric", |args, _| Ok(Datum::Numeric(Numeric::from_i64(integer(args, 0)?)))),
    row("int8abs", |args, _| fit8(int8(args, 0)?.checked_abs())),
    bits!("int8and", int8, I64, &),
    divide!("int8div", checked_div, fit8),
    compare!("int8eq", ==, EQUAL),
    row("int8dec", |args, _| fit8(int8(args, 0)?.checked_sub(1))),
    row("int8dec_any", |args, _| fit8(int8(args, 0)?.checked_sub(1))),
    row("int8gcd", |args, _| Ok(Datum::I64(types::arithmetic::int8::gcd(int8(args, 0)?, int8(args, 1)?)?))),
    compare!("int8ge", >=, GREATER_EQUAL),
    compare!("int8gt", >, GREATER),
    row("int8inc", |args, _| fit8(int8(args, 0)?.checked_add(1))),
    row("int8inc_any", |args, _| fit8(int8(args, 0)?.checked_add(1))),
    row("int8inc_float8_float8", |args, _| fit8(int8(args, 0)?.checked_add(1))),
    larger!("int8larger", int8, I64, max),
    row("int8lcm", |args, _| Ok(Datum::I64(types::arithmetic::int8::lcm(int8(args, 0)?, int8(args, 1)?)?))),
    compare!("int8le", <=, LESS_EQUAL),
    compare!("int8lt", <, LESS),
    arithmetic!("int8mi", checked_sub, fit8, lanes::subtract_integers),
    remainder!("int8mod", fit8),
    arithmetic!("int8mul", checked_mul, fit8, lanes::multiply_integers),
    compare!("int8ne", !=, NOT_EQUAL),
    row("int8not", |args, _| Ok(Datum::I64(!int8(args, 0)?))),
    bits!("int8or", int8, I64, |),
    arithmetic!("int8pl", checked_add, fit8, lanes::add_integers),
    row("int8shl", |args, _| Ok(Datum::I64(int8(args, 0)?.wrapping_shl(int4(args, 1)? as u32)))),
    row("int8shr", |args, _| Ok(Datum::I64(int8(args, 0)?.wrapping_shr(int4(args, 1)? as u32)))),
    larger!("int8smaller", int8, I64, min),
    row("int8um", |args, _| fit8(int8(args, 0)?.checked_neg())),
    row("int8up", |args, _| Ok(Datum::I64(int8(args, 0)?))),
    bits!("int8xor", int8, I64, ^),
    compare!("oideq", ==, EQUAL),
    compare!("oidge", >=, GREATER_EQUAL),
    compare!("oidgt", >, GREATER),
    compare!("oidle", <=, LESS_EQUAL),
    compare!("oidlt", <, LESS),
    compare!("oidne", !=, NOT_EQUAL),
    row("oidtoi8", |args, _| Ok(Datum::I64(int8(args, 0)?))),
    compare!("time_eq", ==, EQUAL),
    compare!("time_ge", >=, GREATER_EQUAL),
    compare!("time_gt", >, GREATER),
    compare!("time_le", <=, LESS_EQUAL),
    compare!("time_lt", <, LESS),
    compare!("time_ne", !=, NOT_EQUAL),
    compare!("timestamp_eq", ==, EQUAL),
    compare!("timestamp_ge", >=, GREATER_EQUAL),
    compare!("timestamp_gt", >, GREATER),
    compare!("timestamp_le", <=, LESS_EQUAL),
    compare!("timestamp_lt", <, LESS),
    compare!("timestamp_ne", !=, NOT_EQUAL),
    row("to_bin32", |args, _| Ok(Datum::text(format!("{:b}", int4(args, 0)?)))),
    row("to_bin64", |args, _| Ok(Datum::text(format!("{:b}", int8(args, 0)?)))),
    row("to_hex32", |args, _| Ok(Datum::text(format!("{:x}", int4(args, 0)?)))),
    row("to_hex64", |args, _| Ok(Datum::text(format!("{:x}", int8(args, 0)?)))),
    row("to_oct32", |args, _| Ok(Datum::text(format!("{:o}", int4(args, 0)?)))),
    row("to_oct64", |args, _| Ok(Datum::text(format!("{:o}", int8(args, 0)?)))),
];

//! Functions on `money`.

use types::{Datum, Result, money};

use super::arguments::{float4, float8, int2, int4, int8, numeric};
use super::{FunctionEntry, row};

fn cash(value: Result<i64>) -> Result<Datum> {
    value.map(Datum::I64)
}

fn product(left: i64, right: i64) -> Result<Datum> {
    cash(money::checked(left.checked_mul(right)))
}

/// Sorted by `prosrc`.
pub(super) const TABLE: &[FunctionEntry] = &[
    row("cash_div_cash", |args, _| {
        let (left, right) = (int8(args, 0)?, int8(args, 1)?);
        if right == 0 {
            return Err(types::errors::data::division_by_zero());
        }
        Ok(Datum::F64(left as f64 / right as f64))
    }),
    row("cash_div_flt4", |args, _| cash(money::divide_float(int8(args, 0)?, float4(args, 1)?.into()))),
    row("cash_div_flt8", |args, _| cash(money::divide_float(int8(args, 0)?, float8(args, 1)?))),
    row("cash_div_int2", |args, _| cash(money::divide(int8(args, 0)?, int2(args, 1)?.into()))),
    row("cash_div_int4", |args, _| cash(money::divide(int8(args, 0)?, int4(args, 1)?.into()))),
    row("cash_div_int8", |args, _| cash(money::divide(int8(args, 0)?, int8(args, 1)?))),
    row("cash_mi", |args, _| cash(money::checked(int8(args, 0)?.checked_sub(int8(args, 1)?)))),
    row("cash_mul_flt4", |args, _| cash(money::multiply_float(int8(args, 0)?, float4(args, 1)?.into()))),
    row("cash_mul_flt8", |args, _| cash(money::multiply_float(int8(args, 0)?, float8(args, 1)?))),
    row("cash_mul_int2", |args, _| product(int8(args, 0)?, int2(args, 1)?.into())),
    row("cash_mul_int4", |args, _| product(int8(args, 0)?, int4(args, 1)?.into())),
    row("cash_mul_int8", |args, _| product(int8(args, 0)?, int8(args, 1)?)),
    row("cash_numeric", |args, _| Ok(Datum::Numeric(money::to_numeric(int8(args, 0)?)))),
    row("cash_pl", |args, _| cash(money::checked(int8(args, 0)?.checked_add(int8(args, 1)?)))),
    row("cash_words", |args, _| Ok(Datum::text(money::words(int8(args, 0)?)))),
    row("flt4_mul_cash", |args, _| cash(money::multiply_float(int8(args, 1)?, float4(args, 0)?.into()))),
    row("flt8_mul_cash", |args, _| cash(money::multiply_float(int8(args, 1)?, float8(args, 0)?))),
    row("int2_mul_cash", |args, _| product(int8(args, 1)?, int2(args, 0)?.into())),
    row("int4_cash", |args, _| cash(money::from_integer(int4(args, 0)?.into()))),
    row("int4_mul_cash", |args, _| product(int8(args, 1)?, int4(args, 0)?.into())),
    row("int8_cash", |args, _| cash(money::from_integer(int8(args, 0)?))),
    row("int8_mul_cash", |args, _| product(int8(args, 1)?, int8(args, 0)?)),
    row("numeric_cash", |args, _| cash(money::from_numeric(numeric(args, 0)?))),
];

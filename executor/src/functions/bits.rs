//! Functions on `bit` and `bit varying`.

use types::bits;
use types::errors::data;
use types::{Datum, Result};

use super::arguments::{boolean, bytes, int4, int8};
use super::{FunctionEntry, row};

fn datum(bits: Vec<u8>) -> Datum {
    Datum::Bytes(bits.into())
}

fn length(count: usize) -> Datum {
    Datum::I32(count as i32)
}

fn overlay(args: &[Datum]) -> Result<Datum> {
    let (value, new) = (bytes(args, 0)?, bytes(args, 1)?);
    let count = if args.len() > 3 { int4(args, 3)? } else { new.len() as i32 };
    bits::overlay(value, new, int4(args, 2)?, count).map(datum)
}

/// Sorted by `prosrc`.
pub(super) const TABLE: &[FunctionEntry] = &[
    row("bit", |args, _| bits::fit_fixed(bytes(args, 0)?, int4(args, 1)?, boolean(args, 2)?)),
    row("bit_length_1812", |args, _| Ok(length(bytes(args, 0)?.len()))),
    row("bit_and", |args, _| bits::combine(bytes(args, 0)?, bytes(args, 1)?, "AND", |l, r| l & r)),
    row("bit_bit_count", |args, _| {
        Ok(Datum::I64(bytes(args, 0)?.iter().filter(|bit| **bit == b'1').count() as i64))
    }),
    row("bit_or", |args, _| bits::combine(bytes(args, 0)?, bytes(args, 1)?, "OR", |l, r| l | r)),
    row("bitcat", |args, _| Ok(datum([bytes(args, 0)?, bytes(args, 1)?].concat()))),
    row("bitfromint4", |args, _| Ok(bits::from_integer(int4(args, 0)?.into(), int4(args, 1)?))),
    row("bitfromint8", |args, _| Ok(bits::from_integer(int8(args, 0)?, int4(args, 1)?))),
    row("bitgetbit", |args, _| bits::get(bytes(args, 0)?, int4(args, 1)?).map(Datum::I32)),
    row("bitlength", |args, _| Ok(length(bytes(args, 0)?.len()))),
    row("bitnot", |args, _| Ok(bits::not(bytes(args, 0)?))),
    row("bitoctetlength", |args, _| Ok(length(bytes(args, 0)?.len().div_ceil(8)))),
    row("bitoverlay", |args, _| overlay(args)),
    row("bitoverlay_no_len", |args, _| overlay(args)),
    row("bitposition", |args, _| Ok(Datum::I32(bits::position(bytes(args, 0)?, bytes(args, 1)?)))),
    row("bitsetbit", |args, _| bits::set(bytes(args, 0)?, int4(args, 1)?, int4(args, 2)?)),
    row("bitshiftleft", |args, _| Ok(bits::shift_left(bytes(args, 0)?, int4(args, 1)?.into()))),
    row("bitshiftright", |args, _| Ok(bits::shift_left(bytes(args, 0)?, -i64::from(int4(args, 1)?)))),
    row("bitsubstr", |args, _| {
        bits::substring(bytes(args, 0)?, int4(args, 1)?, Some(int4(args, 2)?)).map(datum)
    }),
    row("bitsubstr_no_len", |args, _| bits::substring(bytes(args, 0)?, int4(args, 1)?, None).map(datum)),
    row("bittoint4", |args, _| match bits::to_integer(bytes(args, 0)?, 32) {
        Some(value) => Ok(Datum::I32(value as u32 as i32)),
        None => Err(data::integer_out_of_range()),
    }),
    row("bittoint8", |args, _| match bits::to_integer(bytes(args, 0)?, 64) {
        Some(value) => Ok(Datum::I64(value as i64)),
        None => Err(data::bigint_out_of_range()),
    }),
    row("bitxor", |args, _| bits::combine(bytes(args, 0)?, bytes(args, 1)?, "XOR", |l, r| l ^ r)),
    row("varbit", |args, _| bits::fit_varying(bytes(args, 0)?, int4(args, 1)?, boolean(args, 2)?)),
];

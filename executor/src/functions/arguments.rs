//! Taking arguments apart. The analyzer has resolved the types, so a mismatch is a bug of ours (`XX000`).

use types::{Datum, Interval, Numeric, PgError, Result};

fn mismatch(args: &[Datum], index: usize) -> PgError {
    PgError::internal(format!("argument {index} has an unexpected representation: {:?}", args.get(index)))
}

macro_rules! getters { ($($name:ident, $variant:ident, $type:ty;)*) => { $(
    pub(super) fn $name(args: &[Datum], index: usize) -> Result<$type> {
        match args.get(index) {
            Some(Datum::$variant(value)) => Ok(*value),
            _ => Err(mismatch(args, index)),
        }
    }
)* } }

getters! {
    boolean, Bool, bool;
    int2, I16, i16;
    int4, I32, i32;
    int8, I64, i64;
    float4, F32, f32;
    float8, F64, f64;
    interval, Interval, Interval;
    uuid, Uuid, [u8; 16];
}

pub(super) fn numeric(args: &[Datum], index: usize) -> Result<&Numeric> {
    match args.get(index) {
        Some(Datum::Numeric(value)) => Ok(value),
        _ => Err(mismatch(args, index)),
    }
}

pub(super) fn text(args: &[Datum], index: usize) -> Result<&str> {
    match args.get(index) {
        Some(Datum::Text(value)) => Ok(value),
        _ => Err(mismatch(args, index)),
    }
}

pub(super) fn bytes(args: &[Datum], index: usize) -> Result<&[u8]> {
    match args.get(index) {
        Some(Datum::Bytes(value)) => Ok(value),
        _ => Err(mismatch(args, index)),
    }
}

pub(super) fn timetz(args: &[Datum], index: usize) -> Result<(i64, i32)> {
    match args.get(index) {
        Some(Datum::TimeTz(time, west)) => Ok((*time, *west)),
        _ => Err(mismatch(args, index)),
    }
}

//! Columns under construction: text fields become lanes, without a datum per value for the common types.
//!
//! The fast parsers take the plain common forms; whatever they decline goes through the type's input function,
//! which judges and words the error.

use executor::convert::VectorBuilder;
use kernels::vector::{Bitmap, Values, Vector, ViewsBuilder};
use types::{Datum, Numeric, PgError, Result, TypeRef, fast, oids};

use crate::session::access::Access;
use crate::session::values;
use crate::statements::table::fixed_scale;

/// A column under construction.
pub struct Column {
    ty: TypeRef,
    lanes: Lanes,
    /// One bit a lane, from the first null on.
    validity: Option<Vec<bool>>,
    len: usize,
}

enum Lanes {
    Int2(Vec<i16>),
    Int4(Vec<i32>),
    Int8(Vec<i64>),
    Date(Vec<i32>),
    /// `numeric(p, s)` with at most 18 digits; `bound` is the first unscaled value that has too many.
    Fixed {
        unscaled: Vec<i64>,
        scale: u8,
        bound: i64,
    },
    /// Text of at most `characters_max`; `pad`: blank-padded to it.
    Text {
        views: ViewsBuilder,
        characters_max: usize,
        pad: bool,
    },
    /// Everything else.
    Any(VectorBuilder),
}

impl Column {
    /// Returns an empty column of a type.
    pub fn new(ty: TypeRef, capacity: usize) -> Self {
        let lanes = match ty.oid {
            oids::INT2 => Lanes::Int2(Vec::with_capacity(capacity)),
            oids::INT4 => Lanes::Int4(Vec::with_capacity(capacity)),
            oids::INT8 => Lanes::Int8(Vec::with_capacity(capacity)),
            oids::DATE => Lanes::Date(Vec::with_capacity(capacity)),
            oids::TEXT => text_lanes(usize::MAX, false, capacity),
            oids::VARCHAR => text_lanes(text_limit(ty.typmod), false, capacity),
            oids::BPCHAR if ty.typmod >= 4 => text_lanes(text_limit(ty.typmod), true, capacity),
            oids::NUMERIC => match short_numeric(ty.typmod) {
                Some((scale, bound)) => Lanes::Fixed { unscaled: Vec::with_capacity(capacity), scale, bound },
                None => Lanes::Any(VectorBuilder::new(ty, capacity)),
            },
            _ => Lanes::Any(VectorBuilder::new(ty, capacity)),
        };
        Self { ty, lanes, validity: None, len: 0 }
    }

    /// Appends the value that valid UTF-8 `text` stands for.
    ///
    /// # Errors
    /// Those of the type's input function.
    pub fn push_text(&mut self, text: &[u8], access: &Access) -> Result<()> {
        let taken = match &mut self.lanes {
            Lanes::Int2(lanes) => {
                push(lanes, fast::parse_int4_fast(text).and_then(|value| i16::try_from(value).ok()))
            }
            Lanes::Int4(lanes) => push(lanes, fast::parse_int4_fast(text)),
            Lanes::Int8(lanes) => push(lanes, fast::parse_int8_fast(text)),
            Lanes::Date(lanes) => push(lanes, fast::parse_date_iso_fast(text)),
            Lanes::Fixed { unscaled, scale, bound } => push(
                unscaled,
                fast::parse_fixed_fast(text, *scale)
                    .filter(|value| value.unsigned_abs() < bound.unsigned_abs()),
            ),
            Lanes::Text { views, characters_max, pad: false } => {
                let fits = text.len() <= *characters_max;
                if fits {
                    views.push(text);
                }
                fits
            }
            Lanes::Text { views, characters_max, pad: true } => {
                let fits = text.len() == *characters_max && text.is_ascii();
                if fits {
                    views.push(text);
                }
                fits
            }
            Lanes::Any(_) => false,
        };
        if taken {
            self.note_valid();
            return Ok(());
        }
        let text = crate::server::messages::utf8(text)?;
        let value = values::read_text(text, self.ty, access)?;
        self.push_datum(&value)
    }

    /// Appends a value.
    ///
    /// # Errors
    /// `XX000` when it is not of the column's type.
    pub fn push_datum(&mut self, value: &Datum) -> Result<()> {
        let taken = match (&mut self.lanes, value) {
            (_, Datum::Null) => {
                self.push_null();
                return Ok(());
            }
            (Lanes::Int2(lanes), Datum::I16(value)) => push(lanes, Some(*value)),
            (Lanes::Int4(lanes) | Lanes::Date(lanes), Datum::I32(value)) => push(lanes, Some(*value)),
            (Lanes::Int8(lanes), Datum::I64(value)) => push(lanes, Some(*value)),
            (Lanes::Text { views, .. }, Datum::Text(text)) => {
                views.push(text.as_bytes());
                true
            }
            (Lanes::Any(builder), value) => {
                builder.push(value)?;
                true
            }
            (Lanes::Fixed { .. }, Datum::Numeric(value)) => {
                let value = value.clone();
                return self.push_exact(&value);
            }
            _ => return Err(PgError::internal("a value of another type in a COPY column")),
        };
        debug_assert!(taken);
        self.note_valid();
        Ok(())
    }

    /// Appends a number that the fast parser declined; NaN turns the column into a general one.
    fn push_exact(&mut self, value: &Numeric) -> Result<()> {
        let Lanes::Fixed { unscaled, scale, .. } = &mut self.lanes else {
            return Err(PgError::internal("a number in another column"));
        };
        if let Some(number) =
            value.to_fixed_scale(u16::from(*scale)).and_then(|number| i64::try_from(number).ok())
        {
            unscaled.push(number);
            self.note_valid();
            return Ok(());
        }
        let mut builder = VectorBuilder::new(self.ty, self.len + 1);
        for (lane, number) in unscaled.iter().enumerate() {
            if self.validity.as_ref().is_some_and(|validity| !validity[lane]) {
                builder.push_null();
            } else {
                builder.push(&Datum::Numeric(Numeric::from_i128(i128::from(*number), u16::from(*scale))))?;
            }
        }
        builder.push(&Datum::Numeric(value.clone()))?;
        self.lanes = Lanes::Any(builder);
        self.note_valid();
        Ok(())
    }

    /// Appends a null.
    pub fn push_null(&mut self) {
        match &mut self.lanes {
            Lanes::Int2(lanes) => lanes.push(0),
            Lanes::Int4(lanes) | Lanes::Date(lanes) => lanes.push(0),
            Lanes::Int8(lanes) | Lanes::Fixed { unscaled: lanes, .. } => lanes.push(0),
            Lanes::Text { views, .. } => views.push(b""),
            Lanes::Any(builder) => builder.push_null(),
        }
        self.validity.get_or_insert_with(|| vec![true; self.len]).push(false);
        self.len += 1;
    }

    fn note_valid(&mut self) {
        if let Some(validity) = &mut self.validity {
            validity.push(true);
        }
        self.len += 1;
    }

    /// Returns the column.
    pub fn finish(self) -> Vector {
        let values = match self.lanes {
            Lanes::Int2(lanes) => Values::I16(lanes.into()),
            Lanes::Int4(lanes) | Lanes::Date(lanes) => Values::I32(lanes.into()),
            Lanes::Int8(lanes) => Values::I64(lanes.into()),
            Lanes::Fixed { unscaled, scale, .. } => Values::Fixed64 { unscaled: unscaled.into(), scale },
            Lanes::Text { views, .. } => Values::Views(views.finish()),
            // `numeric` without a fixed scale is stored exactly, whatever these values have in common.
            Lanes::Any(builder) if fixed_scale(self.ty).is_none() => return builder.finish_exact(),
            Lanes::Any(builder) => return builder.finish(),
        };
        Vector::flat(values, self.validity.map(Bitmap::from_bools))
    }
}

fn push<T>(lanes: &mut Vec<T>, value: Option<T>) -> bool {
    match value {
        Some(value) => {
            lanes.push(value);
            true
        }
        None => false,
    }
}

fn text_lanes(characters_max: usize, pad: bool, capacity: usize) -> Lanes {
    Lanes::Text { views: ViewsBuilder::with_capacity(capacity), characters_max, pad }
}

/// Returns the number of characters that a type modifier of `varchar` or `char` allows.
fn text_limit(typmod: i32) -> usize {
    usize::try_from(typmod - 4).unwrap_or(usize::MAX)
}

/// Returns scale and bound of a `numeric(p, s)` whose values fit 64 bits.
fn short_numeric(typmod: i32) -> Option<(u8, i64)> {
    let packed = u32::try_from(typmod - 4).ok()?;
    let precision = packed >> 16;
    // As numeric_typmod_scale: eleven bits, signed.
    let scale = u8::try_from(((packed & 0x7ff) ^ 1024) as i32 - 1024).ok()?;
    (precision <= 18 && u32::from(scale) <= precision).then(|| (scale, 10i64.pow(precision)))
}

//! The binary wire form: base-10000 digits with weight, sign and display scale.

use dashu::base::UnsignedAbs;
use dashu::integer::{IBig, UBig};

use super::decimal::{digit_count, pow10, rescale_truncating};
use super::{DIGITS_BEFORE_MAX, Numeric, SCALE_MAX, Special};
use crate::errors::{Result, data};

const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xC000;
const INFINITY: u16 = 0xD000;
const NEGATIVE_INFINITY: u16 = 0xF000;
/// What `numeric_send` writes as the scale of an infinity: NUMERIC_DSCALE reads bits of its header there.
const INFINITE_SCALE: u16 = 0x20;

impl Numeric {
    /// Appends the binary form, as `numeric_send` writes it.
    pub fn write_binary(&self, out: &mut Vec<u8>) {
        let mut put = |value: u16| out.extend_from_slice(&value.to_be_bytes());
        let (unscaled, scale) = match self.parts() {
            Ok(parts) => parts,
            Err(special) => {
                let (sign, scale) = match special {
                    Special::NaN => (NAN, 0),
                    Special::Infinity => (INFINITY, INFINITE_SCALE),
                    Special::NegativeInfinity => (NEGATIVE_INFINITY, INFINITE_SCALE),
                };
                return [0, 0, sign, scale].into_iter().for_each(put);
            }
        };
        let negative = unscaled < IBig::ZERO;
        // Align the point to a base-10000 digit, then cut the decimal digits into groups of four.
        let padding = (4 - scale % 4) % 4;
        let aligned = unscaled.unsigned_abs() * pow10(usize::try_from(padding).unwrap_or(0));
        let text = if aligned.is_zero() { String::new() } else { aligned.to_string() };
        let mut groups: Vec<u16> = text
            .as_bytes()
            .rchunks(4)
            .map(|group| group.iter().fold(0, |value, byte| value * 10 + u16::from(byte - b'0')))
            .collect();
        groups.reverse();
        let mut weight = groups.len() as i32 - (scale + padding) / 4 - 1;
        while groups.last() == Some(&0) {
            groups.pop();
        }
        if groups.is_empty() {
            weight = 0;
        }
        put(groups.len() as u16);
        put(weight as i16 as u16);
        put(if negative { NEGATIVE } else { 0 });
        put(scale as u16);
        groups.into_iter().for_each(put);
    }

    /// Returns the value of base-10000 digits, the first of which counts 10000^weight, cut to `scale`.
    pub(crate) fn from_base_10000(digits: &[u64], weight: i32, scale: i32) -> Result<Self> {
        let whole =
            digits.iter().fold(IBig::ZERO, |value, digit| value * IBig::from(10_000) + IBig::from(*digit));
        let own = (digits.len() as i32 - 1 - weight) * 4;
        Self::from_big(whole, own.max(0))?.round(scale)
    }

    /// Reads the binary form, as `numeric_recv` does, and applies the type modifier.
    pub fn read_binary(bytes: &[u8], typmod: i32) -> Result<Self> {
        let mut words = bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
        let mut next = || words.next().ok_or_else(data::binary_too_short);
        let (count, weight, sign, scale) = (next()?, next()? as i16, next()?, next()?);
        match sign {
            0 | NEGATIVE => {}
            NAN => return Self::NaN.apply_typmod(typmod),
            INFINITY => return Self::Infinity.apply_typmod(typmod),
            NEGATIVE_INFINITY => return Self::NegativeInfinity.apply_typmod(typmod),
            _ => return Err(data::invalid_binary("invalid sign in external \"numeric\" value")),
        }
        if scale > SCALE_MAX {
            return Err(data::invalid_binary("invalid scale in external \"numeric\" value"));
        }
        // Thousands of digits take their time, and a vector may be full of them.
        crate::interrupt::check()?;
        let mut text = String::with_capacity(usize::from(count) * 4 + 1);
        text.push('0');
        for _ in 0..count {
            let digit = next()?;
            if digit > 9999 {
                return Err(data::invalid_binary("invalid digit in external \"numeric\" value"));
            }
            text.push_str(&format!("{digit:04}"));
        }
        let magnitude = UBig::from_str_radix(&text, 10).map_err(|_| data::numeric_overflow())?;
        let unscaled = if sign == NEGATIVE { -IBig::from(magnitude) } else { IBig::from(magnitude) };
        // The last group counts 10000^(weight - count + 1); hidden digits are cut to the display scale.
        let own = (i32::from(count) - 1 - i32::from(weight)) * 4;
        if digit_count(&unscaled) - i64::from(own) > DIGITS_BEFORE_MAX {
            return Err(data::numeric_overflow());
        }
        let scale = i32::from(scale);
        Self::from_big(rescale_truncating(unscaled, own, scale), scale)?.apply_typmod(typmod)
    }
}

//! PostgreSQL's own hash functions (`hash_bytes` of `common/hashfn.c`, Jenkins' lookup3) over values: what
//! `hashtext` and its relatives return. Results are visible to users and decide hash partitions, so they are pinned.

use crate::compare::{char_byte, trim_blanks};
use crate::datum::ArrayValue;
use crate::errors::{PgError, Result};
use crate::numeric::Numeric;
use crate::{Datum, Oid, oids};

const INITIAL: u32 = 0x9e37_79b9_u32.wrapping_add(3_923_095);

struct State(u32, u32, u32);

impl State {
    /// Starts with the length and, for the extended form, a seed.
    fn new(len: u32, seed: u64) -> Self {
        let start = INITIAL.wrapping_add(len);
        let mut state = Self(start, start, start);
        if seed != 0 {
            state.0 = state.0.wrapping_add((seed >> 32) as u32);
            state.1 = state.1.wrapping_add(seed as u32);
            state.mix();
        }
        state
    }
    fn mix(&mut self) {
        let Self(a, b, c) = self;
        for (first, second) in [(4, 6), (16, 19)] {
            *a = a.wrapping_sub(*c) ^ c.rotate_left(first);
            *c = c.wrapping_add(*b);
            *b = b.wrapping_sub(*a) ^ a.rotate_left(second);
            *a = a.wrapping_add(*c);
            let third = if first == 4 { 8 } else { 4 };
            *c = c.wrapping_sub(*b) ^ b.rotate_left(third);
            *b = b.wrapping_add(*a);
        }
    }
    fn finish(mut self) -> u64 {
        let Self(a, b, c) = &mut self;
        for (first, second, third) in [(14, 11, 25), (16, 4, 14)] {
            *c = (*c ^ *b).wrapping_sub(b.rotate_left(first));
            *a = (*a ^ *c).wrapping_sub(c.rotate_left(second));
            *b = (*b ^ *a).wrapping_sub(a.rotate_left(third));
        }
        *c = (*c ^ *b).wrapping_sub(b.rotate_left(24));
        u64::from(*b) << 32 | u64::from(*c)
    }
}

/// Returns the 64-bit hash of bytes (`hash_bytes_extended`); its lower half without seed is `hash_bytes`.
pub fn hash_bytes(bytes: &[u8], seed: u64) -> u64 {
    let mut state = State::new(bytes.len() as u32, seed);
    let mut chunks = bytes.chunks_exact(12);
    let word = |bytes: &[u8], from: usize| {
        (0..4).fold(0, |word, at| word | u32::from(bytes.get(from + at).copied().unwrap_or(0)) << (8 * at))
    };
    for chunk in &mut chunks {
        state.0 = state.0.wrapping_add(word(chunk, 0));
        state.1 = state.1.wrapping_add(word(chunk, 4));
        state.2 = state.2.wrapping_add(word(chunk, 8));
        state.mix();
    }
    let rest = chunks.remainder();
    state.0 = state.0.wrapping_add(word(rest, 0));
    state.1 = state.1.wrapping_add(word(rest, 4));
    // The lowest byte of the third word belongs to the length.
    state.2 = state.2.wrapping_add(word(rest, 8) << 8);
    state.finish()
}

/// Returns the 64-bit hash of a 32-bit number (`hash_bytes_uint32_extended`).
pub fn hash_u32(value: u32, seed: u64) -> u64 {
    let mut state = State::new(4, seed);
    state.0 = state.0.wrapping_add(value);
    state.finish()
}

/// Returns the hash of a 64-bit integer, which equals that of the same value in 32 bits.
fn hash_i64(value: i64, seed: u64) -> u64 {
    let high = (value >> 32) as u32;
    hash_u32(value as u32 ^ if value >= 0 { high } else { !high }, seed)
}

fn hash_f64(value: f64, seed: u64) -> u64 {
    if value == 0.0 {
        return seed;
    }
    let value = if value.is_nan() { f64::NAN } else { value };
    hash_bytes(&value.to_le_bytes(), seed)
}

fn hash_numeric(value: &Numeric, seed: Option<u64>) -> u64 {
    if !value.is_finite() {
        return seed.unwrap_or(0);
    }
    let mut wire = Vec::new();
    value.write_binary(&mut wire);
    let words: Vec<u16> = wire.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
    let digits = words.get(4..).unwrap_or(&[]);
    if digits.is_empty() {
        return seed.unwrap_or(0).wrapping_sub(1);
    }
    let weight = i64::from(words.get(1).copied().unwrap_or(0) as i16);
    let bytes: Vec<u8> = digits.iter().flat_map(|digit| digit.to_le_bytes()).collect();
    hash_bytes(&bytes, seed.unwrap_or(0)) ^ weight as u64
}

fn hash_array(array: &ArrayValue, seed: Option<u64>) -> Result<u64> {
    array.elements.iter().try_fold(1u64, |hash, element| {
        let one = if element.is_null() { 0 } else { hash_value(array.element_type, element, seed)? };
        let one = if seed.is_none() { one & 0xffff_ffff } else { one };
        Ok(hash.wrapping_mul(31).wrapping_add(one))
    })
}

/// Returns the hash of a value that is not NULL: the extended one with a seed, else the 32-bit one in the lower half.
///
/// # Errors
/// `0A000` for types whose hash is not known here.
pub fn hash_value(oid: Oid, value: &Datum, seed: Option<u64>) -> Result<u64> {
    let number = seed.unwrap_or(0);
    Ok(match value {
        Datum::Bool(flag) => hash_u32(u32::from(*flag), number),
        Datum::I16(value) => hash_u32(i32::from(*value) as u32, number),
        Datum::I32(value) => hash_u32(*value as u32, number),
        Datum::I64(value) if crate::physical::is_oid_like(oid) => hash_u32(*value as u32, number),
        Datum::I64(value) => hash_i64(*value, number),
        Datum::F32(value) => hash_f64(f64::from(*value), number),
        Datum::F64(value) => hash_f64(*value, number),
        Datum::Numeric(value) => hash_numeric(value, seed),
        Datum::Interval(span) => hash_i64(span.comparable() as i64, number),
        Datum::Uuid(uuid) => hash_bytes(uuid, number),
        Datum::Text(text) if oid == oids::CHAR => hash_u32(char_byte(text) as i8 as i32 as u32, number),
        Datum::Text(text) if oid == oids::BPCHAR => hash_bytes(trim_blanks(text).as_bytes(), number),
        Datum::Text(text) => hash_bytes(text.as_bytes(), number),
        Datum::Bytes(bytes) => hash_bytes(bytes, number),
        Datum::TimeTz(time, west) => hash_i64(*time, number) ^ hash_u32(*west as u32, number),
        Datum::Array(array) if matches!(oid, oids::OIDVECTOR | oids::INT2VECTOR) => {
            let bytes: Vec<u8> = array
                .elements
                .iter()
                .flat_map(|element| match element {
                    Datum::I64(value) => (*value as u32).to_le_bytes().to_vec(),
                    Datum::I16(value) => value.to_le_bytes().to_vec(),
                    _ => Vec::new(),
                })
                .collect();
            hash_bytes(&bytes, number)
        }
        Datum::Array(array) => hash_array(array, seed)?,
        Datum::Null | Datum::Record(_) | Datum::Json(_) | Datum::Range(_) | Datum::Multirange(_) => {
            return Err(PgError::not_supported("hash of records, jsonb and ranges"));
        }
    })
}

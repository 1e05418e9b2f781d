//! Join keys as words.
//!
//! Integer keys (dates, oids, ... too) are packed: the offset of each from the least value on the build side, in mixed radix, so
//! that equal words mean equal keys and small domains can index an array. All other keys become a hash of their
//! canonical bytes, and candidates are compared afterwards.

use kernels::vector::{Values, Vector, VectorData};
use types::{Result, TypeRef};

use super::table::hash_word;
use crate::convert::datum_at;
use crate::operators::rowset::Columns;
use crate::values;

/// How keys become words.
pub(super) enum Encoder {
    /// (least value, number of values) for each key.
    Packed(Vec<(i64, u64)>),
    /// Hash of canonical bytes; `nulls_equal` for each key.
    Hashed { types: Vec<TypeRef>, nulls_equal: Vec<bool> },
}

/// Calls `body(lane, value)` for each lane; false when the lanes are not integers.
pub(super) fn for_each_integer(vector: &Vector, mut body: impl FnMut(usize, i64)) -> bool {
    macro_rules! each {
        ($lanes:expr, $convert:expr) => {{
            match &vector.data {
                VectorData::Flat(_) => {
                    for (lane, value) in $lanes.iter().enumerate() {
                        body(lane, $convert(*value));
                    }
                }
                VectorData::Constant(_) => {
                    for lane in 0..vector.len() {
                        body(lane, $convert($lanes[0]));
                    }
                }
                VectorData::Dictionary { codes, .. } => {
                    for (lane, code) in codes.iter().enumerate() {
                        body(lane, $convert($lanes[usize::from(*code)]));
                    }
                }
            }
            true
        }};
    }
    match vector.values() {
        Values::I16(lanes) => each!(lanes, i64::from),
        Values::I32(lanes) => each!(lanes, i64::from),
        Values::I64(lanes) => each!(lanes, |value: i64| value),
        Values::Bool(_)
        | Values::F32(_)
        | Values::F64(_)
        | Values::Fixed64 { .. }
        | Values::Fixed128 { .. }
        | Values::Wide(_)
        | Values::Views(_) => false,
    }
}

impl Encoder {
    /// Chooses the encoding for the keys of a build side.
    pub(super) fn choose(keys: &Columns, types: &[TypeRef], nulls_equal: &[bool]) -> Self {
        let hashed = || Self::Hashed { types: types.to_vec(), nulls_equal: nulls_equal.to_vec() };
        if nulls_equal.contains(&true) {
            return hashed();
        }
        let mut domain: u64 = 1;
        let mut parts = Vec::with_capacity(keys.vectors.len());
        for (vector, ty) in keys.vectors.iter().zip(types) {
            let (mut low, mut high) = (i64::MAX, i64::MIN);
            let integers = for_each_integer(vector, |lane, value| {
                if !vector.is_null(lane) {
                    low = low.min(value);
                    high = high.max(value);
                }
            });
            // A build side without any value says nothing of its lanes; the type does.
            if !integers || !is_integer(*ty) {
                return hashed();
            }
            let span =
                if low > high { 1 } else { (high.wrapping_sub(low) as u64).checked_add(1).unwrap_or(0) };
            let Some(product) = domain.checked_mul(span).filter(|product| *product != 0) else {
                return hashed();
            };
            domain = product;
            parts.push((if low > high { 0 } else { low }, span));
        }
        Self::Packed(parts)
    }

    /// Returns the number of possible words, if words are packed.
    pub(super) fn domain(&self) -> Option<u64> {
        match self {
            Self::Packed(parts) => Some(parts.iter().map(|(_, span)| span).product()),
            Self::Hashed { .. } => None,
        }
    }

    /// Whether equal words are equal keys.
    pub(super) fn exact(&self) -> bool {
        matches!(self, Self::Packed(_))
    }

    /// Returns the word of each lane in `lanes` that can have a partner, and appends to `null_lanes` those with a NULL key.
    pub(super) fn words(
        &self,
        keys: &[Vector],
        lanes: &mut dyn Iterator<Item = usize>,
        out: &mut Vec<(u32, u64)>,
        null_lanes: &mut Vec<u32>,
    ) -> Result<()> {
        match self {
            Self::Packed(parts) => packed_words(parts, keys, lanes, out, null_lanes),
            Self::Hashed { types, nulls_equal } => {
                hashed_words(types, nulls_equal, keys, lanes, out, null_lanes)?
            }
        }
        Ok(())
    }
}

fn is_integer(ty: TypeRef) -> bool {
    use types::PhysicalType;
    matches!(crate::convert::physical_type(ty), PhysicalType::I16 | PhysicalType::I32 | PhysicalType::I64)
}

/// The word of a lane without partner.
const NO_WORD: u64 = u64::MAX;

fn packed_words(
    parts: &[(i64, u64)],
    keys: &[Vector],
    lanes: &mut dyn Iterator<Item = usize>,
    out: &mut Vec<(u32, u64)>,
    null_lanes: &mut Vec<u32>,
) {
    let len = keys.first().map_or(0, Vector::len);
    let mut words = vec![0u64; len];
    let mut outside = vec![false; len];
    for (vector, (low, span)) in keys.iter().zip(parts) {
        for_each_integer(vector, |lane, value| {
            let offset = value.wrapping_sub(*low) as u64;
            outside[lane] |= offset >= *span || value < *low;
            words[lane] = words[lane].wrapping_mul(*span).wrapping_add(offset);
        });
    }
    let nullable = keys.iter().any(|key| key.validity.is_some());
    for lane in lanes {
        if nullable && keys.iter().any(|key| key.is_null(lane)) {
            null_lanes.push(lane as u32);
        } else if !outside[lane] && words[lane] != NO_WORD {
            out.push((lane as u32, words[lane]));
        }
    }
}

fn hashed_words(
    types: &[TypeRef],
    nulls_equal: &[bool],
    keys: &[Vector],
    lanes: &mut dyn Iterator<Item = usize>,
    out: &mut Vec<(u32, u64)>,
    null_lanes: &mut Vec<u32>,
) -> Result<()> {
    let mut bytes = Vec::new();
    'lanes: for lane in lanes {
        let mut word = 0u64;
        for ((key, ty), nulls_equal) in keys.iter().zip(types).zip(nulls_equal) {
            if key.is_null(lane) {
                if !nulls_equal {
                    null_lanes.push(lane as u32);
                    continue 'lanes;
                }
                word = hash_word(word ^ 0x5bd1_e995);
                continue;
            }
            bytes.clear();
            key_bytes(key, lane, *ty, &mut bytes)?;
            word = hash_word(word ^ hash_bytes(&bytes));
        }
        out.push((lane as u32, word));
    }
    Ok(())
}

/// Appends the canonical bytes of a lane that is not null.
pub(crate) fn key_bytes(vector: &Vector, lane: usize, ty: TypeRef, out: &mut Vec<u8>) -> Result<()> {
    match vector.locate(lane) {
        (Values::Views(views), position)
            if crate::convert::physical_type(ty) == types::PhysicalType::Text =>
        {
            let bytes = views.get(position);
            out.extend(if ty.oid == types::oids::BPCHAR { values::trim_blanks(bytes) } else { bytes });
        }
        (Values::I32(lanes), position) => out.extend(lanes[position].to_le_bytes()),
        (Values::I64(lanes), position) => out.extend(lanes[position].to_le_bytes()),
        _ => values::canonical(&datum_at(vector, lane, ty)?, ty, out),
    }
    Ok(())
}

/// Hashes bytes, eight at a time.
pub(crate) fn hash_bytes(bytes: &[u8]) -> u64 {
    let (chunks, rest) = bytes.as_chunks::<8>();
    let mut hash = bytes.len() as u64;
    for chunk in chunks {
        hash = hash_word(hash ^ u64::from_le_bytes(*chunk));
    }
    if !rest.is_empty() {
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        hash = hash_word(hash ^ u64::from_le_bytes(last));
    }
    hash
}

/// Returns whether a probe lane and a build row have equal keys.
pub(super) fn equal(
    probe: &[Vector],
    lane: usize,
    build: &Columns,
    row: usize,
    types: &[TypeRef],
) -> Result<bool> {
    for ((left, right), ty) in probe.iter().zip(&build.vectors).zip(types) {
        let same = match (left.is_null(lane), right.is_null(row)) {
            (true, true) => true,
            (true, false) | (false, true) => false,
            (false, false) => lane_equal(left, lane, right, row, *ty)?,
        };
        if !same {
            return Ok(false);
        }
    }
    Ok(true)
}

fn lane_equal(left: &Vector, lane: usize, right: &Vector, row: usize, ty: TypeRef) -> Result<bool> {
    Ok(match (left.locate(lane), right.locate(row)) {
        ((Values::I32(l), i), (Values::I32(r), j)) => l[i] == r[j],
        ((Values::I64(l), i), (Values::I64(r), j)) => l[i] == r[j],
        ((Values::Views(l), i), (Values::Views(r), j))
            if crate::convert::physical_type(ty) == types::PhysicalType::Text =>
        {
            if ty.oid == types::oids::BPCHAR {
                values::trim_blanks(l.get(i)) == values::trim_blanks(r.get(j))
            } else {
                l.get(i) == r.get(j)
            }
        }
        _ => values::compare(&datum_at(left, lane, ty)?, &datum_at(right, row, ty)?, ty).is_eq(),
    })
}

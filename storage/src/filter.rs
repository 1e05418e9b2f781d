//! Predicates on decoded vectors.
//!
//! A constant is decided once, a dictionary once per entry; flat integers are compared in their own width
//! after the bounds have been clamped to it, so that the loop is one unsigned comparison a lane.

use kernels::vector::{Bitmap, Values, Vector, VectorData, Views};

use crate::error::{Result, StorageError};
use crate::predicate::{RangeEnd, ScanPredicate, ScanValue, compare_floats};

/// Clears the bits of `mask` whose lanes of `vector` do not qualify.
pub(crate) fn filter_vector(vector: &Vector, predicate: &ScanPredicate, mask: &mut [u64]) -> Result<()> {
    assert_eq!(mask.len(), vector.len().div_ceil(64));
    match predicate {
        ScanPredicate::IsNull => {
            match &vector.validity {
                None => mask.fill(0),
                Some(validity) => and_not(mask, validity.words()),
            }
            return Ok(());
        }
        ScanPredicate::NotNull => {}
        ScanPredicate::Key(filter) => filter.test(vector, mask),
        ScanPredicate::Range { .. }
        | ScanPredicate::Equals(_)
        | ScanPredicate::NotEquals(_)
        | ScanPredicate::In(_)
        | ScanPredicate::DictionaryMask(_) => filter_form(vector, predicate, mask)?,
    }
    if let Some(validity) = &vector.validity {
        and(mask, validity.words());
    }
    Ok(())
}

fn filter_form(vector: &Vector, predicate: &ScanPredicate, mask: &mut [u64]) -> Result<()> {
    match &vector.data {
        VectorData::Flat(values) => filter_values(values, predicate, mask),
        VectorData::Constant(values) => {
            if !matching(values, predicate)?.get(0) {
                mask.fill(0);
            }
            Ok(())
        }
        VectorData::Dictionary { codes, dictionary } => {
            filter_codes(codes, &matching(dictionary, predicate)?, mask);
            Ok(())
        }
    }
}

/// Returns a bit for each of `values`: whether it qualifies.
pub(crate) fn matching(values: &Values, predicate: &ScanPredicate) -> Result<Bitmap> {
    let mut words = vec![u64::MAX; values.len().div_ceil(64)];
    filter_values(values, predicate, &mut words)?;
    Ok(Bitmap::from_words(words, values.len()))
}

/// Clears the bits of lanes whose code's bit is clear.
pub(crate) fn filter_codes(codes: &[u16], matching: &Bitmap, mask: &mut [u64]) {
    let words = matching.words();
    for_lanes(codes, mask, |code| words[usize::from(code) / 64] >> (code % 64) & 1 == 1);
}

/// Clears bits of `mask` whose value does not qualify.
fn filter_values(values: &Values, predicate: &ScanPredicate, mask: &mut [u64]) -> Result<()> {
    match predicate {
        ScanPredicate::DictionaryMask(function) => {
            let matching = function(values);
            if matching.len() != values.len() {
                return Err(StorageError::Misuse(
                    "a predicate returned a bitmap of another length".to_owned(),
                ));
            }
            and(mask, matching.words());
            Ok(())
        }
        ScanPredicate::Range { low, high } => filter_range(values, low.as_ref(), high.as_ref(), mask),
        ScanPredicate::Equals(value) => {
            let end = RangeEnd { value: value.clone(), inclusive: true };
            filter_range(values, Some(&end), Some(&end), mask)
        }
        ScanPredicate::NotEquals(value) => {
            let end = RangeEnd { value: value.clone(), inclusive: true };
            let mut equal = vec![u64::MAX; mask.len()];
            filter_range(values, Some(&end), Some(&end), &mut equal)?;
            and_not(mask, &equal);
            Ok(())
        }
        ScanPredicate::In(list) => {
            let mut any = vec![0; mask.len()];
            for value in list {
                let end = RangeEnd { value: value.clone(), inclusive: true };
                let mut equal = vec![u64::MAX; mask.len()];
                filter_range(values, Some(&end), Some(&end), &mut equal)?;
                for (any, equal) in any.iter_mut().zip(&equal) {
                    *any |= equal;
                }
            }
            and(mask, &any);
            Ok(())
        }
        ScanPredicate::NotNull | ScanPredicate::IsNull | ScanPredicate::Key(_) => {
            Err(StorageError::Misuse("this predicate has no form on single values".to_owned()))
        }
    }
}

/// Keeps lanes between `low` and `high`.
pub(crate) fn filter_range(
    values: &Values,
    low: Option<&RangeEnd>,
    high: Option<&RangeEnd>,
    mask: &mut [u64],
) -> Result<()> {
    macro_rules! integers {
        ($lanes:expr, $lane:ty, $unsigned:ty) => {
            match integer_range(low, high, <$lane>::MIN.into(), <$lane>::MAX.into())? {
                None => mask.fill(0),
                Some((low, high)) => {
                    let (low, high) = (low as $lane, high as $lane);
                    let span = high.wrapping_sub(low) as $unsigned;
                    for_lanes($lanes, mask, |lane: $lane| lane.wrapping_sub(low) as $unsigned <= span);
                }
            }
        };
    }
    match values {
        Values::Bool(bits) => filter_bools(bits, low, high, mask)?,
        Values::I16(lanes) => integers!(lanes, i16, u16),
        Values::I32(lanes) => integers!(lanes, i32, u32),
        Values::I64(lanes) => integers!(lanes, i64, u64),
        Values::Fixed64 { unscaled, .. } => integers!(unscaled, i64, u64),
        Values::Fixed128 { unscaled, .. } => integers!(unscaled, i128, u128),
        Values::F32(lanes) => {
            let test = float_test(low, high)?;
            for_lanes(lanes, mask, |lane| test(f64::from(lane)));
        }
        Values::F64(lanes) => {
            let test = float_test(low, high)?;
            for_lanes(lanes, mask, test);
        }
        Values::Wide(lanes) => filter_wide(lanes, low, high, mask)?,
        Values::Views(views) => filter_views(views, low, high, mask)?,
    }
    Ok(())
}

/// Returns the inclusive range of lanes, within the lane type, that lies between the ends; `None` if empty.
pub(crate) fn integer_range(
    low: Option<&RangeEnd>,
    high: Option<&RangeEnd>,
    min: i128,
    max: i128,
) -> Result<Option<(i128, i128)>> {
    let low = match low {
        None => min,
        Some(RangeEnd { value: ScanValue::Int(value), inclusive: true }) => *value,
        Some(RangeEnd { value: ScanValue::Int(value), inclusive: false }) => match value.checked_add(1) {
            None => return Ok(None),
            Some(value) => value,
        },
        Some(_) => return Err(kind_mismatch()),
    };
    let high = match high {
        None => max,
        Some(RangeEnd { value: ScanValue::Int(value), inclusive: true }) => *value,
        Some(RangeEnd { value: ScanValue::Int(value), inclusive: false }) => match value.checked_sub(1) {
            None => return Ok(None),
            Some(value) => value,
        },
        Some(_) => return Err(kind_mismatch()),
    };
    let (low, high) = (low.max(min), high.min(max));
    Ok((low <= high).then_some((low, high)))
}

fn kind_mismatch() -> StorageError {
    StorageError::Misuse("a predicate's value is of another kind than its column".to_owned())
}

fn filter_bools(
    bits: &Bitmap,
    low: Option<&RangeEnd>,
    high: Option<&RangeEnd>,
    mask: &mut [u64],
) -> Result<()> {
    match integer_range(low, high, 0, 1)? {
        None => mask.fill(0),
        Some((0, 0)) => and_not(mask, bits.words()),
        Some((1, 1)) => and(mask, bits.words()),
        Some(_) => {}
    }
    Ok(())
}

fn float_test(low: Option<&RangeEnd>, high: Option<&RangeEnd>) -> Result<impl Fn(f64) -> bool> {
    let end = |end: Option<&RangeEnd>| match end {
        None => Ok(None),
        Some(RangeEnd { value: ScanValue::Float(value), inclusive }) => Ok(Some((*value, *inclusive))),
        Some(_) => Err(kind_mismatch()),
    };
    let (low, high) = (end(low)?, end(high)?);
    Ok(move |lane: f64| {
        let above = low.is_none_or(|(low, inclusive)| {
            let order = compare_floats(lane, low);
            order.is_gt() || inclusive && order.is_eq()
        });
        let below = high.is_none_or(|(high, inclusive)| {
            let order = compare_floats(lane, high);
            order.is_lt() || inclusive && order.is_eq()
        });
        above && below
    })
}

fn filter_wide(
    lanes: &[u128],
    low: Option<&RangeEnd>,
    high: Option<&RangeEnd>,
    mask: &mut [u64],
) -> Result<()> {
    let end = |end: Option<&RangeEnd>| match end {
        None => Ok(None),
        Some(RangeEnd { value: ScanValue::Wide(value), inclusive }) => Ok(Some((*value, *inclusive))),
        Some(_) => Err(kind_mismatch()),
    };
    let (low, high) = (end(low)?, end(high)?);
    for_lanes(lanes, mask, |lane| {
        low.is_none_or(|(low, inclusive)| lane > low || inclusive && lane == low)
            && high.is_none_or(|(high, inclusive)| lane < high || inclusive && lane == high)
    });
    Ok(())
}

fn filter_views(
    views: &Views,
    low: Option<&RangeEnd>,
    high: Option<&RangeEnd>,
    mask: &mut [u64],
) -> Result<()> {
    fn end(end: Option<&RangeEnd>) -> Result<Option<(&[u8], bool)>> {
        match end {
            None => Ok(None),
            Some(RangeEnd { value: ScanValue::Bytes(value), inclusive }) => Ok(Some((value, *inclusive))),
            Some(_) => Err(kind_mismatch()),
        }
    }
    let (low, high) = (end(low)?, end(high)?);
    for (index, word) in mask.iter_mut().enumerate() {
        let mut left = *word;
        while left != 0 {
            let bit = left.trailing_zeros() as usize;
            left &= left - 1;
            let lane = index * 64 + bit;
            if lane >= views.len() {
                break;
            }
            let bytes = views.get(lane);
            let qualifies = low.is_none_or(|(low, inclusive)| bytes > low || inclusive && bytes == low)
                && high.is_none_or(|(high, inclusive)| bytes < high || inclusive && bytes == high);
            if !qualifies {
                *word &= !(1 << bit);
            }
        }
    }
    Ok(())
}

/// ANDs `words` into `mask`.
pub(crate) fn and(mask: &mut [u64], words: &[u64]) {
    for (mask, word) in mask.iter_mut().zip(words) {
        *mask &= word;
    }
}

/// Clears in `mask` what is set in `words`.
pub(crate) fn and_not(mask: &mut [u64], words: &[u64]) {
    for (mask, word) in mask.iter_mut().zip(words) {
        *mask &= !word;
    }
}

/// Clears the bits of `mask` whose lane fails `test`.
#[inline(always)]
pub(crate) fn for_lanes<T: Copy>(lanes: &[T], mask: &mut [u64], test: impl Fn(T) -> bool) {
    let (full, rest) = lanes.as_chunks::<64>();
    for (lanes, mask) in full.iter().zip(mask.iter_mut()) {
        let mut bytes = [0u8; 64];
        for (byte, lane) in bytes.iter_mut().zip(lanes) {
            *byte = u8::from(test(*lane));
        }
        *mask &= pack_bools(&bytes);
    }
    if let Some(mask) = mask.get_mut(full.len()) {
        let mut word = 0;
        for (bit, lane) in rest.iter().enumerate() {
            word |= u64::from(test(*lane)) << bit;
        }
        *mask &= word;
    }
}

/// Packs 64 bytes that are 0 or 1 into bits.
pub(crate) fn pack_bools(bytes: &[u8; 64]) -> u64 {
    let (words, _) = bytes.as_chunks::<8>();
    words.iter().enumerate().fold(0, |packed, (index, word)| {
        // The multiplication moves the lowest bit of byte i to bit 56 + i.
        let bits = u64::from_le_bytes(*word).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        packed | bits << (index * 8)
    })
}

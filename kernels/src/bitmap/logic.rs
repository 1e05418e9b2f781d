//! Boolean operations on masks, word by word. The compiler vectorizes these loops for each instruction set of the
//! baseline; they are bound by the cache, so there is nothing for a wider set to win.
//!
//! The three-valued forms take a mask of values and an optional validity (absent: no lane is null) for each
//! side. The value bit of a null lane does not matter on input and is zero on output.

/// Writes `left AND right`.
pub fn and(left: &[u64], right: &[u64], out: &mut [u64]) {
    combine(left, right, out, |left, right| left & right);
}

/// Writes `left OR right`.
pub fn or(left: &[u64], right: &[u64], out: &mut [u64]) {
    combine(left, right, out, |left, right| left | right);
}

/// Writes the bits in which the masks differ.
pub fn xor(left: &[u64], right: &[u64], out: &mut [u64]) {
    combine(left, right, out, |left, right| left ^ right);
}

/// Writes `left AND NOT right`.
pub fn and_not(left: &[u64], right: &[u64], out: &mut [u64]) {
    combine(left, right, out, |left, right| left & !right);
}

/// Clears the bits of `mask` that are clear in `other`.
pub fn and_with(mask: &mut [u64], other: &[u64]) {
    assert_eq!(mask.len(), other.len());
    for (word, other) in mask.iter_mut().zip(other) {
        *word &= other;
    }
}

/// Sets the bits of `mask` that are set in `other`.
pub fn or_with(mask: &mut [u64], other: &[u64]) {
    assert_eq!(mask.len(), other.len());
    for (word, other) in mask.iter_mut().zip(other) {
        *word |= other;
    }
}

/// Writes the inverted bits of `len` lanes.
pub fn not(mask: &[u64], len: usize, out: &mut [u64]) {
    assert_eq!(mask.len(), super::word_count(len));
    combine(mask, mask, out, |word, _| !word);
    super::clear_tail(out, len);
}

/// Writes SQL's `left AND right`: false when a side is false, otherwise null when a side is null.
pub fn and_three_valued(
    left: (&[u64], Option<&[u64]>),
    right: (&[u64], Option<&[u64]>),
    len: usize,
    value: &mut [u64],
    validity: &mut [u64],
) {
    three_valued(left, right, len, value, validity, |left_true, left_false, right_true, right_false| {
        (left_true & right_true, left_false | right_false)
    });
}

/// Writes SQL's `left OR right`: true when a side is true, otherwise null when a side is null.
pub fn or_three_valued(
    left: (&[u64], Option<&[u64]>),
    right: (&[u64], Option<&[u64]>),
    len: usize,
    value: &mut [u64],
    validity: &mut [u64],
) {
    three_valued(left, right, len, value, validity, |left_true, left_false, right_true, right_false| {
        (left_true | right_true, left_false & right_false)
    });
}

#[inline(always)]
fn combine(left: &[u64], right: &[u64], out: &mut [u64], body: impl Fn(u64, u64) -> u64) {
    assert_eq!(left.len(), right.len());
    assert_eq!(left.len(), out.len());
    for ((left, right), out) in left.iter().zip(right).zip(out) {
        *out = body(*left, *right);
    }
}

#[inline(always)]
fn three_valued(
    left: (&[u64], Option<&[u64]>),
    right: (&[u64], Option<&[u64]>),
    len: usize,
    value: &mut [u64],
    validity: &mut [u64],
    body: impl Fn(u64, u64, u64, u64) -> (u64, u64),
) {
    let words = super::word_count(len);
    for mask in [Some(left.0), left.1, Some(right.0), right.1].into_iter().flatten() {
        assert_eq!(mask.len(), words);
    }
    assert_eq!(value.len(), words);
    assert_eq!(validity.len(), words);
    for index in 0..words {
        let left_valid = left.1.map_or(u64::MAX, |validity| validity[index]);
        let right_valid = right.1.map_or(u64::MAX, |validity| validity[index]);
        let (is_true, is_false) = body(
            left.0[index] & left_valid,
            !left.0[index] & left_valid,
            right.0[index] & right_valid,
            !right.0[index] & right_valid,
        );
        value[index] = is_true;
        validity[index] = is_true | is_false;
    }
    super::clear_tail(value, len);
    super::clear_tail(validity, len);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{Random, bit, lengths, mask_of};

    #[test]
    fn two_valued() {
        let mut random = Random::new();
        for len in lengths() {
            for (left, right) in random.masks(len).iter().zip(random.masks(len).iter().rev()) {
                let mut out = vec![7; left.len()];
                and(left, right, &mut out);
                assert_eq!(out, mask_of(len, |lane| bit(left, lane) && bit(right, lane)));
                or(left, right, &mut out);
                assert_eq!(out, mask_of(len, |lane| bit(left, lane) || bit(right, lane)));
                xor(left, right, &mut out);
                assert_eq!(out, mask_of(len, |lane| bit(left, lane) != bit(right, lane)));
                and_not(left, right, &mut out);
                assert_eq!(out, mask_of(len, |lane| bit(left, lane) && !bit(right, lane)));
                not(left, len, &mut out);
                assert_eq!(out, mask_of(len, |lane| !bit(left, lane)));
            }
        }
    }

    #[test]
    fn three_values() {
        let and_table = |left, right| match (left, right) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            (None, _) | (_, None) => None,
        };
        let or_table = |left, right| match (left, right) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (Some(false), Some(false)) => Some(false),
            (None, _) | (_, None) => None,
        };
        let mut random = Random::new();
        for len in lengths() {
            let words = super::super::word_count(len);
            let draws: Vec<Vec<u64>> = (0..4).map(|_| random.lanes(words)).collect();
            let sides = |lane| {
                let side = |value: &[u64], validity: &[u64]| bit(validity, lane).then(|| bit(value, lane));
                (side(&draws[0], &draws[1]), side(&draws[2], &draws[3]))
            };
            let left = (draws[0].as_slice(), Some(draws[1].as_slice()));
            let right = (draws[2].as_slice(), Some(draws[3].as_slice()));
            let (mut value, mut validity) = (vec![7; words], vec![7; words]);
            and_three_valued(left, right, len, &mut value, &mut validity);
            let wanted = |lane| and_table(sides(lane).0, sides(lane).1);
            assert_eq!(value, mask_of(len, |lane| wanted(lane) == Some(true)));
            assert_eq!(validity, mask_of(len, |lane| wanted(lane).is_some()));
            or_three_valued(left, right, len, &mut value, &mut validity);
            let wanted = |lane| or_table(sides(lane).0, sides(lane).1);
            assert_eq!(value, mask_of(len, |lane| wanted(lane) == Some(true)));
            assert_eq!(validity, mask_of(len, |lane| wanted(lane).is_some()));
        }
    }
}

//! Counting and testing the bits of a mask. POPCNT does a word per cycle, faster than a mask arrives from the second
//! cache level, so there is no wider form.

/// Returns the number of set bits.
pub fn count_ones(mask: &[u64]) -> usize {
    mask.iter().map(|word| word.count_ones() as usize).sum()
}

/// Tells whether a bit is set.
pub fn any(mask: &[u64]) -> bool {
    mask.iter().fold(0, |seen, word| seen | word) != 0
}

/// Tells whether the bits of all `len` lanes are set.
pub fn all(mask: &[u64], len: usize) -> bool {
    assert_eq!(mask.len(), super::word_count(len));
    let Some((last, full)) = mask.split_last() else { return true };
    full.iter().fold(u64::MAX, |seen, word| seen & word) == u64::MAX
        && !last & super::last_word_bits(len) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{Random, bit, lengths};

    #[test]
    fn counts() {
        let mut random = Random::new();
        for len in lengths() {
            for mask in random.masks(len) {
                let count = (0..len).filter(|&lane| bit(&mask, lane)).count();
                assert_eq!(count_ones(&mask), count);
                assert_eq!(any(&mask), count > 0);
                assert_eq!(all(&mask, len), count == len);
            }
        }
    }
}

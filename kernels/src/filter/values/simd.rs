//! The portable body: words without or with all bits are skipped or copied, the others are walked bit by bit.
//!
//! Storing every lane and letting the next one overwrite it when its bit is clear takes twice as long, measured
//! with every second bit set.

pub(super) fn filter<T: Copy>(values: &[T], mask: &[u64], mut out: &mut [T]) {
    for (chunk, &word) in values.chunks(64).zip(mask) {
        let (front, rest) = out.split_at_mut(word.count_ones() as usize);
        out = rest;
        if front.len() == chunk.len() {
            front.copy_from_slice(chunk);
        } else {
            let mut bits = word;
            for slot in front {
                *slot = chunk[bits.trailing_zeros() as usize];
                bits &= bits - 1;
            }
        }
    }
}

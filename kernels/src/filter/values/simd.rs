//! The portable body: words without or with all bits are skipped or copied, words with few bits are walked bit by
//! bit, and the others are compacted without branches: every lane is stored, and the next one overwrites it when
//! its bit is clear.

/// Up to how many bits a word is walked bit by bit. A tuning constant; it does not affect results.
const FEW_BITS: u32 = 20;

pub(super) fn filter<T: Copy>(values: &[T], mask: &[u64], mut out: &mut [T]) {
    for (chunk, &word) in values.chunks(64).zip(mask) {
        let count = word.count_ones();
        if count == 0 {
            continue;
        }
        let (front, rest) = out.split_at_mut(count as usize);
        out = rest;
        if front.len() == chunk.len() {
            front.copy_from_slice(chunk);
        } else if count <= FEW_BITS {
            let mut bits = word;
            for slot in front {
                *slot = chunk[bits.trailing_zeros() as usize];
                bits &= bits - 1;
            }
        } else {
            let mut compact = [chunk[0]; 64];
            let mut written = 0;
            for (lane, &value) in chunk.iter().enumerate() {
                compact[written & 63] = value;
                written += (word >> lane & 1) as usize;
            }
            front.copy_from_slice(&compact[..count as usize]);
        }
    }
}

//! A bitmap in Arrow's order (least significant bit first) that starts at bit 0 of its first word.

use arrow_buffer::ScalarBuffer;

/// An immutable, shared bitmap. Bits past the length in the last word are zero.
#[derive(Debug, Clone)]
pub struct Bitmap {
    words: ScalarBuffer<u64>,
    len: usize,
}

impl Bitmap {
    /// Returns the first `len` bits of `words`; clears what lies past them.
    ///
    /// # Panics
    /// When `words` is not `len` bits rounded up to words.
    pub fn from_words(mut words: Vec<u64>, len: usize) -> Self {
        assert_eq!(words.len(), len.div_ceil(64));
        if let Some(last) = words.last_mut()
            && !len.is_multiple_of(64)
        {
            *last &= (1 << (len % 64)) - 1;
        }
        Self { words: words.into(), len }
    }
    /// Returns a bitmap over shared words (a mapped file); bits past `len` must be zero already.
    pub fn from_shared(words: ScalarBuffer<u64>, len: usize) -> Self {
        assert_eq!(words.len(), len.div_ceil(64));
        Self { words, len }
    }
    /// Returns `len` zero bits.
    pub fn zeros(len: usize) -> Self {
        Self { words: vec![0; len.div_ceil(64)].into(), len }
    }
    /// Returns `len` one bits.
    pub fn ones(len: usize) -> Self {
        Self::from_words(vec![u64::MAX; len.div_ceil(64)], len)
    }
    /// Returns the bits of an iterator.
    pub fn from_bools(bools: impl IntoIterator<Item = bool>) -> Self {
        let mut words = Vec::new();
        let mut len = 0;
        for bit in bools {
            if len % 64 == 0 {
                words.push(0);
            }
            if bit && let Some(word) = words.last_mut() {
                *word |= 1 << (len % 64);
            }
            len += 1;
        }
        Self { words: words.into(), len }
    }
    /// Returns the number of bits.
    pub fn len(&self) -> usize {
        self.len
    }
    /// Returns whether there are no bits.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
    /// Returns the words.
    pub fn words(&self) -> &[u64] {
        &self.words
    }
    /// Returns the bit at `index`.
    pub fn get(&self, index: usize) -> bool {
        debug_assert!(index < self.len);
        self.words[index / 64] >> (index % 64) & 1 == 1
    }
    /// Returns the number of one bits.
    pub fn count_ones(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }
    /// Returns the bits at `positions`.
    #[must_use]
    pub fn gather(&self, positions: &[u16]) -> Self {
        Self::from_bools(positions.iter().map(|&position| self.get(usize::from(position))))
    }
}

//! Sorted keys that differ from each other in eight bytes at most, kept as those bytes.
//!
//! The keys of a row group agree in most of their bytes: the marks of values that are not null, the high bytes of
//! integers. What is left of a key of several columns is one word, in the same order. Of sixty-four words the first is kept,
//! and of all of them how far they are from it, in as few bits as the last one needs: a search looks among the first words
//! of all blocks, a few kilobytes, and then in one block, a few cache lines.

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering as MemoryOrdering};

use super::key::{INLINE, Key};

/// The most bytes in which keys may differ.
const BYTES_MAX: usize = size_of::<u64>();
/// Words of a block. Their distances take as many words as one of them has bits.
const BLOCK_WORDS: usize = 64;
/// A tuning constant: keys that are looked for and not there until a filter is made.
const ABSENT_MIN: u32 = 64;
/// A tuning constant: bits of the filter for each word; one absent word in a hundred passes.
const FILTER_BITS: usize = 16;

/// See the module.
#[derive(Debug)]
pub(super) struct Narrow {
    /// The bytes in which all keys agree; zeros elsewhere.
    common: [u8; INLINE],
    /// The same as big-endian words, and masks of the bytes that must be so.
    common_words: [(u64, u64); INLINE / 8],
    /// Positions of the bytes in which they differ, ascending.
    differing: Vec<u8>,
    len: usize,
    /// The first word of each block.
    firsts: Vec<u64>,
    blocks: Vec<Block>,
    /// Distances of words from the first one of their block.
    distances: Vec<u64>,
    /// Keys that were looked for and are not there, as long as there is no filter.
    absent: AtomicU32,
    filter: OnceLock<Filter>,
}

/// Where the distances of a block are, and how many bits each has.
#[derive(Debug, Clone, Copy)]
struct Block {
    start: u32,
    width: u32,
}

/// Says of most words that are not among some that they are not: one memory access where a search takes several.
#[derive(Debug)]
struct Filter {
    blocks: Vec<u64>,
}

impl Filter {
    fn new(len: usize, words: impl Iterator<Item = u64>) -> Self {
        let blocks = (len * FILTER_BITS / 64).next_power_of_two();
        let mut filter = Self { blocks: vec![0; blocks] };
        for word in words {
            let (block, bits) = filter.place(word);
            filter.blocks[block] |= bits;
        }
        filter
    }

    /// Returns whether a word may be there; never false for one that is.
    fn may_have(&self, word: u64) -> bool {
        let (block, bits) = self.place(word);
        self.blocks[block] & bits == bits
    }

    /// Returns the block of a word and its four bits in it.
    fn place(&self, word: u64) -> (usize, u64) {
        let product = u128::from(word ^ 0x9e37_79b9_7f4a_7c15) * 0xd6e8_feb8_6659_fd93;
        let hash = product as u64 ^ (product >> 64) as u64;
        let bits = (0..4).fold(0, |bits, part| bits | 1 << (hash >> (part * 6) & 63));
        ((hash >> 32) as usize & (self.blocks.len() - 1), bits)
    }
}

/// Where a key stands among the keys that could be kept here.
enum Place {
    /// It is one of them, and this is its word.
    At(u64),
    /// Right before all keys whose words are at least this.
    Before(u64),
    /// Right after all keys whose words are at most this.
    After(u64),
}

impl Narrow {
    /// Returns the form of keys, ascending; `None` when they differ in too many bytes.
    pub(super) fn new(keys: &[Key]) -> Option<Self> {
        let first = keys.first()?.inline()?;
        let mut varies = [0u8; INLINE];
        for key in keys {
            let bytes = key.inline()?;
            for ((varies, byte), first) in varies.iter_mut().zip(bytes).zip(first) {
                *varies |= byte ^ first;
            }
        }
        let differing: Vec<u8> =
            (0..INLINE as u8).filter(|&position| varies[usize::from(position)] != 0).collect();
        if differing.len() > BYTES_MAX {
            return None;
        }
        let mut common = first;
        differing.iter().for_each(|&position| common[usize::from(position)] = 0);
        let mut masks = [u8::MAX; INLINE];
        differing.iter().for_each(|&position| masks[usize::from(position)] = 0);
        let common_words = std::array::from_fn(|word| (word_at(&common, word), word_at(&masks, word)));
        let word = |key: &Key| key.inline().map(|bytes| word_of(&bytes, &differing));
        let words = keys.iter().map(word).collect::<Option<Vec<u64>>>()?;
        let mut narrow = Self {
            common,
            common_words,
            differing,
            len: words.len(),
            firsts: Vec::with_capacity(words.len().div_ceil(BLOCK_WORDS)),
            blocks: Vec::with_capacity(words.len().div_ceil(BLOCK_WORDS)),
            distances: Vec::new(),
            absent: AtomicU32::new(0),
            filter: OnceLock::new(),
        };
        words.chunks(BLOCK_WORDS).for_each(|words| narrow.add_block(words));
        narrow.distances.shrink_to_fit();
        Some(narrow)
    }

    /// Adds a block of words, ascending.
    fn add_block(&mut self, words: &[u64]) {
        let (Some(first), Some(last)) = (words.first(), words.last()) else { return };
        let start = self.distances.len();
        let width = u64::BITS - (last - first).leading_zeros();
        self.distances.resize(start + width as usize, 0);
        for (at, word) in words.iter().enumerate() {
            let (distance, bit) = (word - first, at * width as usize);
            let (place, shift) = (start + bit / BLOCK_WORDS, bit % BLOCK_WORDS);
            if width > 0 {
                self.distances[place] |= distance << shift;
            }
            if shift + width as usize > BLOCK_WORDS {
                self.distances[place + 1] |= distance >> (BLOCK_WORDS - shift);
            }
        }
        self.firsts.push(*first);
        self.blocks.push(Block { start: start as u32, width });
    }

    /// Returns how far a word of a block is from the first one.
    fn distance(&self, block: Block, at: usize) -> u64 {
        if block.width == 0 {
            return 0;
        }
        let bit = at * block.width as usize;
        let (place, shift) = (block.start as usize + bit / BLOCK_WORDS, bit % BLOCK_WORDS);
        let low = self.distances[place] >> shift;
        let high = if shift + block.width as usize > BLOCK_WORDS {
            self.distances[place + 1] << (BLOCK_WORDS - shift)
        } else {
            0
        };
        (low | high) & u64::MAX >> (u64::BITS - block.width)
    }

    /// Returns the word at a position.
    fn word(&self, position: usize) -> u64 {
        let block = position / BLOCK_WORDS;
        self.firsts[block] + self.distance(self.blocks[block], position % BLOCK_WORDS)
    }

    fn words(&self) -> impl Iterator<Item = u64> {
        (0..self.len).map(|position| self.word(position))
    }

    /// Returns what this takes in memory, without what is made later.
    pub(super) fn memory(&self) -> usize {
        let words = self.distances.capacity() + self.firsts.capacity() + self.blocks.capacity();
        words * size_of::<u64>()
    }

    /// Returns what was made later and takes memory, too.
    pub(super) fn filter_memory(&self) -> usize {
        self.filter.get().map_or(0, |filter| filter.blocks.capacity() * size_of::<u64>())
    }

    /// Returns whether a key is there twice.
    pub(super) fn has_duplicates(&self) -> bool {
        self.words().zip(self.words().skip(1)).any(|(word, next)| word == next)
    }

    /// Returns the key at a position.
    pub(super) fn key(&self, position: usize) -> Key {
        let mut bytes = self.common;
        let mut word = self.word(position);
        for &at in self.differing.iter().rev() {
            bytes[usize::from(at)] = word as u8;
            word >>= 8;
        }
        Key::new(&bytes)
    }

    /// Returns the positions of a key.
    pub(super) fn equal(&self, key: &Key) -> Range<usize> {
        let Place::At(word) = self.place(key) else { return 0..0 };
        if self.filter.get().is_some_and(|filter| !filter.may_have(word)) {
            return 0..0;
        }
        let from = self.words_below(word);
        let count = (from..self.len).take_while(|position| self.word(*position) == word).count();
        if count == 0 && self.filter.get().is_none() {
            self.note_absent();
        }
        from..from + count
    }

    /// Notes that a key was looked for that is not here.
    fn note_absent(&self) {
        if self.absent.fetch_add(1, MemoryOrdering::Relaxed) >= ABSENT_MIN {
            self.filter.get_or_init(|| Filter::new(self.len, self.words()));
        }
    }

    /// Returns the number of keys below a key.
    pub(super) fn below(&self, key: &Key) -> usize {
        match self.place(key) {
            Place::At(word) | Place::Before(word) => self.words_below(word),
            Place::After(u64::MAX) => self.len,
            Place::After(word) => self.words_below(word + 1),
        }
    }

    fn place(&self, key: &Key) -> Place {
        let (words, tail) = key.words();
        let agrees =
            words.iter().zip(&self.common_words).all(|(word, (common, mask))| word & mask == *common);
        if agrees && tail.is_empty() {
            let byte = |position: u8| words[usize::from(position / 8)] >> (56 - position % 8 * 8) & 0xff;
            return Place::At(self.differing.iter().fold(0, |word, &position| word << 8 | byte(position)));
        }
        self.place_among_others(key)
    }

    /// Returns where a key stands that does not agree with the others.
    fn place_among_others(&self, key: &Key) -> Place {
        let bytes = key.head_bytes();
        let word = word_of(&bytes, &self.differing);
        let mut differing = self.differing.iter().peekable();
        // Bits of the word that stand for bytes after those looked at.
        let mut rest = self.differing.len() as u32 * 8;
        for (position, (byte, common)) in bytes.iter().zip(&self.common).enumerate() {
            if differing.next_if(|at| usize::from(**at) == position).is_some() {
                rest -= 8;
                continue;
            }
            let lower = if rest == 64 { u64::MAX } else { (1 << rest) - 1 };
            match byte.cmp(common) {
                Ordering::Equal => {}
                Ordering::Less => return Place::Before(word & !lower),
                Ordering::Greater => return Place::After(word | lower),
            }
        }
        // No key here is longer.
        if key.inline().is_some() { Place::At(word) } else { Place::After(word) }
    }

    /// Returns the number of words below a word.
    fn words_below(&self, word: u64) -> usize {
        let Some(block) = self.firsts.partition_point(|first| *first < word).checked_sub(1) else { return 0 };
        let from = block * BLOCK_WORDS;
        let distance = word - self.firsts[block];
        let (mut low, mut high) = (0, BLOCK_WORDS.min(self.len - from));
        while low < high {
            let middle = low.midpoint(high);
            if self.distance(self.blocks[block], middle) < distance {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        from + low
    }
}

/// Returns a word of bytes, the first byte highest.
fn word_at(bytes: &[u8; INLINE], word: usize) -> u64 {
    bytes[word * 8..word * 8 + 8].iter().fold(0, |word, &byte| word << 8 | u64::from(byte))
}

fn word_of(bytes: &[u8; INLINE], differing: &[u8]) -> u64 {
    differing.iter().fold(0, |word, &position| word << 8 | u64::from(bytes[usize::from(position)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(bytes: &[u8]) -> Key {
        Key::new(bytes)
    }

    #[test]
    fn positions_are_those_among_whole_keys() {
        let mut keys: Vec<Key> = Vec::new();
        for first in [1u8, 7, 200] {
            for second in 0..=255u8 {
                keys.push(key(&[9, first, 4, second / 3, 4, 5]));
            }
        }
        keys.sort_unstable();
        let narrow = Narrow::new(&keys).unwrap();
        let probes = [0u8, 1, 2, 3, 4, 5, 6, 7, 8, 9, 84, 85, 86, 199, 200, 201, 255];
        for a in [8u8, 9, 10] {
            for b in probes {
                for c in [3u8, 4, 5] {
                    for d in probes {
                        for tail in [&[4u8, 5][..], &[4, 4], &[4, 6], &[3], &[5; 30], &[4, 5, 0, 1]] {
                            let mut bytes = vec![a, b, c, d];
                            bytes.extend(tail);
                            let probe = key(&bytes);
                            let below = keys.partition_point(|key| *key < probe);
                            let same = keys[below..].iter().take_while(|key| **key == probe).count();
                            assert_eq!(narrow.below(&probe), below, "{bytes:?}");
                            let equal = narrow.equal(&probe);
                            assert_eq!(equal.len(), same, "{bytes:?}");
                            assert!(same == 0 || equal.start == below, "{bytes:?}");
                        }
                    }
                }
            }
        }
        for (position, key) in keys.iter().enumerate() {
            assert_eq!(narrow.key(position), *key);
        }
    }

    #[test]
    fn words_of_all_widths_are_found() {
        for bits in [0u32, 1, 7, 13, 31, 33, 63, 64] {
            let mut words: Vec<u64> = (0..1000u64)
                .map(|number| {
                    number.wrapping_mul(0x9e37_79b9_7f4a_7c15) & u64::MAX.checked_shr(64 - bits).unwrap_or(0)
                })
                .collect();
            words.sort_unstable();
            let of = |word: u64| key(&[&[7u8; 5][..], &word.to_be_bytes()].concat());
            let keys: Vec<Key> = words.iter().map(|word| of(*word)).collect();
            let narrow = Narrow::new(&keys).unwrap();
            assert_eq!(narrow.words().count(), 1000);
            for (position, word) in words.iter().enumerate() {
                assert_eq!(narrow.key(position), keys[position], "{bits} bits");
                let below = words.partition_point(|other| other < word);
                let same = words.iter().filter(|other| *other == word).count();
                assert_eq!(narrow.equal(&of(*word)), below..below + same, "{bits} bits");
                assert_eq!(
                    narrow.below(&of(word.wrapping_add(1))),
                    words.partition_point(|other| *other < word.wrapping_add(1))
                );
            }
            assert_eq!(narrow.has_duplicates(), words.windows(2).any(|pair| pair[0] == pair[1]));
        }
    }

    #[test]
    fn keys_that_differ_in_many_bytes_have_no_narrow_form() {
        let differs = |count: usize| {
            Narrow::new(&[key(&[1; 12]), key(&[&vec![2; count][..], &vec![1; 12 - count]].concat())])
        };
        assert!(differs(8).is_some());
        assert!(differs(9).is_none());
        assert!(Narrow::new(&[key(&[1; 25])]).is_none());
        assert!(Narrow::new(&[]).is_none());
    }
}

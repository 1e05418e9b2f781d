//! The hash table of a join: from a key word to the build rows that have it.
//!
//! *Dense*: the words are small numbers; an array indexed by the word gives the rows. *Hashed*: a directory of
//! 64-bit entries, each the end of a run of rows in contiguous storage and a 16-bit filter of the hashes in it
//! (Birler et al. 2024), so that most misses cost one load.

/// Rows by key word.
pub(super) enum Table {
    /// One row a word: `rows[word]` is the row + 1, or 0.
    DenseUnique { rows: Vec<u32> },
    /// `rows[starts[word]..starts[word + 1]]`.
    Dense { starts: Vec<u32>, rows: Vec<u32> },
    /// See the module's comment; runs are found by the highest bits of the hash.
    Hashed { directory: Vec<u64>, shift: u32, words: Vec<u64>, rows: Vec<u32> },
}

/// A tuning constant: a dense table may have this many places for each row.
const DENSE_PLACES_PER_ROW: u64 = 12;
/// A tuning constant: up to this many places a table is dense whatever its rows.
const DENSE_PLACES_ALWAYS: u64 = 1 << 16;

/// Mixes a key word into a hash whose every bit depends on all of the word.
#[inline]
pub(crate) fn hash_word(word: u64) -> u64 {
    let product = u128::from(word ^ 0x9e37_79b9_7f4a_7c15) * 0xd6e8_feb8_6659_fd93;
    (product as u64) ^ (product >> 64) as u64
}

/// The bits of a hash in a directory entry's filter.
#[inline]
fn tag(hash: u64) -> u64 {
    1 << (hash & 15) | 1 << (hash >> 4 & 15)
}

impl Table {
    /// Builds a table of (word, row) pairs; words are below `domain` if that is given.
    pub(super) fn build(words: &[u64], rows: &[u32], domain: Option<u64>) -> Self {
        match domain {
            Some(domain)
                if domain <= DENSE_PLACES_ALWAYS || domain / DENSE_PLACES_PER_ROW <= words.len() as u64 =>
            {
                Self::dense(words, rows, domain as usize)
            }
            Some(_) | None => Self::hashed(words, rows),
        }
    }

    fn dense(words: &[u64], rows: &[u32], domain: usize) -> Self {
        let mut first = vec![0u32; domain];
        let mut unique = true;
        for (word, row) in words.iter().zip(rows) {
            let place = &mut first[*word as usize];
            unique &= *place == 0;
            *place = row + 1;
        }
        if unique {
            return Self::DenseUnique { rows: first };
        }
        let mut starts = vec![0u32; domain + 1];
        for word in words {
            starts[*word as usize] += 1;
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        // Filled from the back, each run's start moves down to its first row.
        let mut ordered = vec![0u32; words.len()];
        for (word, row) in words.iter().zip(rows).rev() {
            let place = &mut starts[*word as usize];
            *place -= 1;
            ordered[*place as usize] = *row;
        }
        Self::Dense { starts, rows: ordered }
    }

    fn hashed(words: &[u64], rows: &[u32]) -> Self {
        let bits = (words.len().max(8) * 2).next_power_of_two().trailing_zeros();
        let shift = 64 - bits;
        let mut directory = vec![0u64; (1 << bits) + 1];
        for word in words {
            directory[(hash_word(*word) >> shift) as usize] += 1 << 16;
        }
        let mut sum = 0;
        for entry in &mut directory {
            sum += *entry;
            *entry = sum;
        }
        let mut ordered_words = vec![0u64; words.len()];
        let mut ordered_rows = vec![0u32; words.len()];
        for (word, row) in words.iter().zip(rows).rev() {
            let hash = hash_word(*word);
            let entry = &mut directory[(hash >> shift) as usize];
            *entry = (*entry - (1 << 16)) | tag(hash);
            let place = (*entry >> 16) as usize;
            ordered_words[place] = *word;
            ordered_rows[place] = *row;
        }
        Self::Hashed { directory, shift, words: ordered_words, rows: ordered_rows }
    }

    /// Returns the bytes of the table.
    pub(super) fn bytes(&self) -> u64 {
        let bytes = match self {
            Self::DenseUnique { rows } => rows.len() * 4,
            Self::Dense { starts, rows } => (starts.len() + rows.len()) * 4,
            Self::Hashed { directory, words, rows, .. } => {
                (directory.len() + words.len()) * 8 + rows.len() * 4
            }
        };
        bytes as u64
    }

    /// Appends (lane, row) for each row whose word is that of the lane. Lanes with `None` words do not match.
    pub(super) fn probe(&self, lanes: &[(u16, u64)], out_lanes: &mut Vec<u16>, out_rows: &mut Vec<u32>) {
        match self {
            Self::DenseUnique { rows } => {
                for &(lane, word) in lanes {
                    if let Some(&row) = rows.get(word as usize)
                        && row != 0
                    {
                        out_lanes.push(lane);
                        out_rows.push(row - 1);
                    }
                }
            }
            Self::Dense { starts, rows } => {
                for &(lane, word) in lanes {
                    let word = word as usize;
                    if word + 1 < starts.len() {
                        let run = &rows[starts[word] as usize..starts[word + 1] as usize];
                        out_rows.extend_from_slice(run);
                        out_lanes.resize(out_rows.len(), lane);
                    }
                }
            }
            Self::Hashed { directory, shift, words, rows } => {
                for &(lane, word) in lanes {
                    let hash = hash_word(word);
                    let slot = (hash >> shift) as usize;
                    let entry = directory[slot];
                    let wanted = tag(hash);
                    if entry & wanted != wanted {
                        continue;
                    }
                    let end = (directory[slot + 1] >> 16) as usize;
                    for place in (entry >> 16) as usize..end {
                        if words[place] == word {
                            out_lanes.push(lane);
                            out_rows.push(rows[place]);
                        }
                    }
                }
            }
        }
    }

    /// Keeps the lanes that have any row; sufficient where a word is a key.
    pub(super) fn probe_exists(&self, lanes: &[(u16, u64)], out: &mut Vec<u16>) {
        match self {
            Self::DenseUnique { rows } => out.extend(
                lanes
                    .iter()
                    .filter(|(_, word)| rows.get(*word as usize).is_some_and(|row| *row != 0))
                    .map(|(lane, _)| *lane),
            ),
            Self::Dense { starts, .. } => out.extend(
                lanes
                    .iter()
                    .filter(|(_, word)| {
                        let word = *word as usize;
                        word + 1 < starts.len() && starts[word] < starts[word + 1]
                    })
                    .map(|(lane, _)| *lane),
            ),
            Self::Hashed { directory, shift, words, .. } => {
                for &(lane, word) in lanes {
                    let hash = hash_word(word);
                    let slot = (hash >> shift) as usize;
                    let entry = directory[slot];
                    let wanted = tag(hash);
                    if entry & wanted == wanted {
                        let run = &words[(entry >> 16) as usize..(directory[slot + 1] >> 16) as usize];
                        if run.contains(&word) {
                            out.push(lane);
                        }
                    }
                }
            }
        }
    }
}

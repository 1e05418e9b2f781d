//! Keys: memcomparable bytes of a row's key columns.

use std::cell::Cell;
use std::cmp::Ordering;

use types::Datum;

use super::{IndexDefinition, IndexRange};
use crate::error::{Result, StorageError};
use crate::heap::row::{Lane, RowLayout, datum_of};
use crate::table::ColumnDefinition;

/// Bytes that are kept in place, so that most comparisons touch no other memory.
pub(crate) const INLINE: usize = 24;

/// A key, or a bound of keys. The first bytes are big-endian words padded with zeros; no key is a prefix of another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    head: [u64; INLINE / 8],
    tail: Option<Box<[u8]>>,
}

impl Key {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let mut padded = [0; INLINE];
        let inline = bytes.len().min(INLINE);
        padded[..inline].copy_from_slice(&bytes[..inline]);
        let word = |index: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&padded[index * 8..index * 8 + 8]);
            u64::from_be_bytes(word)
        };
        let tail = (bytes.len() > INLINE).then(|| bytes[INLINE..].into());
        Self { head: [word(0), word(1), word(2)], tail }
    }

    /// Returns the first bytes, padded.
    pub(crate) fn head_bytes(&self) -> [u8; INLINE] {
        let mut bytes = [0; INLINE];
        for (bytes, word) in bytes.chunks_exact_mut(8).zip(self.head) {
            bytes.copy_from_slice(&word.to_be_bytes());
        }
        bytes
    }

    /// Returns the first bytes as words, and the others.
    pub(crate) fn words(&self) -> ([u64; INLINE / 8], &[u8]) {
        (self.head, self.tail.as_deref().unwrap_or_default())
    }

    /// Returns the bytes, padded, of a key that has no more than [`INLINE`].
    pub(crate) fn inline(&self) -> Option<[u8; INLINE]> {
        self.tail.is_none().then(|| self.head_bytes())
    }

    /// Returns what the key takes in memory.
    pub(crate) fn memory(&self) -> usize {
        size_of::<Self>() + self.tail.as_ref().map_or(0, |tail| tail.len())
    }

    /// Returns the bytes, padded.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(INLINE);
        self.head.iter().for_each(|word| bytes.extend(word.to_be_bytes()));
        bytes.extend_from_slice(self.tail.as_deref().unwrap_or_default());
        bytes
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        let ([a, b, c], [d, e, f]) = (self.head, other.head);
        (a, b, c).cmp(&(d, e, f)).then_with(|| self.tail.cmp(&other.tail))
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

thread_local! {
    /// Memory for the bytes of a key that is being made.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Returns the key whose bytes `fill` appends.
fn made(fill: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<Key> {
    let mut bytes = SCRATCH.take();
    bytes.clear();
    let key = fill(&mut bytes).map(|()| Key::new(&bytes));
    SCRATCH.set(bytes);
    key
}

/// A range of keys: from `low` on, up to but without `high`.
#[derive(Debug, Clone)]
pub(crate) struct KeyRange {
    pub(crate) low: Key,
    /// `None`: no end.
    pub(crate) high: Option<Key>,
}

/// Appends the bytes of one key column.
fn put(
    out: &mut Vec<u8>,
    column: &super::IndexColumn,
    definition: &ColumnDefinition,
    lane: Lane<'_>,
) -> Result<()> {
    let short = |out: &mut Vec<u8>, bytes: &[u8]| {
        // As types::key has it for a value that is not null.
        out.push(1);
        out.extend(bytes.iter().map(|byte| if column.descending { !byte } else { *byte }));
    };
    match lane {
        Lane::I16(number) => short(out, &(number as u16 ^ 0x8000).to_be_bytes()),
        Lane::I32(number) => short(out, &(number as u32 ^ 0x8000_0000).to_be_bytes()),
        Lane::Null
        | Lane::Bool(_)
        | Lane::I64(_)
        | Lane::F32(_)
        | Lane::F64(_)
        | Lane::Fixed(_)
        | Lane::Wide(_)
        | Lane::Bytes(_) => {
            let datum = datum_of(definition, lane, column.ty)?;
            types::key::encode_key(column.ty, &datum, column.descending, column.nulls_first, out);
        }
    }
    Ok(())
}

/// Returns the key of a row whose columns `lane` returns, and whether a part of it is null.
pub(crate) fn key_of<'a>(
    index: &IndexDefinition,
    columns: &[ColumnDefinition],
    mut lane: impl FnMut(usize) -> Result<Lane<'a>>,
) -> Result<(Key, bool)> {
    let mut any_null = false;
    let key = made(|bytes| {
        for column in &index.columns {
            let definition = columns.get(column.column).ok_or_else(|| no_column(index))?;
            let value = lane(column.column)?;
            any_null |= value == Lane::Null;
            put(bytes, column, definition, value)?;
        }
        Ok(())
    })?;
    Ok((key, any_null))
}

/// Returns the key of a row that gives the values of its columns one after the other.
pub(crate) fn key_of_lanes(
    index: &IndexDefinition,
    columns: &[ColumnDefinition],
    mut give: impl FnMut(usize, &mut dyn FnMut(Lane<'_>) -> Result<()>) -> Result<()>,
) -> Result<Key> {
    made(|bytes| {
        for column in &index.columns {
            let definition = columns.get(column.column).ok_or_else(|| no_column(index))?;
            give(column.column, &mut |lane| put(bytes, column, definition, lane))?;
        }
        Ok(())
    })
}

/// Returns the key of a row.
pub(crate) fn key_of_row(index: &IndexDefinition, layout: &RowLayout, row: &[u8]) -> Result<(Key, bool)> {
    key_of(index, layout.columns(), |column| Ok(layout.lane(row, column)))
}

fn no_column(index: &IndexDefinition) -> StorageError {
    StorageError::Misuse(format!("index \"{}\" is over a column that does not exist", index.name))
}

/// Returns the keys in `range`.
pub(crate) fn range_of(index: &IndexDefinition, range: &IndexRange) -> Result<KeyRange> {
    let mut bytes = Vec::with_capacity(INLINE);
    if range.prefix.len() + usize::from(range.low.is_some() || range.high.is_some()) > index.columns.len() {
        return Err(StorageError::Misuse("a key of more columns than the index has".to_owned()));
    }
    let put = |out: &mut Vec<u8>, at: usize, value: &Datum| {
        let column = &index.columns[at];
        types::key::encode_key(column.ty, value, column.descending, column.nulls_first, out);
    };
    for (at, value) in range.prefix.iter().enumerate() {
        put(&mut bytes, at, value);
    }
    let end = |bound: &Option<(Datum, bool)>| {
        bound.as_ref().map(|(value, inclusive)| {
            let mut bytes = bytes.clone();
            put(&mut bytes, range.prefix.len(), value);
            (bytes, *inclusive)
        })
    };
    let low = match end(&range.low) {
        None => Some(bytes.clone()),
        Some((low, true)) => Some(low),
        Some((low, false)) => successor(low),
    };
    let high = match end(&range.high) {
        None => successor(bytes.clone()),
        Some((high, true)) => successor(high),
        Some((high, false)) => Some(high),
    };
    let highest = Key { head: [u64::MAX; 3], tail: None };
    Ok(KeyRange { low: low.map_or(highest, |low| Key::new(&low)), high: high.map(|high| Key::new(&high)) })
}

/// Returns the key whose columns have these values.
pub(crate) fn whole_key(index: &IndexDefinition, values: &[Datum]) -> Result<Key> {
    if values.len() != index.columns.len() {
        return Err(StorageError::Misuse("a key of another number of columns than the index has".to_owned()));
    }
    made(|bytes| {
        for (column, value) in index.columns.iter().zip(values) {
            types::key::encode_key(column.ty, value, column.descending, column.nulls_first, bytes);
        }
        Ok(())
    })
}

/// Returns the least bytes above all that start with `bytes`.
fn successor(mut bytes: Vec<u8>) -> Option<Vec<u8>> {
    while let Some(last) = bytes.last_mut() {
        if *last < u8::MAX {
            *last += 1;
            return Some(bytes);
        }
        bytes.pop();
    }
    None
}

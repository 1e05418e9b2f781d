//! Finding the group of each row.
//!
//! Every key becomes a few bits: an integer as itself, everything else as the number under which its canonical
//! bytes are *interned*; NULL is a bit of its own or number 0. The bits of all keys together are the group's
//! key word: 128 bits where they suffice, else the words are interned as well. Keys that arrive as
//! dictionaries are looked up once per pair of codes.

use std::sync::Arc;

use kernels::vector::{Values, Vector, VectorData, ViewsBuilder};
use types::{Datum, PhysicalType, Result, TypeRef, oids};

use super::super::hash_join::hash_word;
use super::intern::Interner;
use crate::convert::{VectorBuilder, physical_type};

/// The groups that one worker knows.
pub(super) struct Groups {
    keys: Vec<KeyColumn>,
    /// Whether the bits of all keys fit a word.
    packed: bool,
    table: WordTable,
    /// Interned words of keys that do not fit.
    wide: Interner,
    lut: CodeTable,
}

struct KeyColumn {
    ty: TypeRef,
    bits: u32,
    interner: Option<Interner>,
    dictionaries: Vec<(Arc<Values>, Vec<u32>)>,
}

/// Groups by word: open addressing over group numbers.
struct WordTable {
    slots: Vec<u32>,
    words: Vec<u128>,
}

fn hash_wide_word(word: u128) -> u64 {
    let high = (word >> 64) as u64;
    if high == 0 { hash_word(word as u64) } else { hash_word(word as u64 ^ hash_word(high)) }
}

impl WordTable {
    fn new() -> Self {
        Self { slots: vec![0; 64], words: Vec::new() }
    }
    #[inline]
    fn group(&mut self, word: u128) -> u32 {
        let last = self.slots.len() - 1;
        let mut slot = hash_wide_word(word) as usize & last;
        loop {
            let group = self.slots[slot];
            if group == 0 {
                break;
            }
            if self.words[group as usize - 1] == word {
                return group - 1;
            }
            slot = (slot + 1) & last;
        }
        self.words.push(word);
        self.slots[slot] = self.words.len() as u32;
        if self.words.len() * 2 > self.slots.len() {
            self.grow();
        }
        self.words.len() as u32 - 1
    }
    #[cold]
    fn grow(&mut self) {
        let len = self.slots.len() * 4;
        self.slots = vec![0; len];
        for (group, word) in self.words.iter().enumerate() {
            let mut slot = hash_wide_word(*word) as usize & (len - 1);
            while self.slots[slot] != 0 {
                slot = (slot + 1) & (len - 1);
            }
            self.slots[slot] = group as u32 + 1;
        }
    }
}

/// Groups by the codes of dictionaries.
#[derive(Default)]
struct CodeTable {
    dictionaries: Vec<Arc<Values>>,
    groups: Vec<u32>,
}

/// A tuning constant: the largest number of code combinations that are looked up by index.
const CODE_COMBINATIONS_MAX: usize = 1 << 14;
const NO_GROUP: u32 = u32::MAX;

impl Groups {
    pub(super) fn new(types: &[TypeRef]) -> Self {
        let keys: Vec<KeyColumn> = types
            .iter()
            .map(|ty| {
                let (bits, interner) = match physical_type(*ty) {
                    PhysicalType::Bool => (2, None),
                    PhysicalType::I16 => (17, None),
                    PhysicalType::I32 => (33, None),
                    PhysicalType::I64 => (65, None),
                    PhysicalType::F32
                    | PhysicalType::F64
                    | PhysicalType::Numeric
                    | PhysicalType::Interval
                    | PhysicalType::Uuid
                    | PhysicalType::Text
                    | PhysicalType::Bytes => (32, Some(Interner::new(*ty))),
                };
                KeyColumn { ty: *ty, bits, interner, dictionaries: Vec::new() }
            })
            .collect();
        let packed = keys.iter().map(|key| key.bits).sum::<u32>() <= 128;
        Self {
            keys,
            packed,
            table: WordTable::new(),
            wide: Interner::new(TypeRef::plain(oids::TEXT)),
            lut: CodeTable::default(),
        }
    }

    /// Returns the number of groups.
    pub(super) fn len(&self) -> usize {
        self.table.words.len()
    }

    /// Returns an estimate of the bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.table.slots.len() * 4
            + self.table.words.len() * 16
            + self.wide.heap_bytes()
            + self
                .keys
                .iter()
                .filter_map(|key| key.interner.as_ref())
                .map(Interner::heap_bytes)
                .sum::<usize>()
    }

    /// Appends the group of each of `lanes` to `out`.
    pub(super) fn assign(&mut self, vectors: &[Vector], lanes: &[u16], out: &mut Vec<u32>) -> Result<()> {
        if self.assign_by_code(vectors, lanes, out)? {
            return Ok(());
        }
        if !self.packed {
            return self.assign_wide(vectors, lanes, out);
        }
        let mut words = vec![0u128; lanes.len()];
        let mut shift = 0;
        for (key, vector) in self.keys.iter_mut().zip(vectors) {
            key.add_bits(vector, lanes, shift, &mut words)?;
            shift += key.bits;
        }
        out.extend(words.iter().map(|word| self.table.group(*word)));
        Ok(())
    }

    fn assign_wide(&mut self, vectors: &[Vector], lanes: &[u16], out: &mut Vec<u32>) -> Result<()> {
        let mut columns = Vec::with_capacity(self.keys.len());
        for (key, vector) in self.keys.iter_mut().zip(vectors) {
            let mut words = vec![0u128; lanes.len()];
            key.add_bits(vector, lanes, 0, &mut words)?;
            columns.push(words);
        }
        let mut bytes = Vec::new();
        for index in 0..lanes.len() {
            bytes.clear();
            for words in &columns {
                bytes.extend(words[index].to_le_bytes());
            }
            let (number, _) = self.wide.intern(&bytes);
            out.push(self.table.group(u128::from(number)));
        }
        Ok(())
    }

    /// Assigns by the codes of the keys when all are dictionaries; returns whether it did.
    fn assign_by_code(&mut self, vectors: &[Vector], lanes: &[u16], out: &mut Vec<u32>) -> Result<bool> {
        let mut parts: Vec<(&[u16], usize)> = Vec::with_capacity(vectors.len());
        let mut combinations = 1usize;
        for vector in vectors {
            let VectorData::Dictionary { codes, dictionary } = &vector.data else { return Ok(false) };
            combinations = combinations.saturating_mul(dictionary.len());
            if vector.validity.is_some() || combinations > CODE_COMBINATIONS_MAX {
                return Ok(false);
            }
            parts.push((codes, dictionary.len()));
        }
        if parts.is_empty() {
            return Ok(false);
        }
        let same = self.lut.dictionaries.len() == vectors.len()
            && vectors.iter().zip(&self.lut.dictionaries).all(|(vector, known)| {
                matches!(&vector.data, VectorData::Dictionary { dictionary, .. } if Arc::ptr_eq(dictionary, known))
            });
        if !same {
            self.lut.dictionaries = vectors
                .iter()
                .filter_map(|vector| match &vector.data {
                    VectorData::Dictionary { dictionary, .. } => Some(Arc::clone(dictionary)),
                    VectorData::Flat(_) | VectorData::Constant(_) => None,
                })
                .collect();
            self.lut.groups.clear();
            self.lut.groups.resize(combinations, NO_GROUP);
        }
        let start = out.len();
        let lut = &self.lut.groups;
        let mut missing = false;
        match parts.as_slice() {
            [(codes, _)] => out.extend(lanes.iter().map(|&lane| lut[usize::from(codes[usize::from(lane)])])),
            [(first, _), (second, len)] => out.extend(lanes.iter().map(|&lane| {
                let lane = usize::from(lane);
                lut[usize::from(first[lane]) * len + usize::from(second[lane])]
            })),
            _ => out.extend(lanes.iter().map(|&lane| lut[combine(&parts, lane)])),
        }
        for group in &out[start..] {
            missing |= *group == NO_GROUP;
        }
        if missing {
            self.fill_missing(vectors, lanes, &mut out[start..])?;
        }
        Ok(true)
    }

    #[cold]
    fn fill_missing(&mut self, vectors: &[Vector], lanes: &[u16], out: &mut [u32]) -> Result<()> {
        let mut one = Vec::with_capacity(1);
        for (lane, group) in lanes.iter().zip(out) {
            if *group != NO_GROUP {
                continue;
            }
            let index = vectors.iter().fold(0, |index, vector| match &vector.data {
                VectorData::Dictionary { codes, dictionary } => {
                    index * dictionary.len() + usize::from(codes[usize::from(*lane)])
                }
                VectorData::Flat(_) | VectorData::Constant(_) => index,
            });
            if self.lut.groups[index] == NO_GROUP {
                let flat: Vec<Vector> =
                    vectors.iter().map(|vector| vector.gather(&[*lane]).to_flat()).collect();
                one.clear();
                self.assign(&flat, &[0], &mut one)?;
                self.lut.groups[index] = one.first().copied().unwrap_or(0);
            }
            *group = self.lut.groups[index];
        }
        Ok(())
    }

    /// Adds the groups of `other` and returns the number of each here.
    pub(super) fn absorb(&mut self, other: &Self) -> Vec<u32> {
        let translations: Vec<Option<Vec<u32>>> = self
            .keys
            .iter_mut()
            .zip(&other.keys)
            .map(|(mine, theirs)| match (&mut mine.interner, &theirs.interner) {
                (Some(mine), Some(theirs)) => Some(mine.absorb(theirs)),
                (Some(_) | None, _) => None,
            })
            .collect();
        let translate = |index: usize, word: u128| match &translations[index] {
            Some(numbers) => u128::from(numbers[word as usize]),
            None => word,
        };
        let mut groups = Vec::with_capacity(other.len());
        for word in &other.table.words {
            if self.packed {
                let (mut shift, mut moved) = (0, 0u128);
                for (index, key) in other.keys.iter().enumerate() {
                    let bits = word >> shift & mask(key.bits);
                    moved |= translate(index, bits) << shift;
                    shift += key.bits;
                }
                groups.push(self.table.group(moved));
            } else {
                let mut bytes = Vec::new();
                for (index, part) in other.wide.get(*word as u32).as_chunks::<16>().0.iter().enumerate() {
                    let part = u128::from_le_bytes(*part);
                    bytes.extend(translate(index, part).to_le_bytes());
                }
                let (number, _) = self.wide.intern(&bytes);
                groups.push(self.table.group(u128::from(number)));
            }
        }
        groups
    }

    /// Returns key `index` of the groups in `range`.
    pub(super) fn key(&self, index: usize, range: std::ops::Range<usize>) -> Result<Vector> {
        let key = &self.keys[index];
        let shift: u32 = self.keys[..index].iter().map(|key| key.bits).sum();
        let word = |group: usize| {
            let word = self.table.words[group];
            if self.packed {
                word >> shift & mask(key.bits)
            } else {
                let parts = self.wide.get(word as u32).as_chunks::<16>().0;
                parts.get(index).map_or(0, |part| u128::from_le_bytes(*part))
            }
        };
        if let Some(interner) = &key.interner
            && interner.shows_bytes()
        {
            let mut views = ViewsBuilder::with_capacity(range.len());
            let mut nulls = Vec::new();
            for group in range {
                let number = word(group) as u32;
                nulls.push(number == 0);
                views.push(if number == 0 { b"" } else { interner.get(number) });
            }
            let validity = nulls
                .contains(&true)
                .then(|| kernels::vector::Bitmap::from_bools(nulls.iter().map(|null| !null)));
            return Ok(Vector::flat(Values::Views(views.finish()), validity));
        }
        let mut builder = VectorBuilder::new(key.ty, range.len());
        for group in range {
            builder.push(&key.datum(word(group)))?;
        }
        Ok(builder.finish())
    }
}

fn combine(parts: &[(&[u16], usize)], lane: u16) -> usize {
    parts.iter().fold(0, |index, (codes, len)| index * len + usize::from(codes[usize::from(lane)]))
}

fn mask(bits: u32) -> u128 {
    if bits >= 128 { u128::MAX } else { (1 << bits) - 1 }
}

impl KeyColumn {
    /// ORs the bits of each lane into `words`, `shift` bits up.
    fn add_bits(&mut self, vector: &Vector, lanes: &[u16], shift: u32, words: &mut [u128]) -> Result<()> {
        if let Some(interner) = &mut self.interner {
            return add_interned(interner, &mut self.dictionaries, vector, lanes, shift, words);
        }
        macro_rules! integers {
            ($lanes:expr, $unsigned:ty) => {{
                let null_bit = 1u128 << (self.bits - 1);
                if let (VectorData::Flat(_), None) = (&vector.data, &vector.validity) {
                    for (word, lane) in words.iter_mut().zip(lanes) {
                        *word |= u128::from($lanes[usize::from(*lane)] as $unsigned) << shift;
                    }
                } else {
                    for (word, lane) in words.iter_mut().zip(lanes) {
                        let lane = usize::from(*lane);
                        let (_, position) = vector.locate(lane);
                        let bits = if vector.is_null(lane) {
                            null_bit
                        } else {
                            u128::from($lanes[position] as $unsigned)
                        };
                        *word |= bits << shift;
                    }
                }
            }};
        }
        match vector.values() {
            Values::I16(values) => integers!(values, u16),
            Values::I32(values) => integers!(values, u32),
            Values::I64(values) => integers!(values, u64),
            Values::Bool(bits) => {
                for (word, lane) in words.iter_mut().zip(lanes) {
                    let lane = usize::from(*lane);
                    let (_, position) = vector.locate(lane);
                    let bits = if vector.is_null(lane) { 2 } else { u128::from(bits.get(position)) };
                    *word |= bits << shift;
                }
            }
            Values::F32(_)
            | Values::F64(_)
            | Values::Fixed64 { .. }
            | Values::Fixed128 { .. }
            | Values::Wide(_)
            | Values::Views(_) => {
                // Only nulls may have foreign lanes.
                for word in words {
                    *word |= 1u128 << (self.bits - 1) << shift;
                }
            }
        }
        Ok(())
    }

    fn datum(&self, bits: u128) -> Datum {
        if let Some(interner) = &self.interner {
            return match (bits as usize).checked_sub(1) {
                Some(index) => interner.shown_at(index).unwrap_or_default(),
                None => Datum::Null,
            };
        }
        if bits >> (self.bits - 1) & 1 == 1 {
            return Datum::Null;
        }
        match physical_type(self.ty) {
            PhysicalType::Bool => Datum::Bool(bits == 1),
            PhysicalType::I16 => Datum::I16(bits as i16),
            PhysicalType::I32 => Datum::I32(bits as i32),
            PhysicalType::I64
            | PhysicalType::F32
            | PhysicalType::F64
            | PhysicalType::Numeric
            | PhysicalType::Interval
            | PhysicalType::Uuid
            | PhysicalType::Text
            | PhysicalType::Bytes => Datum::I64(bits as i64),
        }
    }
}

fn add_interned(
    interner: &mut Interner,
    dictionaries: &mut Vec<(Arc<Values>, Vec<u32>)>,
    vector: &Vector,
    lanes: &[u16],
    shift: u32,
    words: &mut [u128],
) -> Result<()> {
    let mut scratch = Vec::new();
    if let VectorData::Dictionary { codes, dictionary } = &vector.data {
        if dictionaries.first().is_none_or(|(known, _)| !Arc::ptr_eq(known, dictionary)) {
            dictionaries.clear();
            dictionaries.push((Arc::clone(dictionary), vec![0; dictionary.len()]));
        }
        let Some((_, numbers)) = dictionaries.first_mut() else { return Ok(()) };
        for (word, lane) in words.iter_mut().zip(lanes) {
            let lane = usize::from(*lane);
            if vector.is_null(lane) {
                continue;
            }
            let number = &mut numbers[usize::from(codes[lane])];
            if *number == 0 {
                *number = interner.intern_lane(vector, lane, &mut scratch)?;
            }
            *word |= u128::from(*number) << shift;
        }
        return Ok(());
    }
    let constant = matches!(vector.data, VectorData::Constant(_));
    let mut known = 0;
    for (word, lane) in words.iter_mut().zip(lanes) {
        let lane = usize::from(*lane);
        if vector.is_null(lane) {
            continue;
        }
        if !constant || known == 0 {
            known = interner.intern_lane(vector, lane, &mut scratch)?;
        }
        *word |= u128::from(known) << shift;
    }
    Ok(())
}

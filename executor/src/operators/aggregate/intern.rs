//! Numbers for byte strings: keys that do not fit into a group's key word.

use hashbrown::HashTable;
use kernels::vector::Vector;
use types::{Datum, PhysicalType, Result, TypeRef, oids};

use super::super::hash_join::{hash_bytes, key_bytes};
use crate::convert::{datum_at, physical_type};

/// Numbers for byte strings, from 1; and the values to show for them.
pub(super) struct Interner {
    ty: TypeRef,
    table: HashTable<u32>,
    ends: Vec<usize>,
    bytes: Vec<u8>,
    /// The first value seen, where its canonical bytes do not give it back.
    shown: Option<Vec<Datum>>,
}

impl Interner {
    pub(super) fn new(ty: TypeRef) -> Self {
        let plain = physical_type(ty) == PhysicalType::Text && ty.oid != oids::BPCHAR;
        Self {
            ty,
            table: HashTable::new(),
            ends: vec![0],
            bytes: Vec::new(),
            shown: if plain { None } else { Some(Vec::new()) },
        }
    }

    pub(super) fn get(&self, number: u32) -> &[u8] {
        let index = number as usize;
        &self.bytes[self.ends[index - 1]..self.ends[index]]
    }

    /// Returns the number of `bytes` and whether it is new.
    pub(super) fn intern(&mut self, bytes: &[u8]) -> (u32, bool) {
        let hash = hash_bytes(bytes);
        let (ends, heap) = (&self.ends, &self.bytes);
        let string = |number: u32| &heap[ends[number as usize - 1]..ends[number as usize]];
        if let Some(&number) = self.table.find(hash, |&number| string(number) == bytes) {
            return (number, false);
        }
        let number = self.ends.len() as u32;
        self.bytes.extend_from_slice(bytes);
        self.ends.push(self.bytes.len());
        let (ends, heap) = (&self.ends, &self.bytes);
        let string = |number: u32| &heap[ends[number as usize - 1]..ends[number as usize]];
        self.table.insert_unique(hash, number, |&number| hash_bytes(string(number)));
        (number, true)
    }

    pub(super) fn intern_lane(&mut self, vector: &Vector, lane: usize, scratch: &mut Vec<u8>) -> Result<u32> {
        scratch.clear();
        key_bytes(vector, lane, self.ty, scratch)?;
        let (number, new) = self.intern(scratch);
        if new && let Some(shown) = &mut self.shown {
            shown.push(datum_at(vector, lane, self.ty)?);
        }
        Ok(number)
    }

    /// Returns whether the canonical bytes are the value to show.
    pub(super) fn shows_bytes(&self) -> bool {
        self.shown.is_none()
    }

    /// Returns the value to show for the number after `index`, where it is kept.
    pub(super) fn shown_at(&self, index: usize) -> Option<Datum> {
        self.shown.as_ref().and_then(|shown| shown.get(index).cloned())
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.bytes.len() + self.ends.len() * 16 + self.shown.as_ref().map_or(0, |shown| shown.len() * 40)
    }

    pub(super) fn absorb(&mut self, other: &Self) -> Vec<u32> {
        let mut numbers = vec![0];
        for number in 1..other.ends.len() as u32 {
            let (mine, new) = self.intern(other.get(number));
            if new && let (Some(shown), Some(theirs)) = (&mut self.shown, &other.shown) {
                shown.push(theirs[number as usize - 1].clone());
            }
            numbers.push(mine);
        }
        numbers
    }
}

//! Substring search.
//!
//! Strings of a column are short, so what counts is the cost of a search's start: a string of up to 32 positions is one
//! comparison of its bytes with the needle's first byte and one with its last byte, as far apart as they are in the
//! needle; only positions where both match are looked at. Longer strings go on in steps of 32 positions. It reads past
//! the string's end only inside the string's buffer; near the end of a buffer, and for the scalar level, `memchr` searches.

use std::ops::Deref;

use memchr::memmem;
use wide::u8x32;

use super::{bytes_of, fill};
use crate::isa::{self, Level};

/// Positions tried at once.
const STEP: usize = 32;

/// A needle, prepared for many searches.
#[derive(Clone, Debug)]
pub struct Finder {
    needle: Box<[u8]>,
    first: u8,
    last: u8,
    finder: memmem::Finder<'static>,
}

impl Finder {
    /// Prepares a needle.
    pub fn new(needle: &[u8]) -> Self {
        Self {
            needle: needle.into(),
            first: needle.first().copied().unwrap_or_default(),
            last: needle.last().copied().unwrap_or_default(),
            finder: memmem::Finder::new(needle).into_owned(),
        }
    }

    /// Returns the needle.
    pub fn needle(&self) -> &[u8] {
        &self.needle
    }

    /// Returns where the needle is first in `bytes`.
    #[inline]
    pub fn find(&self, bytes: &[u8]) -> Option<usize> {
        self.finder.find(bytes)
    }

    /// Returns where the needle is first in `buffer[start..start + len]`, from `start` on.
    ///
    /// Finding it may read beyond that range, but not beyond the buffer.
    #[inline(always)]
    pub fn find_in(&self, buffer: &[u8], start: usize, len: usize) -> Option<usize> {
        let needle = &*self.needle;
        let positions = (len + 1).checked_sub(needle.len())?;
        if needle.is_empty() {
            return Some(0);
        }
        let mut position = 0;
        while position < positions {
            let from = start + position;
            let first = buffer.get(from..).and_then(|bytes| bytes.first_chunk::<STEP>());
            let last = buffer.get(from + needle.len() - 1..).and_then(|bytes| bytes.first_chunk::<STEP>());
            let (Some(first), Some(last)) = (first, last) else {
                let rest = buffer.get(from..start + len)?;
                return self.find(rest).map(|found| position + found);
            };
            let candidates = u8x32::new(*first).simd_eq(u8x32::splat(self.first))
                & u8x32::new(*last).simd_eq(u8x32::splat(self.last));
            let mut bits = candidates.to_bitmask();
            if positions - position < STEP {
                bits &= (1 << (positions - position)) - 1;
            }
            while bits != 0 {
                let candidate = bits.trailing_zeros() as usize;
                let inner = buffer.get(from + candidate..from + candidate + needle.len());
                if needle.len() <= 2 || inner == Some(needle) {
                    return Some(position + candidate);
                }
                bits &= bits - 1;
            }
            position += STEP;
        }
        None
    }

    /// Returns where the needle is first in a view's string, at or after `from`.
    #[inline(always)]
    pub(super) fn find_in_view<B: Deref<Target = [u8]>>(
        &self,
        view: &u128,
        buffers: &[B],
        from: usize,
        level: Level,
    ) -> Option<usize> {
        let len = *view as u32 as usize;
        if len <= super::INLINE_BYTES || level == Level::Scalar {
            let bytes = bytes_of(view, buffers)?.get(from..)?;
            let found =
                if bytes.len() <= super::INLINE_BYTES { self.find_in_few(bytes) } else { self.find(bytes) };
            return found.map(|found| from + found);
        }
        let (buffer, offset) = ((*view >> 64) as u32 as usize, (*view >> 96) as u32 as usize);
        let buffer = buffers.get(buffer)?;
        if offset + len > buffer.len() || from > len {
            return None;
        }
        self.find_in(buffer, offset + from, len - from).map(|found| from + found)
    }

    fn find_in_few(&self, bytes: &[u8]) -> Option<usize> {
        if self.needle.is_empty() {
            return Some(0);
        }
        bytes.windows(self.needle.len()).position(|window| window == &*self.needle)
    }
}

/// Sets the bits of the live lanes that contain the needle.
pub fn contains<B: Deref<Target = [u8]>>(
    views: &[u128],
    buffers: &[B],
    finder: &Finder,
    live: Option<&[u64]>,
    mask: &mut [u64],
) {
    let level = isa::level();
    fill(views.len(), live, mask, |lane| finder.find_in_view(&views[lane], buffers, 0, level).is_some());
}

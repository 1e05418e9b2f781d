//! Byte strings in Arrow's view layout: 16 bytes a lane, short strings inside them.
//!
//! A view is, from its lowest byte: length (u32), then either up to 12 bytes of the string itself, padded with
//! zeros, or its first 4 bytes, the index of a buffer (u32) and the offset in that buffer (u32).

use std::sync::Arc;

use arrow_buffer::{Buffer, ScalarBuffer};

/// The longest string that a view holds itself, in bytes.
pub const INLINE_BYTES: usize = 12;

/// Byte strings of one vector or dictionary.
#[derive(Debug, Clone)]
pub struct Views {
    /// A view for each lane.
    pub views: ScalarBuffer<u128>,
    /// The buffers that long views point into.
    pub buffers: Arc<[Buffer]>,
}

impl Views {
    /// Returns the number of lanes.
    pub fn len(&self) -> usize {
        self.views.len()
    }
    /// Returns whether there are no lanes.
    pub fn is_empty(&self) -> bool {
        self.views.is_empty()
    }
    /// Returns the bytes of `lane`.
    ///
    /// # Panics
    /// When the view points outside its buffers.
    pub fn get(&self, lane: usize) -> &[u8] {
        let view = &self.views[lane];
        let len = *view as u32 as usize;
        if len <= INLINE_BYTES {
            let bytes: &[u8; 16] = bytes_of(view);
            &bytes[4..4 + len]
        } else {
            let buffer = (*view >> 64) as u32 as usize;
            let offset = (*view >> 96) as u32 as usize;
            &self.buffers[buffer].as_slice()[offset..offset + len]
        }
    }
    /// Returns the lanes' bytes in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|lane| self.get(lane))
    }
    /// Returns a view of a string that fits in it, or `None`.
    pub fn inline(bytes: &[u8]) -> Option<u128> {
        if bytes.len() > INLINE_BYTES {
            return None;
        }
        let mut view = [0; 16];
        view[..4].copy_from_slice(&(bytes.len() as u32).to_le_bytes());
        view[4..4 + bytes.len()].copy_from_slice(bytes);
        Some(u128::from_le_bytes(view))
    }
    /// Returns the view of a long string that lies in buffer `buffer` at `offset`.
    pub fn reference(bytes: &[u8], buffer: u32, offset: u32) -> u128 {
        debug_assert!(bytes.len() > INLINE_BYTES);
        let mut view = [0; 16];
        view[..4].copy_from_slice(&(bytes.len() as u32).to_le_bytes());
        view[4..8].copy_from_slice(&bytes[..4]);
        view[8..12].copy_from_slice(&buffer.to_le_bytes());
        view[12..].copy_from_slice(&offset.to_le_bytes());
        u128::from_le_bytes(view)
    }
}

#[expect(unsafe_code, reason = "borrows the bytes inside a view")]
fn bytes_of(view: &u128) -> &[u8; 16] {
    const { assert!(cfg!(target_endian = "little")) };
    // SAFETY: 16 bytes of plain data with alignment 1, borrowed as long as `view`.
    unsafe { &*std::ptr::from_ref(view).cast() }
}

/// Builds [`Views`] by copying strings into buffers of its own.
#[derive(Debug, Default)]
pub struct ViewsBuilder {
    views: Vec<u128>,
    full: Vec<Buffer>,
    current: Vec<u8>,
}

/// A tuning constant: the size in bytes at which a new buffer is begun.
const BUFFER_BYTES: usize = 1 << 20;

impl ViewsBuilder {
    /// Returns an empty builder with room for `lanes` views.
    pub fn with_capacity(lanes: usize) -> Self {
        Self { views: Vec::with_capacity(lanes), full: Vec::new(), current: Vec::new() }
    }
    /// Appends a string.
    pub fn push(&mut self, bytes: &[u8]) {
        let view = match Views::inline(bytes) {
            Some(view) => view,
            None => {
                if !self.current.is_empty() && self.current.len() + bytes.len() > BUFFER_BYTES {
                    self.full.push(std::mem::take(&mut self.current).into());
                }
                let offset = self.current.len() as u32;
                self.current.extend_from_slice(bytes);
                Views::reference(bytes, self.full.len() as u32, offset)
            }
        };
        self.views.push(view);
    }
    /// Returns the number of strings so far.
    pub fn len(&self) -> usize {
        self.views.len()
    }
    /// Returns whether nothing was pushed.
    pub fn is_empty(&self) -> bool {
        self.views.is_empty()
    }
    /// Returns the bytes held outside the views.
    pub fn heap_bytes(&self) -> usize {
        self.current.len() + self.full.iter().map(Buffer::len).sum::<usize>()
    }
    /// Returns the views.
    pub fn finish(mut self) -> Views {
        if !self.current.is_empty() {
            self.full.push(self.current.into());
        }
        Views { views: self.views.into(), buffers: self.full.into() }
    }
}

//! Eight lanes at a time by a table of the positions of a byte's bits.

/// The positions of the set bits of each byte, padded with zeros.
static POSITIONS: [[u16; 8]; 256] = positions();

const fn positions() -> [[u16; 8]; 256] {
    let mut table = [[0; 8]; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut count, mut position) = (0, 0);
        while position < 8 {
            if byte >> position & 1 == 1 {
                table[byte][count] = position as u16;
                count += 1;
            }
            position += 1;
        }
        byte += 1;
    }
    table
}

pub(super) fn selection_from_mask(mask: &[u64], mut selection: &mut [u16]) {
    for (index, &word) in mask.iter().enumerate() {
        if word == 0 {
            continue;
        }
        if selection.len() < 64 + 8 || word.count_ones() < 8 {
            let count = word.count_ones() as usize;
            let (front, rest) = selection.split_at_mut(count);
            for (slot, lane) in front.iter_mut().zip(super::ones(&[word])) {
                *slot = (index * 64 + lane) as u16;
            }
            selection = rest;
            continue;
        }
        let mut written = 0;
        for (start, byte) in (0u16..).step_by(8).zip(word.to_le_bytes()) {
            let base = (index * 64) as u16 + start;
            // A bit position is below 64 and `selection` has 72 slots, so the eight slots are there.
            if let Some(slots) = selection[written..].first_chunk_mut::<8>() {
                *slots = POSITIONS[usize::from(byte)].map(|position| position + base);
            }
            written += byte.count_ones() as usize;
        }
        selection = &mut selection[written..];
    }
}

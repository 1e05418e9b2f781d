//! Blocks of every width against the values they were packed from, and against the layout's formula.

use super::*;
use crate::conformance::{Random, each_level, mask_of};

fn low_bits(width: u32) -> u64 {
    if width == 64 { u64::MAX } else { (1 << width) - 1 }
}

#[test]
fn every_width_comes_back() {
    let mut random = Random::new();
    for width in 0..=WIDTH_MAX {
        let len = [1024, 1024, 1023, 1, 0, 700][width as usize % 6];
        let offsets: Vec<u64> = (0..len).map(|_| random.bits() & low_bits(width)).collect();
        let values: Vec<i64> = offsets.iter().map(|&offset| (offset as i64).wrapping_add(-77)).collect();
        let mut packed = vec![1; packed_words(width)];
        pack(&values, -77i64, width, &mut packed);
        for (position, &offset) in offsets.iter().enumerate() {
            assert_eq!(unpack_one(&packed, width, position), offset, "{width} {position}");
        }
        let positions: Vec<u16> = (0..len / 2).map(|_| random.below(len) as u16).collect();
        let wanted: Vec<i64> = positions.iter().map(|&position| values[usize::from(position)]).collect();
        let mut selected = vec![0; positions.len()];
        unpack_selected(&packed, width, -77i64, &positions, &mut selected);
        assert_eq!(selected, wanted);
        each_level(|level| {
            let mut out = vec![0i64; len];
            unpack(&packed, width, -77i64, &mut out);
            assert_eq!(out, values, "{level:?} {width}");
            let mut narrow = vec![0i16; len];
            unpack(&packed, width, -77i16, &mut narrow);
            assert!(narrow.iter().zip(&values).all(|(&narrow, &value)| narrow == value as i16));
            let mut middle = vec![0i32; len];
            unpack(&packed, width, -77i32, &mut middle);
            assert!(middle.iter().zip(&values).all(|(&middle, &value)| middle == value as i32));
            let mut wide = vec![0i128; len];
            unpack(&packed, width, -77i128, &mut wide);
            assert!(wide.iter().zip(&offsets).all(|(&wide, &offset)| wide == i128::from(offset) - 77));
        });
    }
}

#[test]
fn the_layout_is_the_documented_one() {
    for width in [3, 8, 13, 16, 21, 32, 47, 64] {
        let bits = unit_bits(width) as usize;
        let columns = 1024 / bits;
        let position = 5 * columns + 7;
        let mut values = [0u64; 1024];
        values[position] = low_bits(width);
        let mut packed = vec![0; packed_words(width)];
        pack(&values, 0, width, &mut packed);
        let mut set = Vec::new();
        for bit in 0..width as usize {
            let in_column = 5 * width as usize + bit;
            let unit = in_column / bits * columns + 7;
            set.push(unit * bits + in_column % bits);
        }
        let found: Vec<usize> = crate::bitmap::ones(&packed).collect();
        assert_eq!(found, {
            set.sort_unstable();
            set
        });
    }
}

#[test]
fn ranges() {
    let mut random = Random::new();
    for width in 0..=WIDTH_MAX {
        let len = [1024, 1023, 1, 0, 700][width as usize % 5];
        let base = -1000i64;
        let values: Vec<i128> =
            (0..len).map(|_| i128::from(random.bits() & low_bits(width)) + i128::from(base)).collect();
        let mut packed = vec![0; packed_words(width)];
        pack(&values, base.into(), width, &mut packed);
        for _ in 0..6 {
            let span = i128::from(low_bits(width)) + 3;
            let mut bound = || i128::from(base) - 2 + i128::from(random.bits()) % (span + 2);
            let (low, high) = (bound(), bound());
            let wanted = mask_of(len, |lane| low <= values[lane] && values[lane] <= high);
            each_level(|level| {
                let mut mask = vec![7; len.div_ceil(64)];
                filter_packed(&packed, width, PackedRange::new(base, width, low, high), len, &mut mask);
                assert_eq!(mask, wanted, "{level:?} {width} {low} {high}");
            });
        }
    }
}

#[test]
fn frames() {
    assert_eq!(frame_of_reference::<i32>(&[]), None);
    assert_eq!(frame_of_reference(&[5i32]), Some((5, 0)));
    assert_eq!(frame_of_reference(&[i64::MIN, i64::MAX]), Some((i64::MIN, 64)));
    assert_eq!(frame_of_reference(&[3i16, -1, 6]), Some((-1, 3)));
    assert_eq!(frame_of_reference(&[0i128, 1 << 64]), None);
}

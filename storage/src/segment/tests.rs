//! Every encoding against the lanes that went in.

use kernels::vector::{Bitmap, VECTOR_LANES, Values, Vector, ViewsBuilder};
use types::PhysicalType;

use super::encoding::{Encoding, LaneType};
use super::*;
use crate::filter::filter_vector;
use crate::heap::row::Lane;
use crate::predicate::{RangeEnd, ScanPredicate, ScanValue};
use crate::table::ColumnDefinition;

/// A small generator; its seed is in the message of every failure.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ word >> 31
    }
    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

fn lane(vector: &Vector, lane: usize) -> Option<ScanValue> {
    if vector.is_null(lane) {
        return None;
    }
    let (values, at) = vector.locate(lane);
    Some(match values {
        Values::Bool(bits) => ScanValue::Int(bits.get(at).into()),
        Values::I16(lanes) => ScanValue::Int(lanes[at].into()),
        Values::I32(lanes) => ScanValue::Int(lanes[at].into()),
        Values::I64(lanes) => ScanValue::Int(lanes[at].into()),
        Values::Fixed64 { unscaled, .. } => ScanValue::Int(unscaled[at].into()),
        Values::Fixed128 { unscaled, .. } => ScanValue::Int(unscaled[at]),
        Values::F32(lanes) => ScanValue::Wide(lanes[at].to_bits().into()),
        Values::F64(lanes) => ScanValue::Wide(lanes[at].to_bits().into()),
        Values::Wide(lanes) => ScanValue::Wide(lanes[at]),
        Values::Views(views) => ScanValue::Bytes(views.get(at).to_vec()),
    })
}

fn strings(strings: impl Iterator<Item = Vec<u8>>) -> Values {
    let mut views = ViewsBuilder::default();
    strings.for_each(|string| views.push(&string));
    Values::Views(views.finish())
}

/// Encodes, decodes and filters; compares with the vector that went in.
fn check(what: &str, seed: u64, values: &Values, validity: Option<Bitmap>) -> Encoding {
    let encoded = encode_chunk(values, validity.as_ref(), true);
    let mut layout = encoded.layout.clone();
    let stored = postcard::to_stdvec(&layout).unwrap();
    layout = postcard::from_bytes(&stored).unwrap();
    assert!(layout.derive_and_check(encoded.bytes.len()), "{what}, seed {seed}: unsound layout");
    let (bytes, kept) = (Buffer::from(encoded.bytes), OnceLock::new());
    let chunk = Chunk { bytes: &bytes, layout: &layout, kept: &kept };
    let all = Vector::flat(values.clone(), validity);
    let mut random = Random(seed);
    for index in 0..values.len().div_ceil(VECTOR_LANES) {
        let vector = chunk.vector(index).expect("sound");
        let lanes = (values.len() - index * VECTOR_LANES).min(VECTOR_LANES);
        assert_eq!(vector.len(), lanes, "{what}");
        let expected = |position: usize| lane(&all, index * VECTOR_LANES + position);
        for position in 0..lanes {
            assert_eq!(lane(&vector, position), expected(position), "{what}, seed {seed}, lane {position}");
            let one = one_lane(&chunk, values, index * VECTOR_LANES + position);
            assert_eq!(one, expected(position), "{what}, seed {seed}, lane {position} alone");
        }
        for count in [1, 7, lanes / 3 + 1] {
            let mut chosen: Vec<u16> = (0..count).map(|_| random.below(lanes as u64) as u16).collect();
            chosen.sort_unstable();
            let some = chunk.vector_at(index, &chosen).expect("sound");
            for (at, position) in chosen.iter().enumerate() {
                assert_eq!(lane(&some, at), expected(usize::from(*position)), "{what}, seed {seed}");
            }
        }
        check_filters(what, seed, &chunk, index, &vector, &mut random);
    }
    layout.encoding
}

/// Returns a lane read by itself, as [`lane`] has it.
fn one_lane(chunk: &Chunk<'_>, values: &Values, position: usize) -> Option<ScanValue> {
    let (physical, fixed_scale) = match values {
        Values::Bool(_) => (PhysicalType::Bool, None),
        Values::I16(_) => (PhysicalType::I16, None),
        Values::I32(_) => (PhysicalType::I32, None),
        Values::I64(_) => (PhysicalType::I64, None),
        Values::F32(_) => (PhysicalType::F32, None),
        Values::F64(_) => (PhysicalType::F64, None),
        Values::Fixed64 { scale, .. } | Values::Fixed128 { scale, .. } => {
            (PhysicalType::Numeric, Some(*scale))
        }
        Values::Wide(_) => (PhysicalType::Uuid, None),
        Values::Views(_) => (PhysicalType::Text, None),
    };
    let definition = ColumnDefinition { physical, fixed_scale, nullable: true, name: String::new() };
    let mut string = Vec::new();
    Some(match chunk.lane(&definition, position, &mut string).unwrap().expect("sound") {
        Lane::Null => return None,
        Lane::Bool(flag) => ScanValue::Int(flag.into()),
        Lane::I16(number) => ScanValue::Int(number.into()),
        Lane::I32(number) => ScanValue::Int(number.into()),
        Lane::I64(number) => ScanValue::Int(number.into()),
        Lane::Fixed(number) => ScanValue::Int(number),
        Lane::F32(number) => ScanValue::Wide(number.to_bits().into()),
        Lane::F64(number) => ScanValue::Wide(number.to_bits().into()),
        Lane::Wide(number) => ScanValue::Wide(number),
        Lane::Bytes(bytes) => ScanValue::Bytes(bytes.to_vec()),
    })
}

fn check_filters(
    what: &str,
    seed: u64,
    chunk: &Chunk<'_>,
    index: usize,
    vector: &Vector,
    random: &mut Random,
) {
    let value = |random: &mut Random| {
        let position = random.below(vector.len() as u64) as usize;
        let (values, at) = vector.locate(position);
        match values {
            Values::F32(lanes) => ScanValue::Float(lanes[at].into()),
            Values::F64(lanes) => ScanValue::Float(lanes[at]),
            _ => lane(&Vector::flat(values.clone(), None), at).unwrap(),
        }
    };
    let end = |value, inclusive| Some(RangeEnd { value, inclusive });
    let mut predicates = vec![ScanPredicate::IsNull, ScanPredicate::NotNull];
    for _ in 0..3 {
        predicates.push(ScanPredicate::Equals(value(random)));
        predicates.push(ScanPredicate::NotEquals(value(random)));
        predicates.push(ScanPredicate::In(vec![value(random), value(random)]));
        let inclusive = random.below(2) == 0;
        predicates.push(ScanPredicate::Range { low: end(value(random), inclusive), high: None });
        predicates.push(ScanPredicate::Range { low: None, high: end(value(random), !inclusive) });
        predicates
            .push(ScanPredicate::Range { low: end(value(random), true), high: end(value(random), false) });
    }
    for predicate in &predicates {
        let mut got = vec![u64::MAX; vector.len().div_ceil(64)];
        got[0] &= !0xf0;
        let mut expected = got.clone();
        chunk.filter(index, predicate, &mut got).expect("sound").unwrap();
        filter_vector(&vector.to_flat(), predicate, &mut expected).unwrap();
        let tail = Bitmap::ones(vector.len());
        for ((got, expected), tail) in got.iter().zip(&expected).zip(tail.words()) {
            assert_eq!(got & tail, expected & tail, "{what}, seed {seed}: {predicate:?}");
        }
        let naive = naive(vector, predicate);
        for position in 4..vector.len() {
            let in_mask = expected[position / 64] >> (position % 64) & 1 == 1;
            assert_eq!(
                in_mask && !(4..8).contains(&position),
                naive[position] && !(4..8).contains(&position),
                "{what}, seed {seed}: {predicate:?}"
            );
        }
    }
}

fn naive(vector: &Vector, predicate: &ScanPredicate) -> Vec<bool> {
    let ordered = |position: usize| {
        let (values, at) = vector.locate(position);
        match values {
            _ if vector.is_null(position) => None,
            Values::F32(lanes) => Some(ScanValue::Float(lanes[at].into())),
            Values::F64(lanes) => Some(ScanValue::Float(lanes[at])),
            _ => lane(vector, position),
        }
    };
    let compare = |left: &ScanValue, right: &ScanValue| left.compare(right).unwrap();
    (0..vector.len())
        .map(|position| match (ordered(position), predicate) {
            (value, ScanPredicate::IsNull) => value.is_none(),
            (None, _) => false,
            (Some(_), ScanPredicate::NotNull) => true,
            (Some(value), ScanPredicate::Equals(other)) => compare(&value, other).is_eq(),
            (Some(value), ScanPredicate::NotEquals(other)) => compare(&value, other).is_ne(),
            (Some(value), ScanPredicate::In(others)) => {
                others.iter().any(|other| compare(&value, other).is_eq())
            }
            (Some(value), ScanPredicate::Range { low, high }) => {
                low.as_ref().is_none_or(|low| {
                    let order = compare(&value, &low.value);
                    order.is_gt() || low.inclusive && order.is_eq()
                }) && high.as_ref().is_none_or(|high| {
                    let order = compare(&value, &high.value);
                    order.is_lt() || high.inclusive && order.is_eq()
                })
            }
            _ => unreachable!(),
        })
        .collect()
}

fn some_nulls(random: &mut Random, len: usize) -> Option<Bitmap> {
    Some(Bitmap::from_bools((0..len).map(|_| random.below(5) > 0)))
}

#[test]
fn integers_round_trip() {
    for seed in 1..6 {
        let mut random = Random(seed);
        for len in [1usize, 63, 1024, 2049, 5000] {
            let wide: Vec<i64> = (0..len).map(|_| random.next() as i64).collect();
            let extreme: Vec<i64> = (0..len).map(|lane| [i64::MIN, i64::MAX, 0, -1][lane % 4]).collect();
            let prices: Vec<i64> = (0..len).map(|_| 90_000 + random.below(9_000_000) as i64).collect();
            let hundreds: Vec<i64> = (0..len).map(|_| -500 + 100 * random.below(50) as i64).collect();
            let sorted: Vec<i64> = (0..len).map(|lane| 1_000_000_007 + (lane / 4) as i64).collect();
            let few: Vec<i64> = (0..len).map(|_| (random.below(3) as i64) << 40).collect();
            let runs: Vec<i64> = (0..len).map(|lane| (lane / 100 * 77 % 13) as i64).collect();
            for lanes in [wide, extreme, prices, hundreds, sorted, few, runs, vec![42; len]] {
                let nulls = some_nulls(&mut random, len);
                check("i64", seed, &Values::I64(lanes.clone().into()), nulls.clone());
                check("i64", seed, &Values::I64(lanes.clone().into()), None);
                let narrow: Vec<i32> = lanes.iter().map(|&lane| lane as i32).collect();
                check("i32", seed, &Values::I32(narrow.into()), nulls.clone());
                let narrow: Vec<i16> = lanes.iter().map(|&lane| lane as i16).collect();
                check("i16", seed, &Values::I16(narrow.into()), None);
                let wide: Vec<i128> = lanes.iter().map(|&lane| i128::from(lane) << (seed * 9)).collect();
                check("fixed128", seed, &Values::Fixed128 { unscaled: wide.into(), scale: 2 }, nulls);
            }
        }
    }
}

#[test]
fn the_expected_encodings_are_chosen() {
    let quantity: Vec<i64> = (0..5000).map(|lane| 100 + 100 * (lane * 7 % 50)).collect();
    let Encoding::Packed(packed) = check("quantity", 1, &Values::I64(quantity.into()), None) else {
        panic!()
    };
    assert_eq!((packed.multiplier, packed.spans[0]), (100, 49));
    let runs: Vec<i32> = (0..5000).map(|lane| lane / 1000 * 3).collect();
    assert!(matches!(check("runs", 1, &Values::I32(runs.into()), None), Encoding::RunLength { .. }));
    let few: Vec<i64> = (0..5000).map(|lane| lane * 7919 % 3 * 1_000_000_007 * 77 + lane % 2).collect();
    assert!(matches!(check("few", 1, &Values::I64(few.into()), None), Encoding::Dictionary { .. }));
    let words = strings((0..5000).map(|lane| format!("the quick brown fox {lane} jumps over").into_bytes()));
    assert!(matches!(check("words", 1, &words, None), Encoding::Fsst(_)));
    let modes = strings((0..5000).map(|lane| format!("MODE {}", lane % 7).into_bytes()));
    assert!(matches!(check("modes", 1, &modes, None), Encoding::Dictionary { .. }));
    let nothing = check("null", 1, &Values::I32(vec![1; 100].into()), Some(Bitmap::zeros(100)));
    assert_eq!(nothing, Encoding::Null);
    let narrow = Values::Fixed128 { unscaled: vec![1, 2, 3].into(), scale: 2 };
    assert_eq!(encode_chunk(&narrow, None, true).layout.lane_type, LaneType::Fixed64(2));
}

#[test]
fn everything_else_round_trips() {
    for seed in 1..4 {
        let mut random = Random(seed);
        for len in [1usize, 100, 2048, 4500] {
            let nulls = some_nulls(&mut random, len);
            let bits = Bitmap::from_bools((0..len).map(|_| random.below(3) == 0));
            check("bool", seed, &Values::Bool(bits), nulls.clone());
            check("bool", seed, &Values::Bool(Bitmap::ones(len)), nulls.clone());
            let special = [0.0, -0.0, f64::NAN, f64::INFINITY, f64::MIN, 1.5];
            let floats: Vec<f64> = (0..len)
                .map(|_| {
                    if random.below(2) == 0 {
                        special[random.below(6) as usize]
                    } else {
                        f64::from_bits(random.next())
                    }
                })
                .collect();
            check("f64", seed, &Values::F64(floats.into()), nulls.clone());
            let floats: Vec<f32> = (0..len).map(|_| special[random.below(6) as usize] as f32).collect();
            check("f32", seed, &Values::F32(floats.into()), None);
            let wide: Vec<u128> =
                (0..len).map(|_| u128::from(random.next()) << 64 | u128::from(random.next())).collect();
            check("wide", seed, &Values::Wide(wide.into()), nulls.clone());
            let bytes =
                strings((0..len).map(|_| (0..random.below(40)).map(|_| random.next() as u8).collect()));
            check("bytes", seed, &bytes, nulls.clone());
            let text = strings((0..len).map(|_| {
                let words = ["carefully", "final", "deposits", "sleep", "x", "quickly"];
                (0..random.below(9))
                    .map(|_| words[random.below(6) as usize])
                    .collect::<Vec<_>>()
                    .join(" ")
                    .into_bytes()
            }));
            check("text", seed, &text, nulls.clone());
            let few =
                strings((0..len).map(|_| vec![b'a' + random.below(4) as u8; random.below(20) as usize]));
            check("few", seed, &few, nulls);
        }
    }
}

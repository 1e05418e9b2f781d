//! Keys order as `compare` does, equal values have equal keys, and the codec gives back what it was given.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::cmp::Ordering;

use types::compare::compare;
use types::key::encode_key;
use types::{Datum, Numeric, Oid, oids};

fn numeric(text: &str) -> Datum {
    Datum::Numeric(text.parse::<Numeric>().unwrap())
}

fn check(oid: Oid, values: &[Datum]) {
    for left in values {
        for right in values {
            for descending in [false, true] {
                let key = |value: &Datum| {
                    let mut bytes = Vec::new();
                    encode_key(oid, value, descending, false, &mut bytes);
                    bytes
                };
                let expected = compare(oid, left, right);
                let expected = if descending { expected.reverse() } else { expected };
                assert_eq!(key(left).cmp(&key(right)), expected, "{left:?} {right:?} {descending}");
            }
        }
    }
}

#[test]
fn keys_order_as_values_do() {
    let numbers = [
        "-Infinity",
        "-1e50",
        "-100.5",
        "-100",
        "-99.99",
        "-1.05",
        "-1",
        "-0.1",
        "-0.001",
        "0",
        "0.00",
        "0.0001",
        "0.001",
        "0.1",
        "0.10",
        "1",
        "1.0",
        "1.05",
        "9",
        "10",
        "99.99",
        "100",
        "101",
        "1e50",
        "Infinity",
        "NaN",
        "123456789012345678901234567890",
        "123456789012345678901234567891",
    ];
    check(oids::NUMERIC, &numbers.map(numeric));
    check(oids::INT4, &[i32::MIN, -1, 0, 1, i32::MAX].map(Datum::I32));
    check(oids::INT8, &[i64::MIN, -1, 0, 1, i64::MAX].map(Datum::I64));
    check(
        oids::FLOAT8,
        &[f64::NEG_INFINITY, -1.5, -0.0, 0.0, 1e-300, 2.0, f64::INFINITY, f64::NAN].map(Datum::F64),
    );
    check(oids::TEXT, &["", "a", "a\u{0}", "a\u{0}b", "aa", "b", "ä", "a "].map(Datum::text));
    check(oids::BPCHAR, &["", " ", "a", "a  ", "b "].map(Datum::text));
}

#[test]
fn equal_numerics_are_equal_in_every_form() {
    assert_eq!(compare(oids::NUMERIC, &numeric("1.0"), &numeric("1.000")), Ordering::Equal);
    assert_eq!(numeric("1.0"), numeric("1.00000000000000000000000000"));
}

#[test]
fn codec_gives_back_what_it_was_given_and_refuses_cut_bytes() {
    for value in [
        Datum::Null,
        Datum::I32(-5),
        numeric("1.50"),
        numeric("1e40"),
        Datum::text("äb"),
        Datum::TimeTz(5, -3600),
    ] {
        let mut bytes = Vec::new();
        types::codec::encode_value(&value, &mut bytes);
        assert_eq!(types::codec::decode_value(&bytes).unwrap(), value);
        for size in 0..bytes.len() {
            assert!(types::codec::decode_value(&bytes[..size]).is_err());
        }
    }
}

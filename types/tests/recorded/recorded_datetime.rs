//! Arithmetic and fields of dates, times and intervals.

use types::datetime::zone::Zone;
use types::datetime::{arithmetic, extract, trunc};
use types::io::{IoContext, text_input, text_output};
use types::{Datum, Interval, Numeric, Oid, PgError, oids};

fn read(oid: Oid, text: &str) -> Datum {
    text_input(oid, -1, text, &IoContext::default()).unwrap()
}
fn show(oid: Oid, value: Datum) -> String {
    let mut text = String::new();
    text_output(oid, &value, &IoContext::default(), &mut text).unwrap();
    text
}
fn date(text: &str) -> i32 {
    match read(oids::DATE, text) {
        Datum::I32(days) => days,
        other => panic!("{other:?}"),
    }
}
fn timestamp(text: &str) -> i64 {
    match read(oids::TIMESTAMP, text) {
        Datum::I64(value) => value,
        other => panic!("{other:?}"),
    }
}
fn time(text: &str) -> i64 {
    match read(oids::TIME, text) {
        Datum::I64(value) => value,
        other => panic!("{other:?}"),
    }
}
fn interval(text: &str) -> Interval {
    match read(oids::INTERVAL, text) {
        Datum::Interval(value) => value,
        other => panic!("{other:?}"),
    }
}
fn show_timestamp(value: i64) -> String {
    show(oids::TIMESTAMP, Datum::I64(value))
}
fn show_interval(value: Interval) -> String {
    show(oids::INTERVAL, Datum::Interval(value))
}
fn show_date(value: i32) -> String {
    show(oids::DATE, Datum::I32(value))
}
fn field(value: Option<Numeric>) -> String {
    value.map_or("NULL".to_string(), |value| value.to_string())
}

fn call(name: &str, a: &[&str]) -> Result<String, PgError> {
    let float = |text: &str| types::float::parse_f64(text).unwrap();
    let int = |text: &str| text.parse::<i32>().unwrap();
    match name {
        "date_plus" => arithmetic::date_plus_days(date(a[0]), int(a[1])).map(show_date),
        "date_diff" => arithmetic::date_difference(date(a[0]), date(a[1])).map(|days| days.to_string()),
        "ts_plus" => {
            arithmetic::timestamp_plus_interval(timestamp(a[0]), &interval(a[1])).map(show_timestamp)
        }
        "ts_minus" => {
            arithmetic::timestamp_minus_interval(timestamp(a[0]), &interval(a[1])).map(show_timestamp)
        }
        "date_plus_iv" => arithmetic::date_plus_interval(date(a[0]), &interval(a[1])).map(show_timestamp),
        "ts_diff" => arithmetic::timestamp_difference(timestamp(a[0]), timestamp(a[1])).map(show_interval),
        "age" => arithmetic::age(timestamp(a[0]), timestamp(a[1])).map(show_interval),
        "extract_date" => extract::extract_date(a[0], date(a[1])).map(field),
        "extract_ts" => extract::extract_timestamp(a[0], timestamp(a[1])).map(field),
        "extract_iv" => extract::extract_interval(a[0], &interval(a[1])).map(field),
        "extract_time" => extract::extract_time(a[0], time(a[1])).map(field),
        "trunc_ts" => trunc::trunc_timestamp(a[0], timestamp(a[1])).map(show_timestamp),
        "trunc_iv" => trunc::trunc_interval(a[0], &interval(a[1])).map(show_interval),
        "bin" => trunc::bin(&interval(a[0]), timestamp(a[1]), timestamp(a[2])).map(show_timestamp),
        "iv_mul" => interval(a[0]).multiply(float(a[1])).map(show_interval),
        "iv_div" => interval(a[0]).divide(float(a[1])).map(show_interval),
        "iv_add" => interval(a[0]).add(&interval(a[1])).map(show_interval),
        "iv_sub" => interval(a[0]).sub(&interval(a[1])).map(show_interval),
        "iv_neg" => interval(a[0]).negate().map(show_interval),
        "iv_cmp" => Ok((interval(a[0]).compare(&interval(a[1])) as i32).to_string()),
        "justify_hours" => interval(a[0]).justify_hours().map(show_interval),
        "justify_days" => interval(a[0]).justify_days().map(show_interval),
        "justify_interval" => interval(a[0]).justify_interval().map(show_interval),
        "make_date" => arithmetic::make_date(int(a[0]), int(a[1]), int(a[2])).map(show_date),
        "to_timestamp" => {
            arithmetic::to_timestamp(float(a[0])).map(|value| show(oids::TIMESTAMPTZ, Datum::I64(value)))
        }
        "ts_at_zone" => {
            let zone = Zone::lookup(a[1])?;
            arithmetic::timestamp_at_zone(timestamp(a[0]), &zone)
                .map(|value| show(oids::TIMESTAMPTZ, Datum::I64(value)))
        }
        "tz_at_zone" => {
            arithmetic::timestamptz_at_zone(timestamp(a[0]), &Zone::lookup(a[1])?).map(show_timestamp)
        }
        "time_plus" => arithmetic::time_plus_interval(time(a[0]), &interval(a[1]))
            .map(|value| show(oids::TIME, Datum::I64(value))),
        _ => panic!("unknown {name}"),
    }
}

#[test]
fn datetime_agrees_with_postgresql() {
    super::check(include_str!("../data/datetime.tsv"), call);
}

//! Answers that differ only in which of several equal values was taken.
//!
//! `1.0` and `1.00`, `0` and `-0`, `1 day` and `24:00:00` are equal and yet not the same. DISTINCT, set operations, GROUP BY, `min`,
//! `max` and LIMIT keep one of them, ORDER BY leaves their order open, and the plan decides which. No difference in any
//! other query is overlooked, nor one in a query that only orders unless it is the order of equal rows.

use crate::outcome::{Outcome, Value};

/// Parts of a query that choose among equal values.
const CHOICES: [&str; 9] =
    ["DISTINCT", "UNION", "INTERSECT", "EXCEPT", "GROUP BY", "LIMIT", "min(", "max(", "OVER ("];

/// Says whether the answers to `sql` differ only in the choice, or the order, of equal values.
pub(super) fn among_equals(sql: &str, expected: &Outcome, actual: &Outcome) -> bool {
    let ordered = crate::compare::is_ordered(sql);
    let chooses = CHOICES.iter().any(|part| sql.contains(part));
    if !ordered && !chooses || expected.results.len() != actual.results.len() {
        return false;
    }
    expected.results.iter().zip(&actual.results).all(|(expected, actual)| {
        let types: Vec<u32> = expected.columns.iter().flatten().map(|column| column.type_oid).collect();
        let same = |left: &[Vec<Value>], right: &[Vec<Value>], in_order: bool| {
            let (mut left, mut right) = (left.to_vec(), right.to_vec());
            if !in_order {
                left.sort();
                right.sort();
            }
            left == right
        };
        let plain = |rows: &[Vec<Value>]| -> Vec<Vec<Value>> {
            rows.iter()
                .map(|row| row.iter().zip(&types).map(|(value, ty)| canonical(value, *ty)).collect())
                .collect()
        };
        (chooses || same(&expected.rows, &actual.rows, false))
            && same(&plain(&expected.rows), &plain(&actual.rows), ordered)
    })
}

const FLOAT4: u32 = 700;
const FLOAT8: u32 = 701;
const INTERVAL: u32 = 1186;
const NUMERIC: u32 = 1700;

/// Returns the text that equal values of a type share.
fn canonical(value: &Value, ty: u32) -> Value {
    let text = value.as_deref()?;
    Some(match ty {
        FLOAT4 | FLOAT8 if text == "-0" => "0".to_owned(),
        NUMERIC if text.contains('.') => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        INTERVAL => span(text).map_or_else(|| text.to_owned(), |span| span.to_string()),
        _ => text.to_owned(),
    })
}

/// Returns the microseconds of an interval as it is compared: months of 30 days, days of 24 hours.
fn span(text: &str) -> Option<i128> {
    const DAY: i128 = 86_400_000_000;
    let mut sum = 0;
    let mut words = text.split(' ');
    while let Some(word) = words.next() {
        if let Some((hours, rest)) = word.split_once(':') {
            let negative = hours.starts_with('-');
            let (minutes, seconds) = rest.split_once(':')?;
            let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
            let hours: i128 = hours.trim_start_matches(['-', '+']).parse().ok()?;
            let micros: i128 = format!("{fraction:0<6}").parse().ok()?;
            let time = ((hours * 60 + minutes.parse::<i128>().ok()?) * 60 + seconds.parse::<i128>().ok()?)
                * 1_000_000
                + micros;
            sum += if negative { -time } else { time };
            continue;
        }
        let count: i128 = word.parse().ok()?;
        sum += count
            * match words.next()?.trim_end_matches('s') {
                "year" => 360 * DAY,
                "mon" => 30 * DAY,
                "day" => DAY,
                _ => return None,
            };
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Column, ResultSet};

    fn answer(ty: u32, values: &[&str]) -> Outcome {
        let columns = vec![Column { name: "c".into(), type_oid: ty, typmod: -1 }];
        let rows = values.iter().map(|value| vec![Some((*value).to_owned())]).collect();
        Outcome {
            results: vec![ResultSet { columns: Some(columns), rows, ..ResultSet::default() }],
            ..Outcome::default()
        }
    }

    #[test]
    fn only_a_choice_among_equals_is_overlooked() {
        let one = answer(NUMERIC, &["1.0", "2"]);
        let other = answer(NUMERIC, &["1.00", "2"]);
        assert!(among_equals("SELECT DISTINCT x FROM t", &one, &other));
        assert!(!among_equals("SELECT x FROM t", &one, &other));
        assert!(!among_equals("SELECT x FROM t ORDER BY 1", &one, &other));
        let swapped = (answer(FLOAT8, &["0", "-0"]), answer(FLOAT8, &["-0", "0"]));
        assert!(among_equals("SELECT x FROM t ORDER BY 1", &swapped.0, &swapped.1));
        assert!(!among_equals("SELECT DISTINCT x FROM t", &one, &answer(NUMERIC, &["1.0", "3"])));
        let days = (answer(INTERVAL, &["1 day 02:00:00"]), answer(INTERVAL, &["26:00:00"]));
        assert!(among_equals("SELECT max(x) FROM t", &days.0, &days.1));
        assert_eq!(span("-1 mons +2 days -03:04:05.6"), Some(-28 * 86_400_000_000 - 11_045_600_000));
    }
}

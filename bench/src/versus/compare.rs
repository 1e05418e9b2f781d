//! When the answers of two engines agree: the same rows, with numbers equal up to the types that engines choose.
//!
//! DuckDB's averages are floats and Hyper's quotients have fewer digits than PostgreSQL's, dates come back as
//! timestamps, and CHAR may or may not be padded. Exactness is the business of the tests, not of this comparison.

use super::engine::Rows;

/// Relative difference below which numbers are the same.
const TOLERANCE: f64 = 1e-4;

/// Tells whether two answers agree; rows tied in ORDER BY may come in any order. The error shows the first difference.
pub(super) fn answers_agree(expected: &Rows, actual: &Rows) -> Result<(), String> {
    if expected.len() != actual.len() {
        return Err(format!("{} rows against {}", expected.len(), actual.len()));
    }
    let Err(difference) = in_order(expected, actual) else { return Ok(()) };
    let (mut expected, mut actual) = (expected.clone(), actual.clone());
    // Text first: it is equal in equal rows, where numbers may be written differently.
    let key = |row: &Vec<Option<String>>| {
        let (numbers, texts): (Vec<_>, Vec<_>) =
            row.iter().map(|field| clean(field.as_deref())).partition(|field| field.parse::<f64>().is_ok());
        let numbers: Vec<f64> = numbers.iter().filter_map(|number| number.parse().ok()).collect();
        (texts.join("\t"), numbers.iter().map(|number| format!("{number:020.0}")).collect::<String>())
    };
    expected.sort_by_cached_key(key);
    actual.sort_by_cached_key(key);
    in_order(&expected, &actual).map_err(|_| difference)
}

fn in_order(expected: &Rows, actual: &Rows) -> Result<(), String> {
    for (row, (expected, actual)) in expected.iter().zip(actual).enumerate() {
        let same = expected.len() == actual.len()
            && expected.iter().zip(actual).all(|(left, right)| same(left.as_deref(), right.as_deref()));
        if !same {
            return Err(format!("row {}: {expected:?} against {actual:?}", row + 1));
        }
    }
    Ok(())
}

fn same(left: Option<&str>, right: Option<&str>) -> bool {
    let (left, right) = (clean(left), clean(right));
    if left == right {
        return true;
    }
    match (left.parse::<f64>(), right.parse::<f64>()) {
        (Ok(left), Ok(right)) => (left - right).abs() <= TOLERANCE * left.abs().max(right.abs()),
        _ => false,
    }
}

/// Takes off padding and a midnight; NULL is `\N`.
fn clean(field: Option<&str>) -> String {
    let field = field.unwrap_or("\\N").trim_end();
    field.strip_suffix(" 00:00:00").unwrap_or(field).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Rows {
        text.lines().map(|row| row.split('|').map(|field| Some(field.to_string())).collect()).collect()
    }

    #[test]
    fn types_may_differ_and_values_not() {
        assert_eq!(answers_agree(&rows("1|FRANCE |0.05000"), &rows("1.0|FRANCE|0.05")), Ok(()));
        assert_eq!(answers_agree(&rows("1995-01-01 00:00:00"), &rows("1995-01-01")), Ok(()));
        assert_eq!(answers_agree(&rows("a|1.00\nb|1"), &rows("b|1.0\na|1")), Ok(()));
        assert!(answers_agree(&rows("1|2"), &rows("1|2.01")).unwrap_err().contains("row 1"));
        assert!(answers_agree(&rows("a"), &rows("b")).is_err());
        assert!(answers_agree(&rows("a"), &rows("a\na")).is_err());
    }

    #[test]
    fn null_is_only_null() {
        let null: Rows = vec![vec![None]];
        assert_eq!(answers_agree(&null, &null), Ok(()));
        assert!(answers_agree(&null, &rows("")).is_err());
        assert!(answers_agree(&null, &rows("0")).is_err());
    }
}

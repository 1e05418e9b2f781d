//! When two answers of a query are the same: byte for byte, with freedom only among rows that ORDER BY leaves tied.

use super::QUERY_COUNT;

/// The positions (from 0) of each query's ORDER BY columns among its output columns, Q1 first.
const ORDER_BY: [&[usize]; QUERY_COUNT] = [
    &[0, 1],
    &[0, 2, 1, 3],
    &[1, 2],
    &[0],
    &[1],
    &[],
    &[0, 1, 2],
    &[0],
    &[0, 1],
    &[2],
    &[1],
    &[0],
    &[1, 0],
    &[],
    &[0],
    &[3, 0, 1, 2],
    &[],
    &[4, 3],
    &[],
    &[0],
    &[1, 0],
    &[0],
];

/// Returns the positions (from 0) of a query's ORDER BY columns among its output columns.
pub fn order_by(number: usize) -> &'static [usize] {
    ORDER_BY.get(number.wrapping_sub(1)).copied().unwrap_or_default()
}

/// Tells whether two answers (COPY text: rows of tab-separated fields) to a query are the same.
///
/// Rows may differ in order only where their ORDER BY columns are equal. The error names the first difference.
pub fn answers_match(number: usize, expected: &str, actual: &str) -> Result<(), String> {
    if expected == actual {
        return Ok(());
    }
    let (expected, actual) = (expected.lines().collect::<Vec<_>>(), actual.lines().collect::<Vec<_>>());
    if expected.len() != actual.len() {
        return Err(format!("Q{number}: {} rows expected, {} found", expected.len(), actual.len()));
    }
    let key = |row: &str| {
        let fields = row.split('\t').collect::<Vec<_>>();
        order_by(number).iter().map(|&at| fields.get(at).unwrap_or(&"").to_string()).collect::<Vec<_>>()
    };
    for (position, (expected, actual)) in expected.iter().zip(&actual).enumerate() {
        if expected != actual && key(expected) != key(actual) {
            return Err(difference(number, position, expected, actual));
        }
    }
    let (mut expected, mut actual) = (expected, actual);
    expected.sort_unstable();
    actual.sort_unstable();
    match expected.iter().zip(&actual).enumerate().find(|(_, (expected, actual))| expected != actual) {
        None => Ok(()),
        Some((position, (expected, actual))) => Err(difference(number, position, expected, actual)),
    }
}

fn difference(number: usize, position: usize, expected: &str, actual: &str) -> String {
    format!("Q{number}, row {}:\n  expected {expected:?}\n  found    {actual:?}", position + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_are_free_and_nothing_else() {
        // Q11 orders by its second column.
        assert_eq!(answers_match(11, "1\t9\n2\t9\n3\t8\n", "2\t9\n1\t9\n3\t8\n"), Ok(()));
        assert!(answers_match(11, "1\t9\n3\t8\n", "3\t8\n1\t9\n").unwrap_err().contains("row 1"));
        assert!(answers_match(11, "1\t9\n2\t9\n", "1\t9\n1\t9\n").is_err());
        assert!(answers_match(11, "1\t9\n", "1\t9.0\n").is_err());
        assert!(answers_match(6, "1\n", "").unwrap_err().contains("1 rows expected, 0 found"));
    }
}

//! Medians, geometric means and the terminal's tables.

use std::time::Duration;

use serde::Serialize;

/// The times of one query on one engine, in milliseconds.
#[derive(Clone, Debug, Serialize)]
pub struct Times {
    /// Each run, in order.
    pub runs: Vec<f64>,
    /// The middle run.
    pub median: f64,
    /// The fastest run.
    pub min: f64,
    /// The slowest run.
    pub max: f64,
}

impl Times {
    /// Sums up the runs; there must be at least one.
    pub fn of(runs: &[Duration]) -> Self {
        assert!(!runs.is_empty(), "a query is run at least once");
        let runs: Vec<f64> = runs.iter().map(|run| run.as_secs_f64() * 1e3).collect();
        let mut sorted = runs.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let median =
            if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 };
        Times { median, min: sorted[0], max: sorted[sorted.len() - 1], runs }
    }
}

/// Returns the geometric mean, `None` of nothing.
pub fn geometric_mean(values: &[f64]) -> Option<f64> {
    let logarithms: f64 = values.iter().map(|value| value.ln()).sum();
    (!values.is_empty()).then(|| (logarithms / values.len() as f64).exp())
}

/// Writes milliseconds with three significant digits.
pub fn milliseconds(value: f64) -> String {
    match value {
        value if value < 10.0 => format!("{value:.2}"),
        value if value < 100.0 => format!("{value:.1}"),
        value => format!("{value:.0}"),
    }
}

/// Lays out rows as a table: the first column to the left, the others to the right.
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| match column {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        let times =
            |runs: &[u64]| Times::of(&runs.iter().map(|&ms| Duration::from_millis(ms)).collect::<Vec<_>>());
        assert_eq!(times(&[5, 1, 3]).median, 3.0);
        assert_eq!(times(&[4, 1, 3, 100]).median, 3.5);
        assert_eq!(times(&[7]).max, 7.0);
    }

    #[test]
    fn geometric_means() {
        assert!((geometric_mean(&[1.0, 100.0]).unwrap() - 10.0).abs() < 1e-9);
        assert_eq!(geometric_mean(&[]), None);
    }

    #[test]
    fn tables_line_up() {
        let rows = [vec!["query".into(), "ms".into()], vec!["Q1".into(), "12.5".into()]];
        assert_eq!(table(&rows), "query    ms\nQ1     12.5\n");
    }
}

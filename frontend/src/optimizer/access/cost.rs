//! What ways to rows cost.
//!
//! The constants are nanoseconds as measured on one core of the development machine (see each); only their proportions
//! matter, and they decide plans, never results. A path that uses a method which is switched off counts as disabled, and
//! fewer disabled methods win over any cost, as in PostgreSQL 18.

/// A cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cost {
    /// Methods in it that are switched off.
    pub(crate) disabled: u32,
    /// Nanoseconds before the first row.
    pub(crate) start: f64,
    /// Nanoseconds to the last row.
    pub(crate) total: f64,
}

/// Starting a scan of all rows: morsels, workers.
const SCAN_START: f64 = 6_000.0;
/// A row of a vectorized scan, for each filter and for itself.
const SCAN_ROW: f64 = 0.3;
const SCAN_FILTER: f64 = 0.8;
/// A value of a row that a scan returns.
const SCAN_VALUE: f64 = 1.5;
/// Starting an index scan.
const INDEX_START: f64 = 2_000.0;
/// Looking for a key: in the tree and in the zone maps of row groups.
const LOOKUP: f64 = 700.0;
const LOOKUP_GROUP: f64 = 12.0;
/// A row that an index gives: finding it, reading it, and each of its values.
const INDEX_ROW: f64 = 350.0;
const INDEX_VALUE: f64 = 60.0;
/// Sorting a row, for each of its comparisons.
const SORT_COMPARISON: f64 = 12.0;
/// Keeping a row among the first few.
const TOP_ROW: f64 = 4.0;
/// A row of a hash join's build side and of its probe side.
const BUILD_ROW: f64 = 25.0;
const PROBE_ROW: f64 = 10.0;
/// Starting a hash join.
const HASH_START: f64 = 20_000.0;
/// Rows of a row group.
const GROUP_ROWS: f64 = 65_536.0;

impl Cost {
    pub(crate) fn new(start: f64, total: f64, enabled: bool) -> Self {
        Self { disabled: u32::from(!enabled), start, total }
    }
    /// Returns the cost of what is made of this one's rows.
    #[must_use]
    pub(crate) fn then(self, other: Self) -> Self {
        Self {
            disabled: self.disabled + other.disabled,
            start: self.start + other.start,
            total: self.total + other.total,
        }
    }
    /// Returns the cost of the first `fraction` of the rows.
    #[must_use]
    pub(crate) fn of_first(self, fraction: f64) -> Self {
        let fraction = fraction.clamp(0.0, 1.0);
        Self { total: self.start + (self.total - self.start) * fraction, ..self }
    }
    /// Returns whether this is less than `other`.
    pub(crate) fn is_below(self, other: Self) -> bool {
        (self.disabled, self.total) < (other.disabled, other.total)
    }
}

/// Reading a table of `table_rows` with `filters`, of which `rows` with `columns` are returned.
pub(crate) fn scan(table_rows: f64, filters: usize, rows: f64, columns: usize, enabled: bool) -> Cost {
    let read = table_rows * (SCAN_ROW + SCAN_FILTER * filters as f64);
    Cost::new(SCAN_START, SCAN_START + read + rows * columns as f64 * SCAN_VALUE, enabled)
}

/// Reading `rows` with `columns` through an index.
pub(crate) fn index(table_rows: f64, ranges: f64, rows: f64, columns: usize, enabled: bool) -> Cost {
    let start = INDEX_START + ranges * lookup(table_rows);
    Cost::new(start, start + rows * (INDEX_ROW + INDEX_VALUE * columns as f64), enabled)
}

/// Looking up `outer_rows` in an index, of which each finds `rows` with `columns`.
pub(crate) fn index_join(table_rows: f64, outer_rows: f64, ranges: f64, rows: f64, columns: usize) -> Cost {
    let each = ranges * lookup(table_rows) + rows * (INDEX_ROW + INDEX_VALUE * columns as f64);
    Cost::new(INDEX_START, INDEX_START + outer_rows * each, true)
}

fn lookup(table_rows: f64) -> f64 {
    LOOKUP + LOOKUP_GROUP * (table_rows / GROUP_ROWS)
}

/// Hashing `build` rows and probing with `probe` rows.
pub(crate) fn hash_join(build: f64, probe: f64, enabled: bool) -> Cost {
    let built = HASH_START + build * BUILD_ROW;
    Cost::new(built, built + probe * PROBE_ROW, enabled)
}

/// Sorting `rows`, of which the first `wanted` are returned.
pub(crate) fn sort(rows: f64, wanted: Option<f64>, enabled: bool) -> Cost {
    let rows = rows.max(1.0);
    let total = match wanted {
        Some(wanted) => {
            rows * TOP_ROW + wanted.min(rows).max(2.0).log2() * SORT_COMPARISON * wanted.min(rows)
        }
        None => rows * rows.max(2.0).log2() * SORT_COMPARISON,
    };
    Cost::new(total, total, enabled)
}

//! The time of day, as PostgreSQL counts it.

use std::time::{SystemTime, UNIX_EPOCH};

/// Microseconds from 1970-01-01 to 2000-01-01.
const EPOCH_OFFSET: i64 = 946_684_800_000_000;

/// Returns the microseconds since 2000-01-01 UTC.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX) - EPOCH_OFFSET
}

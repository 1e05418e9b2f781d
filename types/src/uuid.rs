//! Making uuids and taking them apart (RFC 9562).

use std::sync::atomic::{AtomicI64, Ordering};

use crate::errors::{PgError, Result};

/// Microseconds from 1970-01-01 to 2000-01-01.
const UNIX_TO_POSTGRES: i64 = 10_957 * 86_400_000_000;
/// Microseconds from 1582-10-15 to 2000-01-01.
const GREGORIAN_TO_POSTGRES: i64 = 152_384 * 86_400_000_000;
/// Smallest step between two time-ordered uuids: what 12 bits of a millisecond tell apart, rounded up.
const STEP_NANOSECONDS: i64 = 1_000_000 / 4096 + 1;

fn random() -> Result<[u8; 16]> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| PgError::internal(format!("no random bytes: {error}")))?;
    Ok(bytes)
}

fn stamp(mut uuid: [u8; 16], version: u8) -> [u8; 16] {
    uuid[6] = uuid[6] & 0x0f | version << 4;
    uuid[8] = uuid[8] & 0x3f | 0x80;
    uuid
}

/// `gen_random_uuid()`
pub fn random_uuid() -> Result<[u8; 16]> {
    Ok(stamp(random()?, 4))
}

/// `uuidv7()` at `nanoseconds` from 1970; `shift_microseconds` is added to what must ascend.
pub fn ordered_uuid(nanoseconds: i64, shift_microseconds: i64) -> Result<[u8; 16]> {
    static LAST: AtomicI64 = AtomicI64::new(0);
    let ascend = |last: i64| Some(nanoseconds.max(last.saturating_add(STEP_NANOSECONDS)));
    let last = match LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, ascend) {
        Ok(last) | Err(last) => last,
    };
    let time = nanoseconds.max(last.saturating_add(STEP_NANOSECONDS));
    let time = time.saturating_add(shift_microseconds.saturating_mul(1000));
    let (milliseconds, rest) = (time.div_euclid(1_000_000), time.rem_euclid(1_000_000));
    let mut uuid = random()?;
    uuid[..6].copy_from_slice(&milliseconds.to_be_bytes()[2..]);
    let fraction = (rest * 4096 / 1_000_000) as u16;
    uuid[6] = (fraction >> 8) as u8;
    uuid[7] = fraction as u8;
    Ok(stamp(uuid, 7))
}

/// `uuid_extract_version`: none for other variants.
pub fn version(uuid: &[u8; 16]) -> Option<i16> {
    (uuid[8] & 0xc0 == 0x80).then(|| i16::from(uuid[6] >> 4))
}

/// `uuid_extract_timestamp`: versions 1 and 7 have one.
pub fn timestamp(uuid: &[u8; 16]) -> Option<i64> {
    let word = |range: std::ops::Range<usize>| {
        uuid[range].iter().fold(0i64, |value, byte| value << 8 | i64::from(*byte))
    };
    match version(uuid)? {
        1 => {
            let ticks = (word(6..8) & 0xfff) << 48 | word(4..6) << 32 | word(0..4);
            Some(ticks / 10 - GREGORIAN_TO_POSTGRES)
        }
        7 => Some(word(0..6) * 1000 - UNIX_TO_POSTGRES),
        _ => None,
    }
}

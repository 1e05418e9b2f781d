//! Numbers that name moments of the write-ahead log and of transactions: `pg_lsn`, `xid`, `xid8`, `pg_snapshot`.
//! A snapshot is kept as its text (`xmin:xmax:xip,...`), which is canonical.

use crate::errors::{Result, data};
use crate::numeric::Numeric;

/// Parses `pg_lsn`.
pub fn parse_lsn(text: &str) -> Result<i64> {
    let half = |digits: &str| {
        let plain = (1..=8).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        plain.then(|| u64::from_str_radix(digits, 16).ok()).flatten()
    };
    text.split_once('/')
        .and_then(|(high, low)| Some((half(high)? << 32 | half(low)?) as i64))
        .ok_or_else(|| data::invalid_input_syntax("pg_lsn", text))
}

/// Returns the text of `pg_lsn`.
pub fn format_lsn(lsn: i64) -> String {
    format!("{:X}/{:X}", lsn as u64 >> 32, lsn as u64 & 0xffff_ffff)
}

fn unsigned(value: i64) -> Numeric {
    Numeric::from_i128(i128::from(value as u64), 0)
}

/// Casts numeric to `pg_lsn`.
pub fn lsn_from_numeric(value: &Numeric) -> Result<i64> {
    if value.is_nan() {
        return Err(data::cannot_convert_special("NaN", "pg_lsn"));
    }
    if !value.is_finite() {
        return Err(data::cannot_convert_special("infinity", "pg_lsn"));
    }
    let whole = value.round(0)?.to_fixed().and_then(|(whole, _)| u64::try_from(whole).ok());
    whole.map(|whole| whole as i64).ok_or_else(data::lsn_out_of_range)
}

/// `lsn + bytes`
pub fn lsn_plus(lsn: i64, bytes: &Numeric) -> Result<i64> {
    if bytes.is_nan() {
        return Err(data::lsn_nan("add NaN to"));
    }
    lsn_from_numeric(&unsigned(lsn).add(bytes)?)
}

/// `lsn - bytes`
pub fn lsn_minus(lsn: i64, bytes: &Numeric) -> Result<i64> {
    if bytes.is_nan() {
        return Err(data::lsn_nan("subtract NaN from"));
    }
    lsn_from_numeric(&unsigned(lsn).sub(bytes)?)
}

/// `left - right`
pub fn lsn_difference(left: i64, right: i64) -> Result<Numeric> {
    unsigned(left).sub(&unsigned(right))
}

/// Parses an unsigned number as C's `strtoul` does: decimal, octal or hexadecimal, with a sign that wraps around.
pub fn parse_unsigned(text: &str, type_name: &str, bits: u32) -> Result<u64> {
    let invalid = || data::invalid_input_syntax(type_name, text);
    let trimmed = text.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\x0b');
    let (negative, rest) = match trimmed.as_bytes().first() {
        Some(b'-') => (true, &trimmed[1..]),
        Some(b'+') => (false, &trimmed[1..]),
        Some(_) | None => (false, trimmed),
    };
    let (radix, digits) = match rest.as_bytes() {
        [b'0', b'x' | b'X', _, ..] => (16, &rest[2..]),
        [b'0', _, ..] => (8, &rest[1..]),
        _ => (10, rest),
    };
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return Err(invalid());
    }
    let out_of_range = || data::value_out_of_range(type_name, text);
    let value = u64::from_str_radix(digits, radix).map_err(|_| out_of_range())?;
    let value = if negative { value.wrapping_neg() } else { value };
    if bits == 32 {
        // A value that is the sign extension of 32 bits is accepted, too.
        let fits = u32::try_from(value).is_ok() || i32::try_from(value as i64).is_ok();
        return if fits { Ok(u64::from(value as u32)) } else { Err(out_of_range()) };
    }
    Ok(value)
}

/// A snapshot taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotParts {
    /// The first transaction that may still run.
    pub xmin: u64,
    /// The first that had not begun.
    pub xmax: u64,
    /// Those that ran, ascending.
    pub running: Vec<u64>,
}

impl SnapshotParts {
    /// Parses the text form.
    pub fn parse(text: &str) -> Result<Self> {
        Self::read(text).ok_or_else(|| data::invalid_input_syntax("pg_snapshot", text))
    }

    fn read(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, ':');
        let xmin = parts.next()?.parse::<u64>().ok()?;
        let xmax = parts.next()?.parse::<u64>().ok()?;
        let list = parts.next()?;
        if xmin == 0 || xmax == 0 || xmax < xmin {
            return None;
        }
        let mut running: Vec<u64> = Vec::new();
        let mut items = list.split(',').peekable();
        while let Some(item) = items.next() {
            if item.is_empty() && items.peek().is_none() {
                break;
            }
            let xid = item.parse::<u64>().ok()?;
            if xid < xmin || xid >= xmax || running.last().is_some_and(|last| xid < *last) {
                return None;
            }
            if running.last() != Some(&xid) {
                running.push(xid);
            }
        }
        Some(Self { xmin, xmax, running })
    }

    /// Appends the wire form.
    pub fn write_binary(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&(self.running.len() as u32).to_be_bytes());
        for xid in [self.xmin, self.xmax].iter().chain(&self.running) {
            out.extend_from_slice(&xid.to_be_bytes());
        }
    }

    /// Returns the canonical text.
    pub fn text(&self) -> String {
        let list: Vec<String> = self.running.iter().map(u64::to_string).collect();
        format!("{}:{}:{}", self.xmin, self.xmax, list.join(","))
    }

    /// `pg_visible_in_snapshot(xid, snapshot)`
    pub fn sees(&self, xid: u64) -> bool {
        xid < self.xmin || xid < self.xmax && self.running.binary_search(&xid).is_err()
    }
}

//! Text of type modifiers (`typmodout`).

use types::{Datum, Result};

use super::arguments::int4;
use super::{FunctionEntry, row};

fn shown(args: &[Datum], text: impl Fn(i32) -> Option<String>) -> Result<Datum> {
    Ok(Datum::text(text(int4(args, 0)?).unwrap_or_default()))
}

/// Text of a length that counts from 4.
fn length(typmod: i32) -> Option<String> {
    (typmod > 4).then(|| format!("({})", typmod - 4))
}

fn bits(typmod: i32) -> Option<String> {
    (typmod >= 0).then(|| format!("({typmod})"))
}

fn numeric(typmod: i32) -> Option<String> {
    let packed = typmod.checked_sub(4).filter(|packed| *packed >= 0)?;
    Some(format!("({},{})", packed >> 16 & 0xffff, ((packed & 0x7ff) ^ 1024) - 1024))
}

fn precision(typmod: i32, zone: &str) -> Option<String> {
    Some(if typmod >= 0 { format!("({typmod}) {zone}") } else { format!(" {zone}") })
}

/// Sorted by `prosrc`.
pub(super) const TABLE: &[FunctionEntry] = &[
    row("bittypmodout", |args, _| shown(args, bits)),
    row("bpchartypmodout", |args, _| shown(args, length)),
    row("numerictypmodout", |args, _| shown(args, numeric)),
    row("timestamptypmodout", |args, _| shown(args, |typmod| precision(typmod, "without time zone"))),
    row("timestamptztypmodout", |args, _| shown(args, |typmod| precision(typmod, "with time zone"))),
    row("timetypmodout", |args, _| shown(args, |typmod| precision(typmod, "without time zone"))),
    row("timetztypmodout", |args, _| shown(args, |typmod| precision(typmod, "with time zone"))),
    row("varbittypmodout", |args, _| shown(args, bits)),
    row("varchartypmodout", |args, _| shown(args, length)),
];

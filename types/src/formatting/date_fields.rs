//! Names of months and days, and the calendar fields that templates show.

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
pub(super) const MONTHS_SHORT: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
pub(super) const DAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
pub(super) const DAYS_SHORT: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
/// Months in roman digits, backwards, so that no earlier one is the start of a later one.
pub(super) const ROMAN_MONTHS: [&str; 12] =
    ["XII", "XI", "X", "IX", "VIII", "VII", "VI", "V", "IV", "III", "II", "I"];

/// A value taken apart (PostgreSQL's `fmt_tm`).
#[derive(Debug, Clone, Default)]
pub(super) struct Fields {
    /// Astronomical year: 0 is 1 BC.
    pub(super) year: i64,
    pub(super) month: i32,
    pub(super) day: i32,
    pub(super) hour: i64,
    pub(super) minute: i32,
    pub(super) second: i32,
    pub(super) microsecond: i32,
    /// From 0 for Sunday.
    pub(super) weekday: i32,
    pub(super) day_of_year: i32,
    /// Days from 2000-01-01; none for intervals.
    pub(super) days: Option<i64>,
    /// Seconds east of UTC, with a zone's name.
    pub(super) offset: i32,
    pub(super) zone: Option<String>,
    pub(super) interval: bool,
}

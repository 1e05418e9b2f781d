//! Calendar fields of days and timestamps counted from 2000-01-01 in the proleptic Gregorian calendar.
//!
//! The arithmetic is branch-free on unsigned 32-bit lanes, which the compiler vectorizes: days are counted from a 1 March
//! long before any date, in eras of 400 years. Years before year 1 are -1, -2, …: there is no year 0.
//! Days of `i32::MIN` and `i32::MAX` (infinities) have no fields; they and days before -4800-03-01 are faults.

use crate::isa::{self, Level};

/// Days from -4800-03-01 (year 0 counted) to 2000-01-01: twelve eras and those from 0000-03-01.
const EPOCH_SHIFT: u32 = 12 * DAYS_PER_ERA + 730_425;

/// The first year of that count.
const EPOCH_YEAR: i32 = -4800;

const DAYS_PER_ERA: u32 = 146_097;

/// Microseconds of a day.
const MICROSECONDS_PER_DAY: i64 = 86_400_000_000;

/// A field or a start that a day has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateField {
    /// The year.
    Year,
    /// The month, from 1.
    Month,
    /// The day of the month, from 1.
    Day,
    /// The quarter, from 1.
    Quarter,
    /// The day of the year, from 1.
    DayOfYear,
    /// The day of the week, 0 for Sunday.
    DayOfWeek,
    /// The first day of the year, as days from 2000-01-01.
    YearStart,
    /// The first day of the quarter, as days from 2000-01-01.
    QuarterStart,
    /// The first day of the month, as days from 2000-01-01.
    MonthStart,
}

/// A day in parts.
#[derive(Clone, Copy)]
struct Civil {
    /// Year, with a year 0.
    year: i32,
    /// 1 to 12.
    month: u32,
    /// 1 to 31.
    day: u32,
    /// Days since 1 March.
    day_of_march_year: u32,
}

#[inline(always)]
fn civil(days: i32) -> Civil {
    let shifted = (days as u32).wrapping_add(EPOCH_SHIFT);
    let era = shifted / DAYS_PER_ERA;
    let day_of_era = shifted % DAYS_PER_ERA;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_march_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Months from March have 153 days in five.
    let month_from_march = (5 * day_of_march_year + 2) / 153;
    let day = day_of_march_year - (153 * month_from_march + 2) / 5 + 1;
    let next_year = u32::from(month_from_march >= 10);
    let month = month_from_march + 3 - 12 * next_year;
    let year = EPOCH_YEAR + (400 * era + year_of_era + next_year) as i32;
    Civil { year, month, day, day_of_march_year }
}

impl Civil {
    /// Days since 1 January.
    #[inline(always)]
    fn day_of_year(self) -> u32 {
        let leap = (self.year % 4 == 0) & ((self.year % 100 != 0) | (self.year % 400 == 0));
        if self.month > 2 {
            self.day_of_march_year + 59 + u32::from(leap)
        } else {
            self.day_of_march_year - 306
        }
    }
}

/// Returns a field of one day, or `None` for a day that is a fault.
#[inline(always)]
pub fn field_of(field: DateField, days: i32) -> Option<i32> {
    (!is_fault(days)).then(|| value(field, days))
}

#[inline(always)]
fn is_fault(days: i32) -> bool {
    (days < -(EPOCH_SHIFT as i32)) | (days == i32::MAX)
}

#[inline(always)]
fn value(field: DateField, days: i32) -> i32 {
    let civil = civil(days);
    match field {
        DateField::Year => civil.year - i32::from(civil.year <= 0),
        DateField::Month => civil.month as i32,
        DateField::Day => civil.day as i32,
        DateField::Quarter => (civil.month as i32 + 2) / 3,
        DateField::DayOfYear => civil.day_of_year() as i32 + 1,
        // 2000-01-01 was a Saturday.
        DateField::DayOfWeek => (i64::from(days) + 6).rem_euclid(7) as i32,
        DateField::YearStart => days.wrapping_sub(civil.day_of_year() as i32),
        DateField::QuarterStart => {
            let month_of_quarter = (civil.month - 1) % 3;
            // Days before this month in its quarter; a quarter's second and third month follow these lengths.
            let february = if is_leap(civil.year) { 29 } else { 28 };
            let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
            let first = (civil.month - 1 - month_of_quarter) as usize;
            let mut before = civil.day as i32 - 1;
            for month in 0..month_of_quarter as usize {
                before += lengths[(first + month) % 12];
            }
            days.wrapping_sub(before)
        }
        DateField::MonthStart => days.wrapping_sub(civil.day as i32 - 1),
    }
}

#[inline(always)]
fn is_leap(year: i32) -> bool {
    (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
}

/// Writes a field of each day and the mask of the faults; returns whether there is one.
pub fn extract(field: DateField, days: &[i32], out: &mut [i32], faults: &mut [u64]) -> bool {
    assert_eq!(days.len(), out.len());
    assert_eq!(faults.len(), days.len().div_ceil(64));
    match isa::level() {
        Level::Scalar => {
            for (slot, &days) in out.iter_mut().zip(days) {
                *slot = field_of(field, days).unwrap_or(0);
            }
        }
        Level::Avx2 | Level::Neon => each(field, days, out),
        #[cfg(target_arch = "x86_64")]
        #[expect(unsafe_code, reason = "enters a target_feature function")]
        // SAFETY: `level` returns a level only after detecting its features.
        Level::Avx512 => unsafe { avx512(field, days, out) },
        #[cfg(not(target_arch = "x86_64"))]
        Level::Avx512 => each(field, days, out),
    }
    let mut any = false;
    for (days, word) in days.chunks(64).zip(faults) {
        *word = 0;
        if days.iter().fold(false, |any, &days| any | is_fault(days)) {
            any = true;
            for (lane, &days) in days.iter().enumerate() {
                *word |= u64::from(is_fault(days)) << lane;
            }
        }
    }
    any
}

/// One loop per field, so that each computes only what it needs.
#[inline(always)]
fn each(field: DateField, days: &[i32], out: &mut [i32]) {
    macro_rules! loops {
        ($($field:ident)*) => {
            match field {
                $(DateField::$field => {
                    for (slot, &days) in out.iter_mut().zip(days) {
                        let value = value(DateField::$field, days);
                        *slot = if is_fault(days) { 0 } else { value };
                    }
                })*
            }
        };
    }
    loops!(Year Month Day Quarter DayOfYear DayOfWeek YearStart QuarterStart MonthStart);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn avx512(field: DateField, days: &[i32], out: &mut [i32]) {
    each(field, days, out);
}

/// Writes the day of each timestamp in microseconds from 2000-01-01; the infinities become those of days.
pub fn days_of_timestamps(timestamps: &[i64], out: &mut [i32]) {
    assert_eq!(timestamps.len(), out.len());
    for (slot, &timestamp) in out.iter_mut().zip(timestamps) {
        *slot = match timestamp {
            i64::MIN => i32::MIN,
            i64::MAX => i32::MAX,
            // At most 2^63 / 86,400,000,000 days, which fit in 28 bits.
            _ => timestamp.div_euclid(MICROSECONDS_PER_DAY) as i32,
        };
    }
}

/// Writes the first microsecond of each day; days that do not fit and infinities are faults. Returns whether there is one.
pub fn timestamps_of_days(days: &[i32], out: &mut [i64], faults: &mut [u64]) -> bool {
    crate::arith::each(days, out, faults, |days| {
        let fault = (days == i32::MIN) | (days == i32::MAX);
        let (timestamp, overflowed) = i64::from(days).overflowing_mul(MICROSECONDS_PER_DAY);
        (timestamp, fault | overflowed)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::each_level;

    /// A calendar that counts days one by one from -4712-01-01 on (year 0 counted), whose number PostgreSQL gives as
    /// `'4713-01-01 BC'::date - '2000-01-01'`.
    struct Calendar {
        days: i32,
        year: i32,
        month: usize,
        day: i32,
        day_of_year: i32,
    }

    impl Calendar {
        fn next(&mut self) {
            let leap = self.year % 4 == 0 && (self.year % 100 != 0 || self.year % 400 == 0);
            let lengths = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
            self.days += 1;
            self.day += 1;
            self.day_of_year += 1;
            if self.day > lengths[self.month - 1] {
                self.day = 1;
                self.month += 1;
            }
            if self.month > 12 {
                self.month = 1;
                self.year += 1;
                self.day_of_year = 1;
            }
        }
    }

    #[test]
    fn every_day_of_ages() {
        let mut calendar = Calendar { days: FIRST, year: -4712, month: 1, day: 1, day_of_year: 1 };
        let (mut year_start, mut quarter_start, mut month_start) = (0, 0, 0);
        for index in 0..2_600_000 {
            if calendar.day == 1 {
                month_start = calendar.days;
                if calendar.month % 3 == 1 {
                    quarter_start = calendar.days;
                }
                if calendar.month == 1 {
                    year_start = calendar.days;
                }
            }
            // All days of some years and a sample of the others: the test is to be quick.
            if index % 13 == 0 || (-800..800).contains(&calendar.days) {
                let found = |field| value(field, calendar.days);
                let year = if calendar.year <= 0 { calendar.year - 1 } else { calendar.year };
                assert_eq!(found(DateField::Year), year, "{}", calendar.days);
                assert_eq!(found(DateField::Month), calendar.month as i32, "{}", calendar.days);
                assert_eq!(found(DateField::Day), calendar.day, "{}", calendar.days);
                assert_eq!(found(DateField::DayOfYear), calendar.day_of_year, "{}", calendar.days);
                assert_eq!(found(DateField::YearStart), year_start, "{}", calendar.days);
                assert_eq!(found(DateField::QuarterStart), quarter_start, "{}", calendar.days);
                assert_eq!(found(DateField::MonthStart), month_start, "{}", calendar.days);
            }
            calendar.next();
        }
        assert_eq!((calendar.days, calendar.year, calendar.month, calendar.day), LAST);
    }

    /// From PostgreSQL 18.
    const FIRST: i32 = -2_451_507;
    /// From PostgreSQL 18.
    const LAST: (i32, i32, usize, i32) = (148_493, 2406, 7, 24);

    #[test]
    fn vectors_equal_single_values() {
        let mut random = crate::conformance::Random::new();
        let fields = [
            DateField::Year,
            DateField::Month,
            DateField::Day,
            DateField::Quarter,
            DateField::DayOfYear,
            DateField::DayOfWeek,
            DateField::YearStart,
            DateField::QuarterStart,
            DateField::MonthStart,
        ];
        for len in [0, 1, 63, 64, 65, 200, 1025] {
            let mut days = random.lanes::<i32>(len);
            for day in days.iter_mut().step_by(2) {
                *day %= 3_000_000;
            }
            for field in fields {
                each_level(|level| {
                    let (mut out, mut faults) = (vec![7; len], vec![7; len.div_ceil(64)]);
                    let any = extract(field, &days, &mut out, &mut faults);
                    for (lane, &days) in days.iter().enumerate() {
                        let wanted = field_of(field, days);
                        assert_eq!(out[lane], wanted.unwrap_or(0), "{level:?} {field:?} {days}");
                        assert_eq!(crate::conformance::bit(&faults, lane), wanted.is_none());
                    }
                    assert_eq!(any, crate::bitmap::any(&faults));
                });
            }
        }
        assert_eq!(field_of(DateField::Year, i32::MAX), None);
        assert_eq!(field_of(DateField::Year, i32::MIN), None);
        // The greatest date of PostgreSQL 18: 5874897-12-31.
        assert_eq!(field_of(DateField::Year, 2_145_031_948), Some(5_874_897));
        assert_eq!(field_of(DateField::DayOfYear, 2_145_031_948), Some(365));
        assert_eq!(field_of(DateField::DayOfWeek, 0), Some(6));
    }

    #[test]
    fn timestamps() {
        let mut days = [0; 5];
        days_of_timestamps(&[0, -1, MICROSECONDS_PER_DAY, i64::MIN, i64::MAX], &mut days);
        assert_eq!(days, [0, -1, 1, i32::MIN, i32::MAX]);
        let (mut out, mut faults) = ([0; 3], [0]);
        assert!(timestamps_of_days(&[1, -1, i32::MAX], &mut out, &mut faults));
        assert_eq!((out[0], out[1], faults), (MICROSECONDS_PER_DAY, -MICROSECONDS_PER_DAY, [4]));
    }
}

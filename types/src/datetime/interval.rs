//! Interval arithmetic and comparison.

use std::cmp::Ordering;

use super::{MICROSECONDS_PER_DAY, MICROSECONDS_PER_HOUR, MICROSECONDS_PER_SECOND};
use crate::datum::Interval;
use crate::errors::{PgError, Result, data, datetime};

/// Days that a month counts in comparisons and fractions.
const DAYS_PER_MONTH: i32 = 30;

fn out_of_range() -> PgError {
    datetime::out_of_range("interval", None)
}

impl Interval {
    /// `'infinity'::interval`
    pub const INFINITY: Self = Self { microseconds: i64::MAX, days: i32::MAX, months: i32::MAX };
    /// `'-infinity'::interval`
    pub const NEGATIVE_INFINITY: Self = Self { microseconds: i64::MIN, days: i32::MIN, months: i32::MIN };

    /// Returns whether the interval is one of the infinities.
    pub fn is_infinite(&self) -> bool {
        *self == Self::INFINITY || *self == Self::NEGATIVE_INFINITY
    }

    /// Returns the interval, or an error when it would read as infinite.
    fn finite(self) -> Result<Self> {
        if self.is_infinite() { Err(out_of_range()) } else { Ok(self) }
    }

    /// Returns the length in microseconds with 30-day months and 24-hour days, as comparison sees it.
    pub fn comparable(&self) -> i128 {
        let days = i128::from(self.months) * i128::from(DAYS_PER_MONTH) + i128::from(self.days);
        days * i128::from(MICROSECONDS_PER_DAY) + i128::from(self.microseconds)
    }

    /// Compares as PostgreSQL's interval operators do.
    pub fn compare(&self, other: &Self) -> Ordering {
        self.comparable().cmp(&other.comparable())
    }

    /// Returns the negated interval.
    pub fn negate(&self) -> Result<Self> {
        match *self {
            Self::INFINITY => Ok(Self::NEGATIVE_INFINITY),
            Self::NEGATIVE_INFINITY => Ok(Self::INFINITY),
            Self { microseconds, days, months } => {
                match (microseconds.checked_neg(), days.checked_neg(), months.checked_neg()) {
                    (Some(microseconds), Some(days), Some(months)) => {
                        Self { microseconds, days, months }.finite()
                    }
                    _ => Err(out_of_range()),
                }
            }
        }
    }

    /// Returns the sum.
    pub fn add(&self, other: &Self) -> Result<Self> {
        match (self.is_infinite(), other.is_infinite()) {
            (true, true) if self != other => return Err(out_of_range()),
            (true, _) => return Ok(*self),
            (false, true) => return Ok(*other),
            (false, false) => {}
        }
        match (
            self.microseconds.checked_add(other.microseconds),
            self.days.checked_add(other.days),
            self.months.checked_add(other.months),
        ) {
            (Some(microseconds), Some(days), Some(months)) => Self { microseconds, days, months }.finite(),
            _ => Err(out_of_range()),
        }
    }

    /// Returns the difference.
    pub fn sub(&self, other: &Self) -> Result<Self> {
        if self.is_infinite() && self == other {
            return Err(out_of_range());
        }
        if other.is_infinite() {
            return other.negate();
        }
        if self.is_infinite() {
            return Ok(*self);
        }
        match (
            self.microseconds.checked_sub(other.microseconds),
            self.days.checked_sub(other.days),
            self.months.checked_sub(other.months),
        ) {
            (Some(microseconds), Some(days), Some(months)) => Self { microseconds, days, months }.finite(),
            _ => Err(out_of_range()),
        }
    }

    /// Returns the product with a float; fractions of months go to days, fractions of days to time.
    pub fn multiply(&self, factor: f64) -> Result<Self> {
        if factor.is_nan()
            || (self.is_infinite() && factor == 0.0)
            || (factor.is_infinite() && self.comparable() == 0)
        {
            return Err(out_of_range());
        }
        if self.is_infinite() || factor.is_infinite() {
            let positive = (self.comparable() > 0) == (factor > 0.0);
            return Ok(if positive { Self::INFINITY } else { Self::NEGATIVE_INFINITY });
        }
        self.scaled(|part| part * factor)
    }

    /// Returns the quotient by a float.
    pub fn divide(&self, divisor: f64) -> Result<Self> {
        if divisor == 0.0 {
            return Err(data::division_by_zero());
        }
        if divisor.is_nan() || (self.is_infinite() && divisor.is_infinite()) {
            return Err(out_of_range());
        }
        if self.is_infinite() {
            return if divisor < 0.0 { self.negate() } else { Ok(*self) };
        }
        self.scaled(|part| part / divisor)
    }

    /// Applies `change` to each field and cascades the fractions downwards (`interval_mul`).
    fn scaled(&self, change: impl Fn(f64) -> f64) -> Result<Self> {
        let fits = |value: f64| value >= f64::from(i32::MIN) && value < -f64::from(i32::MIN);
        let months_float = change(f64::from(self.months));
        let days_float = change(f64::from(self.days));
        if !fits(months_float) || !fits(days_float) {
            return Err(out_of_range());
        }
        let (months, mut days) = (months_float as i32, days_float as i32);
        let round = |value: f64| (value * 1e6).round_ties_even() / 1e6;
        let mut month_days = round((months_float - f64::from(months)) * f64::from(DAYS_PER_MONTH));
        let whole_days = month_days as i32;
        let mut seconds =
            round((days_float - f64::from(days) + month_days - f64::from(whole_days)) * 86_400.0);
        month_days = month_days.trunc();
        if seconds.abs() >= 86_400.0 {
            let extra = (seconds / 86_400.0) as i32;
            days = days.checked_add(extra).ok_or_else(out_of_range)?;
            seconds -= f64::from(extra) * 86_400.0;
        }
        days = days.checked_add(month_days as i32).ok_or_else(out_of_range)?;
        let microseconds = (change(self.microseconds as f64) + seconds * 1e6).round_ties_even();
        if !(microseconds >= i64::MIN as f64 && microseconds < -(i64::MIN as f64)) {
            return Err(out_of_range());
        }
        Self { microseconds: microseconds as i64, days, months }.finite()
    }

    /// Turns 24-hour stretches into days.
    pub fn justify_hours(&self) -> Result<Self> {
        if self.is_infinite() {
            return Ok(*self);
        }
        let whole = (self.microseconds / MICROSECONDS_PER_DAY) as i32;
        let mut microseconds = self.microseconds % MICROSECONDS_PER_DAY;
        let mut days = self.days.checked_add(whole).ok_or_else(out_of_range)?;
        if days > 0 && microseconds < 0 {
            microseconds += MICROSECONDS_PER_DAY;
            days -= 1;
        } else if days < 0 && microseconds > 0 {
            microseconds -= MICROSECONDS_PER_DAY;
            days += 1;
        }
        Ok(Self { microseconds, days, months: self.months })
    }

    /// Turns 30-day stretches into months.
    pub fn justify_days(&self) -> Result<Self> {
        if self.is_infinite() {
            return Ok(*self);
        }
        let mut months = self.months.checked_add(self.days / DAYS_PER_MONTH).ok_or_else(out_of_range)?;
        let mut days = self.days % DAYS_PER_MONTH;
        if months > 0 && days < 0 {
            days += DAYS_PER_MONTH;
            months -= 1;
        } else if months < 0 && days > 0 {
            days -= DAYS_PER_MONTH;
            months += 1;
        }
        Ok(Self { microseconds: self.microseconds, days, months })
    }

    /// Does both, and gives all fields one sign.
    pub fn justify_interval(&self) -> Result<Self> {
        if self.is_infinite() {
            return Ok(*self);
        }
        let mut days = i64::from(self.days) + self.microseconds / MICROSECONDS_PER_DAY;
        let mut microseconds = self.microseconds % MICROSECONDS_PER_DAY;
        let mut months = i64::from(self.months) + days / i64::from(DAYS_PER_MONTH);
        days %= i64::from(DAYS_PER_MONTH);
        if months > 0 && (days < 0 || (days == 0 && microseconds < 0)) {
            days += i64::from(DAYS_PER_MONTH);
            months -= 1;
        } else if months < 0 && (days > 0 || (days == 0 && microseconds > 0)) {
            days -= i64::from(DAYS_PER_MONTH);
            months += 1;
        }
        if days > 0 && microseconds < 0 {
            microseconds += MICROSECONDS_PER_DAY;
            days -= 1;
        } else if days < 0 && microseconds > 0 {
            microseconds -= MICROSECONDS_PER_DAY;
            days += 1;
        }
        match (i32::try_from(days), i32::try_from(months)) {
            (Ok(days), Ok(months)) => Ok(Self { microseconds, days, months }),
            _ => Err(out_of_range()),
        }
    }

    /// Rounds and cuts to what a type modifier of `interval(p)` and `interval field` keeps.
    pub fn apply_typmod(&self, typmod: i32) -> Result<Self> {
        if typmod < 0 || self.is_infinite() {
            return Ok(*self);
        }
        let (precision, range) = (typmod & 0xffff, (typmod >> 16) & 0x7fff);
        let has = |bit: i32| range & (1 << bit) != 0;
        let mut kept = *self;
        // Bits as in INTERVAL_MASK: month 1, year 2, day 3, hour 10, minute 11, second 12.
        if range != 0x7fff {
            let smallest = [12, 11, 10, 3, 1, 2].into_iter().find(|bit| has(*bit));
            match smallest {
                Some(2) => kept = Self { months: kept.months / 12 * 12, days: 0, microseconds: 0 },
                Some(1) => kept = Self { months: kept.months, days: 0, microseconds: 0 },
                Some(3) => kept.microseconds = 0,
                Some(10) => kept.microseconds -= kept.microseconds % MICROSECONDS_PER_HOUR,
                Some(11) => kept.microseconds -= kept.microseconds % (60 * MICROSECONDS_PER_SECOND),
                Some(_) | None => {}
            }
        }
        if precision < 6 {
            kept.microseconds = round_to_precision(kept.microseconds, precision);
        }
        Ok(kept)
    }
}

/// Rounds microseconds half away from zero to `precision` digits of a second.
pub fn round_to_precision(microseconds: i64, precision: i32) -> i64 {
    let Some(step) =
        u32::try_from(6 - precision).ok().filter(|digits| (1..=6).contains(digits)).map(|d| 10i64.pow(d))
    else {
        return microseconds;
    };
    let half = step / 2;
    if microseconds >= 0 {
        microseconds.saturating_add(half) / step * step
    } else {
        -(microseconds.saturating_neg().saturating_add(half) / step * step)
    }
}

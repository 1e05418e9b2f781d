//! From the fields that a template read to calendar fields (`do_to_timestamp`).

use crate::datetime::civil::{civil_from_days, days_from_civil, days_in_month, is_leap};
use crate::datetime::zone::Zone;
use crate::datetime::{JULIAN_EPOCH, MICROSECONDS_PER_SECOND};
use crate::errors::{Result, datetime, formatting as errors};

/// Hours of a time zone's displacement at most.
const ZONE_HOURS_MAX: i32 = 15;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Convention {
    Gregorian,
    IsoWeek,
}

/// What was read; 0 means that a field was not there (`TmFromChar`).
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) convention: Option<Convention>,
    pub(super) hour: i32,
    pub(super) afternoon: i32,
    pub(super) minute: i32,
    pub(super) second: i32,
    pub(super) seconds_of_day: i32,
    /// 1 for Sunday.
    pub(super) weekday: i32,
    pub(super) day: i32,
    pub(super) day_of_year: i32,
    pub(super) month: i32,
    pub(super) millisecond: i32,
    pub(super) year: i32,
    pub(super) before_christ: i32,
    pub(super) week: i32,
    pub(super) week_of_month: i32,
    pub(super) century: i32,
    pub(super) julian: i32,
    pub(super) microsecond: i32,
    pub(super) year_digits: u8,
    pub(super) twelve_hours: bool,
    pub(super) zone_sign: i32,
    pub(super) zone_hour: i32,
    pub(super) zone_minute: i32,
    pub(super) zone: Option<Zone>,
}

/// Calendar fields with their defaults.
pub(super) struct Moment {
    pub(super) year: i32,
    pub(super) month: i32,
    pub(super) day: i32,
    pub(super) hour: i32,
    pub(super) minute: i32,
    pub(super) second: i32,
    pub(super) microsecond: i64,
    pub(super) zone: Option<Zone>,
}

/// Returns the day of Monday of an ISO week, from 2000-01-01.
fn iso_week_start(year: i32, week: i32) -> i64 {
    let fourth = i64::from(days_from_civil(year, 1, 4));
    fourth - (fourth + 5).rem_euclid(7) + i64::from(week - 1) * 7
}

/// Puts the fields together (`do_to_timestamp`).
pub(super) fn settle(mut read: Read, text: &str) -> Result<Moment> {
    let overflow = || datetime::field_out_of_range(text);
    let mut moment =
        Moment { year: 0, month: 1, day: 1, hour: 0, minute: 0, second: 0, microsecond: 0, zone: None };
    settle_time(&read, &mut moment)?;
    let (mut has_year, mut has_month, mut has_day) = settle_year(&mut read, &mut moment);
    let mut whole = |moment: &mut Moment, days: i64| {
        (moment.year, moment.month, moment.day) = civil_from_days(days);
        (has_year, has_month, has_day) = (true, true, true);
    };
    let iso = read.convention == Some(Convention::IsoWeek);
    if read.julian != 0 {
        whole(&mut moment, i64::from(read.julian) - JULIAN_EPOCH);
    }
    if read.week != 0 {
        if iso {
            let weekday = match read.weekday {
                0 | 2 => 0,
                1 => 6,
                weekday => i64::from(weekday) - 2,
            };
            let start = iso_week_start(moment.year, read.week);
            whole(&mut moment, start + weekday);
        } else {
            read.day_of_year =
                read.week.checked_sub(1).and_then(|week| week.checked_mul(7)).map_or(0, |days| days + 1);
        }
    }
    if read.week_of_month != 0 {
        read.day =
            read.week_of_month.checked_sub(1).and_then(|week| week.checked_mul(7)).map_or(0, |days| days + 1);
    }
    if read.day != 0 {
        moment.day = read.day;
        has_day = true;
    }
    if read.month != 0 {
        moment.month = read.month;
        has_month = true;
    }
    if read.day_of_year != 0 && (moment.month <= 1 || moment.day <= 1) {
        if moment.year == 0 && read.before_christ == 0 {
            return Err(errors::day_of_year_without_year());
        }
        if iso {
            let start = iso_week_start(moment.year, 1);
            (moment.year, moment.month, moment.day) =
                civil_from_days(start + i64::from(read.day_of_year) - 1);
            has_year = true;
        } else {
            place_day_of_year(read.day_of_year, &mut moment);
        }
        (has_month, has_day) = (true, true);
    }
    moment.microsecond = i64::from(read.millisecond) * 1000 + i64::from(read.microsecond);
    let dates_fit = (!has_month || (1..=12).contains(&moment.month))
        && (!has_day || (1..=31).contains(&moment.day))
        && (!(has_year && has_month && has_day) || moment.day <= days_in_month(moment.year, moment.month));
    let times_fit = (0..24).contains(&moment.hour)
        && (0..60).contains(&moment.minute)
        && (0..60).contains(&moment.second)
        && (0..MICROSECONDS_PER_SECOND).contains(&moment.microsecond);
    if !dates_fit || !times_fit {
        return Err(overflow());
    }
    settle_zone(&read, &mut moment, text)?;
    Ok(moment)
}

fn settle_zone(read: &Read, moment: &mut Moment, text: &str) -> Result<()> {
    if read.zone_sign != 0 {
        if !(0..=ZONE_HOURS_MAX).contains(&read.zone_hour) || !(0..60).contains(&read.zone_minute) {
            return Err(datetime::zone_displacement_out_of_range(text));
        }
        let seconds = (read.zone_hour * 60 + read.zone_minute) * 60;
        moment.zone = Some(Zone::Fixed(if read.zone_sign > 0 { seconds } else { -seconds }));
    } else {
        moment.zone.clone_from(&read.zone);
    }
    Ok(())
}

fn settle_time(read: &Read, moment: &mut Moment) -> Result<()> {
    if read.seconds_of_day != 0 {
        moment.hour = read.seconds_of_day / 3600;
        moment.minute = read.seconds_of_day / 60 % 60;
        moment.second = read.seconds_of_day % 60;
    }
    for (value, target) in
        [(read.second, &mut moment.second), (read.minute, &mut moment.minute), (read.hour, &mut moment.hour)]
    {
        if value != 0 {
            *target = value;
        }
    }
    if read.twelve_hours {
        if !(1..=12).contains(&moment.hour) {
            return Err(errors::invalid_hour(moment.hour));
        }
        if read.afternoon != 0 && moment.hour < 12 {
            moment.hour += 12;
        } else if read.afternoon == 0 && moment.hour == 12 {
            moment.hour = 0;
        }
    }
    Ok(())
}

/// Sets the year from year, century and era; returns which of year, month and day are known.
fn settle_year(read: &mut Read, moment: &mut Moment) -> (bool, bool, bool) {
    if read.before_christ != 0 && read.century != 0 && (read.year == 0 || read.year_digits <= 2) {
        read.century = -read.century;
    }
    let hundreds = |century: i32| century.saturating_mul(100);
    if read.year != 0 {
        if read.century != 0 && read.year_digits <= 2 {
            moment.year = read.year % 100;
            moment.year = match (moment.year, read.century >= 0) {
                (0, true) => hundreds(read.century),
                (0, false) => hundreds(read.century).saturating_add(1),
                (year, true) => year.saturating_add(hundreds(read.century - 1)),
                (year, false) => hundreds(read.century + 1) - year + 1,
            };
        } else {
            moment.year = read.year;
            if read.before_christ != 0 {
                moment.year = moment.year.saturating_neg();
            }
            if moment.year < 0 {
                moment.year += 1;
            }
        }
        (true, false, false)
    } else if read.century != 0 {
        moment.year = if read.century >= 0 { hundreds(read.century - 1) } else { hundreds(read.century) }
            .saturating_add(1);
        (true, false, false)
    } else {
        (false, false, false)
    }
}

/// Spreads a day of the year over month and day where those were not given.
fn place_day_of_year(day_of_year: i32, moment: &mut Moment) {
    const LENGTHS: [i32; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let leap = i32::from(is_leap(moment.year));
    let mut before = 0;
    let mut month = 1;
    for length in LENGTHS {
        let length = if month == 2 { length + leap } else { length };
        if day_of_year <= before + length {
            break;
        }
        before += length;
        month += 1;
    }
    if moment.month <= 1 {
        moment.month = month;
    }
    if moment.day <= 1 {
        moment.day = day_of_year - before;
    }
}

//! Dates, times, timestamps and intervals.

pub mod civil;

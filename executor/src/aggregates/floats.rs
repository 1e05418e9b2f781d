//! Aggregates over floats. They add in row order, so a result does not depend on workers.

use types::errors::data;
use types::{Datum, Result};

use super::RowAggregate;

fn float(value: Option<&Datum>) -> Option<f64> {
    match value {
        Some(Datum::F64(value)) => Some(*value),
        Some(Datum::F32(value)) => Some(f64::from(*value)),
        _ => None,
    }
}

/// sum(float4): adds in single precision.
#[derive(Default)]
pub(super) struct SingleSum {
    sum: Option<f32>,
}

impl RowAggregate for SingleSum {
    fn add(&mut self, args: &[Datum]) -> Result<()> {
        if let Some(Datum::F32(value)) = args.first() {
            let before = self.sum.unwrap_or(0.0);
            let sum = before + value;
            if sum.is_infinite() && !before.is_infinite() && !value.is_infinite() {
                return Err(data::float_overflow());
            }
            self.sum = Some(sum);
        }
        Ok(())
    }
    fn finish(&self) -> Result<Datum> {
        Ok(self.sum.map_or(Datum::Null, Datum::F32))
    }
    fn state(&self) -> Option<Vec<Datum>> {
        None
    }
    fn combine(&mut self, state: &[Datum]) -> Result<()> {
        self.add(state)
    }
}

/// sum(float8).
#[derive(Default)]
pub(super) struct DoubleSum {
    sum: Option<f64>,
}

impl RowAggregate for DoubleSum {
    fn add(&mut self, args: &[Datum]) -> Result<()> {
        if let Some(value) = float(args.first()) {
            self.sum = Some(match self.sum {
                None => value,
                Some(before) => checked(before + value, &[before, value])?,
            });
        }
        Ok(())
    }
    fn finish(&self) -> Result<Datum> {
        Ok(self.sum.map_or(Datum::Null, Datum::F64))
    }
    fn state(&self) -> Option<Vec<Datum>> {
        None
    }
    fn combine(&mut self, state: &[Datum]) -> Result<()> {
        self.add(state)
    }
}

/// Returns `result` unless it overflowed from finite `inputs`.
fn checked(result: f64, inputs: &[f64]) -> Result<f64> {
    if result.is_infinite() && inputs.iter().all(|input| !input.is_infinite()) {
        return Err(data::float_overflow());
    }
    Ok(result)
}

/// avg, variance and stddev over floats, by Youngs and Cramer's updates as `float8_accum`.
pub(super) struct Moments {
    count: f64,
    sum: f64,
    squares: f64,
    average: bool,
    sample: bool,
    root: bool,
}

impl Moments {
    pub(super) fn new(name: &str) -> Self {
        Self {
            count: 0.0,
            sum: 0.0,
            squares: 0.0,
            average: name == "avg",
            sample: !name.ends_with("_pop"),
            root: name.starts_with("stddev"),
        }
    }
}

impl RowAggregate for Moments {
    fn add(&mut self, args: &[Datum]) -> Result<()> {
        let Some(value) = float(args.first()) else { return Ok(()) };
        let before = self.count;
        self.count += 1.0;
        let sum_before = self.sum;
        self.sum += value;
        if before > 0.0 {
            let difference = value * self.count - self.sum;
            self.squares += difference * difference / (self.count * before);
            if self.sum.is_infinite() || self.squares.is_infinite() {
                if !sum_before.is_infinite() && !value.is_infinite() {
                    return Err(data::float_overflow());
                }
                self.squares = f64::NAN;
            }
        } else if value.is_nan() || value.is_infinite() {
            self.squares = f64::NAN;
        }
        Ok(())
    }
    fn finish(&self) -> Result<Datum> {
        if self.count == 0.0 {
            return Ok(Datum::Null);
        }
        if self.average {
            return Ok(Datum::F64(self.sum / self.count));
        }
        if self.sample && self.count <= 1.0 {
            return Ok(Datum::Null);
        }
        let divisor = if self.sample { self.count - 1.0 } else { self.count };
        let variance = self.squares / divisor;
        Ok(Datum::F64(if self.root { variance.sqrt() } else { variance }))
    }
    fn state(&self) -> Option<Vec<Datum>> {
        None
    }
    fn combine(&mut self, _state: &[Datum]) -> Result<()> {
        Ok(())
    }
}

/// The two-argument statistics (`float8_regr_accum`); the first argument is Y.
pub(super) struct Regression {
    name: String,
    count: f64,
    sum_x: f64,
    sum_xx: f64,
    sum_y: f64,
    sum_yy: f64,
    sum_xy: f64,
}

impl Regression {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            count: 0.0,
            sum_x: 0.0,
            sum_xx: 0.0,
            sum_y: 0.0,
            sum_yy: 0.0,
            sum_xy: 0.0,
        }
    }
}

impl RowAggregate for Regression {
    fn add(&mut self, args: &[Datum]) -> Result<()> {
        let (Some(y), Some(x)) = (float(args.first()), float(args.get(1))) else { return Ok(()) };
        let before = self.count;
        let (sum_x, sum_y) = (self.sum_x, self.sum_y);
        self.count += 1.0;
        self.sum_x += x;
        self.sum_y += y;
        if before > 0.0 {
            let dx = x * self.count - self.sum_x;
            let dy = y * self.count - self.sum_y;
            let scale = 1.0 / (self.count * before);
            self.sum_xx += dx * dx * scale;
            self.sum_yy += dy * dy * scale;
            self.sum_xy += dx * dy * scale;
            let all = [self.sum_x, self.sum_xx, self.sum_y, self.sum_yy, self.sum_xy];
            if all.iter().any(|sum| sum.is_infinite()) {
                if [sum_x, x, sum_y, y].iter().all(|input| !input.is_infinite()) {
                    return Err(data::float_overflow());
                }
                for sum in [&mut self.sum_xx, &mut self.sum_yy, &mut self.sum_xy] {
                    if sum.is_infinite() {
                        *sum = f64::NAN;
                    }
                }
            }
        } else {
            if !x.is_finite() {
                self.sum_xx = f64::NAN;
                self.sum_xy = f64::NAN;
            }
            if !y.is_finite() {
                self.sum_yy = f64::NAN;
                self.sum_xy = f64::NAN;
            }
        }
        Ok(())
    }
    fn finish(&self) -> Result<Datum> {
        let n = self.count;
        let some = |value: f64| Ok(Datum::F64(value));
        if self.name == "regr_count" {
            return Ok(Datum::I64(n as i64));
        }
        if n < 1.0 || self.name == "covar_samp" && n < 2.0 {
            return Ok(Datum::Null);
        }
        match self.name.as_str() {
            "regr_sxx" => some(self.sum_xx),
            "regr_syy" => some(self.sum_yy),
            "regr_sxy" => some(self.sum_xy),
            "regr_avgx" => some(self.sum_x / n),
            "regr_avgy" => some(self.sum_y / n),
            "covar_pop" => some(self.sum_xy / n),
            "covar_samp" => some(self.sum_xy / (n - 1.0)),
            "corr" if self.sum_xx == 0.0 || self.sum_yy == 0.0 => Ok(Datum::Null),
            "corr" => some(self.sum_xy / (self.sum_xx * self.sum_yy).sqrt()),
            "regr_r2" if self.sum_xx == 0.0 => Ok(Datum::Null),
            "regr_r2" if self.sum_yy == 0.0 => some(1.0),
            "regr_r2" => some(self.sum_xy * self.sum_xy / (self.sum_xx * self.sum_yy)),
            "regr_slope" if self.sum_xx == 0.0 => Ok(Datum::Null),
            "regr_slope" => some(self.sum_xy / self.sum_xx),
            _ if self.sum_xx == 0.0 => Ok(Datum::Null),
            _ => some((self.sum_y - self.sum_x * self.sum_xy / self.sum_xx) / n),
        }
    }
    fn state(&self) -> Option<Vec<Datum>> {
        None
    }
    fn combine(&mut self, _state: &[Datum]) -> Result<()> {
        Ok(())
    }
}

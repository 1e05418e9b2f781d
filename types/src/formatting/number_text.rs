//! Numbers to text through a template (`NUM_processor` in its direction to text).
//!
//! The number is first rounded to the template's digits after the point, or becomes `##.##` when it has too many before
//! it; then the template is walked with the digits.

use super::keywords::NumberField;
use super::number::{NumberTemplate, SignPlace};
use super::ordinal;
use super::template::NumberPart;
use crate::errors::{Result, data, formatting as errors};
use crate::numeric::Numeric;

/// Characters of a roman number at most.
const ROMAN_WIDTH: usize = 15;
/// Decimal digits that `float4` and `float8` hold.
const FLOAT4_DIGITS: usize = 6;
const FLOAT8_DIGITS: usize = 15;

/// `to_char(numeric, text)`
pub fn numeric_to_char(value: &Numeric, template: &str) -> Result<String> {
    let Some(mut template) = prepare(template)? else { return Ok(String::new()) };
    if template.roman {
        let whole = value.round(0).and_then(|whole| whole.to_i32()).unwrap_or(i32::MAX);
        return run(template, roman(whole.into()), 0, '+');
    }
    if template.scientific {
        return Ok(scientific(value, &template));
    }
    let mut value = value.clone();
    if template.shifted {
        value = value.mul(&power_of_ten(template.shift)?)?;
        template.before += template.shift;
    }
    let text = numeric_text(&value.round(template.after as i32)?);
    fit(template, &text)
}

fn numeric_text(value: &Numeric) -> String {
    let mut bytes = Vec::new();
    value.write_text(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

fn power_of_ten(exponent: usize) -> Result<Numeric> {
    Numeric::from_i64(10).power(&Numeric::from_i64(exponent as i64))
}

/// `to_char(int4, text)`
pub fn int4_to_char(value: i32, template: &str) -> Result<String> {
    let Some(mut template) = prepare(template)? else { return Ok(String::new()) };
    if template.roman {
        return run(template, roman(value.into()), 0, '+');
    }
    if template.scientific {
        return Ok(scientific(&Numeric::from_i64(value.into()), &template));
    }
    let mut value = value;
    if template.shifted {
        // PostgreSQL casts the power to int4 and multiplies without a check.
        value = value.wrapping_mul(10f64.powi(template.shift as i32) as i32);
        template.before += template.shift;
    }
    integer(template, value.into())
}

/// `to_char(int8, text)`
pub fn int8_to_char(value: i64, template: &str) -> Result<String> {
    let Some(mut template) = prepare(template)? else { return Ok(String::new()) };
    if template.roman {
        return run(template, roman(value), 0, '+');
    }
    if template.scientific {
        return Ok(scientific(&Numeric::from_i64(value), &template));
    }
    let mut value = value;
    if template.shifted {
        let factor = crate::arithmetic::int8::from_f64(10f64.powi(template.shift as i32))?;
        value = value.checked_mul(factor).ok_or_else(data::bigint_out_of_range)?;
        template.before += template.shift;
    }
    integer(template, value)
}

fn integer(template: NumberTemplate, value: i64) -> Result<String> {
    let mut text = value.to_string();
    if template.after > 0 {
        text.push('.');
        text.push_str(&"0".repeat(template.after));
    }
    fit(template, &text)
}

/// `to_char(float4, text)`
pub fn float4_to_char(value: f32, template: &str) -> Result<String> {
    float(f64::from(value), template, FLOAT4_DIGITS, |value, factor| {
        f64::from((value as f32) * (factor as f32))
    })
}

/// `to_char(float8, text)`
pub fn float8_to_char(value: f64, template: &str) -> Result<String> {
    float(value, template, FLOAT8_DIGITS, |value, factor| value * factor)
}

fn float(value: f64, template: &str, digits: usize, scale: fn(f64, f64) -> f64) -> Result<String> {
    let Some(mut template) = prepare(template)? else { return Ok(String::new()) };
    if template.roman {
        let rounded = value.round_ties_even();
        let whole = if rounded.abs() < 2_147_483_648.0 { rounded as i64 } else { i64::from(i32::MAX) };
        return run(template, roman(whole), 0, '+');
    }
    if template.scientific {
        if !value.is_finite() {
            return Ok(not_scientific(&template));
        }
        let text = format!("{:.*e}", template.after, value);
        return Ok(c_exponent(&text));
    }
    let mut value = value;
    if template.shifted {
        value = scale(value, 10f64.powi(template.shift as i32));
        template.before += template.shift;
    }
    let before = fixed(value.abs(), 0).len();
    if before >= digits {
        template.after = 0;
    } else if before + template.after > digits {
        template.after = digits - before;
    }
    let text = fixed(value, template.after);
    fit(template, &text)
}

/// Formats as C's `%.*f`.
fn fixed(value: f64, digits: usize) -> String {
    if value.is_nan() {
        "NaN".to_string()
    } else if value.is_infinite() {
        if value > 0.0 { "Infinity" } else { "-Infinity" }.to_string()
    } else {
        format!("{value:.digits$}")
    }
}

/// Turns `1.2e3` into ` 1.2e+03`.
fn c_exponent(text: &str) -> String {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let space = if mantissa.starts_with('-') { "" } else { " " };
    format!("{space}{mantissa}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

fn not_scientific(template: &NumberTemplate) -> String {
    let mut text: Vec<u8> = vec![b'#'; template.before + template.after + 6];
    text[0] = b' ';
    text[template.before + 1] = b'.';
    String::from_utf8_lossy(&text).into_owned()
}

/// Scientific notation of a numeric; its mantissa is rounded after the exponent is chosen, so it may be 10.
fn scientific(value: &Numeric, template: &NumberTemplate) -> String {
    let Ok((unscaled, scale)) = value.parts() else { return not_scientific(template) };
    let (text, negative) = match unscaled.to_string().strip_prefix('-') {
        Some(digits) => (digits.to_string(), true),
        None => (unscaled.to_string(), false),
    };
    let exponent = if value.is_zero() { 0 } else { text.len() as i32 - 1 - scale };
    // value / 10^exponent has one digit before the point.
    let mantissa = if value.is_zero() {
        Numeric::ZERO
    } else {
        Numeric::parse(&format!("{text}e-{}", text.len() - 1)).unwrap_or(Numeric::ZERO)
    };
    let rounded = numeric_text(&mantissa.round(template.after as i32).unwrap_or(mantissa));
    let sign = if negative { "-" } else { " " };
    format!("{sign}{rounded}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

/// Returns a roman number; those out of range become `#`.
fn roman(value: i64) -> String {
    const STEPS: [(i64, &str); 13] = [
        (1000, "M"),
        (900, "CM"),
        (500, "D"),
        (400, "CD"),
        (100, "C"),
        (90, "XC"),
        (50, "L"),
        (40, "XL"),
        (10, "X"),
        (9, "IX"),
        (5, "V"),
        (4, "IV"),
        (1, "I"),
    ];
    if !(1..=3999).contains(&value) {
        return "#".repeat(ROMAN_WIDTH);
    }
    let mut rest = value;
    let mut text = String::new();
    for (step, digits) in STEPS {
        while rest >= step {
            text.push_str(digits);
            rest -= step;
        }
    }
    text
}

/// Parses the template; `None` for an empty one.
fn prepare(template: &str) -> Result<Option<NumberTemplate>> {
    if template.is_empty() { Ok(None) } else { NumberTemplate::parse(template).map(Some) }
}

/// Fits the digits to the template and walks it.
fn fit(template: NumberTemplate, text: &str) -> Result<String> {
    let (sign, number) = match text.strip_prefix('-') {
        Some(rest) => ('-', rest),
        None => ('+', text),
    };
    let before = number.find('.').unwrap_or(number.len());
    if before > template.before {
        let mut filled = vec![b'#'; template.before + template.after + 1];
        filled[template.before] = b'.';
        return run(template, String::from_utf8_lossy(&filled).into_owned(), 0, sign);
    }
    let spaces = template.before - before;
    run(template, number.to_string(), spaces, sign)
}

struct Writer {
    template: NumberTemplate,
    number: Vec<u8>,
    /// Position in `number`.
    at: usize,
    /// Digit places walked.
    place: usize,
    /// Digit places in all, less one.
    places: usize,
    spaces: usize,
    sign: char,
    sign_written: bool,
    /// The last digit that fill mode keeps.
    last_relevant: Option<usize>,
    digits_written: bool,
    out: String,
}

fn run(template: NumberTemplate, number: String, spaces: usize, sign: char) -> Result<String> {
    let mut template = template;
    template.zero_start = template.zero_start.saturating_sub(1);
    let sign_written = if template.plus || template.minus {
        !template.plus || template.minus
    } else {
        if sign != '-' && template.fill_mode {
            template.bracket = false;
        }
        if template.sign_follows_digits() {
            template.sign_place = SignPlace::After;
        }
        sign == '+' && template.fill_mode && !template.sign
    };
    let number = number.into_bytes();
    let mut last_relevant = None;
    if template.fill_mode && template.decimal {
        last_relevant = number
            .iter()
            .position(|byte| *byte == b'.')
            .map(|point| (point + 1..number.len()).rev().find(|at| number[*at] != b'0').unwrap_or(point));
        if template.zero_end > spaces {
            let last_zero = (number.len() - 1).min(template.zero_end - spaces);
            last_relevant = last_relevant.map(|last| last.max(last_zero));
        }
    }
    let mut places = (template.after + template.before) as i64 - 1;
    if !sign_written && spaces == 0 {
        places += 1;
    }
    let places = usize::try_from(places).unwrap_or(usize::MAX);
    let parts = template.parts.clone();
    let mut writer = Writer {
        template,
        number,
        at: 0,
        place: 0,
        places,
        spaces,
        sign,
        sign_written,
        last_relevant,
        digits_written: false,
        out: String::new(),
    };
    for part in parts {
        match part {
            NumberPart::Literal(character) => writer.out.push(character),
            NumberPart::Field(field) => writer.field(field)?,
        }
    }
    Ok(writer.out)
}

impl Writer {
    fn field(&mut self, field: NumberField) -> Result<()> {
        let fill_mode = self.template.fill_mode;
        match field {
            NumberField::Nine | NumberField::Zero | NumberField::Point | NumberField::LocalePoint => {
                if !self.template.roman {
                    self.digit(field);
                }
            }
            NumberField::Comma | NumberField::Group if self.digits_written => self.out.push(','),
            NumberField::Comma | NumberField::Group if !fill_mode => self.out.push(' '),
            NumberField::Currency => self.out.push(' '),
            NumberField::Roman | NumberField::RomanLower => {
                let mut text = String::from_utf8_lossy(&self.number).into_owned();
                if field == NumberField::RomanLower {
                    text = text.to_ascii_lowercase();
                }
                if !fill_mode {
                    text = format!("{text:>ROMAN_WIDTH$}");
                }
                self.out.push_str(&text);
            }
            NumberField::Ordinal | NumberField::OrdinalUpper => {
                let skipped = self.template.roman
                    || self.number.first() == Some(&b'#')
                    || self.sign == '-'
                    || self.template.decimal;
                if !skipped {
                    let text = String::from_utf8_lossy(&self.number).into_owned();
                    let suffix = ordinal(&text).ok_or_else(|| errors::not_a_number(&text))?;
                    match field {
                        NumberField::OrdinalUpper => self.out.push_str(&suffix.to_ascii_uppercase()),
                        _ => self.out.push_str(suffix),
                    }
                }
            }
            NumberField::Minus if self.sign == '-' => self.out.push('-'),
            NumberField::Plus if self.sign == '+' => self.out.push('+'),
            NumberField::Minus | NumberField::Plus if !fill_mode => self.out.push(' '),
            NumberField::Signs => self.out.push(self.sign),
            NumberField::Comma
            | NumberField::Group
            | NumberField::Minus
            | NumberField::Plus
            | NumberField::Blank
            | NumberField::Scientific
            | NumberField::FillMode
            | NumberField::Bracket
            | NumberField::Sign
            | NumberField::Shift
            | NumberField::Nothing => {}
        }
        Ok(())
    }

    /// Whether the digit at hand is the zero before a point, which `9` does not show.
    fn is_leading_zero(&self) -> bool {
        !self.template.zero && self.at == 0 && self.number.first() == Some(&b'0') && self.template.after != 0
    }

    fn last_relevant_is_point(&self) -> bool {
        self.last_relevant.is_some_and(|last| self.number.get(last) == Some(&b'.'))
    }

    fn signed_text(&self) -> char {
        if self.sign == '-' { '-' } else { '+' }
    }

    fn write_sign(&mut self) {
        if self.template.sign {
            if self.template.sign_place == SignPlace::Before {
                self.out.push(self.signed_text());
                self.sign_written = true;
            }
            return;
        }
        if self.template.bracket {
            self.out.push(if self.sign == '+' { ' ' } else { '<' });
        } else if self.sign == '-' {
            self.out.push('-');
        } else if !self.template.fill_mode {
            self.out.push(' ');
        }
        self.sign_written = true;
    }

    fn digit(&mut self, field: NumberField) {
        let zero_here = self.template.zero && self.template.zero_start == self.place;
        if !self.sign_written
            && (self.place >= self.spaces || zero_here)
            && (!self.is_leading_zero() || self.last_relevant_is_point())
        {
            self.write_sign();
        }
        if self.place < self.spaces {
            if self.template.zero && self.template.zero_start <= self.place {
                self.out.push('0');
                self.digits_written = true;
            } else if !self.template.fill_mode {
                self.out.push(' ');
            }
        } else {
            self.number_digit(field);
        }
        let mut end = self.places + usize::from(self.spaces > 0) + usize::from(self.template.decimal);
        if self.last_relevant == Some(self.at) {
            end = self.place;
        }
        if self.place + 1 == end {
            if self.sign_written && self.template.bracket {
                self.out.push(if self.sign == '+' { ' ' } else { '>' });
            } else if self.template.sign && self.template.sign_place == SignPlace::After {
                self.out.push(self.signed_text());
            }
        }
        self.place += 1;
    }

    fn number_digit(&mut self, field: NumberField) {
        match self.number.get(self.at) {
            Some(b'.') => self.out.push('.'),
            _ if self.last_relevant.is_some_and(|last| self.at > last) && field != NumberField::Zero => {}
            _ if self.is_leading_zero() => {
                if !self.template.fill_mode {
                    self.out.push(' ');
                } else if self.last_relevant_is_point() {
                    self.out.push('0');
                }
            }
            Some(digit) => {
                self.out.push(char::from(*digit));
                self.digits_written = true;
            }
            None => {}
        }
        self.at += usize::from(self.at < self.number.len());
    }
}

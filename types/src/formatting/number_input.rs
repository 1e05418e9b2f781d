//! `to_number`: text to numeric through a template (`NUM_processor` in its other direction).

use super::keywords::NumberField;
use super::number::{NumberTemplate, SignPlace};
use super::template::NumberPart;
use crate::errors::{Result, formatting as errors};
use crate::numeric::Numeric;

/// `to_number(text, template)`; `None` for an empty template.
pub fn to_number(text: &str, template: &str) -> Result<Option<Numeric>> {
    if template.is_empty() {
        return Ok(None);
    }
    let template = NumberTemplate::parse(template)?;
    if template.scientific {
        return Err(errors::scientific_input());
    }
    let mut reader = Reader {
        input: text.chars().collect(),
        at: 0,
        sign: ' ',
        digits: String::new(),
        read_before: 0,
        read_after: 0,
        read_point: false,
        before: template.before,
        template: &template,
    };
    for part in &template.parts {
        if reader.at >= reader.input.len() {
            break;
        }
        match part {
            NumberPart::Literal(_) => reader.at += 1,
            NumberPart::Field(field) => reader.field(*field)?,
        }
    }
    let digits = reader.digits.strip_suffix('.').unwrap_or(&reader.digits);
    let number = format!("{}{digits}", reader.sign);
    let scale = reader.read_after as i32;
    let precision = (reader.before + template.shift) as i32 + scale;
    let value = Numeric::parse_typmod(&number, (precision << 16 | scale) + 4)?;
    if !template.shifted {
        return Ok(Some(value));
    }
    let factor = Numeric::from_i64(10).power(&Numeric::from_i64(-(template.shift as i64)))?;
    value.mul(&factor).map(Some)
}

struct Reader<'a> {
    input: Vec<char>,
    at: usize,
    sign: char,
    digits: String,
    read_before: usize,
    read_after: usize,
    read_point: bool,
    before: usize,
    template: &'a NumberTemplate,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.input.get(self.at).copied()
    }

    fn ended(&self) -> bool {
        self.at >= self.input.len()
    }

    fn skip_other(&mut self, count: usize) {
        for _ in 0..count {
            match self.peek() {
                Some(character) if !"0123456789.,+-".contains(character) => self.at += 1,
                Some(_) | None => break,
            }
        }
    }

    fn field(&mut self, field: NumberField) -> Result<()> {
        match field {
            NumberField::Nine | NumberField::Zero | NumberField::Point | NumberField::LocalePoint => {
                self.digit(field);
                self.at += 1;
            }
            NumberField::Comma | NumberField::Group => {
                // As in the other direction, nothing before the first digit counts in fill mode.
                if !self.template.fill_mode && self.peek() == Some(',') {
                    self.at += 1;
                }
            }
            NumberField::Currency => self.skip_other(1),
            NumberField::Roman | NumberField::RomanLower => {
                let value = self.roman().ok_or_else(errors::invalid_roman)?;
                self.digits = value.to_string();
                self.before = self.digits.len();
                self.read_after = 0;
            }
            NumberField::Ordinal | NumberField::OrdinalUpper => {
                if !self.template.roman && self.sign != '-' && !self.template.decimal {
                    self.skip_other(2);
                }
            }
            NumberField::Minus if self.peek() == Some('-') => self.take_sign('-'),
            NumberField::Plus if self.peek() == Some('+') => self.take_sign('+'),
            NumberField::Signs if matches!(self.peek(), Some('-' | '+')) => {
                self.take_sign(self.peek().unwrap_or('+'));
            }
            NumberField::Minus | NumberField::Plus | NumberField::Signs => self.skip_other(1),
            NumberField::Blank
            | NumberField::Scientific
            | NumberField::FillMode
            | NumberField::Bracket
            | NumberField::Sign
            | NumberField::Shift
            | NumberField::Nothing => {}
        }
        Ok(())
    }

    fn take_sign(&mut self, sign: char) {
        self.sign = sign;
        self.at += 1;
    }

    /// Reads one place; the caller goes on to the next character.
    fn digit(&mut self, field: NumberField) {
        if self.peek() == Some(' ') {
            self.at += 1;
        }
        if self.ended() {
            return;
        }
        let first = self.sign == ' ' && self.read_before + self.read_after == 0;
        if first && matches!(field, NumberField::Nine | NumberField::Zero) {
            self.leading_sign();
        }
        let mut read = false;
        match self.peek() {
            None => return,
            Some(digit) if digit.is_ascii_digit() => {
                if self.read_point && self.read_after == self.template.after {
                    return;
                }
                self.digits.push(digit);
                if self.read_point {
                    self.read_after += 1;
                } else {
                    self.read_before += 1;
                }
                read = true;
            }
            Some('.') if self.template.decimal && !self.read_point => {
                self.digits.push('.');
                self.read_point = true;
                read = true;
            }
            Some(_) => {}
        }
        if self.sign == ' ' && self.read_before + self.read_after > 0 {
            self.trailing_sign(read);
        }
    }

    fn leading_sign(&mut self) {
        match self.peek() {
            Some(sign @ ('-' | '+'))
                if !self.template.sign || self.template.sign_place == SignPlace::Before =>
            {
                self.take_sign(sign);
            }
            Some('<') if self.template.bracket => self.take_sign('-'),
            Some(_) | None => {}
        }
    }

    /// Looks for a sign behind the digit just read.
    fn trailing_sign(&mut self, read: bool) {
        let next = self.input.get(self.at + 1).copied();
        if self.template.sign {
            if let (true, Some(sign @ ('-' | '+'))) = (read, next) {
                self.sign = sign;
                self.at += 1;
            }
        } else if !read
            && (self.template.plus || self.template.minus)
            && let Some(sign @ ('-' | '+')) = self.peek()
        {
            self.sign = sign;
        }
    }

    /// Reads a roman number, with the strict rules for repetition and subtraction.
    fn roman(&mut self) -> Option<u32> {
        while self.peek().is_some_and(|character| character.is_ascii_whitespace()) {
            self.at += 1;
        }
        let start = self.at;
        while self.at - start < 15
            && self.peek().is_some_and(|character| "IVXLCDM".contains(character.to_ascii_uppercase()))
        {
            self.at += 1;
        }
        let text: String = self.input[start..self.at].iter().map(char::to_ascii_uppercase).collect();
        let places = [("M", "", ""), ("C", "D", "M"), ("X", "L", "C"), ("I", "V", "X")];
        let mut rest = text.as_str();
        let mut value = 0;
        for (one, five, ten) in places {
            let forms: Vec<String> = (0..=9)
                .map(|digit| match digit {
                    0..=3 => one.repeat(digit),
                    4 => format!("{one}{five}"),
                    5..=8 => format!("{five}{}", one.repeat(digit - 5)),
                    _ => format!("{one}{ten}"),
                })
                .collect();
            let usable = if five.is_empty() { &forms[..4] } else { &forms[..] };
            let longest = usable.iter().enumerate().filter(|(_, form)| rest.starts_with(form.as_str()));
            let (digit, form) = longest.max_by_key(|(_, form)| form.len())?;
            rest = &rest[form.len()..];
            value = value * 10 + digit as u32;
        }
        (rest.is_empty() && value > 0).then_some(value)
    }
}

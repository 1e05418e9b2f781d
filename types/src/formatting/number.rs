//! What a numeric template says as a whole (`NUMDesc`).

use super::keywords::NumberField;
use super::template::{self, NumberPart};
use crate::errors::{Result, formatting as errors};

/// Where an `S` is anchored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum SignPlace {
    #[default]
    None,
    Before,
    After,
}

/// A numeric template.
#[derive(Debug, Clone, Default)]
pub(super) struct NumberTemplate {
    pub(super) parts: Vec<NumberPart>,
    /// Digits before and after the point.
    pub(super) before: usize,
    pub(super) after: usize,
    /// Digits after `V`.
    pub(super) shift: usize,
    pub(super) sign_place: SignPlace,
    /// Digits before the `S` that stands before.
    digits_before_sign: usize,
    /// Position of the first and the last `0`.
    pub(super) zero_start: usize,
    pub(super) zero_end: usize,
    pub(super) decimal: bool,
    pub(super) zero: bool,
    pub(super) blank: bool,
    pub(super) fill_mode: bool,
    pub(super) sign: bool,
    pub(super) bracket: bool,
    pub(super) minus: bool,
    pub(super) plus: bool,
    pub(super) roman: bool,
    pub(super) shifted: bool,
    pub(super) scientific: bool,
}

impl NumberTemplate {
    /// Parses a template.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut template = Self { parts: template::number(text), ..Self::default() };
        for part in template.parts.clone() {
            if let NumberPart::Field(field) = part {
                template.note(field)?;
            }
        }
        Ok(template)
    }

    /// Returns whether the `S` before all digits counts as one after.
    pub(super) fn sign_follows_digits(&self) -> bool {
        self.sign_place == SignPlace::Before && self.before == self.digits_before_sign
    }

    fn note(&mut self, field: NumberField) -> Result<()> {
        if self.scientific && field != NumberField::Scientific {
            return Err(errors::template("\"EEEE\" must be the last pattern used"));
        }
        match field {
            NumberField::Nine => {
                if self.bracket {
                    return Err(errors::template("\"9\" must be ahead of \"PR\""));
                }
                if self.shifted {
                    self.shift += 1;
                } else if self.decimal {
                    self.after += 1;
                } else {
                    self.before += 1;
                }
            }
            NumberField::Zero => {
                if self.bracket {
                    return Err(errors::template("\"0\" must be ahead of \"PR\""));
                }
                if !self.zero && !self.decimal {
                    self.zero = true;
                    self.zero_start = self.before + 1;
                }
                if self.decimal {
                    self.after += 1;
                } else {
                    self.before += 1;
                }
                self.zero_end = self.before + self.after;
            }
            NumberField::Blank => self.blank |= self.before == 0 && self.after == 0 && !self.zero,
            NumberField::LocalePoint | NumberField::Point => {
                if self.decimal {
                    return Err(errors::template("multiple decimal points"));
                }
                if self.shifted {
                    return Err(errors::template("cannot use \"V\" and decimal point together"));
                }
                self.decimal = true;
            }
            NumberField::FillMode => self.fill_mode = true,
            NumberField::Sign => return self.note_sign(),
            NumberField::Minus | NumberField::Plus | NumberField::Signs => {
                if self.sign {
                    let name = match field {
                        NumberField::Minus => "MI",
                        NumberField::Plus => "PL",
                        _ => "SG",
                    };
                    return Err(errors::template(format!("cannot use \"S\" and \"{name}\" together")));
                }
                self.minus |= field != NumberField::Plus;
                self.plus |= field != NumberField::Minus;
            }
            NumberField::Bracket => {
                if self.sign || self.plus || self.minus {
                    return Err(errors::template(
                        "cannot use \"PR\" and \"S\"/\"PL\"/\"MI\"/\"SG\" together",
                    ));
                }
                self.bracket = true;
            }
            NumberField::Roman | NumberField::RomanLower => {
                if self.roman {
                    return Err(errors::template("cannot use \"RN\" twice"));
                }
                self.roman = true;
            }
            NumberField::Shift => {
                if self.decimal {
                    return Err(errors::template("cannot use \"V\" and decimal point together"));
                }
                self.shifted = true;
            }
            NumberField::Scientific => {
                if self.scientific {
                    return Err(errors::template("cannot use \"EEEE\" twice"));
                }
                let others = [self.blank, self.fill_mode, self.sign, self.bracket, self.minus, self.plus];
                if others.contains(&true) || self.roman || self.shifted {
                    return Err(errors::scientific_incompatible());
                }
                self.scientific = true;
            }
            NumberField::Comma
            | NumberField::Group
            | NumberField::Currency
            | NumberField::Ordinal
            | NumberField::OrdinalUpper
            | NumberField::Nothing => {}
        }
        Ok(())
    }

    fn note_sign(&mut self) -> Result<()> {
        if self.sign {
            return Err(errors::template("cannot use \"S\" twice"));
        }
        if self.plus || self.minus || self.bracket {
            return Err(errors::template("cannot use \"S\" and \"PL\"/\"MI\"/\"SG\"/\"PR\" together"));
        }
        if !self.decimal {
            self.sign_place = SignPlace::Before;
            self.digits_before_sign = self.before;
        } else if self.sign_place == SignPlace::None {
            self.sign_place = SignPlace::After;
        }
        self.sign = true;
        Ok(())
    }
}

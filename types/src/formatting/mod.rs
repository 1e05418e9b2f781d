//! `to_char`, `to_number`, `to_date`, `to_timestamp`: values through format templates.
//!
//! * `template`: cuts a template into fields and literal characters
//! * `number`, `number_text`, `number_input`: numeric templates, to text and back
//! * `date_text`, `date_input`, `date_settle`, `date_fields`: date/time templates, to text and back

mod date_fields;
mod date_input;
mod date_settle;
mod date_text;
mod keywords;
mod number;
mod number_input;
mod number_text;
mod template;

pub use date_input::{to_date, to_timestamp};
pub use date_text::{interval_to_char, timestamp_to_char, timestamptz_to_char};
pub use number_input::to_number;
pub use number_text::{float4_to_char, float8_to_char, int4_to_char, int8_to_char, numeric_to_char};

/// Returns the English ordinal suffix of a number's text (`get_th`).
fn ordinal(digits: &str) -> Option<&'static str> {
    let bytes = digits.as_bytes();
    let last = *bytes.last().filter(|byte| byte.is_ascii_digit())?;
    if bytes.len() > 1 && bytes[bytes.len() - 2] == b'1' {
        return Some("th");
    }
    Some(match last {
        b'1' => "st",
        b'2' => "nd",
        b'3' => "rd",
        _ => "th",
    })
}

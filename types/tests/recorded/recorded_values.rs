//! Text input and output of every type, and datums through the binary form and the value codec.

use types::io::{IoContext, binary_input, binary_output, text_input, text_output};
use types::{Datum, PgError, oids};

fn call(name: &str, arguments: &[&str]) -> Result<String, PgError> {
    let parts: Vec<&str> = name.split(':').collect();
    let (oid, typmod) = (parts[1].parse().unwrap(), parts[2].parse().unwrap());
    let context = IoContext::default();
    let value = text_input(oid, typmod, arguments[0], &context)?;
    let mut text = String::new();
    text_output(oid, &value, &context, &mut text)?;
    let mut binary = Vec::new();
    binary_output(oid, &value, &mut binary)?;
    let again = binary_input(oid, typmod, &binary)?;
    let mut encoded = Vec::new();
    types::codec::encode_value(&value, &mut encoded);
    let decoded = types::codec::decode_value(&encoded)?;
    for copy in [again, decoded] {
        assert!(types::compare::compare(oid, &copy, &value).is_eq(), "{copy:?} {value:?}");
    }
    // A cast of bool to text spells the words out.
    Ok(match value {
        Datum::Bool(flag) => flag.to_string(),
        Datum::Text(text) if oid == oids::BPCHAR => types::compare::trim_blanks(&text).to_string(),
        _ => text,
    })
}

#[test]
fn values_agree_with_postgresql() {
    super::check(include_str!("../data/values.tsv"), call);
}

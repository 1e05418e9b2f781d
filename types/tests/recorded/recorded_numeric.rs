//! `numeric`.

use types::numeric::Modifier;
use types::{Numeric, PgError};

fn one(arguments: &[&str]) -> Numeric {
    arguments[0].parse().unwrap()
}

fn two(arguments: &[&str]) -> (Numeric, Numeric) {
    (arguments[0].parse().unwrap(), arguments[1].parse().unwrap())
}

fn unary(arguments: &[&str], call: fn(&Numeric) -> Result<Numeric, PgError>) -> Result<String, PgError> {
    call(&one(arguments)).map(|value| value.to_string())
}

fn binary(
    arguments: &[&str],
    call: fn(&Numeric, &Numeric) -> Result<Numeric, PgError>,
) -> Result<String, PgError> {
    let (left, right) = two(arguments);
    call(&left, &right).map(|value| value.to_string())
}

fn call(name: &str, arguments: &[&str]) -> Result<String, PgError> {
    if let Some(limits) = name.strip_prefix("typmod:") {
        let (precision, scale) = limits.split_once(':').unwrap();
        let modifier = Modifier { precision: precision.parse().unwrap(), scale: scale.parse().unwrap() };
        return Numeric::parse_typmod(arguments[0], modifier.typmod()).map(|value| value.to_string());
    }
    match name {
        "add" => binary(arguments, Numeric::add),
        "sub" => binary(arguments, Numeric::sub),
        "mul" => binary(arguments, Numeric::mul),
        "div" => binary(arguments, Numeric::div),
        "rem" => binary(arguments, Numeric::rem),
        "div_trunc" => binary(arguments, Numeric::div_trunc),
        "gcd" => binary(arguments, Numeric::gcd),
        "lcm" => binary(arguments, Numeric::lcm),
        "power" => binary(arguments, Numeric::power),
        "log" => binary(arguments, |base, value| value.log(base)),
        "cmp" => Ok((two(arguments).0.cmp(&two(arguments).1) as i32).to_string()),
        "sqrt" => unary(arguments, Numeric::sqrt),
        "exp" => unary(arguments, Numeric::exp),
        "ln" => unary(arguments, Numeric::ln),
        "log10" => unary(arguments, Numeric::log10),
        "ceil" => unary(arguments, Numeric::ceil),
        "floor" => unary(arguments, Numeric::floor),
        "abs" => Ok(one(arguments).abs().to_string()),
        "sign" => Ok(one(arguments).sign().to_string()),
        "trim_scale" => unary(arguments, Numeric::trim_scale),
        "min_scale" => Ok(one(arguments).min_scale().map_or("NULL".into(), |scale| scale.to_string())),
        "round" => one(arguments).round(arguments[1].parse().unwrap()).map(|value| value.to_string()),
        "trunc" => one(arguments).trunc(arguments[1].parse().unwrap()).map(|value| value.to_string()),
        "parse" => Numeric::parse(arguments[0]).map(|value| value.to_string()),
        "to_int2" => one(arguments).to_i16().map(|value| value.to_string()),
        "to_int4" => one(arguments).to_i32().map(|value| value.to_string()),
        "to_int8" => one(arguments).to_i64().map(|value| value.to_string()),
        "to_float8" => one(arguments).to_f64().map(|value| types::float::format_f64(value, 1)),
        "to_float4" => one(arguments).to_f32().map(|value| types::float::format_f32(value, 1)),
        "from_float8" => Numeric::from_f64(arguments[0].parse().unwrap()).map(|value| value.to_string()),
        "from_float4" => Numeric::from_f32(arguments[0].parse().unwrap()).map(|value| value.to_string()),
        "factorial" => Numeric::factorial(arguments[0].parse().unwrap()).map(|value| value.to_string()),
        "binary" => {
            let mut bytes = Vec::new();
            one(arguments).write_binary(&mut bytes);
            let back = Numeric::read_binary(&bytes, -1)?;
            assert_eq!(back.to_string(), one(arguments).to_string());
            Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
        }
        _ => panic!("unknown {name}"),
    }
}

#[test]
fn numeric_agrees_with_postgresql() {
    super::check(include_str!("../data/numeric.tsv"), call);
}

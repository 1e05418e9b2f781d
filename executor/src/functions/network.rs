//! Functions on network and MAC addresses.

use std::cmp::Ordering;
use std::sync::Arc;

use types::errors::network as errors;
use types::network::Inet;
use types::{Datum, PgError, Result, oids};

use super::arguments::{int4, int8};
use super::{CallContext, FunctionEntry, row};

fn bytes(args: &[Datum], index: usize) -> Result<&[u8]> {
    match args.get(index) {
        Some(Datum::Bytes(bytes)) => Ok(bytes),
        _ => Err(PgError::internal(format!("argument {index} is not an address"))),
    }
}

fn inet(args: &[Datum], index: usize) -> Result<Inet> {
    Inet::from_stored(bytes(args, index)?).ok_or_else(|| PgError::internal("a stored address is damaged"))
}

fn order(args: &[Datum]) -> Result<Ordering> {
    Ok(bytes(args, 0)?.cmp(bytes(args, 1)?))
}

fn pick(args: &[Datum], wanted: Ordering) -> Result<Datum> {
    let left = order(args)? == wanted;
    Ok(args.get(usize::from(!left)).cloned().unwrap_or_default())
}

/// Whether the network at `outer` includes the one at `inner`; `proper`: and is larger.
fn includes(args: &[Datum], outer: usize, inner: usize, proper: bool) -> Result<Datum> {
    let (outer, inner) = (inet(args, outer)?, inet(args, inner)?);
    let longer = if proper { inner.bits > outer.bits } else { inner.bits >= outer.bits };
    Ok(Datum::Bool(longer && outer.same_bits(&inner, outer.bits)))
}

fn overlap(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    let (left, right) = (inet(args, 0)?, inet(args, 1)?);
    Ok(Datum::Bool(left.same_bits(&right, left.bits.min(right.bits))))
}

fn difference(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    let (left, right) = (inet(args, 0)?, inet(args, 1)?);
    if left.address.len() != right.address.len() {
        return Err(errors::different_sizes("subtract"));
    }
    let (l, r) = (left.number(), right.number());
    let distance = if l >= r { i128::try_from(l - r) } else { i128::try_from(r - l).map(|found| -found) };
    let distance = distance.ok().and_then(|distance| i64::try_from(distance).ok());
    Ok(Datum::I64(distance.ok_or_else(errors::result_out_of_range)?))
}

fn moved(args: &[Datum], address: usize, offset: i128) -> Result<Datum> {
    Ok(inet(args, address)?.plus(offset)?.datum())
}

fn mac(bytes: Vec<u8>) -> Result<Datum> {
    Ok(Datum::Bytes(Arc::from(bytes)))
}

fn mac_pairs(args: &[Datum], combine: fn(u8, u8) -> u8) -> Result<Datum> {
    mac(bytes(args, 0)?.iter().zip(bytes(args, 1)?).map(|(l, r)| combine(*l, *r)).collect())
}

fn mac_trunc(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    mac(bytes(args, 0)?.iter().enumerate().map(|(index, byte)| if index < 3 { *byte } else { 0 }).collect())
}

fn to_mac8(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    let mut wide = bytes(args, 0)?.to_vec();
    wide.splice(3..3, [0xff, 0xfe]);
    mac(wide)
}

fn to_mac(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    match bytes(args, 0)? {
        [a, b, c, 0xff, 0xfe, d, e, f] => mac(vec![*a, *b, *c, *d, *e, *f]),
        _ => Err(errors::macaddr8_out_of_range()),
    }
}

fn set_bit_7(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    let mut changed = bytes(args, 0)?.to_vec();
    if let Some(first) = changed.first_mut() {
        *first |= 2;
    }
    mac(changed)
}

/// The text of the argument with its length, also of a whole `inet`.
fn show(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    Ok(Datum::text(inet(args, 0)?.cidr_text()))
}

fn abbreviation(args: &[Datum], call: &CallContext<'_>) -> Result<Datum> {
    let is_cidr = call.arg_types.first().is_some_and(|ty| ty.oid == oids::CIDR);
    let address = inet(args, 0)?;
    Ok(Datum::text(if is_cidr { address.cidr_abbreviation() } else { address.inet_text() }))
}

macro_rules! ordered {
    ($name:literal, $test:ident) => {
        row($name, |args, _| Ok(Datum::Bool(order(args)?.$test())))
    };
}

macro_rules! part {
    ($name:literal, $method:ident) => {
        row($name, |args, _| Ok(inet(args, 0)?.$method().datum()))
    };
}

/// Sorted by `prosrc`.
pub(super) const TABLE: &[FunctionEntry] = &[
    row("cidr_abbrev", |args, _| Ok(Datum::text(inet(args, 0)?.cidr_abbreviation()))),
    row("cidr_set_masklen", |args, _| Ok(inet(args, 0)?.with_bits(int4(args, 1)?)?.network().datum())),
    row("inet_abbrev", abbreviation),
    row("inet_merge", |args, _| Ok(inet(args, 0)?.merge(&inet(args, 1)?)?.datum())),
    row("inet_same_family", |args, _| Ok(Datum::Bool(inet(args, 0)?.family() == inet(args, 1)?.family()))),
    row("inet_set_masklen", |args, _| Ok(inet(args, 0)?.with_bits(int4(args, 1)?)?.datum())),
    part!("inet_to_cidr", network),
    row("inetand", |args, _| Ok(inet(args, 0)?.bitwise(&inet(args, 1)?, "AND", |l, r| l & r)?.datum())),
    row("inetmi", difference),
    row("inetmi_int8", |args, _| moved(args, 0, -i128::from(int8(args, 1)?))),
    row("inetnot", |args, _| {
        let address = inet(args, 0)?;
        let flipped = address.address.iter().map(|byte| !byte).collect();
        Ok(Inet { address: flipped, bits: address.bits }.datum())
    }),
    row("inetor", |args, _| Ok(inet(args, 0)?.bitwise(&inet(args, 1)?, "OR", |l, r| l | r)?.datum())),
    row("inetpl", |args, _| moved(args, 0, i128::from(int8(args, 1)?))),
    row("int8pl_inet_2631", |args, _| moved(args, 1, i128::from(int8(args, 0)?))),
    row("macaddr8_and", |args, _| mac_pairs(args, |l, r| l & r)),
    row("macaddr8_cmp", |args, _| Ok(Datum::I32(order(args)? as i32))),
    ordered!("macaddr8_eq", is_eq),
    ordered!("macaddr8_ge", is_ge),
    ordered!("macaddr8_gt", is_gt),
    ordered!("macaddr8_le", is_le),
    ordered!("macaddr8_lt", is_lt),
    ordered!("macaddr8_ne", is_ne),
    row("macaddr8_not", |args, _| mac(bytes(args, 0)?.iter().map(|byte| !byte).collect())),
    row("macaddr8_or", |args, _| mac_pairs(args, |l, r| l | r)),
    row("macaddr8_set7bit", set_bit_7),
    row("macaddr8_trunc", mac_trunc),
    row("macaddr8tomacaddr", to_mac),
    row("macaddr_and", |args, _| mac_pairs(args, |l, r| l & r)),
    row("macaddr_cmp", |args, _| Ok(Datum::I32(order(args)? as i32))),
    ordered!("macaddr_eq", is_eq),
    ordered!("macaddr_ge", is_ge),
    ordered!("macaddr_gt", is_gt),
    ordered!("macaddr_le", is_le),
    ordered!("macaddr_lt", is_lt),
    ordered!("macaddr_ne", is_ne),
    row("macaddr_not", |args, _| mac(bytes(args, 0)?.iter().map(|byte| !byte).collect())),
    row("macaddr_or", |args, _| mac_pairs(args, |l, r| l | r)),
    row("macaddr_trunc", mac_trunc),
    row("macaddrtomacaddr8", to_mac8),
    part!("network_broadcast", broadcast),
    row("network_cmp", |args, _| Ok(Datum::I32(order(args)? as i32))),
    ordered!("network_eq", is_eq),
    row("network_family", |args, _| Ok(Datum::I32(inet(args, 0)?.family()))),
    ordered!("network_ge", is_ge),
    ordered!("network_gt", is_gt),
    row("network_host", |args, _| Ok(Datum::text(inet(args, 0)?.host()))),
    part!("network_hostmask", hostmask),
    row("network_larger", |args, _| pick(args, Ordering::Greater)),
    ordered!("network_le", is_le),
    ordered!("network_lt", is_lt),
    row("network_masklen", |args, _| Ok(Datum::I32(i32::from(inet(args, 0)?.bits)))),
    ordered!("network_ne", is_ne),
    part!("network_netmask", netmask),
    part!("network_network", network),
    row("network_overlap", overlap),
    row("network_show", show),
    row("network_smaller", |args, _| pick(args, Ordering::Less)),
    row("network_sub", |args, _| includes(args, 1, 0, true)),
    row("network_subeq", |args, _| includes(args, 1, 0, false)),
    row("network_sup", |args, _| includes(args, 0, 1, true)),
    row("network_supeq", |args, _| includes(args, 0, 1, false)),
];

//! `inet`, `cidr`, `macaddr` and `macaddr8`.
//!
//! An address is stored as its family (4 or 6), the network part, the number of bits, and the whole address. Bytes
//! in that order compare as the values do: by network, then by its length, then by host.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use crate::datum::Datum;
use crate::errors::{Result, data, network as errors};

/// An address with the length of its network part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inet {
    /// Four or sixteen bytes.
    pub address: Vec<u8>,
    /// Bits of the network part.
    pub bits: u8,
}

impl Inet {
    /// Returns the most bits that the family has.
    pub fn bits_max(&self) -> u8 {
        (self.address.len() * 8) as u8
    }
    /// Returns 4 or 6.
    pub fn family(&self) -> i32 {
        if self.address.len() == 4 { 4 } else { 6 }
    }
    /// Returns a mask with the first `bits` set.
    fn mask(&self, bits: u8) -> Vec<u8> {
        (0..self.address.len())
            .map(|index| match usize::from(bits).saturating_sub(index * 8) {
                8.. => 0xff,
                rest => !(0xff_u16 >> rest) as u8,
            })
            .collect()
    }
    fn combined(&self, other: &[u8], combine: impl Fn(u8, u8) -> u8) -> Vec<u8> {
        self.address.iter().zip(other).map(|(l, r)| combine(*l, *r)).collect()
    }
    /// Returns the network: host bits zero.
    pub fn network(&self) -> Self {
        Self { address: self.combined(&self.mask(self.bits), |byte, mask| byte & mask), bits: self.bits }
    }
    /// Returns the broadcast address: host bits one.
    pub fn broadcast(&self) -> Self {
        Self { address: self.combined(&self.mask(self.bits), |byte, mask| byte | !mask), bits: self.bits }
    }
    /// Returns the mask of the network part.
    pub fn netmask(&self) -> Self {
        Self { address: self.mask(self.bits), bits: self.bits_max() }
    }
    /// Returns the mask of the host part.
    pub fn hostmask(&self) -> Self {
        Self { address: self.mask(self.bits).iter().map(|byte| !byte).collect(), bits: self.bits_max() }
    }
    /// Returns whether the first `bits` of both are equal.
    pub fn same_bits(&self, other: &Self, bits: u8) -> bool {
        let mask = self.mask(bits);
        self.address.len() == other.address.len()
            && self.combined(&mask, |byte, mask| byte & mask)
                == other.combined(&mask, |byte, mask| byte & mask)
    }
    /// Returns the address with its network's length, which must exist.
    pub fn with_bits(&self, bits: i32) -> Result<Self> {
        let most = i32::from(self.bits_max());
        let bits = if bits == -1 { most } else { bits };
        if !(0..=most).contains(&bits) {
            return Err(errors::invalid_mask_length(bits));
        }
        Ok(Self { address: self.address.clone(), bits: bits as u8 })
    }
    /// Returns the address moved by `offset`.
    pub fn plus(&self, offset: i128) -> Result<Self> {
        let moved = if self.address.len() == 4 {
            let sum = i128::try_from(self.number()).unwrap_or(0) + offset;
            u32::try_from(sum).ok().map(|sum| sum.to_be_bytes().to_vec())
        } else if offset >= 0 {
            self.number().checked_add(offset as u128).map(|sum| sum.to_be_bytes().to_vec())
        } else {
            self.number().checked_sub(offset.unsigned_abs()).map(|sum| sum.to_be_bytes().to_vec())
        };
        Ok(Self { address: moved.ok_or_else(errors::result_out_of_range)?, bits: self.bits })
    }
    /// Returns the address as a number.
    pub fn number(&self) -> u128 {
        self.address.iter().fold(0, |number, byte| number << 8 | u128::from(*byte))
    }
    /// Returns the bitwise combination of two addresses of one family.
    pub fn bitwise(&self, other: &Self, name: &str, combine: impl Fn(u8, u8) -> u8) -> Result<Self> {
        if self.address.len() != other.address.len() {
            return Err(errors::different_sizes(name));
        }
        Ok(Self { address: self.combined(&other.address, combine), bits: self.bits.max(other.bits) })
    }
    /// Returns the smallest network around both.
    pub fn merge(&self, other: &Self) -> Result<Self> {
        if self.address.len() != other.address.len() {
            return Err(errors::different_families());
        }
        let mut bits = self.bits.min(other.bits);
        while !self.same_bits(other, bits) {
            bits -= 1;
        }
        Ok(Self { address: self.address.clone(), bits }.network())
    }
    /// Returns the address without its network's length.
    pub fn host(&self) -> String {
        if let Ok(bytes) = <[u8; 4]>::try_from(self.address.as_slice()) {
            return Ipv4Addr::from(bytes).to_string();
        }
        let bytes = <[u8; 16]>::try_from(self.address.as_slice()).unwrap_or([0; 16]);
        let address = Ipv6Addr::from(bytes);
        let words = address.segments();
        if words[..6].iter().all(|word| *word == 0) && words[6] != 0 {
            return format!("::{}.{}.{}.{}", bytes[12], bytes[13], bytes[14], bytes[15]);
        }
        address.to_string()
    }
    /// Returns the text of `inet`: the length only where it is not the whole address.
    pub fn inet_text(&self) -> String {
        if self.bits == self.bits_max() { self.host() } else { self.cidr_text() }
    }
    /// Returns the text of `cidr`.
    pub fn cidr_text(&self) -> String {
        format!("{}/{}", self.host(), self.bits)
    }
    /// Returns `abbrev(cidr)`: an IPv4 network without its trailing zero bytes.
    pub fn cidr_abbreviation(&self) -> String {
        if self.address.len() != 4 {
            return self.cidr_text();
        }
        let count = usize::from(self.bits.div_ceil(8)).max(1);
        let shown: Vec<String> = self.address.iter().take(count).map(u8::to_string).collect();
        format!("{}/{}", shown.join("."), self.bits)
    }

    /// Returns the stored form.
    pub fn datum(&self) -> Datum {
        let mut bytes = vec![self.family() as u8];
        bytes.extend(self.network().address);
        bytes.push(self.bits);
        bytes.extend(&self.address);
        Datum::Bytes(Arc::from(bytes))
    }
    /// Reads the stored form.
    pub fn from_stored(bytes: &[u8]) -> Option<Self> {
        let len = if bytes.first() == Some(&4) { 4 } else { 16 };
        let bits = *bytes.get(1 + len)?;
        Some(Self { address: bytes.get(2 + len..2 + 2 * len)?.to_vec(), bits })
    }

    /// Parses `inet`.
    pub fn parse(text: &str) -> Result<Self> {
        let (address, bits, octets) = parts(text).ok_or_else(|| data::invalid_input_syntax("inet", text))?;
        let invalid = || data::invalid_input_syntax("inet", text);
        let most = (address.len() * 8) as u8;
        let bits = match bits {
            Some(bits) if bits <= most && usize::from(bits / 8) <= octets => bits,
            None if octets == address.len() => most,
            Some(_) | None => return Err(invalid()),
        };
        Ok(Self { address, bits })
    }

    /// Parses `cidr`: missing octets are zero, a missing length comes from the class.
    pub fn parse_cidr(text: &str) -> Result<Self> {
        let invalid = || data::invalid_input_syntax("cidr", text);
        let (address, bits, octets) = parts(text).ok_or_else(invalid)?;
        let most = (address.len() * 8) as u8;
        let bits = match bits {
            Some(bits) if bits <= most => bits,
            Some(_) => return Err(invalid()),
            None if most == 128 => most,
            None => {
                let first = address.first().copied().unwrap_or(0);
                let class = match first {
                    240.. => 32,
                    224.. => 8,
                    192.. => 24,
                    128.. => 16,
                    _ => 8,
                };
                let bits: u8 = class.max(octets as u8 * 8);
                if bits == 8 && first == 224 { 4 } else { bits }
            }
        };
        let found = Self { address, bits };
        if found.network() != found {
            return Err(errors::bits_right_of_mask(text));
        }
        Ok(found)
    }
}

/// Returns the address, the length after the slash, and how many octets were written.
fn parts(text: &str) -> Option<(Vec<u8>, Option<u8>, usize)> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => {
            let digits = !bits.is_empty() && bits.bytes().all(|byte| byte.is_ascii_digit());
            (address, Some(bits.parse::<u8>().ok().filter(|_| digits)?))
        }
        None => (text, None),
    };
    if address.contains(':') {
        return Some((address.parse::<Ipv6Addr>().ok()?.octets().to_vec(), bits, 16));
    }
    let mut bytes = Vec::new();
    for part in address.split('.') {
        if part.is_empty() || part.len() > 3 || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        bytes.push(part.parse::<u8>().ok()?);
    }
    let octets = bytes.len();
    if octets > 4 {
        return None;
    }
    bytes.resize(4, 0);
    Some((bytes, bits, octets))
}

/// Returns the text of a MAC address of either size.
pub fn mac_text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}

/// Parses `macaddr`: pairs, triples or all digits together, with one kind of separator.
pub fn parse_mac(text: &str) -> Result<[u8; 6]> {
    let invalid = || data::invalid_input_syntax("macaddr", text);
    let trimmed = text.trim_matches(|c: char| c.is_ascii_whitespace());
    for (separator, counts) in [(':', &[6, 2][..]), ('-', &[6, 2, 3][..]), ('.', &[3][..]), ('\0', &[1][..])]
    {
        let groups: Vec<&str> = trimmed.split(separator).collect();
        if !counts.contains(&groups.len()) {
            continue;
        }
        let width = 12 / groups.len();
        let mut bytes = Vec::new();
        for group in &groups {
            // Only bytes of their own may be short.
            let short = groups.len() == 6 && group.len() == 1;
            if !(group.len() == width || short) || !group.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(invalid());
            }
            let padded = format!("{group:0>width$}");
            for at in (0..width).step_by(2) {
                let pair = padded.get(at..at + 2).unwrap_or("");
                bytes.push(u8::from_str_radix(pair, 16).map_err(|_| invalid())?);
            }
        }
        return <[u8; 6]>::try_from(bytes).map_err(|_| invalid());
    }
    Err(invalid())
}

/// Parses `macaddr8`: eight bytes, or six with `ff:fe` put in the middle.
pub fn parse_mac8(text: &str) -> Result<[u8; 8]> {
    let invalid = || data::invalid_input_syntax("macaddr8", text);
    let trimmed = text.trim_matches(|c: char| c.is_ascii_whitespace());
    let mut bytes = Vec::new();
    let mut separator = None;
    let mut rest = trimmed;
    while !rest.is_empty() {
        let pair = rest.get(..2).filter(|pair| pair.bytes().all(|byte| byte.is_ascii_hexdigit()));
        bytes.push(pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()).ok_or_else(invalid)?);
        rest = rest.get(2..).unwrap_or("");
        if let Some(next) = rest.chars().next().filter(|next| matches!(next, ':' | '-' | '.')) {
            if *separator.get_or_insert(next) != next || rest.len() == 1 {
                return Err(invalid());
            }
            rest = rest.get(1..).unwrap_or("");
        }
    }
    if bytes.len() == 6 {
        bytes.splice(3..3, [0xff, 0xfe]);
    }
    <[u8; 8]>::try_from(bytes).map_err(|_| invalid())
}

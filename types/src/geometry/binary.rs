//! Binary wire form of the geometric types: big-endian numbers, for paths and polygons after their count.

use super::{Path, Point, ordered_box, points, read, stored, stored_points};
use crate::errors::{Result, data};
use crate::{Datum, Oid, oids};

/// Appends the binary form of a value of a geometric type; says whether `oid` is one.
pub fn output(oid: Oid, bytes: &[u8], out: &mut Vec<u8>) -> bool {
    let numbers = match oid {
        oids::POINT | oids::LSEG | oids::BOX | oids::LINE | oids::CIRCLE => read(bytes),
        oids::POLYGON => {
            out.extend_from_slice(&(points(bytes).len() as u32).to_be_bytes());
            read(bytes)
        }
        oids::PATH => {
            let path = Path::read(bytes);
            out.push(u8::from(path.closed));
            out.extend_from_slice(&(path.points.len() as u32).to_be_bytes());
            path.points.iter().flat_map(|point| [point.x, point.y]).collect()
        }
        _ => return false,
    };
    numbers.iter().for_each(|number| out.extend_from_slice(&number.to_be_bytes()));
    true
}

/// Reads the binary form of a value of a geometric type.
pub fn input(oid: Oid, bytes: &[u8]) -> Result<Datum> {
    let (closed, rest) = match (oid, bytes) {
        (oids::PATH, [closed, rest @ ..]) => (*closed != 0, rest),
        (oids::PATH, []) => return Err(data::binary_too_short()),
        _ => (false, bytes),
    };
    let (expected, rest) = match oid {
        oids::PATH | oids::POLYGON => {
            let (count, rest) = rest.split_first_chunk::<4>().ok_or_else(data::binary_too_short)?;
            (u32::from_be_bytes(*count) as usize * 2, rest)
        }
        oids::POINT => (2, rest),
        oids::LINE | oids::CIRCLE => (3, rest),
        _ => (4, rest),
    };
    let (chunks, left) = rest.as_chunks::<8>();
    if chunks.len() < expected {
        return Err(data::binary_too_short());
    }
    if chunks.len() > expected || !left.is_empty() {
        return Err(data::invalid_binary("incorrect binary data format"));
    }
    let numbers: Vec<f64> = chunks.iter().map(|chunk| f64::from_be_bytes(*chunk)).collect();
    let found: Vec<Point> = numbers.as_chunks::<2>().0.iter().map(|[x, y]| Point { x: *x, y: *y }).collect();
    Ok(match (oid, found.as_slice()) {
        (oids::PATH, _) => Path { closed, points: found }.datum(),
        (oids::BOX, [a, b]) => stored_points(&ordered_box(*a, *b)),
        _ => stored(&numbers),
    })
}

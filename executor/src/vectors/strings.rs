//! Vector forms of string functions.

use kernels::vector::{Values, Vector, VectorData, Views, ViewsBuilder};
use types::text::strings;

/// `substring(string from start for count)` with constant start and count.
pub(crate) fn substring(args: &[Vector], len: usize, _faults: &mut [u64]) -> Option<Vector> {
    let [strings, start, count] = args else { return None };
    let (start, count) = (constant_int(start)?, constant_int(count)?);
    if count < 0 {
        return None;
    }
    // ASCII strings are cut by bytes.
    let first = usize::try_from(i64::from(start) - 1).unwrap_or(0);
    let end = usize::try_from(i64::from(start) + i64::from(count) - 1).unwrap_or(0).max(first);
    map_views(strings, len, |bytes| {
        let reached = bytes.get(..end).unwrap_or(bytes);
        if reached.is_ascii() {
            return reached.get(first..);
        }
        let text = std::str::from_utf8(bytes).ok()?;
        strings::substring(text, start, count).ok().map(str::as_bytes)
    })
}

/// `text(bpchar)`: without the blanks at the end.
pub(crate) fn trim_blanks(args: &[Vector], len: usize, _faults: &mut [u64]) -> Option<Vector> {
    let [strings] = args else { return None };
    if let VectorData::Flat(Values::Views(views)) = &strings.data
        && views.iter().all(|bytes| bytes.last() != Some(&b' '))
    {
        return Some(strings.clone());
    }
    map_views(strings, len, |bytes| Some(crate::values::trim_blanks(bytes)))
}

/// Applies a function from strings to parts of them; `None` where it gives none for a lane.
fn map_views<'a>(vector: &Vector, len: usize, part: impl Fn(&[u8]) -> Option<&[u8]> + 'a) -> Option<Vector> {
    let flat = vector.to_flat();
    let Values::Views(views) = flat.values() else { return None };
    let mut builder = ViewsBuilder::with_capacity(len);
    for bytes in views.iter() {
        builder.push(part(bytes).unwrap_or_default());
    }
    let built: Views = builder.finish();
    Some(Vector::flat(Values::Views(built), None))
}

fn constant_int(vector: &Vector) -> Option<i32> {
    match &vector.data {
        VectorData::Constant(Values::I32(lanes)) => lanes.first().copied(),
        _ => None,
    }
}

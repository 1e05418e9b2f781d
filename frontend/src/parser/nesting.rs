//! How deep an encoded tree is nested, found without recursion.
//!
//! [`tree_depth`] looks at the encoded tree before it is decoded and made into values that everything after walks
//! recursively.

/// Messages inside messages, at most: about 1,600 nested expressions.
pub(super) const TREE_DEPTH_MAX: usize = 5_000;
/// Stack of the thread that parses deep texts: the C code uses 2 MB of it, as PostgreSQL's `max_stack_depth`.
pub(super) const PARSER_STACK_BYTES: usize = 8 * 1024 * 1024;
/// Stack that must be left before a tree is dropped.
pub(super) const STACK_RED_ZONE_BYTES: usize = 1024 * 1024;
/// Stack for walking a deep tree (reserved, not used, memory).
pub(super) const TREE_STACK_BYTES: usize = 160 * 1024 * 1024;

/// Returns the stack that decoding a tree of `depth` may need.
pub(super) fn decoding_bytes(depth: usize) -> usize {
    const BYTES_PER_LEVEL: usize = 32 * 1024;
    depth * BYTES_PER_LEVEL
}

/// Returns how deep the messages of an encoded tree are nested. Text that happens to read as a message counts as one.
pub(super) fn tree_depth(tree: &[u8]) -> usize {
    let mut greatest = 0;
    let mut pending: Vec<(&[u8], usize)> = vec![(tree, 1)];
    let mut children = Vec::new();
    while let Some((message, depth)) = pending.pop() {
        children.clear();
        if !sub_messages(message, &mut children) {
            continue;
        }
        greatest = greatest.max(depth);
        if greatest > TREE_DEPTH_MAX {
            return greatest;
        }
        pending.extend(children.iter().map(|child| (*child, depth + 1)));
    }
    greatest
}

/// Collects the length-delimited fields of a message; false when the bytes are not a message.
fn sub_messages<'a>(mut bytes: &'a [u8], fields: &mut Vec<&'a [u8]>) -> bool {
    while !bytes.is_empty() {
        let Some(tag) = varint(&mut bytes) else { return false };
        let skipped = match tag & 7 {
            0 => varint(&mut bytes).is_some(),
            1 => skip(&mut bytes, 8).is_some(),
            5 => skip(&mut bytes, 4).is_some(),
            2 => match varint(&mut bytes).and_then(|len| skip(&mut bytes, usize::try_from(len).ok()?)) {
                Some(field) => {
                    if !field.is_empty() {
                        fields.push(field);
                    }
                    true
                }
                None => false,
            },
            _ => false,
        };
        if !skipped || tag < 8 {
            return false;
        }
    }
    true
}

fn skip<'a>(bytes: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (field, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    Some(field)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

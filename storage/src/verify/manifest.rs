//! The manifest against rows: what it says is dead must be.

use super::Report;
use crate::durable::manifest::{ManifestGroup, ManifestTable};
use crate::heap::Heap;
use crate::heap::group::{Form, Group};
use crate::mvcc::snapshot::Snapshot;

/// Checks the delete masks of a table: their size, that no bit stands for a row that there is not, and that no row is
/// seen that was dead when the manifest was written.
pub(super) fn verify_masks(stored: &ManifestTable, heap: &Heap, snapshot: &Snapshot, report: &mut Report) {
    for mask in &stored.groups {
        // Row groups that are not there any more were compacted, or hold only dead rows.
        let Some(group) = heap.listed_group(mask.id) else { continue };
        if let Some(what) = contradiction(mask, &group, snapshot) {
            let place = format!("table {}, row group {}", stored.table.0, mask.id);
            report.problems.push(format!("{place}: the manifest contradicts it: {what}"));
        }
    }
}

fn contradiction(mask: &ManifestGroup, group: &Group, snapshot: &Snapshot) -> Option<String> {
    let rows = mask.rows as usize;
    match group.form() {
        Form::Hot => return Some("it is in memory, not in a segment".to_owned()),
        Form::Frozen { segment, index } => {
            if segment.name != mask.segment
                || index != mask.index as usize
                || segment.checksum != mask.checksum
            {
                return Some(format!("it is in segment \"{}\", not \"{}\"", segment.name, mask.segment));
            }
        }
    }
    if rows != group.len() {
        return Some(format!("it has {} rows, not {rows}", group.len()));
    }
    if mask.dead.is_empty() {
        return None;
    }
    if mask.dead.len() != rows.div_ceil(64) {
        return Some(format!("a delete mask of {} words for {rows} rows", mask.dead.len()));
    }
    let is_dead = |lane: usize| mask.dead[lane / 64] >> (lane % 64) & 1 == 1;
    if (rows..mask.dead.len() * 64).any(is_dead) {
        return Some("its delete mask has bits past its rows".to_owned());
    }
    // Whoever looks now cannot see what everybody saw deleted then.
    let seen = (0..rows).find(|&lane| is_dead(lane) && group.sees(lane, snapshot.view()));
    seen.map(|lane| format!("row {lane} is there, but deleted"))
}

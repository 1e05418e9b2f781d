//! Statements on the short path: rows go from storage to the connection's buffer.

use std::ops::ControlFlow;

use executor::point::{PointOutcome, RowSink};
use types::{Datum, Result};

use super::query::Planned;
use crate::server::connection::Client;
use crate::server::output::Output;
use crate::server::rows::{Destination, RowEncoder};
use crate::session::Session;

/// Sends rows to the client.
struct WireRows<'a> {
    encoder: Option<RowEncoder>,
    output: &'a mut Output,
    /// What RowDescription is to say before the first row.
    description: Option<(&'a Planned, &'a [i16])>,
    count: u64,
}

impl WireRows<'_> {
    fn describe(&mut self) {
        if let Some((planned, formats)) = self.description.take() {
            self.output.row_description(&planned.columns, formats);
        }
    }
}

impl RowSink for WireRows<'_> {
    fn row(&mut self, row: &[Datum]) -> Result<ControlFlow<()>> {
        self.describe();
        self.count += 1;
        if let Some(encoder) = &mut self.encoder {
            encoder.send_row(row, self.output)?;
        }
        Ok(if self.output.is_broken() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }
}

/// Runs a statement on the short path and returns its command tag; `None` when it is not for that, and nothing was done.
/// `executed`: by EXECUTE.
///
/// # Errors
/// The statement's.
pub(super) fn run(
    session: &mut Session,
    client: &mut Client,
    (planned, executed): (&Planned, bool),
    params: &[Datum],
    destination: &mut Destination<'_>,
) -> Result<Option<String>> {
    let (Some(point), Destination::Wire { formats, describe }) = (&planned.point, destination) else {
        return Ok(None);
    };
    let context = session.context(params)?;
    let access = session.access()?;
    let changes = planned.tag != "SELECT";
    if *describe && !changes && !executed {
        client.output.row_description(&planned.columns, formats);
        *describe = false;
    }
    let forms = std::mem::take(&mut session.spare_forms);
    let encoder =
        planned.returns_rows.then(|| RowEncoder::reusing(forms, &planned.columns, formats, &access));
    let mut rows = WireRows {
        encoder: encoder.transpose()?,
        output: &mut client.output,
        // Changes and EXECUTE run to their end before anything is sent of their rows.
        description: (*describe && planned.returns_rows).then_some((planned, *formats)),
        count: 0,
    };
    match point.run(&planned.plan, &context, &mut rows)? {
        PointOutcome::Declined => Ok(None),
        PointOutcome::Done(changed) => {
            rows.describe();
            let count = if planned.returns_rows { rows.count } else { changed.unsigned_abs() };
            session.spare_forms = rows.encoder.map(RowEncoder::into_forms).unwrap_or_default();
            Ok(Some(format!("{} {count}", planned.tag)))
        }
    }
}

//! Window functions.

use types::{PgError, Result};

use super::Stage;
use crate::execute::Run;
use crate::plan::{PlanNode, Window};

/// Pushes the input's rows beside the values of the window calls.
pub(super) fn produce(_run: &Run<'_>, _node: &PlanNode, _plan: &Window, _stage: &dyn Stage) -> Result<()> {
    Err(PgError::not_supported("window functions"))
}

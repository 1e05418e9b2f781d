//! placeholder
use clap::Args;

use crate::Failure;
/// Options.
#[derive(Args, Debug)]
pub struct Options {}
/// Runs.
pub async fn run(_options: Options) -> Result<bool, Failure> {
    Ok(true)
}

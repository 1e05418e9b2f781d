//! The command `interleave`.

use clap::Args;
use surus_compat::interleave::{self, Difference, InterleaveOptions, Levels};

use crate::{Servers, progress};

/// Its arguments.
#[derive(Args)]
pub struct Interleave {
    #[command(flatten)]
    servers: Servers,
    /// First seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Interleavings to play.
    #[arg(long, default_value_t = 100)]
    count: u64,
    /// All transactions are SERIALIZABLE.
    #[arg(long)]
    serializable: bool,
    /// The target's transactions do not wait.
    #[arg(long, conflicts_with = "serializable")]
    optimistic: bool,
    /// Do not shrink what differs.
    #[arg(long)]
    no_reduce: bool,
    /// How many are played at a time.
    #[arg(long, default_value_t = 4)]
    stages: usize,
}

/// Runs it; true when nothing differs.
pub fn run(command: &Interleave) -> Result<bool, String> {
    let options = InterleaveOptions {
        reference: command.servers.needed_reference()?,
        targets: command.servers.targets()?,
        seed: command.seed,
        count: command.count,
        levels: match (command.serializable, command.optimistic) {
            (true, _) => Levels::Serializable,
            (false, true) => Levels::Optimistic,
            (false, false) => Levels::Snapshots,
        },
        reduce: !command.no_reduce,
        stages: command.stages,
        timeout: command.servers.timeout(),
    };
    let bar = progress(options.count, "interleavings");
    let findings = interleave::interleave(&options, &|difference| match difference {
        Some(difference) => print(difference),
        None => bar.inc(1),
    })?;
    bar.finish_and_clear();
    sayln!(
        "{} interleavings identical, {} different (seeds {:?}), {} that the reference does not repeat",
        findings.identical,
        findings.differences.len(),
        findings.differences.iter().map(|difference| difference.seed).collect::<Vec<_>>(),
        findings.unrepeatable
    );
    if command.serializable {
        sayln!(
            "{} refuse others than the reference, and are serializable; {} refuse others, and could not be tried (seeds {:?})",
            findings.serializable,
            findings.unknown.len(),
            findings.unknown
        );
    }
    Ok(findings.differences.is_empty())
}

fn print(difference: &Difference) {
    let Difference { seed, script, expected, actual, promise } = difference;
    sayln!("\n# seed {seed}: not that {promise}\n{}", script.to_text());
    let lines = expected.lines.len().max(actual.lines.len());
    for index in 0..lines {
        match (expected.lines.get(index), actual.lines.get(index)) {
            (Some(wanted), Some(line)) if wanted == line => sayln!("#     {line}"),
            (wanted, line) => {
                wanted.iter().for_each(|wanted| sayln!("#   - {wanted}"));
                line.iter().for_each(|line| sayln!("#   + {line}"));
            }
        }
    }
}

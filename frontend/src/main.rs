//! The `surus` program: `serve`, `verify`, `demo`.

use std::process::ExitCode;

use clap::Parser;
use frontend::commands::{self, Command};
use frontend::server::allocator::Counting;

#[global_allocator]
static ALLOCATOR: Counting<mimalloc::MiMalloc> = Counting(mimalloc::MiMalloc);

/// A SQL server that behaves as PostgreSQL 18 and executes as a vectorized columnar engine.
#[derive(Debug, Parser)]
#[command(name = "surus", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Err(feature) = kernels::isa::check_baseline() {
        eprintln!("surus: this CPU lacks {feature}; Surus needs x86-64-v3 (a CPU with AVX2) or ARM64");
        return ExitCode::FAILURE;
    }
    match commands::run(arguments.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let fields = error.fields();
            eprintln!("surus: {}", fields.message);
            for line in [&fields.detail, &fields.hint].into_iter().flatten() {
                eprintln!("surus: {line}");
            }
            ExitCode::FAILURE
        }
    }
}

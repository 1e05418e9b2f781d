//! The `surus` program: `serve`, `verify`, `demo`.

#![expect(unsafe_code, reason = "a function of the allocator that its crate does not name")]

use std::process::ExitCode;

use clap::Parser;
use frontend::commands::{self, Command};
use frontend::server::allocator::Counting;

#[global_allocator]
static ALLOCATOR: Counting<mimalloc::MiMalloc> = Counting(mimalloc::MiMalloc);

unsafe extern "C" {
    /// Collects what other threads have freed of the running thread's memory; part of mimalloc, which is linked as the
    /// allocator above.
    safe fn mi_collect(force: bool);
}

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
    types::account::set_collector(|| mi_collect(false));
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

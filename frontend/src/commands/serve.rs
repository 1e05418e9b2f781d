//! `surus serve`.

use types::Result;

use super::ServerArguments;
use crate::server::Server;

/// Serves until a signal comes.
pub(super) fn run(arguments: &ServerArguments) -> Result<()> {
    let server = Server::start(&arguments.options())?;
    let listen = server.engine.listen;
    println!("surus {} serves {}", env!("CARGO_PKG_VERSION"), arguments.data_dir.display());
    println!("connect with: psql -h {} -p {} -U postgres", listen.ip(), listen.port());
    for warning in &server.warnings {
        eprintln!("surus: {}", warning.fields().message);
    }
    server.wait_for_signal();
    println!("shutting down");
    server.shut_down()
}

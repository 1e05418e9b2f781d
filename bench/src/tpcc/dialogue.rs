//! How a terminal talks to the server: a round trip for each statement, or one for all that do not depend on each
//! other. The transactions are written once for both.

use crate::direct::{Connection, Failed, Parameter, Reply, Statement};

/// A terminal's connection.
#[derive(Debug)]
pub struct Dialogue {
    connection: Connection,
    pipelined: bool,
    replies: Vec<Reply>,
}

impl Dialogue {
    /// Talks over a connection, with a round trip per statement or pipelined.
    pub fn new(connection: Connection, pipelined: bool) -> Self {
        Dialogue { connection, pipelined, replies: Vec::new() }
    }

    /// Asks one thing; its reply comes with those of [`Dialogue::replies`], in order.
    pub fn ask(&mut self, statement: &Statement, parameters: &[Parameter<'_>]) -> Result<(), Failed> {
        self.connection.queue(statement, parameters);
        if !self.pipelined {
            self.replies.extend(self.connection.run()?);
        }
        Ok(())
    }

    /// Returns the replies to all that was asked since the last call.
    pub fn replies(&mut self) -> Result<Vec<Reply>, Failed> {
        if self.pipelined {
            return self.connection.run();
        }
        Ok(std::mem::take(&mut self.replies))
    }

    /// Ends a transaction that failed.
    pub fn give_up(&mut self, rollback: &Statement) -> Result<(), Failed> {
        self.replies.clear();
        self.connection.queue(rollback, &[]);
        self.connection.run().map(|_| ())
    }
}

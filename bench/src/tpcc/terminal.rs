//! A terminal: draws transactions with the specification's mix and runs each until it is committed.

use std::time::Instant;

use datasets::tpcc::{NonUniform, Random};

use super::dialogue::Dialogue;
use super::statements::Statements;
use super::transactions::{Delivery, NewOrder, OrderStatus, Outcome, Payment, StockLevel};
use crate::Failure;
use crate::direct::{Connection, Failed};
use crate::terminals::{Tally, Terminal};

/// The names of the transactions, in the order in which they are reported.
pub const KINDS: [&str; 5] = ["new order", "payment", "order status", "delivery", "stock level"];

/// Where a terminal stands.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Its warehouse.
    pub home: i32,
    /// Its district, which stock level looks at.
    pub district: i32,
    /// How many warehouses there are.
    pub warehouses: i32,
}

impl Place {
    /// Draws another warehouse than the home; the home when there is no other.
    pub fn remote(self, random: &mut Random) -> i32 {
        if self.warehouses == 1 {
            return self.home;
        }
        let other = random.between(1, self.warehouses - 1);
        if other >= self.home { other + 1 } else { other }
    }
}

/// What a transaction asks, drawn before it starts so that a retry asks the same.
enum Input {
    NewOrder(NewOrder),
    Payment(Payment),
    OrderStatus(OrderStatus),
    Delivery(Delivery),
    StockLevel(StockLevel),
}

impl Input {
    /// Draws a transaction: 45, 43, 4, 4 and 4 in a hundred.
    fn draw(place: Place, constants: NonUniform, random: &mut Random) -> Self {
        match random.between(1, 100) {
            1..=45 => Input::NewOrder(NewOrder::draw(place, constants, random)),
            46..=88 => Input::Payment(Payment::draw(place, constants, random)),
            89..=92 => Input::OrderStatus(OrderStatus::draw(place, constants, random)),
            93..=96 => Input::Delivery(Delivery::draw(place, random)),
            _ => Input::StockLevel(StockLevel::draw(place, random)),
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Input::NewOrder(_) => KINDS[0],
            Input::Payment(_) => KINDS[1],
            Input::OrderStatus(_) => KINDS[2],
            Input::Delivery(_) => KINDS[3],
            Input::StockLevel(_) => KINDS[4],
        }
    }

    fn run(&self, dialogue: &mut Dialogue, statements: &Statements) -> Result<Outcome, Failed> {
        match self {
            Input::NewOrder(input) => input.run(dialogue, statements),
            Input::Payment(input) => input.run(dialogue, statements),
            Input::OrderStatus(input) => input.run(dialogue, statements),
            Input::Delivery(input) => input.run(dialogue, statements),
            Input::StockLevel(input) => input.run(dialogue, statements),
        }
    }
}

/// A terminal with its connection.
pub struct TpccTerminal {
    dialogue: Dialogue,
    statements: Statements,
    place: Place,
    constants: NonUniform,
    random: Random,
}

impl TpccTerminal {
    /// Prepares the statements on a connection.
    pub fn new(
        mut connection: Connection,
        place: Place,
        constants: NonUniform,
        random: Random,
        pipelined: bool,
    ) -> Result<Self, Failure> {
        let statements = Statements::prepare(&mut connection)?;
        let dialogue = Dialogue::new(connection, pipelined);
        Ok(TpccTerminal { dialogue, statements, place, constants, random })
    }
}

impl Terminal for TpccTerminal {
    fn transact(&mut self, tally: &mut Tally) -> Result<(), Failed> {
        let input = Input::draw(self.place, self.constants, &mut self.random);
        let start = Instant::now();
        loop {
            match input.run(&mut self.dialogue, &self.statements) {
                Ok(Outcome::Committed) => tally.committed(input.kind(), start.elapsed()),
                Ok(Outcome::RolledBack) => tally.rolled_back(input.kind()),
                Ok(Outcome::Overtaken) => {
                    tally.overtaken();
                    continue;
                }
                Err(failed) if failed.retryable() => {
                    tally.aborted(&failed);
                    self.dialogue.give_up(&self.statements.rollback)?;
                    continue;
                }
                Err(failed) => return Err(failed),
            }
            return Ok(());
        }
    }
}

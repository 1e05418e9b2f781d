//! Order-Status (clause 2.6): a customer's last order and its lines.

use datasets::tpcc::{DISTRICTS, NonUniform, Random};

use super::{Customer, Outcome, middle, nth};
use crate::direct::Failed;
use crate::direct::Parameter::{Int, Text};
use crate::tpcc::dialogue::Dialogue;
use crate::tpcc::statements::Statements;
use crate::tpcc::terminal::Place;

/// What an Order-Status asks.
#[derive(Clone, Debug)]
pub struct OrderStatus {
    warehouse: i32,
    district: i32,
    customer: Customer,
}

impl OrderStatus {
    /// Draws the input.
    pub fn draw(place: Place, constants: NonUniform, random: &mut Random) -> Self {
        let district = random.between(1, DISTRICTS);
        OrderStatus { warehouse: place.home, district, customer: Customer::draw(constants, random) }
    }

    /// Runs the statements once.
    pub fn run(&self, dialogue: &mut Dialogue, statements: &Statements) -> Result<Outcome, Failed> {
        let prepared = &statements.order_status;
        let (warehouse, district) = (Int(self.warehouse), Int(self.district));
        dialogue.ask(&statements.begin, &[])?;
        match &self.customer {
            Customer::Name(name) => dialogue.ask(&prepared.by_name, &[warehouse, district, Text(name)])?,
            Customer::Id(id) => dialogue.ask(&prepared.by_id, &[warehouse, district, Int(*id)])?,
        }
        let found = dialogue.replies()?;
        let customers = nth(&found, 1)?;
        let customer = Int(customers.int(middle(customers)?, 0)?);
        dialogue.ask(&prepared.order, &[warehouse, district, customer])?;
        let found = dialogue.replies()?;
        let order = Int(nth(&found, 0)?.int(0, 0)?);
        dialogue.ask(&prepared.lines, &[warehouse, district, order])?;
        dialogue.ask(&statements.commit, &[])?;
        let found = dialogue.replies()?;
        match nth(&found, 0)?.rows {
            5..=15 => Ok(Outcome::Committed),
            lines => Err(Failed::Lost(format!("an order has {lines} lines"))),
        }
    }
}

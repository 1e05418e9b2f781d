//! Delivery (clause 2.7): the oldest new order of each district goes out, all ten in one transaction.
//!
//! Two deliveries of one warehouse may see the same oldest order. The second then finds that it is gone when it takes
//! it, and starts again.

use datasets::tpcc::{DISTRICTS, Random};

use super::{Outcome, nth};
use crate::direct::Failed;
use crate::direct::Parameter::{Int, Text};
use crate::tpcc::dialogue::Dialogue;
use crate::tpcc::statements::Statements;
use crate::tpcc::terminal::Place;

/// What a Delivery asks.
#[derive(Clone, Copy, Debug)]
pub struct Delivery {
    warehouse: i32,
    carrier: i32,
}

impl Delivery {
    /// Draws the input.
    pub fn draw(place: Place, random: &mut Random) -> Self {
        Delivery { warehouse: place.home, carrier: random.between(1, 10) }
    }

    /// Runs the statements once.
    pub fn run(&self, dialogue: &mut Dialogue, statements: &Statements) -> Result<Outcome, Failed> {
        let prepared = &statements.delivery;
        let warehouse = Int(self.warehouse);
        dialogue.ask(&statements.begin, &[])?;
        for district in 1..=DISTRICTS {
            dialogue.ask(&prepared.oldest, &[warehouse, Int(district)])?;
        }
        let found = dialogue.replies()?;
        let mut orders = Vec::new();
        for district in 1..=DISTRICTS {
            let oldest = nth(&found, district as usize)?;
            // A district without new orders is skipped.
            if oldest.rows > 0 {
                orders.push((Int(district), Int(oldest.int(0, 0)?)));
            }
        }
        for &(district, order) in &orders {
            let key = [warehouse, district, order];
            dialogue.ask(&prepared.take, &key)?;
            dialogue.ask(&prepared.order, &[warehouse, district, order, Int(self.carrier)])?;
            dialogue.ask(&prepared.lines, &key)?;
            dialogue.ask(&prepared.amount, &key)?;
        }
        let delivered = dialogue.replies()?;
        for (at, &(district, _)) in orders.iter().enumerate() {
            if nth(&delivered, 4 * at)?.affected == 0 {
                dialogue.ask(&statements.rollback, &[])?;
                dialogue.replies()?;
                return Ok(Outcome::Overtaken);
            }
            let customer = Int(nth(&delivered, 4 * at + 1)?.int(0, 0)?);
            let amount = nth(&delivered, 4 * at + 3)?.get(0, 0).unwrap_or_default();
            dialogue.ask(&prepared.customer, &[warehouse, district, customer, Text(amount)])?;
        }
        dialogue.ask(&statements.commit, &[])?;
        dialogue.replies()?;
        Ok(Outcome::Committed)
    }
}

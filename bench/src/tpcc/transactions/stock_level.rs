//! Stock-Level (clause 2.8): how many items of a district's last 20 orders are low in stock.

use datasets::tpcc::Random;

use super::{Outcome, nth};
use crate::direct::Failed;
use crate::direct::Parameter::Int;
use crate::tpcc::dialogue::Dialogue;
use crate::tpcc::statements::Statements;
use crate::tpcc::terminal::Place;

/// What a Stock-Level asks.
#[derive(Clone, Copy, Debug)]
pub struct StockLevel {
    warehouse: i32,
    district: i32,
    threshold: i32,
}

impl StockLevel {
    /// Draws the input.
    pub fn draw(place: Place, random: &mut Random) -> Self {
        StockLevel { warehouse: place.home, district: place.district, threshold: random.between(10, 20) }
    }

    /// Runs the statements once.
    pub fn run(&self, dialogue: &mut Dialogue, statements: &Statements) -> Result<Outcome, Failed> {
        let prepared = &statements.stock_level;
        let (warehouse, district) = (Int(self.warehouse), Int(self.district));
        dialogue.ask(&statements.begin, &[])?;
        dialogue.ask(&prepared.district, &[warehouse, district])?;
        let found = dialogue.replies()?;
        let next = nth(&found, 1)?.int(0, 0)?;
        let range = [warehouse, district, Int(next - 20), Int(next), Int(self.threshold)];
        dialogue.ask(&prepared.count, &range)?;
        dialogue.ask(&statements.commit, &[])?;
        let found = dialogue.replies()?;
        nth(&found, 0)?.int(0, 0)?;
        Ok(Outcome::Committed)
    }
}

//! New-Order (clause 2.4): a customer orders 5 to 15 items, of which one in a hundred comes from another warehouse.
//! One order in a hundred names an item that does not exist and is rolled back.

use datasets::tpcc::{CUSTOMERS, DISTRICTS, ITEMS, NonUniform, Random};

use super::{Outcome, amount, cents, nth};
use crate::direct::Failed;
use crate::direct::Parameter::{Int, Text};
use crate::tpcc::dialogue::Dialogue;
use crate::tpcc::statements::Statements;
use crate::tpcc::terminal::Place;

/// One ordered item.
#[derive(Clone, Copy, Debug)]
struct Line {
    item: i32,
    supplier: i32,
    quantity: i32,
}

/// What a New-Order asks.
#[derive(Clone, Debug)]
pub struct NewOrder {
    warehouse: i32,
    district: i32,
    customer: i32,
    lines: Vec<Line>,
}

impl NewOrder {
    /// Draws the input.
    pub fn draw(place: Place, constants: NonUniform, random: &mut Random) -> Self {
        let count = random.between(5, 15);
        let mut lines: Vec<Line> = (0..count)
            .map(|_| Line {
                item: constants.item(random),
                supplier: if random.chance(1) { place.remote(random) } else { place.home },
                quantity: random.between(1, 10),
            })
            .collect();
        // In one order everywhere, terminals do not wait for each other's stock in a circle.
        lines.sort_unstable_by_key(|line| (line.supplier, line.item));
        if random.chance(1)
            && let Some(last) = lines.last_mut()
        {
            last.item = ITEMS + 1;
        }
        let customer = constants.customer(random);
        assert!((1..=CUSTOMERS).contains(&customer));
        NewOrder { warehouse: place.home, district: random.between(1, DISTRICTS), customer, lines }
    }

    /// Runs the statements once.
    pub fn run(&self, dialogue: &mut Dialogue, statements: &Statements) -> Result<Outcome, Failed> {
        let prepared = &statements.new_order;
        let NewOrder { warehouse, district, customer, lines } = self;
        let (warehouse, district) = (Int(*warehouse), Int(*district));
        dialogue.ask(&statements.begin, &[])?;
        dialogue.ask(&prepared.warehouse, &[warehouse])?;
        dialogue.ask(&prepared.customer, &[warehouse, district, Int(*customer)])?;
        dialogue.ask(&prepared.district, &[warehouse, district])?;
        for line in lines {
            dialogue.ask(&prepared.item, &[Int(line.item)])?;
        }
        let found = dialogue.replies()?;
        let order = Int(nth(&found, 3)?.int(0, 0)?);
        let mut amounts = Vec::with_capacity(lines.len());
        for (at, line) in lines.iter().enumerate() {
            let item = nth(&found, 4 + at)?;
            if item.rows > 0 {
                amounts.push(amount(cents(item.get(0, 0))? * i64::from(line.quantity)));
            }
        }
        let local = lines.iter().all(|line| line.supplier == self.warehouse);
        let (count, local) = (Int(lines.len() as i32), Int(i32::from(local)));
        dialogue.ask(&prepared.order, &[order, district, warehouse, Int(*customer), count, local])?;
        dialogue.ask(&prepared.new_order, &[order, district, warehouse])?;
        let stock = &prepared.stock[self.district as usize - 1];
        for line in &lines[..amounts.len()] {
            let remote = i32::from(line.supplier != self.warehouse);
            dialogue.ask(stock, &[Int(line.supplier), Int(line.item), Int(line.quantity), Int(remote)])?;
        }
        let taken = dialogue.replies()?;
        for (at, (line, amount)) in lines.iter().zip(&amounts).enumerate() {
            let information = nth(&taken, 2 + at)?.get(0, 0).unwrap_or_default();
            let number = Int(at as i32 + 1);
            let (item, supplier, quantity) = (Int(line.item), Int(line.supplier), Int(line.quantity));
            let amount = Text(amount);
            dialogue.ask(
                &prepared.line,
                &[order, district, warehouse, number, item, supplier, quantity, amount, Text(information)],
            )?;
        }
        let unknown = amounts.len() < lines.len();
        dialogue.ask(if unknown { &statements.rollback } else { &statements.commit }, &[])?;
        dialogue.replies()?;
        Ok(if unknown { Outcome::RolledBack } else { Outcome::Committed })
    }
}

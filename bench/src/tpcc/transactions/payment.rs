//! Payment (clause 2.5): a customer pays; 15 in a hundred are customers of another warehouse.

use datasets::tpcc::{DISTRICTS, NonUniform, Random};

use super::{Customer, Outcome, amount, middle, nth};
use crate::direct::Failed;
use crate::direct::Parameter::{Int, Text};
use crate::tpcc::dialogue::Dialogue;
use crate::tpcc::statements::Statements;
use crate::tpcc::terminal::Place;

/// What a Payment asks.
#[derive(Clone, Debug)]
pub struct Payment {
    warehouse: i32,
    district: i32,
    customer_warehouse: i32,
    customer_district: i32,
    customer: Customer,
    amount: String,
}

impl Payment {
    /// Draws the input.
    pub fn draw(place: Place, constants: NonUniform, random: &mut Random) -> Self {
        let district = random.between(1, DISTRICTS);
        let (customer_warehouse, customer_district) = match random.chance(85) {
            true => (place.home, district),
            false => (place.remote(random), random.between(1, DISTRICTS)),
        };
        Payment {
            warehouse: place.home,
            district,
            customer_warehouse,
            customer_district,
            customer: Customer::draw(constants, random),
            amount: amount(i64::from(random.between(100, 500_000))),
        }
    }

    /// Runs the statements once.
    pub fn run(&self, dialogue: &mut Dialogue, statements: &Statements) -> Result<Outcome, Failed> {
        let prepared = &statements.payment;
        let (warehouse, district, paid) = (Int(self.warehouse), Int(self.district), Text(&self.amount));
        let (home, part) = (Int(self.customer_warehouse), Int(self.customer_district));
        dialogue.ask(&statements.begin, &[])?;
        dialogue.ask(&prepared.warehouse, &[warehouse, paid])?;
        dialogue.ask(&prepared.district, &[warehouse, district, paid])?;
        if let Customer::Name(name) = &self.customer {
            dialogue.ask(&prepared.by_name, &[home, part, Text(name)])?;
        }
        let found = dialogue.replies()?;
        let customer = match &self.customer {
            Customer::Id(id) => *id,
            Customer::Name(_) => {
                let named = nth(&found, 3)?;
                named.int(middle(named)?, 0)?
            }
        };
        let warehouse_name = nth(&found, 1)?.get(0, 0).unwrap_or_default();
        let district_name = nth(&found, 2)?.get(0, 0).unwrap_or_default();
        let data = format!("{warehouse_name}    {district_name}");
        // What a customer with bad credit is remembered by.
        let memory = format!(
            "{customer} {} {} {} {} {} ",
            self.customer_district, self.customer_warehouse, self.district, self.warehouse, self.amount
        );
        let customer = Int(customer);
        dialogue.ask(&prepared.customer, &[home, part, customer, paid, Text(&memory)])?;
        let row = [part, home, customer, district, warehouse, paid, Text(&data)];
        dialogue.ask(&prepared.history, &row)?;
        dialogue.ask(&statements.commit, &[])?;
        dialogue.replies()?;
        Ok(Outcome::Committed)
    }
}

//! The five transactions of clause 2: what each draws, and the statements that it runs.
//!
//! Between two calls of `Dialogue::replies` stand statements that do not depend on each other; the pipelined form
//! sends them together.

mod delivery;
mod new_order;
mod order_status;
mod payment;
mod stock_level;

pub use delivery::Delivery;
pub use new_order::NewOrder;
pub use order_status::OrderStatus;
pub use payment::Payment;
pub use stock_level::StockLevel;

use datasets::tpcc::{NonUniform, Random, last_name};

use crate::direct::{Failed, Reply};

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Committed.
    Committed,
    /// Rolled back because the specification wants it.
    RolledBack,
    /// Rolled back because another terminal was faster; the attempt is made again.
    Overtaken,
}

/// How a customer is named: 60 in a hundred by last name, the others by number.
#[derive(Clone, Debug)]
enum Customer {
    Name(String),
    Id(i32),
}

impl Customer {
    fn draw(constants: NonUniform, random: &mut Random) -> Self {
        match random.chance(60) {
            true => Customer::Name(last_name(constants.last_name(random))),
            false => Customer::Id(constants.customer(random)),
        }
    }
}

/// Returns the row of the customer in the middle of those with one name: the nth of 2n - 1 or 2n.
fn middle(reply: &Reply) -> Result<usize, Failed> {
    match reply.rows {
        0 => Err(Failed::Lost("no customer has the last name".to_string())),
        rows => Ok(rows.div_ceil(2) - 1),
    }
}

/// Returns the reply at a place; every statement of a batch has one.
fn nth(replies: &[Reply], at: usize) -> Result<&Reply, Failed> {
    replies.get(at).ok_or_else(|| Failed::Lost(format!("the server gave {} replies only", replies.len())))
}

/// Reads an amount with two digits after the point as cents.
fn cents(text: Option<&str>) -> Result<i64, Failed> {
    let parsed = text.and_then(|text| {
        let (whole, part) = text.split_once('.')?;
        let cents: i64 = part.get(..2).filter(|_| part.len() == 2)?.parse().ok()?;
        Some(whole.parse::<i64>().ok()? * 100 + cents)
    });
    parsed.ok_or_else(|| Failed::Lost(format!("an amount was expected, not {text:?}")))
}

/// Writes cents as an amount.
fn amount(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_and_written() {
        assert_eq!(cents(Some("12.34")).unwrap(), 1234);
        assert_eq!(amount(1234), "12.34");
        assert_eq!(amount(5), "0.05");
        assert!(cents(Some("12.3")).is_err());
        assert!(cents(None).is_err());
    }
}

//! The prepared statements of the five transactions.

use datasets::tpcc::DISTRICTS;

use crate::Failure;
use crate::direct::{Connection, Statement};

/// One terminal's prepared statements.
#[derive(Debug)]
pub struct Statements {
    pub begin: Statement,
    pub commit: Statement,
    pub rollback: Statement,
    pub new_order: NewOrderStatements,
    pub payment: PaymentStatements,
    pub order_status: OrderStatusStatements,
    pub delivery: DeliveryStatements,
    pub stock_level: StockLevelStatements,
}

#[derive(Debug)]
pub struct NewOrderStatements {
    pub warehouse: Statement,
    pub customer: Statement,
    pub district: Statement,
    pub order: Statement,
    pub new_order: Statement,
    pub item: Statement,
    /// One for each district, whose line of `s_dist_nn` it returns.
    pub stock: Vec<Statement>,
    pub line: Statement,
}

#[derive(Debug)]
pub struct PaymentStatements {
    pub by_name: Statement,
    pub warehouse: Statement,
    pub district: Statement,
    pub customer: Statement,
    pub history: Statement,
}

#[derive(Debug)]
pub struct OrderStatusStatements {
    pub by_name: Statement,
    pub by_id: Statement,
    pub order: Statement,
    pub lines: Statement,
}

#[derive(Debug)]
pub struct DeliveryStatements {
    pub oldest: Statement,
    pub take: Statement,
    pub order: Statement,
    pub lines: Statement,
    pub amount: Statement,
    pub customer: Statement,
}

#[derive(Debug)]
pub struct StockLevelStatements {
    pub district: Statement,
    pub count: Statement,
}

impl Statements {
    /// Prepares all.
    pub fn prepare(connection: &mut Connection) -> Result<Self, Failure> {
        Ok(Statements {
            begin: connection.prepare("BEGIN")?,
            commit: connection.prepare("COMMIT")?,
            rollback: connection.prepare("ROLLBACK")?,
            new_order: NewOrderStatements::prepare(connection)?,
            payment: PaymentStatements::prepare(connection)?,
            order_status: OrderStatusStatements::prepare(connection)?,
            delivery: DeliveryStatements::prepare(connection)?,
            stock_level: StockLevelStatements::prepare(connection)?,
        })
    }
}

impl NewOrderStatements {
    fn prepare(connection: &mut Connection) -> Result<Self, Failure> {
        let mut stock = Vec::new();
        for district in 1..=DISTRICTS {
            stock.push(connection.prepare(&format!(
                "UPDATE stock SET s_quantity = CASE WHEN s_quantity >= $3 + 10 THEN s_quantity - $3 \
                 ELSE s_quantity - $3 + 91 END, s_ytd = s_ytd + $3, s_order_cnt = s_order_cnt + 1, \
                 s_remote_cnt = s_remote_cnt + $4 WHERE s_w_id = $1 AND s_i_id = $2 \
                 RETURNING s_dist_{district:02}, s_data, s_quantity"
            ))?);
        }
        Ok(NewOrderStatements {
            warehouse: connection.prepare("SELECT w_tax FROM warehouse WHERE w_id = $1")?,
            customer: connection.prepare(
                "SELECT c_discount, c_last, c_credit FROM customer \
                 WHERE c_w_id = $1 AND c_d_id = $2 AND c_id = $3",
            )?,
            district: connection.prepare(
                "UPDATE district SET d_next_o_id = d_next_o_id + 1 WHERE d_w_id = $1 AND d_id = $2 \
                 RETURNING d_next_o_id - 1, d_tax",
            )?,
            order: connection.prepare(
                "INSERT INTO orders (o_id, o_d_id, o_w_id, o_c_id, o_entry_d, o_ol_cnt, o_all_local) \
                 VALUES ($1, $2, $3, $4, localtimestamp, $5, $6)",
            )?,
            new_order: connection
                .prepare("INSERT INTO new_order (no_o_id, no_d_id, no_w_id) VALUES ($1, $2, $3)")?,
            item: connection.prepare("SELECT i_price, i_name, i_data FROM item WHERE i_id = $1")?,
            stock,
            line: connection.prepare(
                "INSERT INTO order_line (ol_o_id, ol_d_id, ol_w_id, ol_number, ol_i_id, ol_supply_w_id, \
                 ol_quantity, ol_amount, ol_dist_info) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            )?,
        })
    }
}

impl PaymentStatements {
    fn prepare(connection: &mut Connection) -> Result<Self, Failure> {
        Ok(PaymentStatements {
            by_name: connection.prepare(
                "SELECT c_id FROM customer WHERE c_w_id = $1 AND c_d_id = $2 AND c_last = $3 ORDER BY c_first",
            )?,
            warehouse: connection.prepare(
                "UPDATE warehouse SET w_ytd = w_ytd + $2 WHERE w_id = $1 \
                 RETURNING w_name, w_street_1, w_street_2, w_city, w_state, w_zip",
            )?,
            district: connection.prepare(
                "UPDATE district SET d_ytd = d_ytd + $3 WHERE d_w_id = $1 AND d_id = $2 \
                 RETURNING d_name, d_street_1, d_street_2, d_city, d_state, d_zip",
            )?,
            customer: connection.prepare(
                "UPDATE customer SET c_balance = c_balance - $4, c_ytd_payment = c_ytd_payment + $4, \
                 c_payment_cnt = c_payment_cnt + 1, \
                 c_data = CASE WHEN c_credit = 'BC' THEN substr($5 || c_data, 1, 500) ELSE c_data END \
                 WHERE c_w_id = $1 AND c_d_id = $2 AND c_id = $3 \
                 RETURNING c_first, c_middle, c_last, c_street_1, c_street_2, c_city, c_state, c_zip, c_phone, \
                 c_since, c_credit, c_credit_lim, c_discount, c_balance, \
                 CASE WHEN c_credit = 'BC' THEN substr(c_data, 1, 200) END",
            )?,
            history: connection.prepare(
                "INSERT INTO history (h_c_d_id, h_c_w_id, h_c_id, h_d_id, h_w_id, h_date, h_amount, h_data) \
                 VALUES ($1, $2, $3, $4, $5, localtimestamp, $6, $7)",
            )?,
        })
    }
}

impl OrderStatusStatements {
    fn prepare(connection: &mut Connection) -> Result<Self, Failure> {
        Ok(OrderStatusStatements {
            by_name: connection.prepare(
                "SELECT c_id, c_balance, c_first, c_middle, c_last FROM customer \
                 WHERE c_w_id = $1 AND c_d_id = $2 AND c_last = $3 ORDER BY c_first",
            )?,
            by_id: connection.prepare(
                "SELECT c_id, c_balance, c_first, c_middle, c_last FROM customer \
                 WHERE c_w_id = $1 AND c_d_id = $2 AND c_id = $3",
            )?,
            order: connection.prepare(
                "SELECT o_id, o_entry_d, o_carrier_id FROM orders \
                 WHERE o_w_id = $1 AND o_d_id = $2 AND o_c_id = $3 ORDER BY o_id DESC LIMIT 1",
            )?,
            lines: connection.prepare(
                "SELECT ol_i_id, ol_supply_w_id, ol_quantity, ol_amount, ol_delivery_d FROM order_line \
                 WHERE ol_w_id = $1 AND ol_d_id = $2 AND ol_o_id = $3",
            )?,
        })
    }
}

impl DeliveryStatements {
    fn prepare(connection: &mut Connection) -> Result<Self, Failure> {
        Ok(DeliveryStatements {
            oldest: connection.prepare(
                "SELECT no_o_id FROM new_order WHERE no_w_id = $1 AND no_d_id = $2 ORDER BY no_o_id LIMIT 1",
            )?,
            take: connection
                .prepare("DELETE FROM new_order WHERE no_w_id = $1 AND no_d_id = $2 AND no_o_id = $3")?,
            order: connection.prepare(
                "UPDATE orders SET o_carrier_id = $4 WHERE o_w_id = $1 AND o_d_id = $2 AND o_id = $3 \
                 RETURNING o_c_id",
            )?,
            lines: connection.prepare(
                "UPDATE order_line SET ol_delivery_d = localtimestamp \
                 WHERE ol_w_id = $1 AND ol_d_id = $2 AND ol_o_id = $3",
            )?,
            amount: connection.prepare(
                "SELECT sum(ol_amount) FROM order_line WHERE ol_w_id = $1 AND ol_d_id = $2 AND ol_o_id = $3",
            )?,
            customer: connection.prepare(
                "UPDATE customer SET c_balance = c_balance + $4, c_delivery_cnt = c_delivery_cnt + 1 \
                 WHERE c_w_id = $1 AND c_d_id = $2 AND c_id = $3",
            )?,
        })
    }
}

impl StockLevelStatements {
    fn prepare(connection: &mut Connection) -> Result<Self, Failure> {
        Ok(StockLevelStatements {
            district: connection
                .prepare("SELECT d_next_o_id FROM district WHERE d_w_id = $1 AND d_id = $2")?,
            count: connection.prepare(
                "SELECT count(DISTINCT s_i_id) FROM order_line JOIN stock ON s_i_id = ol_i_id AND s_w_id = ol_w_id \
                 WHERE ol_w_id = $1 AND ol_d_id = $2 AND ol_o_id >= $3 AND ol_o_id < $4 AND s_quantity < $5",
            )?,
        })
    }
}

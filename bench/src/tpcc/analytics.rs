//! Analytic queries on TPC-C's tables, in the manner of CH-benCHmark: TPC-H's questions, asked of orders that come in
//! meanwhile. Their answers change with every transaction; what must not change is asked by the consistency conditions
//! and by [`SUMS`].

/// Queries by their number in TPC-H, for `tpcc` as the search path.
pub(super) const QUERIES: [(&str, &str); 8] = [
    (
        "CH1",
        "SELECT ol_number, sum(ol_quantity), sum(ol_amount), avg(ol_quantity), avg(ol_amount), count(*)
         FROM order_line WHERE ol_delivery_d IS NOT NULL GROUP BY ol_number ORDER BY ol_number",
    ),
    (
        "CH3",
        "SELECT ol_o_id, ol_w_id, ol_d_id, sum(ol_amount) AS revenue, o_entry_d
         FROM customer, new_order, orders, order_line
         WHERE c_state LIKE 'A%' AND c_id = o_c_id AND c_w_id = o_w_id AND c_d_id = o_d_id
           AND no_w_id = o_w_id AND no_d_id = o_d_id AND no_o_id = o_id
           AND ol_w_id = o_w_id AND ol_d_id = o_d_id AND ol_o_id = o_id
         GROUP BY ol_o_id, ol_w_id, ol_d_id, o_entry_d ORDER BY revenue DESC, o_entry_d LIMIT 100",
    ),
    (
        "CH4",
        "SELECT o_ol_cnt, count(*) FROM orders
         WHERE EXISTS (SELECT FROM order_line WHERE o_id = ol_o_id AND o_w_id = ol_w_id AND o_d_id = ol_d_id
                         AND ol_delivery_d >= o_entry_d)
         GROUP BY o_ol_cnt ORDER BY o_ol_cnt",
    ),
    (
        "CH6",
        "SELECT sum(ol_amount) FROM order_line WHERE ol_delivery_d IS NOT NULL AND ol_quantity BETWEEN 1 AND 4",
    ),
    (
        "CH12",
        "SELECT o_ol_cnt, sum(CASE WHEN o_carrier_id IN (1, 2) THEN 1 ELSE 0 END) AS high,
                sum(CASE WHEN o_carrier_id NOT IN (1, 2) THEN 1 ELSE 0 END) AS low
         FROM orders, order_line
         WHERE ol_w_id = o_w_id AND ol_d_id = o_d_id AND ol_o_id = o_id AND o_entry_d <= ol_delivery_d
         GROUP BY o_ol_cnt ORDER BY o_ol_cnt",
    ),
    (
        "CH14",
        "SELECT 100.00 * sum(CASE WHEN i_data LIKE 'a%' THEN ol_amount ELSE 0 END) / (1 + sum(ol_amount))
         FROM order_line, item WHERE ol_i_id = i_id",
    ),
    (
        "CH18",
        "SELECT c_last, c_id, o_id, o_entry_d, o_ol_cnt, sum(ol_amount)
         FROM customer, orders, order_line
         WHERE c_id = o_c_id AND c_w_id = o_w_id AND c_d_id = o_d_id
           AND ol_w_id = o_w_id AND ol_d_id = o_d_id AND ol_o_id = o_id
         GROUP BY o_id, o_w_id, o_d_id, c_id, c_last, o_entry_d, o_ol_cnt
         HAVING sum(ol_amount) > 200 ORDER BY sum(ol_amount) DESC, o_entry_d LIMIT 100",
    ),
    (
        "CH22",
        "SELECT substr(c_state, 1, 1) AS country, count(*), sum(c_balance) FROM customer
         WHERE c_balance > (SELECT avg(c_balance) FROM customer WHERE c_balance > 0.00)
           AND NOT EXISTS (SELECT FROM orders WHERE o_c_id = c_id AND o_w_id = c_w_id AND o_d_id = c_d_id)
         GROUP BY substr(c_state, 1, 1) ORDER BY 1",
    ),
];

/// Sums over whole tables that transactions keep equal; each is zero in every snapshot.
pub(super) const SUMS: [(&str, &str); 4] = [
    ("payments", "SELECT (SELECT sum(w_ytd) FROM warehouse) - (SELECT sum(d_ytd) FROM district)"),
    ("orders and lines", "SELECT (SELECT sum(o_ol_cnt) FROM orders) - (SELECT count(*) FROM order_line)"),
    (
        "orders of districts",
        "SELECT (SELECT sum(d_next_o_id - 1) FROM district) - (SELECT count(*) FROM orders)",
    ),
    (
        "undelivered orders",
        "SELECT (SELECT count(*) FROM orders WHERE o_carrier_id IS NULL) - (SELECT count(*) FROM new_order)",
    ),
];

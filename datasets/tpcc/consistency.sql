-- The consistency conditions of clause 3.3.2, each as a count of what breaks it.

-- 1: W_YTD is the sum of D_YTD.
SELECT count(*) FROM warehouse
JOIN (SELECT d_w_id, sum(d_ytd) AS ytd FROM district GROUP BY d_w_id) AS districts ON d_w_id = w_id
WHERE w_ytd <> ytd;

-- 2: D_NEXT_O_ID - 1 is the last order and the last new order.
SELECT count(*) FROM district
LEFT JOIN (SELECT o_w_id, o_d_id, max(o_id) AS last FROM orders GROUP BY o_w_id, o_d_id) AS placed
    ON o_w_id = d_w_id AND o_d_id = d_id
LEFT JOIN (SELECT no_w_id, no_d_id, max(no_o_id) AS last FROM new_order GROUP BY no_w_id, no_d_id) AS waiting
    ON no_w_id = d_w_id AND no_d_id = d_id
WHERE placed.last IS DISTINCT FROM d_next_o_id - 1 OR waiting.last <> d_next_o_id - 1;

-- 3: New orders are numbered without a gap.
SELECT count(*) FROM (
    SELECT no_w_id, no_d_id FROM new_order GROUP BY no_w_id, no_d_id
    HAVING max(no_o_id) - min(no_o_id) + 1 <> count(*)
) AS gaps;

-- 4: The sum of O_OL_CNT is the number of order lines in each district.
SELECT count(*) FROM
    (SELECT o_w_id, o_d_id, sum(o_ol_cnt) AS lines FROM orders GROUP BY o_w_id, o_d_id) AS placed
FULL JOIN
    (SELECT ol_w_id, ol_d_id, count(*) AS lines FROM order_line GROUP BY ol_w_id, ol_d_id) AS present
    ON ol_w_id = o_w_id AND ol_d_id = o_d_id
WHERE placed.lines IS DISTINCT FROM present.lines;

-- 5: An order has no carrier while it is a new order.
SELECT count(*) FROM orders
FULL JOIN new_order ON no_w_id = o_w_id AND no_d_id = o_d_id AND no_o_id = o_id
WHERE o_id IS NULL OR (o_carrier_id IS NULL) <> (no_o_id IS NOT NULL);

-- 6: O_OL_CNT is the number of the order's lines.
SELECT count(*) FROM orders
FULL JOIN (
    SELECT ol_w_id, ol_d_id, ol_o_id, count(*) AS lines FROM order_line GROUP BY ol_w_id, ol_d_id, ol_o_id
) AS present ON ol_w_id = o_w_id AND ol_d_id = o_d_id AND ol_o_id = o_id
WHERE lines IS DISTINCT FROM o_ol_cnt;

-- 7: Lines have a delivery date when their order has a carrier.
SELECT count(*) FROM order_line
LEFT JOIN orders ON o_w_id = ol_w_id AND o_d_id = ol_d_id AND o_id = ol_o_id
WHERE o_id IS NULL OR (ol_delivery_d IS NULL) <> (o_carrier_id IS NULL);

-- 8: W_YTD is the sum of the payments to the warehouse.
SELECT count(*) FROM warehouse
LEFT JOIN (SELECT h_w_id, sum(h_amount) AS paid FROM history GROUP BY h_w_id) AS payments ON h_w_id = w_id
WHERE paid IS DISTINCT FROM w_ytd;

-- 9: D_YTD is the sum of the payments to the district.
SELECT count(*) FROM district
LEFT JOIN (SELECT h_w_id, h_d_id, sum(h_amount) AS paid FROM history GROUP BY h_w_id, h_d_id) AS payments
    ON h_w_id = d_w_id AND h_d_id = d_id
WHERE paid IS DISTINCT FROM d_ytd;

-- 10: C_BALANCE is what was delivered to the customer without what was paid.
SELECT count(*) FROM customer
LEFT JOIN (
    SELECT o_w_id, o_d_id, o_c_id, sum(ol_amount) AS amount FROM orders
    JOIN order_line ON ol_w_id = o_w_id AND ol_d_id = o_d_id AND ol_o_id = o_id
    WHERE ol_delivery_d IS NOT NULL GROUP BY o_w_id, o_d_id, o_c_id
) AS delivered ON o_w_id = c_w_id AND o_d_id = c_d_id AND o_c_id = c_id
LEFT JOIN (
    SELECT h_c_w_id, h_c_d_id, h_c_id, sum(h_amount) AS amount FROM history GROUP BY h_c_w_id, h_c_d_id, h_c_id
) AS paid ON h_c_w_id = c_w_id AND h_c_d_id = c_d_id AND h_c_id = c_id
WHERE c_balance <> coalesce(delivered.amount, 0) - coalesce(paid.amount, 0);

-- 11: Orders without new orders are 2100 a district at first, and one more for each delivery.
SELECT count(*) FROM
    (SELECT o_w_id, o_d_id, count(*) AS orders FROM orders GROUP BY o_w_id, o_d_id) AS placed
JOIN
    (SELECT c_w_id, c_d_id, sum(c_delivery_cnt) AS deliveries FROM customer GROUP BY c_w_id, c_d_id) AS served
    ON c_w_id = o_w_id AND c_d_id = o_d_id
LEFT JOIN
    (SELECT no_w_id, no_d_id, count(*) AS orders FROM new_order GROUP BY no_w_id, no_d_id) AS waiting
    ON no_w_id = o_w_id AND no_d_id = o_d_id
WHERE placed.orders - coalesce(waiting.orders, 0) <> 2100 + deliveries;

-- 12: C_BALANCE and C_YTD_PAYMENT together are what was delivered.
SELECT count(*) FROM customer
LEFT JOIN (
    SELECT o_w_id, o_d_id, o_c_id, sum(ol_amount) AS amount FROM orders
    JOIN order_line ON ol_w_id = o_w_id AND ol_d_id = o_d_id AND ol_o_id = o_id
    WHERE ol_delivery_d IS NOT NULL GROUP BY o_w_id, o_d_id, o_c_id
) AS delivered ON o_w_id = c_w_id AND o_d_id = c_d_id AND o_c_id = c_id
WHERE c_balance + c_ytd_payment <> coalesce(amount, 0);

//! The initial population of clause 4.3.3 as COPY text, streamed in chunks of whole rows.
//!
//! Each table has a seed of its own, so that a table's rows do not depend on which others are made. Rows come in the
//! order of the primary key. Values that two tables share (an order's customer, date and number of lines) are drawn
//! from a seed of the district, by both.

use std::io::Write;

use super::random::{NonUniform, Random};
use super::schema::Table;
use super::{CUSTOMERS, DISTRICTS, FIRST_NEW_ORDER, ITEMS};
use crate::tpch::Chunk;

/// Chunks are closed when they pass this size. It affects only how smoothly progress shows.
const CHUNK_BYTES: usize = 256 * 1024;
/// The date of the load. A fixed one makes the same rows every time.
const LOAD_DATE: &str = "2025-01-01 00:00:00";

const SYLLABLES: [&str; 10] =
    ["BAR", "OUGHT", "ABLE", "PRI", "PRES", "ESE", "ANTI", "CALLY", "ATION", "EING"];

/// Returns the last name with a number from 0 to 999.
pub fn last_name(number: i32) -> String {
    let syllable = |digit: i32| SYLLABLES[digit.rem_euclid(10) as usize];
    [syllable(number / 100), syllable(number / 10), syllable(number)].concat()
}

/// Streams a table's rows for some warehouses.
pub fn chunks(table: Table, warehouses: i32) -> impl Iterator<Item = Chunk> + Send {
    let mut groups = groups(table, warehouses);
    let mut group = groups.next();
    let mut row = 0;
    let mut random = Random::new(0);
    std::iter::from_fn(move || {
        let mut chunk = Chunk { data: Vec::with_capacity(CHUNK_BYTES + 8 * 1024), rows: 0 };
        while chunk.data.len() < CHUNK_BYTES {
            let Some(place) = &group else { break };
            if row == 0 {
                random = Random::new(place.seed(table));
            }
            row += 1;
            chunk.rows += place.write(table, row, &mut random, &mut chunk.data);
            if row == place.rows {
                row = 0;
                group = groups.next();
            }
        }
        (chunk.rows > 0).then_some(chunk)
    })
}

/// Rows that are made one after the other: a warehouse's or a district's of a table.
struct Group {
    warehouse: i32,
    district: i32,
    rows: i32,
    /// The customers of a district's orders, in the order of the orders.
    customers: Vec<i32>,
}

/// Returns a table's groups in the order of its primary key.
fn groups(table: Table, warehouses: i32) -> Box<dyn Iterator<Item = Group> + Send> {
    let whole = |rows: i32| move |warehouse| Group { warehouse, district: 0, rows, customers: Vec::new() };
    let districts = move |rows: i32| {
        (1..=warehouses).flat_map(move |warehouse| {
            (1..=DISTRICTS).map(move |district| {
                let orders = matches!(table, Table::Orders);
                let customers = if orders {
                    district_random(warehouse, district).permutation(CUSTOMERS)
                } else {
                    Vec::new()
                };
                Group { warehouse, district, rows, customers }
            })
        })
    };
    match table {
        Table::Item => Box::new(std::iter::once(whole(ITEMS)(0))),
        Table::Warehouse => Box::new((1..=warehouses).map(whole(1))),
        Table::Stock => Box::new((1..=warehouses).map(whole(ITEMS))),
        Table::District => Box::new(districts(1)),
        Table::Customer | Table::History | Table::Orders | Table::OrderLine => Box::new(districts(CUSTOMERS)),
        Table::NewOrder => Box::new(districts(CUSTOMERS - FIRST_NEW_ORDER + 1)),
    }
}

/// Returns the draws that a district's orders and their lines share.
fn district_random(warehouse: i32, district: i32) -> Random {
    Random::new(((warehouse as u64) << 8 | district as u64) << 8 | 0xff)
}

/// Returns how many lines an order has.
fn line_count(warehouse: i32, district: i32, order: i32) -> i32 {
    Random::new((((warehouse as u64) << 8 | district as u64) << 20 | order as u64) << 8 | 0xfe).between(5, 15)
}

impl Group {
    fn seed(&self, table: Table) -> u64 {
        ((self.warehouse as u64) << 8 | self.district as u64) << 8 | table as u64
    }

    /// Writes the `row`th row (from 1) of the group, or all lines of its order; returns how many rows.
    fn write(&self, table: Table, row: i32, random: &mut Random, out: &mut Vec<u8>) -> usize {
        match table {
            Table::Warehouse => self.warehouse(random, out),
            Table::District => self.district(random, out),
            Table::Customer => self.customer(row, random, out),
            Table::History => self.history(row, random, out),
            Table::Orders => self.order(row, random, out),
            Table::NewOrder => self.new_order(row, out),
            Table::Item => item(row, random, out),
            Table::Stock => self.stock(row, random, out),
            Table::OrderLine => return self.lines(row, random, out),
        }
        1
    }

    fn warehouse(&self, random: &mut Random, out: &mut Vec<u8>) {
        print(out, format_args!("{}\t", self.warehouse));
        random.letters(6, 10, out);
        address(random, out);
        print(out, format_args!("\t0.{:04}\t300000.00\n", random.between(0, 2_000)));
    }

    fn district(&self, random: &mut Random, out: &mut Vec<u8>) {
        print(out, format_args!("{}\t{}\t", self.warehouse, self.district));
        random.letters(6, 10, out);
        address(random, out);
        let tax = random.between(0, 2_000);
        print(out, format_args!("\t0.{tax:04}\t30000.00\t{}\n", CUSTOMERS + 1));
    }

    fn customer(&self, row: i32, random: &mut Random, out: &mut Vec<u8>) {
        print(out, format_args!("{}\t{}\t{row}\t", self.warehouse, self.district));
        random.letters(8, 16, out);
        // The first thousand customers have all last names.
        let name = if row <= 1_000 { row - 1 } else { NonUniform::LOAD.last_name(random) };
        print(out, format_args!("\tOE\t{}", last_name(name)));
        address(random, out);
        out.push(b'\t');
        random.digits(16, 16, out);
        let credit = if random.chance(10) { "BC" } else { "GC" };
        let discount = random.between(0, 5_000);
        print(out, format_args!("\t{LOAD_DATE}\t{credit}\t50000.00\t0.{discount:04}\t-10.00\t10.00\t1\t0\t"));
        random.letters(300, 500, out);
        out.push(b'\n');
    }

    fn history(&self, row: i32, random: &mut Random, out: &mut Vec<u8>) {
        let Group { warehouse, district, .. } = self;
        print(
            out,
            format_args!("{row}\t{district}\t{warehouse}\t{district}\t{warehouse}\t{LOAD_DATE}\t10.00\t"),
        );
        random.letters(12, 24, out);
        out.push(b'\n');
    }

    fn order(&self, row: i32, random: &mut Random, out: &mut Vec<u8>) {
        let customer = self.customers[row as usize - 1];
        print(out, format_args!("{}\t{}\t{row}\t{customer}\t{LOAD_DATE}\t", self.warehouse, self.district));
        match row < FIRST_NEW_ORDER {
            true => print(out, format_args!("{}", random.between(1, 10))),
            false => out.extend_from_slice(b"\\N"),
        }
        print(out, format_args!("\t{}\t1\n", line_count(self.warehouse, self.district, row)));
    }

    fn new_order(&self, row: i32, out: &mut Vec<u8>) {
        let order = row + FIRST_NEW_ORDER - 1;
        print(out, format_args!("{}\t{}\t{order}\n", self.warehouse, self.district));
    }

    fn lines(&self, order: i32, random: &mut Random, out: &mut Vec<u8>) -> usize {
        let Group { warehouse, district, .. } = self;
        let count = line_count(*warehouse, *district, order);
        for number in 1..=count {
            let item = random.between(1, ITEMS);
            print(out, format_args!("{warehouse}\t{district}\t{order}\t{number}\t{item}\t{warehouse}\t"));
            match order < FIRST_NEW_ORDER {
                true => print(out, format_args!("{LOAD_DATE}\t5\t0.00\t")),
                false => {
                    let cents = random.between(1, 999_999);
                    print(out, format_args!("\\N\t5\t{}.{:02}\t", cents / 100, cents % 100));
                }
            }
            random.letters(24, 24, out);
            out.push(b'\n');
        }
        count as usize
    }

    fn stock(&self, item: i32, random: &mut Random, out: &mut Vec<u8>) {
        print(out, format_args!("{}\t{item}\t{}", self.warehouse, random.between(10, 100)));
        for _ in 0..DISTRICTS {
            out.push(b'\t');
            random.letters(24, 24, out);
        }
        out.extend_from_slice(b"\t0\t0\t0\t");
        item_data(random, out);
        out.push(b'\n');
    }
}

fn item(row: i32, random: &mut Random, out: &mut Vec<u8>) {
    print(out, format_args!("{row}\t{}\t", random.between(1, 10_000)));
    random.letters(14, 24, out);
    let cents = random.between(100, 10_000);
    print(out, format_args!("\t{}.{:02}\t", cents / 100, cents % 100));
    item_data(random, out);
    out.push(b'\n');
}

/// Writes 26 to 50 letters; one in ten holds "ORIGINAL" somewhere.
fn item_data(random: &mut Random, out: &mut Vec<u8>) {
    let start = out.len();
    random.letters(26, 50, out);
    if random.chance(10) {
        let at = start + random.between(0, (out.len() - start - 8) as i32) as usize;
        out[at..at + 8].copy_from_slice(b"ORIGINAL");
    }
}

/// Writes two streets, a city, a state and a ZIP code, each with a tab before it.
fn address(random: &mut Random, out: &mut Vec<u8>) {
    for _ in 0..3 {
        out.push(b'\t');
        random.letters(10, 20, out);
    }
    out.push(b'\t');
    for _ in 0..2 {
        out.push(b'A' + random.between(0, 25) as u8);
    }
    out.push(b'\t');
    random.digits(4, 4, out);
    out.extend_from_slice(b"11111");
}

fn print(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to a Vec cannot fail.
    let _ = out.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(table: Table, warehouses: i32) -> Vec<Vec<String>> {
        let text: Vec<u8> = chunks(table, warehouses).flat_map(|chunk| chunk.data).collect();
        let text = String::from_utf8(text).unwrap();
        text.lines().map(|line| line.split('\t').map(str::to_string).collect()).collect()
    }

    #[test]
    fn last_names_are_the_specifications() {
        assert_eq!(last_name(371), "PRICALLYOUGHT");
        assert_eq!(last_name(0), "BARBARBAR");
        assert_eq!(last_name(999), "EINGEINGEING");
    }

    #[test]
    fn tables_have_their_rows_and_columns() {
        for table in Table::ALL {
            let made = rows(table, 1);
            let columns =
                table.ddl().lines().filter(|line| line.contains(" NOT NULL") || line.contains("o_carrier"));
            let columns = columns.count() + usize::from(table == Table::OrderLine);
            assert!(made.iter().all(|row| row.len() == columns), "{table:?}");
            match table {
                Table::OrderLine => assert!((290_000..310_000).contains(&made.len())),
                other => assert_eq!(made.len() as u64, other.rows(1), "{other:?}"),
            }
        }
    }

    #[test]
    fn orders_have_as_many_lines_as_they_say() {
        let mut counts = std::collections::BTreeMap::<_, u32>::new();
        for line in rows(Table::OrderLine, 1) {
            *counts.entry(line[..3].to_vec()).or_default() += 1;
        }
        for order in rows(Table::Orders, 1) {
            assert_eq!(counts[&order[..3]].to_string(), order[6]);
            assert_eq!(order[5] == "\\N", order[2].parse::<i32>().unwrap() >= FIRST_NEW_ORDER);
        }
    }
}

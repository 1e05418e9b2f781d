//! Random parameters for the queries, by the substitution rules of the specification's clause 2.4.
//!
//! A query's file holds its validation parameters; the rules name each and give the text in its place. All are
//! replaced in one pass over the query, so that a new value is never taken for another parameter.

use super::queries::{FRACTION, fraction, text};

/// The nations in the order of their keys, each with its region's key.
const NATIONS: [(&str, usize); 25] = [
    ("ALGERIA", 0),
    ("ARGENTINA", 1),
    ("BRAZIL", 1),
    ("CANADA", 1),
    ("EGYPT", 4),
    ("ETHIOPIA", 0),
    ("FRANCE", 3),
    ("GERMANY", 3),
    ("INDIA", 2),
    ("INDONESIA", 2),
    ("IRAN", 4),
    ("IRAQ", 4),
    ("JAPAN", 2),
    ("JORDAN", 4),
    ("KENYA", 0),
    ("MOROCCO", 0),
    ("MOZAMBIQUE", 0),
    ("PERU", 1),
    ("CHINA", 2),
    ("ROMANIA", 3),
    ("SAUDI ARABIA", 4),
    ("VIETNAM", 2),
    ("RUSSIA", 3),
    ("UNITED KINGDOM", 3),
    ("UNITED STATES", 1),
];
const REGIONS: [&str; 5] = ["AFRICA", "AMERICA", "ASIA", "EUROPE", "MIDDLE EAST"];
const SEGMENTS: [&str; 5] = ["AUTOMOBILE", "BUILDING", "FURNITURE", "MACHINERY", "HOUSEHOLD"];
const MODES: [&str; 7] = ["REG AIR", "AIR", "RAIL", "SHIP", "TRUCK", "MAIL", "FOB"];
const TYPE_FIRST: [&str; 6] = ["STANDARD", "SMALL", "MEDIUM", "LARGE", "ECONOMY", "PROMO"];
const TYPE_SECOND: [&str; 5] = ["ANODIZED", "BURNISHED", "PLATED", "POLISHED", "BRUSHED"];
const TYPE_THIRD: [&str; 5] = ["TIN", "NICKEL", "BRASS", "STEEL", "COPPER"];
const CONTAINER_FIRST: [&str; 5] = ["SM", "LG", "MED", "JUMBO", "WRAP"];
const CONTAINER_SECOND: [&str; 8] = ["CASE", "BOX", "BAG", "JAR", "PKG", "PACK", "CAN", "DRUM"];
const COMMENT_FIRST: [&str; 4] = ["special", "pending", "unusual", "express"];
const COMMENT_SECOND: [&str; 4] = ["packages", "requests", "accounts", "deposits"];

/// Returns a query (1 to 22) with parameters drawn by the specification's rules from `seed`, without a semicolon.
///
/// The same arguments always give the same text.
///
/// # Panics
/// When there is no such query.
pub fn query_with_random_parameters(number: usize, scale: f64, seed: u64) -> String {
    substitute(text(number), &substitutions(number, scale, &mut Random::new(number, seed)))
}

/// Returns each parameter of a query: its text in the query's file and the text in its place.
fn substitutions(number: usize, scale: f64, random: &mut Random) -> Vec<(String, String)> {
    let pairs: Vec<(&str, String)> = match number {
        1 => vec![("'90'", format!("'{}'", random.between(60, 120)))],
        2 => vec![
            ("p_size = 15", format!("p_size = {}", random.between(1, 50))),
            ("BRASS", random.one(&TYPE_THIRD).into()),
            ("EUROPE", random.one(&REGIONS).into()),
        ],
        3 => vec![
            ("BUILDING", random.one(&SEGMENTS).into()),
            ("1995-03-15", format!("1995-03-{:02}", random.between(1, 31))),
        ],
        4 => vec![("1993-07-01", random.month((1993, 1), (1997, 10)))],
        5 => vec![("ASIA", random.one(&REGIONS).into()), ("1994-01-01", random.year())],
        6 => vec![
            ("1994-01-01", random.year()),
            ("0.06", format!("0.0{}", random.between(2, 9))),
            ("< 24", format!("< {}", random.between(24, 25))),
        ],
        7 => {
            let nations = random.distinct(2, 0, 24);
            vec![("FRANCE", NATIONS[nations[0]].0.into()), ("GERMANY", NATIONS[nations[1]].0.into())]
        }
        8 => {
            let (nation, region) = random.nation();
            vec![
                ("BRAZIL", nation.into()),
                ("AMERICA", REGIONS[region].into()),
                ("ECONOMY ANODIZED STEEL", random.part_type()),
            ]
        }
        9 => vec![("green", random.color())],
        10 => vec![("1993-10-01", random.month((1993, 2), (1995, 1)))],
        11 => vec![("GERMANY", random.nation().0.into()), (FRACTION, fraction(scale))],
        12 => {
            let modes = random.distinct(2, 0, 6);
            vec![
                ("'MAIL'", format!("'{}'", MODES[modes[0]])),
                ("'SHIP'", format!("'{}'", MODES[modes[1]])),
                ("1994-01-01", random.year()),
            ]
        }
        13 => vec![
            ("special", random.one(&COMMENT_FIRST).into()),
            ("requests", random.one(&COMMENT_SECOND).into()),
        ],
        14 => vec![("1995-09-01", random.month((1993, 1), (1997, 12)))],
        15 => vec![("1996-01-01", random.month((1993, 1), (1997, 10)))],
        16 => vec![
            ("Brand#45", random.brand()),
            ("MEDIUM POLISHED", format!("{} {}", random.one(&TYPE_FIRST), random.one(&TYPE_SECOND))),
            ("49, 14, 23, 45, 19, 3, 36, 9", list(&random.distinct(8, 1, 50), ", ")),
        ],
        17 => vec![("Brand#23", random.brand()), ("MED BOX", random.container())],
        18 => vec![("> 300", format!("> {}", random.between(312, 315)))],
        19 => return quantities(random),
        20 => vec![
            ("forest", random.color()),
            ("1994-01-01", random.year()),
            ("CANADA", random.nation().0.into()),
        ],
        21 => vec![("SAUDI ARABIA", random.nation().0.into())],
        22 => vec![("13', '31', '23', '29', '30', '18', '17", list(&random.distinct(7, 10, 34), "', '"))],
        _ => vec![],
    };
    pairs.into_iter().map(|(from, to)| (from.to_string(), to)).collect()
}

/// Returns Q19's three brands and quantities.
fn quantities(random: &mut Random) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for (brand, quantity, low, high) in
        [("Brand#12", 1, 1, 10), ("Brand#23", 10, 10, 20), ("Brand#34", 20, 20, 30)]
    {
        let condition = |quantity| format!("l_quantity >= {quantity} and l_quantity <= {quantity} + 10");
        pairs.push((brand.to_string(), random.brand()));
        pairs.push((condition(quantity), condition(random.between(low, high))));
    }
    pairs
}

/// Joins numbers with a separator.
fn list(numbers: &[usize], separator: &str) -> String {
    numbers.iter().map(usize::to_string).collect::<Vec<_>>().join(separator)
}

/// Replaces every occurrence of each parameter in one pass from left to right.
fn substitute(query: &str, pairs: &[(String, String)]) -> String {
    let mut result = String::with_capacity(query.len());
    let mut rest = query;
    while !rest.is_empty() {
        let next = pairs.iter().filter_map(|(from, to)| Some((rest.find(from.as_str())?, from, to)));
        let Some((at, from, to)) = next.min_by_key(|(at, _, _)| *at) else { break };
        result.push_str(&rest[..at]);
        result.push_str(to);
        rest = &rest[at + from.len()..];
    }
    result + rest
}

/// Steele, Lea and Flood's SplitMix64: the draws must never change, because answers to them are recorded.
struct Random(u64);

impl Random {
    fn new(query: usize, seed: u64) -> Self {
        Random(seed.wrapping_mul(0x100).wrapping_add(query as u64))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Draws a number, both ends included.
    fn between(&mut self, low: usize, high: usize) -> usize {
        low + (self.next() % (high - low + 1) as u64) as usize
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.between(0, of.len() - 1)]
    }

    /// Draws `count` different numbers.
    fn distinct(&mut self, count: usize, low: usize, high: usize) -> Vec<usize> {
        let mut numbers = Vec::with_capacity(count);
        while numbers.len() < count {
            let number = self.between(low, high);
            if !numbers.contains(&number) {
                numbers.push(number);
            }
        }
        numbers
    }

    fn nation(&mut self) -> (&'static str, usize) {
        NATIONS[self.between(0, NATIONS.len() - 1)]
    }

    /// Draws the first of January of 1993 to 1997.
    fn year(&mut self) -> String {
        format!("{}-01-01", self.between(1993, 1997))
    }

    /// Draws the first day of a month, both ends (year, month) included.
    fn month(&mut self, first: (usize, usize), last: (usize, usize)) -> String {
        let month = self.between(first.0 * 12 + first.1 - 1, last.0 * 12 + last.1 - 1);
        format!("{}-{:02}-01", month / 12, month % 12 + 1)
    }

    fn brand(&mut self) -> String {
        format!("Brand#{}{}", self.between(1, 5), self.between(1, 5))
    }

    fn part_type(&mut self) -> String {
        format!("{} {} {}", self.one(&TYPE_FIRST), self.one(&TYPE_SECOND), self.one(&TYPE_THIRD))
    }

    fn container(&mut self) -> String {
        format!("{} {}", self.one(&CONTAINER_FIRST), self.one(&CONTAINER_SECOND))
    }

    fn color(&mut self) -> String {
        let colors = tpchgen::distribution::Distributions::static_default().part_colors();
        colors.get_value(self.between(0, colors.size() - 1)).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::super::QUERY_COUNT;
    use super::*;

    #[test]
    fn every_parameter_is_in_its_query() {
        for number in 1..=QUERY_COUNT {
            let pairs = substitutions(number, 1.0, &mut Random::new(number, 1));
            assert!(!pairs.is_empty());
            for (from, _) in &pairs {
                assert!(text(number).contains(from.as_str()), "Q{number}: {from}");
            }
            let same: Vec<_> = pairs.iter().map(|(from, _)| (from.clone(), from.clone())).collect();
            assert_eq!(substitute(text(number), &same), text(number));
        }
    }

    #[test]
    fn seeds_give_different_texts_and_always_the_same() {
        for number in 1..=QUERY_COUNT {
            let texts: Vec<_> =
                (1..=20).map(|seed| query_with_random_parameters(number, 1.0, seed)).collect();
            assert!(texts.iter().any(|text| *text != texts[0]), "Q{number}");
            assert_eq!(texts[0], query_with_random_parameters(number, 1.0, 1));
        }
    }

    #[test]
    fn replaced_text_is_not_replaced_again() {
        let pairs = [("a".to_string(), "b".to_string()), ("b".to_string(), "a".to_string())];
        assert_eq!(substitute("abba c", &pairs), "baab c");
    }
}

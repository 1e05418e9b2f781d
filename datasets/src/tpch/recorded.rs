//! PostgreSQL 18's answers to the queries with validation parameters, as the tests recorded them.

use super::QUERY_COUNT;

macro_rules! answers {
    ($directory:literal: $($number:literal)*) => {
        [$(include_str!(concat!("../../../tests/tpch/answers/", $directory, "/q", $number, ".tsv"))),*]
    };
}

macro_rules! all_answers {
    ($directory:literal) => {
        answers!($directory: "01" "02" "03" "04" "05" "06" "07" "08" "09" "10" "11" "12" "13" "14" "15" "16" "17"
            "18" "19" "20" "21" "22")
    };
}

const SCALE_SMALL: [&str; QUERY_COUNT] = all_answers!("sf0.01");
const SCALE_ONE: [&str; QUERY_COUNT] = all_answers!("sf1");

/// Returns what PostgreSQL 18 answers to [`super::query`] as COPY text; only scales 0.01 and 1 are recorded.
pub fn recorded_answer(number: usize, scale: f64) -> Option<&'static str> {
    let answers = match scale {
        0.01 => &SCALE_SMALL,
        1.0 => &SCALE_ONE,
        _ => return None,
    };
    answers.get(number.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_recorded_answers_are_given() {
        assert_eq!(recorded_answer(1, 1.0).unwrap().lines().count(), 4);
        assert_eq!(recorded_answer(22, 0.01).unwrap().lines().count(), 7);
        assert_eq!(recorded_answer(0, 1.0), None);
        assert_eq!(recorded_answer(23, 1.0), None);
        assert_eq!(recorded_answer(1, 2.0), None);
    }
}

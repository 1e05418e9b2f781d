//! Sets of characters: ranges, the named classes, and both cases of each member.

use std::sync::OnceLock;

/// How a collation classifies characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Locale {
    /// `C` and `POSIX`: ASCII only.
    Ascii,
    /// `C.UTF-8`: Unicode properties.
    Unicode,
}

/// The last code point.
const LAST: u32 = 0x10_ffff;

/// A set of characters: ascending ranges that neither overlap nor touch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CharSet {
    ranges: Vec<(u32, u32)>,
    /// Members below 128.
    ascii: u128,
}

impl CharSet {
    /// Returns the set of these ranges.
    pub fn new(mut ranges: Vec<(u32, u32)>) -> Self {
        ranges.sort_unstable();
        let mut joined: Vec<(u32, u32)> = Vec::with_capacity(ranges.len());
        for (low, high) in ranges {
            match joined.last_mut() {
                Some(last) if low <= last.1.saturating_add(1) => last.1 = last.1.max(high),
                Some(_) | None => joined.push((low, high)),
            }
        }
        let mut ascii = 0;
        for (low, high) in &joined {
            for code in *low..=(*high).min(127) {
                ascii |= 1 << code;
            }
        }
        Self { ranges: joined, ascii }
    }

    /// Returns the set of one character.
    pub fn one(character: char) -> Self {
        Self::new(vec![(character as u32, character as u32)])
    }

    /// Returns everything.
    pub fn all() -> Self {
        Self::new(vec![(0, LAST)])
    }

    /// Returns the ranges.
    pub fn ranges(&self) -> &[(u32, u32)] {
        &self.ranges
    }

    /// Returns whether `character` belongs to the set.
    pub fn contains(&self, character: char) -> bool {
        let code = character as u32;
        if code < 128 {
            return self.ascii >> code & 1 == 1;
        }
        let at = self.ranges.partition_point(|(_, high)| *high < code);
        self.ranges.get(at).is_some_and(|(low, _)| *low <= code)
    }

    /// Returns the characters that are not in the set.
    pub fn complement(&self) -> Self {
        let mut ranges = Vec::with_capacity(self.ranges.len() + 1);
        let mut next = 0;
        for (low, high) in &self.ranges {
            if *low > next {
                ranges.push((next, low - 1));
            }
            next = high + 1;
        }
        if next <= LAST {
            ranges.push((next, LAST));
        }
        Self::new(ranges)
    }

    /// Returns the set with all members of `other`.
    pub fn union(&self, other: &Self) -> Self {
        Self::new(self.ranges.iter().chain(&other.ranges).copied().collect())
    }

    /// Returns the set without `character`.
    pub fn without(&self, character: char) -> Self {
        self.complement().union(&Self::one(character)).complement()
    }

    /// Returns the set with the other case of each member.
    pub fn fold(&self, locale: Locale) -> Self {
        let mut ranges = self.ranges.clone();
        for (lower, upper) in case_pairs() {
            if locale == Locale::Ascii && !(lower.is_ascii() && upper.is_ascii()) {
                continue;
            }
            match (self.contains(*lower), self.contains(*upper)) {
                (true, false) => ranges.push((*upper as u32, *upper as u32)),
                (false, true) => ranges.push((*lower as u32, *lower as u32)),
                (true, true) | (false, false) => {}
            }
        }
        Self::new(ranges)
    }
}

/// Returns each character with its other case, as one-to-one mappings have it.
fn case_pairs() -> &'static [(char, char)] {
    static PAIRS: OnceLock<Vec<(char, char)>> = OnceLock::new();
    PAIRS.get_or_init(|| {
        let mut pairs = Vec::new();
        for character in '\0'..=char::MAX {
            let upper = super::super::strings::upper_one(character);
            if upper != character {
                pairs.push((character, upper));
            }
            let lower = super::super::strings::lower_one(character);
            if lower != character {
                pairs.push((lower, character));
            }
        }
        pairs
    })
}

/// Returns the class of that name.
pub fn named(name: &str, locale: Locale) -> Option<CharSet> {
    let ascii = |test: fn(&char) -> bool| {
        CharSet::new(('\0'..='\x7f').filter(test).map(|c| (c as u32, c as u32)).collect())
    };
    let unicode = locale == Locale::Unicode;
    Some(match name {
        "alpha" if unicode => property("\\p{Alphabetic}"),
        "alpha" => ascii(char::is_ascii_alphabetic),
        "alnum" if unicode => property("\\p{Alphabetic}").union(&ascii(char::is_ascii_digit)),
        "alnum" => ascii(char::is_ascii_alphanumeric),
        "word" => named("alnum", locale)?.union(&CharSet::one('_')),
        "ascii" => CharSet::new(vec![(0, 127)]),
        "blank" if unicode => property("[\\p{Zs}\\t]"),
        "blank" => ascii(|c| matches!(c, ' ' | '\t')),
        "cntrl" if unicode => property("\\p{Cc}"),
        "cntrl" => ascii(char::is_ascii_control),
        "digit" => ascii(char::is_ascii_digit),
        "graph" if unicode => property("[\\p{Cc}\\p{Cs}\\p{Cn}\\p{White_Space}]").complement(),
        "graph" => ascii(char::is_ascii_graphic),
        "lower" if unicode => property("\\p{Lowercase}"),
        "lower" => ascii(char::is_ascii_lowercase),
        "print" if unicode => {
            let graph = property("[\\p{Cc}\\p{Cs}\\p{Cn}\\p{White_Space}]").complement();
            graph.union(&property("\\p{Zs}"))
        }
        "print" => ascii(|c| matches!(c, ' '..='~')),
        "punct" if unicode => property("[[\\p{P}\\p{S}]--\\p{Alphabetic}]"),
        "punct" => ascii(char::is_ascii_punctuation),
        "space" if unicode => property("\\p{White_Space}"),
        "space" => ascii(|c| matches!(c, ' ' | '\t'..='\r')),
        "upper" if unicode => property("\\p{Uppercase}"),
        "upper" => ascii(char::is_ascii_uppercase),
        "xdigit" => ascii(char::is_ascii_hexdigit),
        _ => return None,
    })
}

/// Returns the members of a class in the syntax of the `regex` crate, whose tables these are.
fn property(class: &str) -> CharSet {
    match regex_syntax::parse(class).map(regex_syntax::hir::Hir::into_kind) {
        Ok(regex_syntax::hir::HirKind::Class(regex_syntax::hir::Class::Unicode(found))) => {
            CharSet::new(found.iter().map(|range| (range.start() as u32, range.end() as u32)).collect())
        }
        Ok(_) | Err(_) => CharSet::default(),
    }
}

/// Returns the character of a POSIX collating element name.
pub fn collating_element(name: &str) -> Option<char> {
    let mut characters = name.chars();
    if let (Some(one), None) = (characters.next(), characters.next()) {
        return Some(one);
    }
    NAMES.binary_search_by(|(known, _)| (*known).cmp(name)).ok().map(|at| NAMES[at].1)
}

/// Sorted.
const NAMES: &[(&str, char)] = &[
    ("ACK", '\x06'),
    ("BEL", '\x07'),
    ("BS", '\x08'),
    ("CAN", '\x18'),
    ("CR", '\r'),
    ("DC1", '\x11'),
    ("DC2", '\x12'),
    ("DC3", '\x13'),
    ("DC4", '\x14'),
    ("DEL", '\x7f'),
    ("DLE", '\x10'),
    ("EM", '\x19'),
    ("ENQ", '\x05'),
    ("EOT", '\x04'),
    ("ESC", '\x1b'),
    ("ETB", '\x17'),
    ("ETX", '\x03'),
    ("FF", '\x0c'),
    ("FS", '\x1c'),
    ("GS", '\x1d'),
    ("HT", '\t'),
    ("IS1", '\x1f'),
    ("IS2", '\x1e'),
    ("IS3", '\x1d'),
    ("IS4", '\x1c'),
    ("LF", '\n'),
    ("NAK", '\x15'),
    ("NUL", '\0'),
    ("RS", '\x1e'),
    ("SI", '\x0f'),
    ("SO", '\x0e'),
    ("SOH", '\x01'),
    ("STX", '\x02'),
    ("SUB", '\x1a'),
    ("SYN", '\x16'),
    ("US", '\x1f'),
    ("VT", '\x0b'),
    ("alert", '\x07'),
    ("ampersand", '&'),
    ("apostrophe", '\''),
    ("asterisk", '*'),
    ("backslash", '\\'),
    ("backspace", '\x08'),
    ("carriage-return", '\r'),
    ("circumflex", '^'),
    ("circumflex-accent", '^'),
    ("colon", ':'),
    ("comma", ','),
    ("commercial-at", '@'),
    ("dollar-sign", '$'),
    ("eight", '8'),
    ("equals-sign", '='),
    ("exclamation-mark", '!'),
    ("five", '5'),
    ("form-feed", '\x0c'),
    ("four", '4'),
    ("full-stop", '.'),
    ("grave-accent", '`'),
    ("greater-than-sign", '>'),
    ("hyphen", '-'),
    ("hyphen-minus", '-'),
    ("left-brace", '{'),
    ("left-curly-bracket", '{'),
    ("left-parenthesis", '('),
    ("left-square-bracket", '['),
    ("less-than-sign", '<'),
    ("low-line", '_'),
    ("newline", '\n'),
    ("nine", '9'),
    ("number-sign", '#'),
    ("one", '1'),
    ("percent-sign", '%'),
    ("period", '.'),
    ("plus-sign", '+'),
    ("question-mark", '?'),
    ("quotation-mark", '"'),
    ("reverse-solidus", '\\'),
    ("right-brace", '}'),
    ("right-curly-bracket", '}'),
    ("right-parenthesis", ')'),
    ("right-square-bracket", ']'),
    ("semicolon", ';'),
    ("seven", '7'),
    ("six", '6'),
    ("slash", '/'),
    ("solidus", '/'),
    ("space", ' '),
    ("tab", '\t'),
    ("three", '3'),
    ("tilde", '~'),
    ("two", '2'),
    ("underscore", '_'),
    ("vertical-line", '|'),
    ("vertical-tab", '\x0b'),
    ("zero", '0'),
];

//! Names and numbers of character encodings (`pg_enc`).

/// Names by number.
const NAMES: &[&str] = &[
    "SQL_ASCII",
    "EUC_JP",
    "EUC_CN",
    "EUC_KR",
    "EUC_TW",
    "EUC_JIS_2004",
    "UTF8",
    "MULE_INTERNAL",
    "LATIN1",
    "LATIN2",
    "LATIN3",
    "LATIN4",
    "LATIN5",
    "LATIN6",
    "LATIN7",
    "LATIN8",
    "LATIN9",
    "LATIN10",
    "WIN1256",
    "WIN1258",
    "WIN866",
    "WIN874",
    "KOI8R",
    "WIN1251",
    "WIN1252",
    "ISO_8859_5",
    "ISO_8859_6",
    "ISO_8859_7",
    "ISO_8859_8",
    "WIN1250",
    "WIN1253",
    "WIN1254",
    "WIN1255",
    "WIN1257",
    "KOI8U",
    "SJIS",
    "BIG5",
    "GBK",
    "UHC",
    "GB18030",
    "JOHAB",
    "SHIFT_JIS_2004",
];

/// Other names of encodings, without punctuation, and their numbers.
const ALIASES: &[(&str, i32)] = &[
    ("unicode", 6),
    ("iso88591", 8),
    ("iso88592", 9),
    ("iso88593", 10),
    ("iso88594", 11),
    ("iso88599", 12),
    ("iso885910", 13),
    ("iso885913", 14),
    ("iso885914", 15),
    ("iso885915", 16),
    ("iso885916", 17),
    ("abc", 19),
    ("tcvn", 19),
    ("tcvn5712", 19),
    ("vscii", 19),
    ("alt", 20),
    ("win", 23),
    ("windows1250", 29),
    ("windows1251", 23),
    ("windows1252", 24),
    ("windows1253", 30),
    ("windows1254", 31),
    ("windows1255", 32),
    ("windows1256", 18),
    ("windows1257", 33),
    ("windows1258", 19),
    ("windows866", 20),
    ("windows874", 21),
    ("koi8", 22),
    ("mskanji", 35),
    ("shiftjis", 35),
    ("win932", 35),
    ("windows932", 35),
    ("win936", 37),
    ("windows936", 37),
    ("win949", 38),
    ("windows949", 38),
    ("win950", 36),
    ("windows950", 36),
];

fn plain(name: &str) -> String {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    letters.map(|letter| letter.to_ascii_lowercase()).collect()
}

/// Returns the number of an encoding.
pub fn number(name: &str) -> Option<i32> {
    let wanted = plain(name);
    let named = NAMES.iter().zip(0..).find(|(name, _)| plain(name) == wanted).map(|(_, number)| number);
    named.or_else(|| ALIASES.iter().find(|(alias, _)| *alias == wanted).map(|(_, number)| *number))
}

/// Returns the name of an encoding; empty for a number that stands for none.
pub fn name(number: i32) -> &'static str {
    usize::try_from(number).ok().and_then(|number| NAMES.get(number)).copied().unwrap_or("")
}

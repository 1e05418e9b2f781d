//! Text form of the geometric types. Input is as lenient as PostgreSQL's: brackets around points may be missing.

use super::{Circle, Path, Point, measure, ordered_box, points, read, stored, stored_points};
use crate::errors::{PgError, Result, SqlState, data};
use crate::io::IoContext;
use crate::{Datum, Oid, float, oids};

struct Reader<'a> {
    whole: &'a str,
    rest: &'a str,
    type_name: &'static str,
}

impl<'a> Reader<'a> {
    fn new(whole: &'a str, type_name: &'static str) -> Self {
        let mut reader = Self { whole, rest: whole, type_name };
        reader.blanks();
        reader
    }
    fn invalid(&self) -> PgError {
        data::invalid_input_syntax(self.type_name, self.whole)
    }
    fn blanks(&mut self) {
        self.rest = self.rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '\x0b');
    }
    fn take(&mut self, character: char) -> bool {
        match self.rest.strip_prefix(character) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }
    fn number(&mut self) -> Result<f64> {
        let end = self.rest.find([',', '(', ')', '[', ']', '<', '>', '{', '}']).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at(end);
        let value = float::parse_f64(text).map_err(|error| {
            let out_of_range = error.sqlstate() == SqlState::NUMERIC_VALUE_OUT_OF_RANGE;
            if out_of_range { error } else { self.invalid() }
        })?;
        self.rest = rest;
        Ok(value)
    }
    fn pair(&mut self) -> Result<Point> {
        self.blanks();
        let delimited = self.take('(');
        let x = self.number()?;
        if !self.take(',') {
            return Err(self.invalid());
        }
        let y = self.number()?;
        if delimited {
            if !self.take(')') {
                return Err(self.invalid());
            }
            self.blanks();
        }
        Ok(Point { x, y })
    }
    /// Reads `count` points with up to one bracket around; says whether the brackets were square.
    fn pairs(&mut self, count: usize, may_be_open: bool) -> Result<(Vec<Point>, bool)> {
        self.blanks();
        let mut depth = 0;
        let open = self.rest.starts_with('[');
        if open {
            if !may_be_open {
                return Err(self.invalid());
            }
            depth = 1;
            self.take('[');
        } else if self.rest.starts_with('(') {
            let inner = self.rest.get(1..).unwrap_or("").trim_start();
            if inner.starts_with('(') || self.rest.rfind('(') == Some(0) {
                depth = 1;
                self.rest = inner;
            }
        }
        let mut found = Vec::with_capacity(count.min(1024));
        for _ in 0..count {
            found.push(self.pair()?);
            self.take(',');
        }
        while depth > 0 {
            if !(self.take(')') || open && depth == 1 && self.take(']')) {
                return Err(self.invalid());
            }
            depth -= 1;
            self.blanks();
        }
        Ok((found, open))
    }
    fn end(&self) -> Result<()> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.invalid()) }
    }
    /// Returns how many points the commas make.
    fn count(&self) -> Result<usize> {
        match self.whole.matches(',').count() {
            commas if commas % 2 == 1 => Ok(commas.div_ceil(2)),
            _ => Err(self.invalid()),
        }
    }
}

/// Parses a value of a geometric type; none for other types.
pub fn input(oid: Oid, text: &str) -> Option<Result<Datum>> {
    Some(match oid {
        oids::POINT => point(text),
        oids::LSEG => two(text, "lseg", true).map(|points| stored_points(&points)),
        oids::BOX => two(text, "box", false).map(|[a, b]| stored_points(&ordered_box(a, b))),
        oids::LINE => line(text),
        oids::PATH => path(text),
        oids::POLYGON => polygon(text),
        oids::CIRCLE => circle(text),
        _ => return None,
    })
}

fn point(text: &str) -> Result<Datum> {
    let mut reader = Reader::new(text, "point");
    let point = reader.pair()?;
    reader.end()?;
    Ok(stored_points(&[point]))
}

fn two(text: &str, type_name: &'static str, may_be_open: bool) -> Result<[Point; 2]> {
    let mut reader = Reader::new(text, type_name);
    let (points, _) = reader.pairs(2, may_be_open)?;
    reader.end()?;
    <[Point; 2]>::try_from(points).map_err(|_| reader.invalid())
}

fn line(text: &str) -> Result<Datum> {
    let mut reader = Reader::new(text, "line");
    let invalid = |message: &str| PgError::new(SqlState::INVALID_TEXT_REPRESENTATION, message);
    if reader.take('{') {
        let mut values = [0.0; 3];
        for (index, value) in values.iter_mut().enumerate() {
            if index > 0 && !reader.take(',') {
                return Err(reader.invalid());
            }
            *value = reader.number()?;
        }
        if !reader.take('}') {
            return Err(reader.invalid());
        }
        reader.blanks();
        reader.end()?;
        if measure::equal(values[0], 0.0) && measure::equal(values[1], 0.0) {
            return Err(invalid("invalid line specification: A and B cannot both be zero"));
        }
        return Ok(stored(&values));
    }
    let [a, b] = two(text, "line", true)?;
    if measure::same(a, b) {
        return Err(invalid("invalid line specification: must be two distinct points"));
    }
    Ok(stored(&measure::line(a, measure::slope(a, b))))
}

fn path(text: &str) -> Result<Datum> {
    let mut reader = Reader::new(text, "path");
    let count = reader.count()?;
    let single = reader.rest.starts_with('(') && reader.rest.rfind('(') == Some(0);
    if single {
        reader.take('(');
    }
    let (points, open) = reader.pairs(count, true)?;
    if single {
        if !reader.take(')') {
            return Err(reader.invalid());
        }
        reader.blanks();
    }
    reader.end()?;
    Ok(Path { closed: !open, points }.datum())
}

fn polygon(text: &str) -> Result<Datum> {
    let mut reader = Reader::new(text, "polygon");
    let count = reader.count()?;
    let (points, _) = reader.pairs(count, false)?;
    reader.end()?;
    Ok(stored_points(&points))
}

fn circle(text: &str) -> Result<Datum> {
    let mut reader = Reader::new(text, "circle");
    let mut depth = 0;
    let angle = reader.take('<');
    if angle {
        depth = 1;
    } else if reader.rest.starts_with('(')
        && reader.rest.get(1..).is_some_and(|rest| rest.trim_start().starts_with('('))
    {
        reader.take('(');
        depth = 1;
    }
    let center = reader.pair()?;
    reader.take(',');
    let radius = reader.number()?;
    if radius < 0.0 {
        return Err(reader.invalid());
    }
    while depth > 0 {
        if !(reader.take(')') || angle && reader.take('>')) {
            return Err(reader.invalid());
        }
        depth -= 1;
        reader.blanks();
    }
    reader.end()?;
    Ok(Circle { center, radius }.datum())
}

/// Appends the text of a value of a geometric type; says whether `oid` is one.
pub fn output(oid: Oid, bytes: &[u8], context: &IoContext, out: &mut String) -> bool {
    let number = |value: f64| float::format_f64(value, context.extra_float_digits);
    let one = |point: &Point| format!("({},{})", number(point.x), number(point.y));
    let list = |points: &[Point]| points.iter().map(one).collect::<Vec<_>>().join(",");
    let text = match oid {
        oids::POINT | oids::BOX => list(&points(bytes)),
        oids::LSEG => format!("[{}]", list(&points(bytes))),
        oids::LINE => {
            let values: Vec<String> = read(bytes).into_iter().map(number).collect();
            format!("{{{}}}", values.join(","))
        }
        oids::PATH => {
            let path = Path::read(bytes);
            if path.closed {
                format!("({})", list(&path.points))
            } else {
                format!("[{}]", list(&path.points))
            }
        }
        oids::POLYGON => format!("({})", list(&points(bytes))),
        oids::CIRCLE => {
            let circle = Circle::read(bytes);
            format!("<{},{}>", one(&circle.center), number(circle.radius))
        }
        _ => return false,
    };
    out.push_str(&text);
    true
}

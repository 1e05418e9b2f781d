//! Geometric types: points, lines, segments, boxes, paths, polygons, circles.
//!
//! Stored as their numbers, little-endian; a path starts with a byte that says whether it is closed. Comparisons
//! allow for an error of a millionth, as PostgreSQL's do.

pub mod binary;
pub mod io;
pub mod measure;

use std::sync::Arc;

use crate::Datum;

/// What counts as equal (`EPSILON`).
pub const EPSILON: f64 = 1.0e-6;

/// A point.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Point {
    /// Abscissa.
    pub x: f64,
    /// Ordinate.
    pub y: f64,
}

/// A path.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    /// Whether the last point is joined with the first.
    pub closed: bool,
    /// The points.
    pub points: Vec<Point>,
}

/// A circle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Circle {
    /// The center.
    pub center: Point,
    /// The radius.
    pub radius: f64,
}

fn numbers(bytes: &[u8]) -> Vec<f64> {
    bytes.as_chunks::<8>().0.iter().map(|chunk| f64::from_le_bytes(*chunk)).collect()
}

/// Returns numbers as they are stored.
pub fn stored(values: &[f64]) -> Datum {
    Datum::Bytes(values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>().into())
}

/// Returns the numbers behind a stored value that is not a path.
pub fn read(bytes: &[u8]) -> Vec<f64> {
    numbers(bytes)
}

/// Returns the points behind a stored point, segment, box or polygon.
pub fn points(bytes: &[u8]) -> Vec<Point> {
    numbers(bytes).as_chunks::<2>().0.iter().map(|[x, y]| Point { x: *x, y: *y }).collect()
}

/// Returns points as they are stored.
pub fn stored_points(points: &[Point]) -> Datum {
    stored(&points.iter().flat_map(|point| [point.x, point.y]).collect::<Vec<_>>())
}

impl Path {
    /// Reads the stored form.
    pub fn read(bytes: &[u8]) -> Self {
        let (closed, rest) = bytes.split_first().map_or((false, bytes), |(first, rest)| (*first != 0, rest));
        Self { closed, points: points(rest) }
    }
    /// Returns the stored form.
    pub fn datum(&self) -> Datum {
        let mut bytes = vec![u8::from(self.closed)];
        for point in &self.points {
            bytes.extend(point.x.to_le_bytes());
            bytes.extend(point.y.to_le_bytes());
        }
        Datum::Bytes(Arc::from(bytes))
    }
}

impl Circle {
    /// Reads the stored form.
    pub fn read(bytes: &[u8]) -> Self {
        let values = numbers(bytes);
        let at = |index: usize| values.get(index).copied().unwrap_or(0.0);
        Self { center: Point { x: at(0), y: at(1) }, radius: at(2) }
    }
    /// Returns the stored form.
    pub fn datum(&self) -> Datum {
        stored(&[self.center.x, self.center.y, self.radius])
    }
}

/// Returns the corners in order: upper right, then lower left.
pub fn ordered_box(a: Point, b: Point) -> [Point; 2] {
    let (high_x, low_x) = if a.x > b.x || a.x.is_nan() { (a.x, b.x) } else { (b.x, a.x) };
    let (high_y, low_y) = if a.y > b.y || a.y.is_nan() { (a.y, b.y) } else { (b.y, a.y) };
    [Point { x: high_x, y: high_y }, Point { x: low_x, y: low_y }]
}

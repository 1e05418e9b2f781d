//! Distances, areas, containment.

use super::{EPSILON, Point};

/// Whether two numbers are as good as equal.
pub fn equal(a: f64, b: f64) -> bool {
    a == b || (a - b).abs() <= EPSILON
}

/// Whether `a` is clearly less.
pub fn less(a: f64, b: f64) -> bool {
    b - a > EPSILON
}

/// Whether `a` is not clearly greater.
pub fn less_equal(a: f64, b: f64) -> bool {
    a - b <= EPSILON
}

/// Whether two points are as good as equal.
pub fn same(a: Point, b: Point) -> bool {
    equal(a.x, b.x) && equal(a.y, b.y)
}

/// Returns the distance of two points.
pub fn distance(a: Point, b: Point) -> f64 {
    (a.x - b.x).hypot(a.y - b.y)
}

/// Returns the slope of the line through two points; a vertical one has the largest number.
pub fn slope(a: Point, b: Point) -> f64 {
    if equal(a.x, b.x) {
        f64::MAX
    } else if equal(a.y, b.y) {
        0.0
    } else {
        (a.y - b.y) / (a.x - b.x)
    }
}

/// Returns the coefficients of the line through a point with that slope.
pub fn line(point: Point, slope: f64) -> [f64; 3] {
    if slope.is_infinite() || slope == f64::MAX {
        return [-1.0, 0.0, point.x];
    }
    if slope == 0.0 {
        return [0.0, -1.0, point.y];
    }
    let constant = point.y - slope * point.x;
    [slope, -1.0, if constant == 0.0 { 0.0 } else { constant }]
}

/// Returns twice the signed area that points enclose.
pub fn double_area(points: &[Point]) -> f64 {
    (0..points.len())
        .map(|index| {
            let (a, b) = (points[index], points[(index + 1) % points.len()]);
            a.x * b.y - a.y * b.x
        })
        .sum()
}

/// Returns the length of a path.
pub fn length(points: &[Point], closed: bool) -> f64 {
    let steps = points.windows(2).map(|pair| distance(pair[0], pair[1])).sum::<f64>();
    match (points.first(), points.last()) {
        (Some(first), Some(last)) if closed => steps + distance(*last, *first),
        _ => steps,
    }
}

/// Returns the distance of a point from a segment.
pub fn segment_distance(point: Point, a: Point, b: Point) -> f64 {
    let (dx, dy) = (b.x - a.x, b.y - a.y);
    let square = dx * dx + dy * dy;
    if square == 0.0 {
        return distance(point, a);
    }
    let along = (((point.x - a.x) * dx + (point.y - a.y) * dy) / square).clamp(0.0, 1.0);
    distance(point, Point { x: a.x + along * dx, y: a.y + along * dy })
}

/// Whether a polygon contains a point, its border included.
pub fn contains(polygon: &[Point], point: Point) -> bool {
    let mut inside = false;
    for index in 0..polygon.len() {
        let (a, b) = (polygon[index], polygon[(index + 1) % polygon.len()]);
        if segment_distance(point, a, b) <= EPSILON {
            return true;
        }
        if (a.y > point.y) != (b.y > point.y) && point.x < (b.x - a.x) * (point.y - a.y) / (b.y - a.y) + a.x {
            inside = !inside;
        }
    }
    inside
}

/// Returns the corners of the box around points: upper right, lower left.
pub fn bounds(points: &[Point]) -> [Point; 2] {
    let mut high = points.first().copied().unwrap_or_default();
    let mut low = high;
    for point in points {
        high = Point { x: high.x.max(point.x), y: high.y.max(point.y) };
        low = Point { x: low.x.min(point.x), y: low.y.min(point.y) };
    }
    [high, low]
}

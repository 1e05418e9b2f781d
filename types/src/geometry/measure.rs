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

/// Returns the slope of the line through two points; a vertical one has infinity.
pub fn slope(a: Point, b: Point) -> f64 {
    if equal(a.x, b.x) {
        f64::INFINITY
    } else if equal(a.y, b.y) {
        0.0
    } else {
        (a.y - b.y) / (a.x - b.x)
    }
}

/// Returns the coefficients of the line through a point with that slope.
pub fn line(point: Point, slope: f64) -> [f64; 3] {
    if slope.is_infinite() {
        return [-1.0, 0.0, point.x];
    }
    if slope == 0.0 {
        return [0.0, -1.0, point.y];
    }
    let constant = point.y - slope * point.x;
    [slope, -1.0, if constant == 0.0 { 0.0 } else { constant }]
}

/// Returns the distance of a point from a line, by way of the foot of its perpendicular as `line_closept_point` does.
pub fn line_distance(values: [f64; 3], from: Point) -> f64 {
    let [a, b, _] = values;
    let perpendicular = if equal(a, 0.0) {
        f64::INFINITY
    } else if equal(b, 0.0) {
        0.0
    } else {
        b / a
    };
    match crossing(line(from, perpendicular), values) {
        Some(foot) => (foot.x - from.x).hypot(foot.y - from.y),
        None => f64::NAN,
    }
}

/// Returns where two lines cross.
fn crossing(first: [f64; 3], second: [f64; 3]) -> Option<Point> {
    let ([a1, b1, c1], [a2, b2, c2]) = (first, second);
    if equal(b1, 0.0) {
        return if equal(b2, 0.0) { None } else { crossing(second, first) };
    }
    if equal(a2, a1 * (b2 / b1)) {
        return None;
    }
    let x = (b1 * c2 - b2 * c1) / (a1 * b2 - a2 * b1);
    let y = -(a1 * x + c1) / b1;
    // Zero without its sign.
    Some(Point { x: x + 0.0, y: y + 0.0 })
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

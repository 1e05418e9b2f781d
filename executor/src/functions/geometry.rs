//! Functions on geometric types. Comparisons allow for an error of a millionth.

use std::f64::consts::{PI, SQRT_2};

use types::errors::{data, geometry as errors};
use types::geometry::measure::{self, distance, equal, less, less_equal, same};
use types::geometry::{Circle, Path, Point, ordered_box, points, stored, stored_points};
use types::{Datum, PgError, Result};

use super::arguments::{float8, int4};
use super::{CallContext, FunctionEntry, row};

fn bytes(args: &[Datum], index: usize) -> Result<&[u8]> {
    match args.get(index) {
        Some(Datum::Bytes(bytes)) => Ok(bytes),
        _ => Err(PgError::internal(format!("argument {index} is not geometric"))),
    }
}

fn list(args: &[Datum], index: usize) -> Result<Vec<Point>> {
    Ok(points(bytes(args, index)?))
}

fn pair(args: &[Datum], index: usize) -> Result<[Point; 2]> {
    <[Point; 2]>::try_from(list(args, index)?).map_err(|_| PgError::internal("two points were expected"))
}

fn point(args: &[Datum], index: usize) -> Result<Point> {
    list(args, index)?.first().copied().ok_or_else(|| PgError::internal("a point was expected"))
}

fn circle(args: &[Datum], index: usize) -> Result<Circle> {
    Ok(Circle::read(bytes(args, index)?))
}

fn path(args: &[Datum], index: usize) -> Result<Path> {
    Ok(Path::read(bytes(args, index)?))
}

fn shown(point: Point) -> Result<Datum> {
    Ok(stored_points(&[point]))
}

fn number(value: f64) -> Result<Datum> {
    Ok(Datum::F64(value))
}

fn truth(value: bool) -> Result<Datum> {
    Ok(Datum::Bool(value))
}

fn points_test(args: &[Datum], test: fn(Point, Point) -> bool) -> Result<Datum> {
    truth(test(point(args, 0)?, point(args, 1)?))
}

fn boxes_test(args: &[Datum], test: fn([Point; 2], [Point; 2]) -> bool) -> Result<Datum> {
    truth(test(pair(args, 0)?, pair(args, 1)?))
}

fn circles_test(args: &[Datum], test: fn(Circle, Circle) -> bool) -> Result<Datum> {
    truth(test(circle(args, 0)?, circle(args, 1)?))
}

/// Compares the bounding boxes of two polygons, exactly.
fn bounds_test(args: &[Datum], test: fn([Point; 2], [Point; 2]) -> bool) -> Result<Datum> {
    truth(test(measure::bounds(&list(args, 0)?), measure::bounds(&list(args, 1)?)))
}

type Move = fn(Point, Point) -> Result<Point>;

fn add(a: Point, b: Point) -> Result<Point> {
    Ok(Point { x: a.x + b.x, y: a.y + b.y })
}

fn sub(a: Point, b: Point) -> Result<Point> {
    Ok(Point { x: a.x - b.x, y: a.y - b.y })
}

/// Multiplies as complex numbers: turns and stretches.
fn mul(a: Point, b: Point) -> Result<Point> {
    Ok(Point { x: a.x * b.x - a.y * b.y, y: a.x * b.y + a.y * b.x })
}

fn div(a: Point, b: Point) -> Result<Point> {
    let square = b.x * b.x + b.y * b.y;
    if square == 0.0 {
        return Err(data::division_by_zero());
    }
    Ok(Point { x: (a.x * b.x + a.y * b.y) / square, y: (a.y * b.x - a.x * b.y) / square })
}

fn move_point(args: &[Datum], by: Move) -> Result<Datum> {
    shown(by(point(args, 0)?, point(args, 1)?)?)
}

fn move_box(args: &[Datum], by: Move) -> Result<Datum> {
    let ([high, low], offset) = (pair(args, 0)?, point(args, 1)?);
    Ok(stored_points(&ordered_box(by(high, offset)?, by(low, offset)?)))
}

fn move_path(args: &[Datum], by: Move) -> Result<Datum> {
    let (path, offset) = (path(args, 0)?, point(args, 1)?);
    let points: Result<Vec<Point>> = path.points.iter().map(|point| by(*point, offset)).collect();
    Ok(Path { points: points?, closed: path.closed }.datum())
}

fn move_circle(args: &[Datum], by: Move, scale: fn(f64, f64) -> f64) -> Result<Datum> {
    let (found, offset) = (circle(args, 0)?, point(args, 1)?);
    let radius = scale(found.radius, offset.x.hypot(offset.y));
    Ok(Circle { center: by(found.center, offset)?, radius }.datum())
}

fn center([high, low]: [Point; 2]) -> Point {
    Point { x: (high.x + low.x) / 2.0, y: (high.y + low.y) / 2.0 }
}

fn area([high, low]: [Point; 2]) -> f64 {
    (high.x - low.x) * (high.y - low.y)
}

fn box_overlaps([ah, al]: [Point; 2], [bh, bl]: [Point; 2]) -> bool {
    less_equal(al.x, bh.x) && less_equal(bl.x, ah.x) && less_equal(al.y, bh.y) && less_equal(bl.y, ah.y)
}

fn box_contains([ah, al]: [Point; 2], [bh, bl]: [Point; 2]) -> bool {
    less_equal(bh.x, ah.x) && less_equal(al.x, bl.x) && less_equal(bh.y, ah.y) && less_equal(al.y, bl.y)
}

fn in_box([high, low]: [Point; 2], point: Point) -> bool {
    high.x >= point.x && low.x <= point.x && high.y >= point.y && low.y <= point.y
}

fn corners([high, low]: [Point; 2]) -> [Point; 4] {
    [low, Point { x: low.x, y: high.y }, high, Point { x: high.x, y: low.y }]
}

/// Returns the distance of a point from the nearest segment.
fn edge_distance(points: &[Point], closed: bool, from: Point) -> f64 {
    let mut nearest = points.first().map_or(0.0, |first| distance(*first, from));
    for two in points.windows(2) {
        nearest = nearest.min(measure::segment_distance(from, two[0], two[1]));
    }
    match (points.first(), points.last()) {
        (Some(first), Some(last)) if closed => nearest.min(measure::segment_distance(from, *last, *first)),
        _ => nearest,
    }
}

fn box_point_distance(corner: [Point; 2], from: Point) -> f64 {
    if in_box(corner, from) { 0.0 } else { edge_distance(&corners(corner), true, from) }
}

fn polygon_distance(polygon: &[Point], from: Point) -> f64 {
    if measure::contains(polygon, from) { 0.0 } else { edge_distance(polygon, true, from) }
}

fn line_distance(args: &[Datum], line: usize, at: usize) -> Result<Datum> {
    let values = types::geometry::read(bytes(args, line)?);
    let from = point(args, at)?;
    let get = |index: usize| values.get(index).copied().unwrap_or(0.0);
    number(measure::line_distance([get(0), get(1), get(2)], from))
}

fn circle_area(circle: Circle) -> f64 {
    circle.radius * circle.radius * PI
}

fn centers(a: Circle, b: Circle) -> f64 {
    distance(a.center, b.center)
}

fn polygon_circle(points: &[Point]) -> Circle {
    let count = points.len() as f64;
    let sum = points.iter().fold(Point::default(), |sum, p| Point { x: sum.x + p.x, y: sum.y + p.y });
    let center = Point { x: sum.x / count, y: sum.y / count };
    let radius = points.iter().map(|point| distance(*point, center)).sum::<f64>() / count;
    Circle { center, radius }
}

fn circle_polygon(count: i32, circle: Circle) -> Result<Datum> {
    if equal(circle.radius, 0.0) {
        return Err(errors::radius_zero());
    }
    if count < 2 {
        return Err(errors::too_few_points());
    }
    // As circle_poly: the size of all points must fit an integer.
    let Some(size) = count.checked_mul(16).and_then(|size| size.checked_add(40)) else {
        return Err(errors::too_many_points());
    };
    if size as usize > types::size::ALLOCATION_MAX {
        return Err(types::errors::data::invalid_allocation(size as u64));
    }
    let step = 2.0 * PI / f64::from(count);
    let corner = |index: i32| {
        let angle = f64::from(index) * step;
        Point {
            x: circle.center.x - circle.radius * angle.cos(),
            y: circle.center.y + circle.radius * angle.sin(),
        }
    };
    Ok(stored_points(&(0..count).map(corner).collect::<Vec<_>>()))
}

fn line_of(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    let (a, b) = (point(args, 0)?, point(args, 1)?);
    if same(a, b) {
        return Err(errors::points_not_distinct());
    }
    Ok(stored(&measure::line(a, measure::slope(a, b))))
}

fn line_part(args: &[Datum], index: usize) -> Result<f64> {
    Ok(types::geometry::read(bytes(args, 0)?).get(index).copied().unwrap_or(0.0))
}

fn intersection(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    let (a, b) = (pair(args, 0)?, pair(args, 1)?);
    if !box_overlaps(a, b) {
        return Ok(Datum::Null);
    }
    let high = Point { x: a[0].x.min(b[0].x), y: a[0].y.min(b[0].y) };
    let low = Point { x: a[1].x.max(b[1].x), y: a[1].y.max(b[1].y) };
    Ok(stored_points(&[high, low]))
}

fn segment_order(args: &[Datum], test: fn(f64, f64) -> bool) -> Result<Datum> {
    let ([a, b], [c, d]) = (pair(args, 0)?, pair(args, 1)?);
    truth(test(distance(a, b), distance(c, d)))
}

fn same_segments(args: &[Datum]) -> Result<bool> {
    let ([a, b], [c, d]) = (pair(args, 0)?, pair(args, 1)?);
    Ok(same(a, c) && same(b, d))
}

fn path_count(args: &[Datum], test: fn(usize, usize) -> bool) -> Result<Datum> {
    truth(test(path(args, 0)?.points.len(), path(args, 1)?.points.len()))
}

fn path_set(args: &[Datum], closed: bool) -> Result<Datum> {
    Ok(Path { closed, ..path(args, 0)? }.datum())
}

macro_rules! boxes {
    ($name:literal, |$a:ident, $b:ident| $test:expr) => {
        row($name, |args, _| boxes_test(args, |$a, $b| $test))
    };
}
macro_rules! circles {
    ($name:literal, |$a:ident, $b:ident| $test:expr) => {
        row($name, |args, _| circles_test(args, |$a, $b| $test))
    };
}
macro_rules! dots {
    ($name:literal, |$a:ident, $b:ident| $test:expr) => {
        row($name, |args, _| points_test(args, |$a, $b| $test))
    };
}
macro_rules! bounds {
    ($name:literal, |$a:ident, $b:ident| $test:expr) => {
        row($name, |args, _| bounds_test(args, |$a, $b| $test))
    };
}

/// Sorted by `prosrc`. In a box the first point is the upper right corner.
pub(super) const TABLE: &[FunctionEntry] = &[
    boxes!("box_above", |a, b| less(b[0].y, a[1].y)),
    boxes!("box_above_eq", |a, b| less_equal(b[0].y, a[1].y)),
    row("box_add", |args, _| move_box(args, add)),
    row("box_area", |args, _| number(area(pair(args, 0)?))),
    boxes!("box_below", |a, b| less(a[0].y, b[1].y)),
    boxes!("box_below_eq", |a, b| less_equal(a[0].y, b[1].y)),
    row("box_center", |args, _| shown(center(pair(args, 0)?))),
    row("box_circle", |args, _| {
        let corner = pair(args, 0)?;
        let center = center(corner);
        Ok(Circle { center, radius: distance(center, corner[0]) }.datum())
    }),
    boxes!("box_contain", |a, b| box_contains(a, b)),
    row("box_contain_pt", |args, _| truth(in_box(pair(args, 0)?, point(args, 1)?))),
    boxes!("box_contained", |a, b| box_contains(b, a)),
    row("box_diagonal", |args, _| Ok(stored_points(&pair(args, 0)?))),
    row("box_distance", |args, _| number(distance(center(pair(args, 0)?), center(pair(args, 1)?)))),
    row("box_div", |args, _| move_box(args, div)),
    boxes!("box_eq", |a, b| equal(area(a), area(b))),
    boxes!("box_ge", |a, b| less_equal(area(b), area(a))),
    boxes!("box_gt", |a, b| less(area(b), area(a))),
    row("box_height", |args, _| pair(args, 0).and_then(|[high, low]| number(high.y - low.y))),
    row("box_intersect", intersection),
    boxes!("box_le", |a, b| less_equal(area(a), area(b))),
    boxes!("box_left", |a, b| less(a[0].x, b[1].x)),
    boxes!("box_lt", |a, b| less(area(a), area(b))),
    row("box_mul", |args, _| move_box(args, mul)),
    boxes!("box_overabove", |a, b| less_equal(b[1].y, a[1].y)),
    boxes!("box_overbelow", |a, b| less_equal(a[0].y, b[0].y)),
    boxes!("box_overlap", |a, b| box_overlaps(a, b)),
    boxes!("box_overleft", |a, b| less_equal(a[0].x, b[0].x)),
    boxes!("box_overright", |a, b| less_equal(b[1].x, a[1].x)),
    row("box_poly", |args, _| Ok(stored_points(&corners(pair(args, 0)?)))),
    boxes!("box_right", |a, b| less(b[0].x, a[1].x)),
    boxes!("box_same", |a, b| same(a[0], b[0]) && same(a[1], b[1])),
    row("box_sub", |args, _| move_box(args, sub)),
    row("box_width", |args, _| pair(args, 0).and_then(|[high, low]| number(high.x - low.x))),
    row("boxes_bound_box", |args, _| {
        let all = [pair(args, 0)?, pair(args, 1)?].concat();
        Ok(stored_points(&measure::bounds(&all)))
    }),
    circles!("circle_above", |a, b| less(b.center.y + b.radius, a.center.y - a.radius)),
    row("circle_add_pt", |args, _| move_circle(args, add, |radius, _| radius)),
    row("circle_area", |args, _| number(circle_area(circle(args, 0)?))),
    circles!("circle_below", |a, b| less(a.center.y + a.radius, b.center.y - b.radius)),
    row("circle_box", |args, _| {
        let Circle { center, radius } = circle(args, 0)?;
        let reach = Point { x: radius / SQRT_2, y: radius / SQRT_2 };
        Ok(stored_points(&[add(center, reach)?, sub(center, reach)?]))
    }),
    row("circle_center", |args, _| shown(circle(args, 0)?.center)),
    circles!("circle_contain", |a, b| less_equal(centers(a, b), a.radius - b.radius)),
    row("circle_contain_pt", |args, _| {
        let found = circle(args, 0)?;
        truth(distance(found.center, point(args, 1)?) <= found.radius)
    }),
    circles!("circle_contained", |a, b| less_equal(centers(a, b), b.radius - a.radius)),
    row("circle_diameter", |args, _| number(circle(args, 0)?.radius * 2.0)),
    row("circle_distance", |args, _| {
        let (a, b) = (circle(args, 0)?, circle(args, 1)?);
        number((centers(a, b) - (a.radius + b.radius)).max(0.0))
    }),
    row("circle_div_pt", |args, _| move_circle(args, div, |radius, by| radius / by)),
    circles!("circle_eq", |a, b| equal(circle_area(a), circle_area(b))),
    circles!("circle_ge", |a, b| less_equal(circle_area(b), circle_area(a))),
    circles!("circle_gt", |a, b| less(circle_area(b), circle_area(a))),
    circles!("circle_le", |a, b| less_equal(circle_area(a), circle_area(b))),
    circles!("circle_left", |a, b| less(a.center.x + a.radius, b.center.x - b.radius)),
    circles!("circle_lt", |a, b| less(circle_area(a), circle_area(b))),
    row("circle_mul_pt", |args, _| move_circle(args, mul, |radius, by| radius * by)),
    circles!("circle_ne", |a, b| !equal(circle_area(a), circle_area(b))),
    circles!("circle_overabove", |a, b| less_equal(b.center.y - b.radius, a.center.y - a.radius)),
    circles!("circle_overbelow", |a, b| less_equal(a.center.y + a.radius, b.center.y + b.radius)),
    circles!("circle_overlap", |a, b| less_equal(centers(a, b), a.radius + b.radius)),
    circles!("circle_overleft", |a, b| less_equal(a.center.x + a.radius, b.center.x + b.radius)),
    circles!("circle_overright", |a, b| less_equal(b.center.x - b.radius, a.center.x - a.radius)),
    row("circle_poly", |args, _| circle_polygon(int4(args, 0)?, circle(args, 1)?)),
    row("circle_radius", |args, _| number(circle(args, 0)?.radius)),
    circles!("circle_right", |a, b| less(b.center.x + b.radius, a.center.x - a.radius)),
    circles!("circle_same", |a, b| equal(a.radius, b.radius) && same(a.center, b.center)),
    row("circle_sub_pt", |args, _| move_circle(args, sub, |radius, _| radius)),
    row("construct_point", |args, _| shown(Point { x: float8(args, 0)?, y: float8(args, 1)? })),
    row("cr_circle", |args, _| Ok(Circle { center: point(args, 0)?, radius: float8(args, 1)? }.datum())),
    row("dist_bp", |args, _| number(box_point_distance(pair(args, 0)?, point(args, 1)?))),
    row("dist_cpoint", |args, _| {
        let found = circle(args, 0)?;
        number((distance(found.center, point(args, 1)?) - found.radius).max(0.0))
    }),
    row("dist_lp", |args, _| line_distance(args, 0, 1)),
    row("dist_pathp", |args, _| {
        let found = path(args, 0)?;
        number(edge_distance(&found.points, found.closed, point(args, 1)?))
    }),
    row("dist_pb", |args, _| number(box_point_distance(pair(args, 1)?, point(args, 0)?))),
    row("dist_pc", |args, _| {
        let found = circle(args, 1)?;
        number((distance(found.center, point(args, 0)?) - found.radius).max(0.0))
    }),
    row("dist_pl", |args, _| line_distance(args, 1, 0)),
    row("dist_polyp", |args, _| number(polygon_distance(&list(args, 0)?, point(args, 1)?))),
    row("dist_ppath", |args, _| {
        let found = path(args, 1)?;
        number(edge_distance(&found.points, found.closed, point(args, 0)?))
    }),
    row("dist_ppoly", |args, _| number(polygon_distance(&list(args, 1)?, point(args, 0)?))),
    row("dist_ps", |args, _| {
        let [a, b] = pair(args, 1)?;
        number(measure::segment_distance(point(args, 0)?, a, b))
    }),
    row("dist_sp", |args, _| {
        let [a, b] = pair(args, 0)?;
        number(measure::segment_distance(point(args, 1)?, a, b))
    }),
    row("line_construct_pp", line_of),
    row("line_horizontal", |args, _| truth(equal(line_part(args, 0)?, 0.0))),
    row("line_vertical", |args, _| truth(equal(line_part(args, 1)?, 0.0))),
    row("lseg_center", |args, _| shown(center(pair(args, 0)?))),
    row("lseg_construct", |args, _| Ok(stored_points(&[point(args, 0)?, point(args, 1)?]))),
    row("lseg_eq", |args, _| truth(same_segments(args)?)),
    row("lseg_ge", |args, _| segment_order(args, |a, b| less_equal(b, a))),
    row("lseg_gt", |args, _| segment_order(args, |a, b| less(b, a))),
    row("lseg_horizontal", |args, _| pair(args, 0).and_then(|[a, b]| truth(equal(a.y, b.y)))),
    row("lseg_le", |args, _| segment_order(args, less_equal)),
    row("lseg_length", |args, _| pair(args, 0).and_then(|[a, b]| number(distance(a, b)))),
    row("lseg_lt", |args, _| segment_order(args, less)),
    row("lseg_ne", |args, _| truth(!same_segments(args)?)),
    row("lseg_vertical", |args, _| pair(args, 0).and_then(|[a, b]| truth(equal(a.x, b.x)))),
    row("on_pb", |args, _| truth(in_box(pair(args, 1)?, point(args, 0)?))),
    row("path_add", |args, _| {
        let (mut left, right) = (path(args, 0)?, path(args, 1)?);
        if left.closed || right.closed {
            return Ok(Datum::Null);
        }
        left.points.extend(right.points);
        Ok(left.datum())
    }),
    row("path_add_pt", |args, _| move_path(args, add)),
    row("path_area", |args, _| {
        let found = path(args, 0)?;
        let area = measure::double_area(&found.points).abs() / 2.0;
        Ok(if found.closed { Datum::F64(area) } else { Datum::Null })
    }),
    row("path_close", |args, _| path_set(args, true)),
    row("path_div_pt", |args, _| move_path(args, div)),
    row("path_isclosed", |args, _| truth(path(args, 0)?.closed)),
    row("path_isopen", |args, _| truth(!path(args, 0)?.closed)),
    row("path_length", |args, _| {
        let found = path(args, 0)?;
        number(measure::length(&found.points, found.closed))
    }),
    row("path_mul_pt", |args, _| move_path(args, mul)),
    row("path_n_eq", |args, _| path_count(args, |a, b| a == b)),
    row("path_n_ge", |args, _| path_count(args, |a, b| a >= b)),
    row("path_n_gt", |args, _| path_count(args, |a, b| a > b)),
    row("path_n_le", |args, _| path_count(args, |a, b| a <= b)),
    row("path_n_lt", |args, _| path_count(args, |a, b| a < b)),
    row("path_npoints", |args, _| Ok(Datum::I32(path(args, 0)?.points.len() as i32))),
    row("path_open", |args, _| path_set(args, false)),
    row("path_poly", |args, _| {
        let found = path(args, 0)?;
        if found.closed { Ok(stored_points(&found.points)) } else { Err(errors::open_path()) }
    }),
    row("path_sub_pt", |args, _| move_path(args, sub)),
    dots!("point_above", |a, b| less(b.y, a.y)),
    row("point_add", |args, _| move_point(args, add)),
    dots!("point_below", |a, b| less(a.y, b.y)),
    row("point_box", |args, _| point(args, 0).map(|point| stored_points(&[point, point]))),
    row("point_distance", |args, _| number(distance(point(args, 0)?, point(args, 1)?))),
    row("point_div", |args, _| move_point(args, div)),
    dots!("point_eq", |a, b| same(a, b)),
    dots!("point_horiz", |a, b| equal(a.y, b.y)),
    dots!("point_left", |a, b| less(a.x, b.x)),
    row("point_mul", |args, _| move_point(args, mul)),
    dots!("point_ne", |a, b| !same(a, b)),
    dots!("point_right", |a, b| less(b.x, a.x)),
    row("point_slope", |args, _| number(measure::slope(point(args, 0)?, point(args, 1)?))),
    row("point_sub", |args, _| move_point(args, sub)),
    dots!("point_vert", |a, b| equal(a.x, b.x)),
    row("points_box", |args, _| Ok(stored_points(&ordered_box(point(args, 0)?, point(args, 1)?)))),
    bounds!("poly_above", |a, b| a[1].y > b[0].y),
    bounds!("poly_below", |a, b| a[0].y < b[1].y),
    row("poly_box", |args, _| Ok(stored_points(&measure::bounds(&list(args, 0)?)))),
    row("poly_center", |args, _| shown(polygon_circle(&list(args, 0)?).center)),
    row("poly_circle", |args, _| Ok(polygon_circle(&list(args, 0)?).datum())),
    row("poly_contain_pt", |args, _| truth(measure::contains(&list(args, 0)?, point(args, 1)?))),
    bounds!("poly_left", |a, b| a[0].x < b[1].x),
    row("poly_npoints", |args, _| Ok(Datum::I32(list(args, 0)?.len() as i32))),
    bounds!("poly_overabove", |a, b| a[1].y >= b[1].y),
    bounds!("poly_overbelow", |a, b| a[0].y <= b[0].y),
    bounds!("poly_overleft", |a, b| a[0].x <= b[0].x),
    bounds!("poly_overright", |a, b| a[1].x >= b[1].x),
    row("poly_path", |args, _| Ok(Path { closed: true, points: list(args, 0)? }.datum())),
    bounds!("poly_right", |a, b| a[1].x > b[0].x),
    row("polygon_1544", |args, _| circle_polygon(12, circle(args, 0)?)),
    row("pt_contained_circle", |args, _| {
        let found = circle(args, 1)?;
        truth(distance(found.center, point(args, 0)?) <= found.radius)
    }),
    row("pt_contained_poly", |args, _| truth(measure::contains(&list(args, 1)?, point(args, 0)?))),
];

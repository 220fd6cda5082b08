//! A point lies where the plot's own attributes say, within half a pixel; and what a script reads is what was given.

use proptest::prelude::*;
use roxmltree::{Document, Node};
use tokmark_figure::{Axis, Figure, Histogram, Plot, Series, Style};

pub(crate) fn of_class<'a, 'd>(document: &'a Document<'d>, class: &str) -> Vec<Node<'a, 'd>> {
    document.descendants().filter(|node| node.attribute("class") == Some(class)).collect()
}

fn number(node: Node<'_, '_>, key: &str) -> f64 {
    node.attribute(key).unwrap().parse().unwrap()
}

/// Where the attributes of a plot put a value, by the definition of the scale.
fn expected(plot: Node<'_, '_>, axis: &str, value: f64) -> f64 {
    let (low, high) = (number(plot, &format!("data-{axis}-min")), number(plot, &format!("data-{axis}-max")));
    assert!(low <= value && value <= high, "{value} outside {low}..{high}");
    let part = match plot.attribute(format!("data-{axis}-scale").as_str()).unwrap() {
        "log" => (value / low).ln() / (high / low).ln(),
        _ => (value - low) / (high - low),
    };
    if axis == "x" {
        number(plot, "data-left") + part * number(plot, "data-width")
    } else {
        number(plot, "data-top") + (1.0 - part) * number(plot, "data-height")
    }
}

/// Places of the dots of a path: `M12.5 7h0`, and `V` or `H` never.
fn dots(path: &str) -> Vec<(f64, f64)> {
    let one = |dot: &str| {
        let (x, y) = dot.trim_end_matches("h0").split_once(' ').unwrap();
        (x.parse().unwrap(), y.parse().unwrap())
    };
    path.split('M').skip(1).map(one).collect()
}

fn check(log_x: bool, log_y: bool, points: &[(f64, f64)], width: u32) {
    let axis = |log: bool, name: &str| if log { Axis::log(name) } else { Axis::linear(name) };
    let plot = Plot::new("", axis(log_x, "x"), axis(log_y, "y")).mark(Series::new(
        "dots",
        Style::Points,
        points.iter().copied(),
    ));
    let svg = Figure::new("Dots").width(width).panel(plot).svg().unwrap();
    let document = Document::parse(&svg).unwrap();
    let (plot, series) = (of_class(&document, "plot")[0], of_class(&document, "series")[0]);
    let read = |key: &str| -> Vec<f64> {
        series.attribute(key).unwrap().split(' ').map(|v| v.parse().unwrap()).collect()
    };
    assert_eq!(read("data-x"), points.iter().map(|p| p.0).collect::<Vec<_>>());
    assert_eq!(read("data-y"), points.iter().map(|p| p.1).collect::<Vec<_>>());
    let path = series.descendants().find(|node| node.has_tag_name("path")).unwrap();
    let drawn = dots(path.attribute("d").unwrap());
    for (x, y) in points {
        let wanted = (expected(plot, "x", *x), expected(plot, "y", *y));
        let near = |(x, y): &(f64, f64)| (x - wanted.0).abs() <= 0.6 && (y - wanted.1).abs() <= 0.6;
        assert!(drawn.iter().any(near), "{x} {y} is not at {wanted:?}");
    }
    if drawn.len() == points.len() {
        // None lies on another: then each is where it should be to the written decimal.
        for ((x, y), (seen_x, seen_y)) in points.iter().zip(&drawn) {
            let away = (expected(plot, "x", *x) - seen_x).abs().max((expected(plot, "y", *y) - seen_y).abs());
            assert!(away <= 0.2, "{x} {y} is {away} pixels away");
        }
    }
}

proptest! {
    #[test]
    fn linear_points_lie_where_they_should(
        points in prop::collection::vec((-1e4_f64..1e7, -1e-3_f64..1e-3), 1..60), width in 240_u32..1500
    ) {
        check(false, false, &points, width);
    }

    #[test]
    fn logarithmic_points_lie_where_they_should(
        points in prop::collection::vec((1e-6_f64..1e9, 1e-3_f64..2e-3), 1..60), width in 240_u32..1500
    ) {
        check(true, true, &points, width);
    }
}

#[test]
fn long_series_keep_their_extremes_and_say_that_they_were_thinned_out() {
    let n = 200_000;
    let value = |i: u32| if i == 77_777 { 50.0 } else { f64::from(i % 10) };
    let plot = Plot::new("", Axis::linear("x"), Axis::linear("y"))
        .mark(Series::line("long", (0..n).map(|i| (f64::from(i), value(i)))));
    let svg = Figure::new("Long").columns(1).panel(plot).svg().unwrap();
    assert!(svg.len() < 60_000, "{}", svg.len());
    let document = Document::parse(&svg).unwrap();
    let (plot, series) = (of_class(&document, "plot")[0], of_class(&document, "series")[0]);
    assert_eq!(series.attribute("data-thinned"), Some("true"));
    let described = document.descendants().find(|node| node.has_tag_name("desc")).unwrap().text().unwrap();
    assert!(
        described.contains("200000 values, thinned out: least and greatest of each column"),
        "{described}"
    );
    let top = format!("{:.1}", expected(plot, "y", 50.0));
    let path = series.descendants().find(|node| node.has_tag_name("path")).unwrap();
    assert!(path.attribute("d").unwrap().contains(top.trim_end_matches(".0")), "no {top}");
}

#[test]
fn counts_can_be_read_back() {
    let plot = Plot::new("", Axis::linear("x"), Axis::linear("n")).mark(Histogram::of(
        "h",
        &[1.0, 2.0, 2.5, 9.0],
        [0.0, 2.0, 4.0],
    ));
    let svg = Figure::new("H").panel(plot).svg().unwrap();
    let document = Document::parse(&svg).unwrap();
    let series = of_class(&document, "series")[0];
    let keys = ["data-name", "data-kind", "data-n", "data-edges", "data-counts", "data-outside"];
    let seen = keys.map(|key| series.attribute(key).unwrap());
    assert_eq!(seen, ["h", "histogram", "4", "0 2 4", "1 2", "1"]);
}

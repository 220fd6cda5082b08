//! A rate that goes along straight lines from point to point, and ends at the last one: nothing is wanted after it, and none of
//! its values is held. Two points of one time are a step.
//!
//! In a piece of length d from a to b lie d·(a + b)/2 starts, and the integral of 1/rate is d·ln(b/a)/(b − a). A gap's deviation
//! is that of the slow limit, which a series that touches 0 on a slope does not have.

use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, SeqAccess, Visitor};

use super::Shape;
use super::pieces::Pieces;
use crate::arrival::Process;

/// The highest rate of a point, starts a second.
const MOST: f64 = 1e6;
/// The latest time of a point, seconds.
const LATEST: f64 = 1e9;

/// Points and the lines between them. Copies share them: every lane of a run has one.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    points: Arc<[[f64; 2]]>,
    pieces: Arc<Pieces>,
}

/// What is wrong with a point, beside those before it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct BadPoint {
    /// The point, from 0; the number of points if one is missing.
    pub(crate) n: usize,
    /// What it is.
    pub(crate) point: [f64; 2],
    /// What it must be.
    pub(crate) must: &'static str,
}

impl Series {
    /// The rate along `points`, each `[seconds, starts a second]`: at least two, from 0 s on, in the order of time.
    pub(crate) fn new(points: Vec<[f64; 2]>) -> Result<Self, BadPoint> {
        let mut pieces = Pieces::default();
        let mut last: Option<[f64; 2]> = None;
        for (n, point) in points.iter().copied().enumerate() {
            check(last, point).map_err(|must| BadPoint { n, point, must })?;
            if let Some([_, from]) = last {
                pieces.push(from, point[1], point[0]);
            }
            last = Some(point);
        }
        let bad = |must| BadPoint { n: points.len(), point: last.unwrap_or_default(), must };
        if pieces.end() == 0.0 {
            return Err(bad("followed by a later one: a line has two ends"));
        }
        if pieces.range().1 == 0.0 {
            return Err(bad("not the last of points that are all 0 starts a second"));
        }
        Ok(Self { points: points.into(), pieces: Arc::new(pieces) })
    }
}

/// Whether `point` may follow `last`; what it must be, if not.
fn check(last: Option<[f64; 2]>, [time, rate]: [f64; 2]) -> Result<(), &'static str> {
    // The comparisons are such that no NaN passes.
    if !(0.0..=MOST).contains(&rate) {
        return Err("[seconds, starts a second] with 0 to 1000000 starts a second");
    }
    if !(0.0..=LATEST).contains(&time) {
        return Err("[seconds, starts a second] with 0 to 1000000000 seconds");
    }
    match last {
        None if time > 0.0 => Err("at 0 seconds: what the rate is from the start must be said"),
        Some([before, _]) if time < before => Err("no earlier than the point before it"),
        _ => Ok(()),
    }
}

impl Shape for Series {
    fn describe(&self) -> String {
        let ((least, most), points) = (self.pieces.range(), self.points.len());
        format!("{least} to {most} req/s along {points} points within {} s", self.pieces.end())
    }

    fn at(&self, t: f64) -> f64 {
        self.pieces.at(t)
    }

    fn before(&self, t: f64) -> f64 {
        self.pieces.before(t)
    }

    fn time_of(&self, position: f64) -> Option<f64> {
        self.pieces.time_of(position)
    }

    fn mean(&self) -> f64 {
        self.pieces.mean()
    }

    fn mean_inverse(&self) -> f64 {
        self.pieces.mean_inverse()
    }

    fn gap_cv(&self, law: &dyn Process) -> Option<f64> {
        self.pieces.gap_cv(law)
    }

    fn end(&self) -> Option<f64> {
        Some(self.pieces.end())
    }

    fn canonical(&self) -> String {
        let points: Vec<String> = self.points.iter().map(|[t, rate]| format!("{t:?}:{rate:?}")).collect();
        format!("series {}", points.join(" "))
    }
}

/// A file of points that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{file}:{line}:{column}: {what}\nhint: load.series wants a JSON list of points, [[seconds, starts a second], …], from 0 seconds on, in the order of time"
)]
pub struct SeriesError {
    /// The file, as it was named.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
    /// What is wrong there.
    pub what: String,
}

/// The points in the text of a file, `[[seconds, starts a second], …]`. `file` is its name, for errors.
pub fn read_series(json_text: &str, file: &str) -> Result<Vec<[f64; 2]>, SeriesError> {
    match serde_json::from_str::<Points>(json_text) {
        Ok(points) => Ok(points.0),
        Err(error) => {
            let message = error.to_string();
            // serde_json says the place once more behind its message.
            let place = format!(" at line {} column {}", error.line(), error.column());
            let what = message.strip_suffix(&place).unwrap_or(&message).to_owned();
            Err(SeriesError {
                file: file.to_owned(),
                line: error.line().max(1),
                column: error.column().max(1),
                what,
            })
        }
    }
}

/// Points that are judged while they are read, so that an error knows its place.
struct Points(Vec<[f64; 2]>);

impl<'de> Deserialize<'de> for Points {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(PointsVisitor).map(Points)
    }
}

struct PointsVisitor;

impl<'de> Visitor<'de> for PointsVisitor {
    type Value = Vec<[f64; 2]>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of points, [[seconds, starts a second], …]")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut points: Vec<[f64; 2]> = Vec::new();
        while let Some(point) = seq.next_element::<[f64; 2]>()? {
            let n = points.len();
            check(points.last().copied(), point).map_err(|must| A::Error::custom(said(n, point, must)))?;
            points.push(point);
        }
        let end = |bad: BadPoint| A::Error::custom(said(bad.n.saturating_sub(1), bad.point, bad.must));
        Series::new(points.clone()).map(|_| points).map_err(end)
    }
}

/// A bad point in words.
pub(crate) fn said(n: usize, [time, rate]: [f64; 2], must: &str) -> String {
    format!("point {} is [{time}, {rate}]: it must be {must}", n + 1)
}

#[cfg(test)]
mod tests {
    use super::super::Rate;
    use super::super::testing::{closed_form, statistics};
    use super::*;
    use crate::arrival::{Constant, Poisson};

    fn series(points: &[[f64; 2]]) -> Series {
        Series::new(points.to_vec()).unwrap()
    }

    #[test]
    fn before_is_the_integral_and_time_of_its_inverse() {
        closed_form(&series(&[[0.0, 5.0], [4.0, 20.0], [6.0, 20.0], [10.0, 1.0]]), 10.0);
        let steps =
            [[0.0, 0.0], [1.0, 0.0], [1.0, 8.0], [4.0, 8.0], [4.0, 0.0], [5.0, 0.0], [7.0, 30.0], [9.0, 0.0]];
        closed_form(&series(&steps), 9.0);
    }

    #[test]
    fn it_goes_along_lines_and_ends_at_its_last_point() {
        let up = series(&[[0.0, 0.0], [10.0, 20.0]]);
        assert_eq!((up.at(5.0), up.before(5.0), up.before(99.0), up.end()), (10.0, 25.0, 100.0, Some(10.0)));
        assert_eq!((up.time_of(25.0), up.time_of(100.0)), (Some(5.0), None));
        assert_eq!(up.describe(), "0 to 20 req/s along 2 points within 10 s");
        assert_eq!(up.gap_cv(&Poisson), None);
        // 1/λ from 10 to 20 has the mean ln 2/10.
        let slope = series(&[[0.0, 10.0], [100.0, 20.0]]);
        let want = libm::sqrt(1.5 * libm::log(2.0) - 1.0);
        assert!((slope.gap_cv(&Constant).unwrap() - want).abs() < 1e-12);
    }

    #[test]
    fn starts_have_its_mean_and_deviation() {
        let points = [[0.0, 20.0], [30.0, 200.0], [60.0, 50.0], [60.0, 100.0], [80.0, 100.0]];
        statistics(&Rate::Series(series(&points)), 0.0, 80.0);
    }

    #[test]
    fn a_file_is_read_and_its_faults_are_named_with_their_place() {
        assert_eq!(read_series(" [[0, 1], [2.5, 1e1]]\n", "a.json"), Ok(vec![[0.0, 1.0], [2.5, 10.0]]));
        for (text, line, column, what) in [
            ("[[0, 1],\n [5, 2],\n [3, 2]]", 3, 8, "point 3 is [3, 2]: it must be no earlier than"),
            ("[[0, 1],\n [5, -2]]", 2, 9, "point 2 is [5, -2]: it must be [seconds"),
            ("[[1, 1], [5, 2]]", 1, 9, "point 1 is [1, 1]: it must be at 0 seconds"),
            ("[[0, 1]]", 1, 8, "point 1 is [0, 1]: it must be followed"),
            ("[[0, 0], [3, 0]]", 1, 16, "point 2 is [3, 0]: it must be not the last"),
            ("[]", 1, 2, "it must be followed"),
            ("[[0, 1], [2]]", 1, 12, "invalid length 1"),
            ("[[0, 1, 2]]", 1, 9, "trailing characters"),
            ("[[0, \"1\"]]", 1, 8, "invalid type: string"),
            ("{}", 1, 1, "a list of points"),
            ("[[0, 1], [2, 2]] 3", 1, 18, "trailing characters"),
            ("", 1, 1, "EOF"),
        ] {
            let error = read_series(text, "rates.json").unwrap_err();
            let message = error.to_string();
            assert!(message.contains(what) && message.contains("hint:"), "{text}: {message}");
            assert_eq!((error.line, error.column), (line, column), "{text}: {message}");
            assert!(message.starts_with(&format!("rates.json:{line}:{column}: ")), "{message}");
        }
    }
}

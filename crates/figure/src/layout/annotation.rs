//! Words on a plot: each finds a place where it covers no other; one that finds none is told below the plot.

use super::plot::SMALL;
use crate::figure::Annotation;
use crate::mark::{Drawn, Frame};
use crate::scene::{Anchor, Cap, Fill, Group, Ink, Node, Path, Step, Stroke, Text};
use crate::text::Font;

/// Left, top, right, bottom.
type Box4 = [f64; 4];

/// Points along everything drawn, a few pixels apart.
fn points_of(nodes: &[Node], points: &mut Vec<(f64, f64)>) {
    for node in nodes {
        match node {
            Node::Group(group) => points_of(&group.nodes, points),
            Node::Text(_) => {}
            Node::Path(path) => {
                let mut from = (0.0, 0.0);
                for step in &path.steps {
                    let to = match step {
                        Step::Move(x, y) => {
                            from = (*x, *y);
                            from
                        }
                        Step::Line(x, y) => (*x, *y),
                        Step::Close => continue,
                    };
                    let parts = libm::ceil((to.0 - from.0).abs().max((to.1 - from.1).abs()) / 5.0).max(1.0);
                    points.extend((1..=parts as u32).map(|i| {
                        let part = f64::from(i) / parts;
                        (from.0 + (to.0 - from.0) * part, from.1 + (to.1 - from.1) * part)
                    }));
                    from = to;
                }
            }
        }
    }
}

/// Puts them over the series that are drawn already, where they cover least of them.
pub(super) fn lay(annotations: &[Annotation], frame: &Frame, font: &Font, series: &[Node]) -> Drawn {
    let mut drawn = Drawn::default();
    let (mut taken, mut points) = (Vec::<Box4>::new(), Vec::new());
    if !annotations.is_empty() {
        points_of(series, &mut points);
    }
    let (left, right, top, bottom) = (frame.x.from, frame.x.to, frame.y.to, frame.y.from);
    for annotation in annotations {
        let line = Stroke { ink: Ink::Text, width: 1.0, dash: &[4.0, 3.0], cap: Cap::Butt };
        let text = annotation.text();
        let (wide, high) = (font.width(text, SMALL) + 6.0, SMALL + 4.0);
        // Upper left corners of the label, the best one first.
        let (shape, places): (Path, Vec<(f64, f64)>) = match annotation {
            Annotation::Across(y, _) => {
                let y = frame.y.place(*y);
                let spots = [right - wide - 2.0, left + 2.0, (left + right - wide) / 2.0];
                let places = spots.iter().flat_map(|x| [(*x, y - high - 1.0), (*x, y + 1.0)]).collect();
                (Path::line([(left, y), (right, y)], line), places)
            }
            Annotation::Upright(x, _) => {
                let x = frame.x.place(*x);
                let rows = (0..6).map(|row| top + 2.0 + f64::from(row) * (high + 1.0));
                let places = rows.flat_map(|y| [(x + 2.0, y), (x - wide - 2.0, y)]).collect();
                (Path::line([(x, top), (x, bottom)], line), places)
            }
            Annotation::At(x, y, _) => {
                let (x, y) = frame.at(*x, *y);
                let dot = Stroke { ink: Ink::Text, width: 6.0, dash: &[], cap: Cap::Round };
                let places = [
                    (x + 5.0, y - high - 3.0),
                    (x - wide - 5.0, y - high - 3.0),
                    (x + 5.0, y + 3.0),
                    (x - wide - 5.0, y + 3.0),
                ];
                (Path::line([(x, y), (x, y)], dot), places.to_vec())
            }
        };
        let mut nodes = vec![Node::Path(shape)];
        let inside =
            |b: &Box4| b[0] >= left - 0.5 && b[2] <= right + 0.5 && b[1] >= top - 0.5 && b[3] <= bottom + 0.5;
        let apart =
            |b: &Box4| taken.iter().all(|t| b[2] <= t[0] || b[0] >= t[2] || b[3] <= t[1] || b[1] >= t[3]);
        let covered = |b: &Box4| {
            points.iter().filter(|(x, y)| *x > b[0] && *x < b[2] && *y > b[1] && *y < b[3]).count()
        };
        let spot = places
            .iter()
            .map(|(x, y)| [*x, *y, x + wide, y + high])
            .filter(|b| inside(b) && apart(b))
            .min_by_key(covered);
        if let Some([x, y, ..]) = spot {
            taken.push([x, y, x + wide, y + high]);
            nodes.push(Node::Path(Path::rect(x, y, wide, high, Fill { ink: Ink::Ground, opacity: 0.85 })));
            let (x, y, text) = (x + 3.0, y + SMALL, text.to_owned());
            nodes.push(Node::Text(Text { x, y, text, size: SMALL, anchor: Anchor::Start, ink: Ink::Text }));
        } else {
            drawn.notes.push(format!("{}: {text}", place_in_words(annotation)));
        }
        drawn.told.push(format!("{}: {text}", place_in_words(annotation)));
        drawn.nodes.push(Node::Group(Group { class: "annotation", nodes, ..Group::default() }));
    }
    drawn
}

fn place_in_words(annotation: &Annotation) -> String {
    let told = crate::ticks::alone;
    match annotation {
        Annotation::Across(y, _) => format!("line at y = {}", told(*y)),
        Annotation::Upright(x, _) => format!("line at x = {}", told(*x)),
        Annotation::At(x, y, _) => format!("point at x = {}, y = {}", told(*x), told(*y)),
    }
}

//! Axes: as many labels as there is room for, none over another.

use crate::axis::{Axis, Laid};
use crate::mark::Frame;
use crate::scene::{Anchor, Group, Ink, Node, Path, Stroke, Text};
use crate::text::{Font, LINE};

use super::plot::SMALL;

/// Pixels between two labels of the x axis.
const GAP: f64 = 9.0;
/// Lines a name below the x axis may take.
const LINES: usize = 3;

/// The y axis, and the pixel where the plot area begins.
pub(super) fn upright(
    axis: &Axis,
    data: Option<(f64, f64)>,
    font: &Font,
    (left, width): (f64, f64),
    (top, bottom): (f64, f64),
) -> (Laid, f64) {
    let wanted = ((bottom - top) / 38.0).clamp(2.0, 8.0) as usize;
    let mut laid = axis.laid(data, bottom, top, wanted);
    for tick in &mut laid.ticks {
        tick.label = font.cut(&tick.label, SMALL, width * 0.35);
    }
    let widest = laid.ticks.iter().map(|tick| font.width(&tick.label, SMALL)).fold(0.0, f64::max);
    (laid, left + widest + 8.0)
}

/// The x axis along `from` to at most `to`.
pub(super) fn level(axis: &Axis, data: Option<(f64, f64)>, font: &Font, from: f64, to: f64) -> Laid {
    if axis.places().is_some() {
        return axis.laid(data, from, to - 4.0, 0);
    }
    let most = ((to - from) / 40.0).clamp(2.0, 10.0) as usize;
    let mut chosen = axis.laid(data, from, to - 8.0, 2);
    for wanted in (2..=most).rev() {
        let free = axis.laid(data, from, to - 8.0, wanted);
        let over = free.ticks.last().map_or(0.0, |tick| font.width(&tick.label, SMALL) / 2.0);
        chosen = axis.laid(data, from, to - over.max(8.0), wanted);
        if chosen.labels_fit(font, SMALL, GAP) {
            return chosen;
        }
    }
    chosen
}

/// Lines, ticks and labels of both axes; says the pixel below the last label.
pub(super) fn draw(frame: &Frame, names: bool, font: &Font) -> (Node, f64) {
    let (left, right, top, bottom) = (frame.x.from, frame.x.to, frame.y.to, frame.y.from);
    let mut nodes = Vec::new();
    let mut grid = Path::line([], Stroke::new(Ink::Grid, 1.0));
    for tick in &frame.y.ticks {
        let y = frame.y.place(tick.value);
        crate::scene::push_line(&mut grid.steps, [(left, y), (right, y)]);
    }
    let mut marks = Path::line([(left, bottom), (right, bottom)], Stroke::new(Ink::Muted, 1.0));
    if !names {
        for tick in &frame.x.ticks {
            let x = frame.x.place(tick.value);
            crate::scene::push_line(&mut grid.steps, [(x, top), (x, bottom)]);
            crate::scene::push_line(&mut marks.steps, [(x, bottom), (x, bottom + 4.0)]);
        }
    }
    nodes.extend([Node::Path(grid), Node::Path(marks)]);
    let mut above = f64::INFINITY;
    for tick in &frame.y.ticks {
        let y = frame.y.place(tick.value);
        // Rows of many names: those that would lie over the one before are left out.
        if above - y < SMALL {
            continue;
        }
        above = y;
        let (x, y, text) = (left - 6.0, y + SMALL * 0.36, tick.label.clone());
        nodes.push(Node::Text(Text { x, y, text, size: SMALL, anchor: Anchor::End, ink: Ink::Muted }));
    }
    let below =
        if names { name_labels(frame, font, &mut nodes) } else { number_labels(frame, font, &mut nodes) };
    (Node::Group(Group { class: "axes", nodes, ..Group::default() }), below)
}

fn number_labels(frame: &Frame, font: &Font, nodes: &mut Vec<Node>) -> f64 {
    let y = frame.y.from + 6.0 + SMALL;
    let mut end = f64::NEG_INFINITY;
    for tick in &frame.x.ticks {
        let (x, half) = (frame.x.place(tick.value), font.width(&tick.label, SMALL) / 2.0);
        if x - half < end + GAP / 2.0 {
            continue;
        }
        end = x + half;
        let text = tick.label.clone();
        nodes.push(Node::Text(Text { x, y, text, size: SMALL, anchor: Anchor::Middle, ink: Ink::Muted }));
    }
    if frame.x.ticks.is_empty() { frame.y.from } else { y + 3.0 }
}

fn name_labels(frame: &Frame, font: &Font, nodes: &mut Vec<Node>) -> f64 {
    let room = (frame.x.to - frame.x.from) / frame.x.ticks.len().max(1) as f64;
    // Where a name has no room, only every second, third … is written.
    let stride = libm::ceil(26.0 / room).max(1.0) as usize;
    let mut most = 0;
    for tick in frame.x.ticks.iter().step_by(stride) {
        let mut lines = font.wrap(&tick.label, SMALL, room * stride as f64 - 4.0);
        if lines.len() > LINES {
            let last = format!("{} {}", lines[LINES - 1], lines[LINES]);
            lines.truncate(LINES - 1);
            lines.push(font.cut(&last, SMALL, room * stride as f64 - 4.0));
        }
        most = most.max(lines.len());
        let inside = lines.into_iter().enumerate().map(|(i, text)| {
            let y = frame.y.from + 6.0 + SMALL + i as f64 * SMALL * LINE;
            let x = frame.x.place(tick.value);
            Node::Text(Text { x, y, text, size: SMALL, anchor: Anchor::Middle, ink: Ink::Text })
        });
        let (nodes_of, title) = (inside.collect(), Some(tick.label.clone()));
        nodes.push(Node::Group(Group { class: "name", data: Vec::new(), title, nodes: nodes_of }));
    }
    frame.y.from + 8.0 + most as f64 * SMALL * LINE
}

//! One plot: axes, marks, annotations, notes.

use crate::axis::{Axis, Laid, Scale};
use crate::figure::Plot;
use crate::mark::{Draw, Frame, Look, widen};
use crate::palette::Palette;
use crate::scene::{Anchor, Group, Ink, Node, Text};
use crate::text::{Font, LINE};
use crate::ticks::alone;

use super::{annotation, axes};

/// Size of labels, headings of axes and notes.
pub(super) const SMALL: f64 = 11.0;

/// Attributes of the axes.
const X: [&str; 6] = ["x-scale", "x-title", "x-unit", "x-names", "x-min", "x-max"];
const Y: [&str; 6] = ["y-scale", "y-title", "y-unit", "y-names", "y-min", "y-max"];

/// A plot put down.
pub(super) struct Placed {
    pub(super) group: Group,
    pub(super) height: f64,
    pub(super) told: String,
}

pub(super) fn lay(plot: &Plot, palette: &Palette, font: &Font, left: f64, top: f64, width: f64) -> Placed {
    let mut nodes = Vec::new();
    let heading = |lines: Vec<String>, x: f64, y: f64, anchor: Anchor, nodes: &mut Vec<Node>| {
        let mut at = y;
        for text in lines {
            at += SMALL * LINE;
            nodes.push(Node::Text(Text { x, y: at, text, size: SMALL, anchor, ink: Ink::Muted }));
        }
        at
    };
    let above =
        heading(font.wrap(&plot.y.heading(), SMALL, width), left, top - 2.0, Anchor::Start, &mut nodes);
    let area = (above + 12.0, above + 12.0 + plot.height);
    let (frame, empty) = frame(plot, font, (left, width), area);
    let names = plot.x.places().is_some();
    let (drawn_axes, mut below) = axes::draw(&frame, names, font);
    nodes.push(drawn_axes);

    let mut notes = plot.notes.clone();
    let (series, mut told) = marks(plot, palette, &frame, &mut notes);
    let annotations = annotation::lay(&plot.annotations, &frame, font, &series);
    nodes.extend(series);
    nodes.extend(annotations.nodes);
    told.extend(annotations.told);
    notes.extend(annotations.notes);
    if empty {
        let (x, y) = (f64::midpoint(frame.x.from, frame.x.to), f64::midpoint(area.0, area.1));
        let text = "no data".to_owned();
        nodes.push(Node::Text(Text { x, y, text, size: 13.0, anchor: Anchor::Middle, ink: Ink::Muted }));
        let why = if plot.marks.is_empty() { "there is no series" } else { "no series has a value" };
        notes.push(format!("Nothing is drawn: {why}."));
    }

    let middle = f64::midpoint(frame.x.from, frame.x.to);
    let wide = 2.0 * (middle - left).min(left + width - middle);
    below = heading(font.wrap(&plot.x.heading(), SMALL, wide), middle, below, Anchor::Middle, &mut nodes);
    let mut seen: Vec<&String> = Vec::new();
    for note in &notes {
        if !seen.contains(&note) {
            seen.push(note);
            below = heading(font.wrap(note, SMALL, width), left, below + 2.0, Anchor::Start, &mut nodes);
        }
    }
    told.extend(notes.iter().filter(|note| !plot.notes.contains(note)).cloned());
    let group = Group { class: "plot", data: data(plot, &frame, area), title: None, nodes };
    Placed { group, height: below + 4.0 - top, told: sentences(plot, &frame, &told) }
}

/// Axes for all marks and annotations, and whether there is nothing to show.
fn frame(plot: &Plot, font: &Font, across: (f64, f64), (top, bottom): (f64, f64)) -> (Frame, bool) {
    let draws = || plot.marks.iter().map(crate::mark::Mark::draws);
    let mut reach = [None, None];
    for mark in draws() {
        for (seen, ends) in reach.iter_mut().zip(mark.reach()) {
            *seen = ends.into_iter().flat_map(|(low, high)| [low, high]).fold(*seen, widen);
        }
    }
    let empty = reach[1].is_none() && !draws().any(Draw::is_endless);
    for annotation in &plot.annotations {
        let (x, y) = annotation.place();
        reach = [x.map_or(reach[0], |x| widen(reach[0], x)), y.map_or(reach[1], |y| widen(reach[1], y))];
    }
    let zero = plot.y.from_zero || draws().any(Draw::wants_zero);
    let y_axis = Axis { from_zero: zero && plot.y.scale == Scale::Linear, ..plot.y.clone() };
    let (y, from) = axes::upright(&y_axis, reach[1], font, across, (top, bottom));
    let x = axes::level(&plot.x, reach[0], font, from, across.0 + across.1);
    (Frame { x, y }, empty)
}

/// Areas first, then what lies over them; what is said of each.
fn marks(plot: &Plot, palette: &Palette, frame: &Frame, notes: &mut Vec<String>) -> (Vec<Node>, Vec<String>) {
    let draws: Vec<&dyn Draw> = plot.marks.iter().map(crate::mark::Mark::draws).collect();
    let beside = |mark: &&&dyn Draw| mark.stands_beside();
    let slots = draws.iter().filter(beside).count();
    let (mut areas, mut lines, mut told) = (Vec::new(), Vec::new(), Vec::new());
    for (i, mark) in draws.iter().enumerate() {
        let slot = draws[..i].iter().filter(beside).count();
        let place = palette.place(mark.name());
        let drawn = mark.draw(frame, Look { place, slot, slots });
        let mut data = vec![
            ("name", mark.name().to_owned()),
            ("kind", mark.kind().to_owned()),
            ("place", place.to_string()),
        ];
        data.extend(mark.sample().map(|sample| ("n", sample.told().trim_start_matches("n = ").to_owned())));
        data.extend(drawn.data);
        notes.extend(drawn.notes);
        let title = (!mark.name().is_empty()).then(|| mark.name().to_owned());
        let group = Node::Group(Group { class: "series", data, title, nodes: drawn.nodes });
        if mark.is_area() {
            areas.push(group);
        } else {
            lines.push(group);
        }
        let name = if mark.name().is_empty() { String::new() } else { format!("{}, ", mark.name()) };
        told.push(format!("{name}{}: {}", mark.kind(), drawn.told.join(", ")));
    }
    areas.extend(lines);
    (areas, told)
}

/// What a script needs to know of the plot area and its axes.
fn data(plot: &Plot, frame: &Frame, (top, bottom): (f64, f64)) -> Vec<(&'static str, String)> {
    let number = crate::svg::number;
    let mut data = vec![
        ("left", number(frame.x.from)),
        ("top", number(top)),
        ("width", number(frame.x.to - frame.x.from)),
        ("height", number(bottom - top)),
    ];
    for (axis, laid, keys) in [(&plot.x, &frame.x, X), (&plot.y, &frame.y, Y)] {
        data.push((keys[0], axis.kind().to_owned()));
        data.push((keys[1], axis.title.clone()));
        data.push((keys[2], axis.unit.clone()));
        if let Scale::Names(names) = &axis.scale {
            data.push((
                keys[3],
                names.iter().map(|name| name.replace('\n', " ")).collect::<Vec<_>>().join("\n"),
            ));
        }
        if !laid.ticks.is_empty() {
            data.extend([(keys[4], format!("{}", laid.low)), (keys[5], format!("{}", laid.high))]);
        }
    }
    data.retain(|(_, value)| !value.is_empty());
    data
}

/// The plot for who does not see it.
fn sentences(plot: &Plot, frame: &Frame, told: &[String]) -> String {
    let axis = |axis: &Axis, laid: &Laid| {
        let heading = if axis.heading().is_empty() { "values".to_owned() } else { axis.heading() };
        match &axis.scale {
            Scale::Names(names) => format!("{heading} ({})", names.join(", ")),
            _ if laid.ticks.is_empty() => format!("{heading} (no values)"),
            _ => {
                let scale = if axis.scale == Scale::Log { ", logarithmic" } else { "" };
                format!("{heading} from {} to {}{scale}", alone(laid.low), alone(laid.high))
            }
        }
    };
    let title = if plot.title.is_empty() { String::new() } else { format!("{}: ", plot.title) };
    let mut all = vec![format!("{title}{} over {}", axis(&plot.y, &frame.y), axis(&plot.x, &frame.x))];
    all.extend(told.iter().map(|part| part.trim_end_matches('.').to_owned()));
    all.extend(plot.notes.iter().map(|note| note.trim_end_matches('.').to_owned()));
    all.join(". ") + "."
}

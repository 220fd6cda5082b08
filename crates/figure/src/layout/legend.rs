//! The legend: a line a series above the plots, so that it covers nothing.

use crate::figure::{Panel, Plot};
use crate::mark::{Draw, Look, Sample};
use crate::palette::{Palette, RAMP_STEPS};
use crate::scene::{Anchor, Fill, Group, Ink, Node, Path, Text};
use crate::text::Font;

const SIZE: f64 = 11.0;
const ROW: f64 = 18.0;
const SWATCH: f64 = 22.0;

/// A series in the legend.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    name: String,
    text: String,
    place: usize,
    kinds: Vec<&'static str>,
}

/// The series of a panel, marks of one name together.
pub(super) fn entries(panel: &Panel, palette: &Palette) -> Vec<Entry> {
    let Panel::Plot(plot) = panel else { return Vec::new() };
    let mut names: Vec<&str> = Vec::new();
    // A lane of ticks has its name on the axis.
    let lanes = plot.y.places().is_some();
    let listed = |mark: &&dyn Draw| mark.colours().is_none() && !(lanes && mark.kind() == "ticks");
    let shown = || plot.marks.iter().map(crate::mark::Mark::draws).filter(listed);
    for mark in shown() {
        if !mark.name().is_empty() && !names.contains(&mark.name()) {
            names.push(mark.name());
        }
    }
    names
        .into_iter()
        .map(|name| {
            let of = || shown().filter(move |mark| mark.name() == name);
            let mut parts: Vec<String> = Vec::new();
            for what in of().filter_map(Draw::what) {
                if !parts.iter().any(|part| part == what) {
                    parts.push(what.to_owned());
                }
            }
            let samples: Vec<Sample> = of().filter_map(Draw::sample).collect();
            let known = samples.iter().find(|sample| **sample != Sample::Unknown);
            parts.extend(known.or_else(|| samples.first()).map(|sample| sample.told()));
            let text =
                if parts.is_empty() { name.to_owned() } else { format!("{name} ({})", parts.join(", ")) };
            let kinds = of().map(Draw::kind).collect();
            Entry { name: name.to_owned(), text, place: palette.place(name), kinds }
        })
        .collect()
}

/// Puts entries in rows; `y` goes down by them.
pub(super) fn lay(entries: &[Entry], font: &Font, left: f64, y: &mut f64, width: f64) -> Option<Node> {
    if entries.is_empty() {
        return None;
    }
    let mut nodes = Vec::new();
    let mut x = left;
    *y += 2.0;
    for entry in entries {
        let text = font.cut(&entry.text, SIZE, width - SWATCH - 5.0);
        let wide = SWATCH + 5.0 + font.width(&text, SIZE);
        if x > left && x + wide > left + width {
            (x, *y) = (left, *y + ROW);
        }
        let mut inside = swatch(entry, x, *y + ROW / 2.0);
        let (at, baseline) = (x + SWATCH + 5.0, *y + ROW / 2.0 + SIZE * 0.36);
        let ink = Ink::Text;
        inside.push(Node::Text(Text { x: at, y: baseline, text, size: SIZE, anchor: Anchor::Start, ink }));
        nodes.push(Node::Group(Group {
            class: "entry",
            data: vec![("name", entry.name.clone())],
            title: Some(entry.text.clone()),
            nodes: inside,
        }));
        x += wide + 16.0;
    }
    *y += ROW + 2.0;
    Some(Node::Group(Group { class: "legend", nodes, ..Group::default() }))
}

/// How the series looks, small.
fn swatch(entry: &Entry, x: f64, y: f64) -> Vec<Node> {
    let look = Look { place: entry.place, slot: 0, slots: 1 };
    let one = |kind: &&str| match *kind {
        "band" => Path::rect(x, y - 5.0, SWATCH, 10.0, Fill { ink: look.ink(), opacity: 0.2 }),
        "bars" => Path::rect(x + 5.0, y - 5.0, 12.0, 10.0, Fill { ink: look.ink(), opacity: 0.85 }),
        "histogram" => Path::rect(x + 5.0, y - 5.0, 12.0, 10.0, Fill { ink: look.ink(), opacity: 0.5 }),
        "points" => look.markers(&[(x + SWATCH / 2.0, y)], 6.0),
        "ticks" => {
            let mut path = Path::line([], crate::scene::Stroke::new(look.ink(), 1.0));
            for i in 0..4 {
                let at = x + 4.0 + f64::from(i * i + i);
                crate::scene::push_line(&mut path.steps, [(at, y - 5.0), (at, y + 5.0)]);
            }
            path
        }
        _ => Path::line([(x, y), (x + SWATCH, y)], look.stroke()),
    };
    let mut nodes: Vec<Node> = entry.kinds.iter().map(one).map(Node::Path).collect();
    if entry.kinds.contains(&"line") {
        nodes.push(Node::Path(look.markers(&[(x + SWATCH / 2.0, y)], 6.0)));
    }
    nodes
}

/// The colours of a surface and what they mean; `y` goes down by them.
pub(super) fn colours(plot: &Plot, font: &Font, left: f64, y: &mut f64, width: f64) -> Vec<Node> {
    let mut nodes = Vec::new();
    for mark in &plot.marks {
        let Some((low, high, unit)) = mark.draws().colours() else { continue };
        let name = mark.draws().name();
        let heading = if unit.is_empty() { name.to_owned() } else { format!("{name} ({unit})") };
        let label = |x: f64, text: String, anchor: Anchor| {
            Node::Text(Text { x, y: *y + 12.0, text, size: SIZE, anchor, ink: Ink::Text })
        };
        let (from, to) = (crate::ticks::alone(low), crate::ticks::alone(high));
        let (before, after) = (font.width(&from, SIZE) + 6.0, font.width(&to, SIZE) + 6.0);
        let heading = font.cut(&heading, SIZE, width * 0.45);
        let begin = left + font.width(&heading, SIZE) + 12.0;
        let bar = (left + width - begin - before - after).clamp(24.0, 160.0);
        let mut inside = vec![
            label(left, heading, Anchor::Start),
            label(begin, from, Anchor::Start),
            label(begin + before + bar + 6.0, to, Anchor::Start),
        ];
        let step = bar / RAMP_STEPS as f64;
        for i in 0..RAMP_STEPS {
            let fill = Fill { ink: Ink::Ramp(i), opacity: 1.0 };
            // Half a pixel more than its part, so that no gap shows between two.
            let wide = if i + 1 < RAMP_STEPS { step + 0.5 } else { step };
            inside.push(Node::Path(Path::rect(begin + before + i as f64 * step, *y + 3.0, wide, 11.0, fill)));
        }
        *y += ROW + 2.0;
        let data = vec![("name", name.to_owned()), ("min", format!("{low}")), ("max", format!("{high}"))];
        nodes.push(Node::Group(Group { class: "colours", data, title: None, nodes: inside }));
    }
    nodes
}

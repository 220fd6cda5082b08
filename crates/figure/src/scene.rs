//! What a layout comes to: groups of paths and texts at places, in pixels from the upper left corner. [`crate::svg`] writes it,
//! [`crate::png`] paints it.

/// Which colour, before a theme has said which one that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ink {
    /// Behind everything.
    Ground,
    /// Titles and labels.
    Text,
    /// Subtitles, notes, units.
    Muted,
    /// Lines behind the data.
    Grid,
    /// The series at this place of the palette.
    Series(usize),
    /// This step of a surface's ramp.
    Ramp(usize),
}

/// Where a text stands against its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    /// It begins there.
    Start,
    /// It is centred there.
    Middle,
    /// It ends there.
    End,
}

/// How a line ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cap {
    /// At its end.
    Butt,
    /// With half a disc; a line of no length is a dot.
    Round,
    /// With half a square; a line of no length is a square.
    Square,
}

/// A drawn line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Stroke {
    pub(crate) ink: Ink,
    pub(crate) width: f64,
    /// Lengths of dash and gap in turn; empty: unbroken.
    pub(crate) dash: &'static [f64],
    pub(crate) cap: Cap,
}

impl Stroke {
    /// An unbroken line.
    pub(crate) fn new(ink: Ink, width: f64) -> Self {
        Self { ink, width, dash: &[], cap: Cap::Butt }
    }
}

/// A filled area.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Fill {
    pub(crate) ink: Ink,
    /// 0 (not seen) to 1 (covers).
    pub(crate) opacity: f64,
}

/// One part of a path.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Step {
    Move(f64, f64),
    Line(f64, f64),
    Close,
}

/// Lines, areas or both.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Path {
    pub(crate) steps: Vec<Step>,
    pub(crate) fill: Option<Fill>,
    pub(crate) stroke: Option<Stroke>,
}

impl Path {
    /// A line through points.
    pub(crate) fn line(points: impl IntoIterator<Item = (f64, f64)>, stroke: Stroke) -> Self {
        let mut steps = Vec::new();
        push_line(&mut steps, points);
        Self { steps, fill: None, stroke: Some(stroke) }
    }

    /// A rectangle.
    pub(crate) fn rect(left: f64, top: f64, width: f64, height: f64, fill: Fill) -> Self {
        let mut steps = Vec::new();
        push_rect(&mut steps, left, top, width, height);
        Self { steps, fill: Some(fill), stroke: None }
    }
}

/// Adds a line through points.
pub(crate) fn push_line(steps: &mut Vec<Step>, points: impl IntoIterator<Item = (f64, f64)>) {
    for (i, (x, y)) in points.into_iter().enumerate() {
        steps.push(if i == 0 { Step::Move(x, y) } else { Step::Line(x, y) });
    }
}

/// Adds a rectangle.
pub(crate) fn push_rect(steps: &mut Vec<Step>, left: f64, top: f64, width: f64, height: f64) {
    let (right, bottom) = (left + width, top + height);
    push_line(steps, [(left, top), (right, top), (right, bottom), (left, bottom)]);
    steps.push(Step::Close);
}

/// A line of text; the point lies on its baseline.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::struct_field_names, reason = "a text has a text")]
pub(crate) struct Text {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) text: String,
    pub(crate) size: f64,
    pub(crate) anchor: Anchor,
    pub(crate) ink: Ink,
}

/// Nodes that belong together, and what a script can ask them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Group {
    pub(crate) class: &'static str,
    /// `data-` attributes, without the `data-`.
    pub(crate) data: Vec<(&'static str, String)>,
    /// Shown when a pointer rests on it.
    pub(crate) title: Option<String>,
    pub(crate) nodes: Vec<Node>,
}

/// One thing of a scene.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    Group(Group),
    Path(Path),
    Text(Text),
}

/// A figure laid out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scene {
    /// Unique among the figures of one page.
    pub(crate) id: String,
    pub(crate) width: f64,
    pub(crate) height: f64,
    pub(crate) title: String,
    /// What is seen, in sentences.
    pub(crate) described: String,
    pub(crate) nodes: Vec<Node>,
}

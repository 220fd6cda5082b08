//! What a picture shows, as a value.

use crate::axis::Axis;
use crate::error::FigureError;
use crate::mark::Mark;
use crate::palette::{Palette, Theme};
use crate::table::Table;
use crate::{layout, png, svg};

/// Widths that can be read and made, pixels.
const WIDTHS: std::ops::RangeInclusive<f64> = 240.0..=4000.0;

/// A picture: a title, and plots or tables below it.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    pub(crate) id: Option<String>,
    pub(crate) title: String,
    pub(crate) subtitle: String,
    pub(crate) described: String,
    pub(crate) theme: Theme,
    pub(crate) width: f64,
    pub(crate) columns: usize,
    pub(crate) palette: Palette,
    pub(crate) panels: Vec<Panel>,
}

impl Figure {
    /// An empty picture, 720 pixels wide, with up to two panels side by side.
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            id: None,
            title: title.into(),
            subtitle: String::new(),
            described: String::new(),
            theme: Theme::Light,
            width: 720.0,
            columns: 2,
            palette: Palette::default(),
            panels: Vec::new(),
        }
    }

    /// What stands below the title: what was run, on what.
    #[must_use]
    pub fn subtitle(mut self, text: impl Into<String>) -> Self {
        self.subtitle = text.into();
        self
    }

    /// What a reader who does not see the picture should know, beside what is said of its axes and series anyway.
    #[must_use]
    pub fn described(mut self, text: impl Into<String>) -> Self {
        self.described = text.into();
        self
    }

    /// The picture's id on a page; unset: made from the title. No two of one page may be the same.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// What it is shown on.
    #[must_use]
    pub fn theme(mut self, theme: Theme) -> Self {
        self.theme = theme;
        self
    }

    /// How wide it is, pixels. It is laid out anew for each width; 320 can be read on a telephone.
    #[must_use]
    pub fn width(mut self, pixels: u32) -> Self {
        self.width = f64::from(pixels);
        self
    }

    /// At most so many panels side by side, fewer where there is no room.
    #[must_use]
    pub fn columns(mut self, columns: usize) -> Self {
        self.columns = columns.max(1);
        self
    }

    /// Colours agreed with other pictures. Series that are not in it get the next ones.
    #[must_use]
    pub fn palette(mut self, palette: Palette) -> Self {
        self.palette = palette;
        self
    }

    /// One more plot or table.
    #[must_use]
    pub fn panel(mut self, panel: impl Into<Panel>) -> Self {
        self.panels.push(panel.into());
        self
    }

    /// As a self-contained SVG, the same bytes for the same picture.
    ///
    /// `<g class="plot">` carries the plot area in pixels (`data-left`, `-top`, `-width`, `-height`) and its axes (`data-x-scale`,
    /// `-min`, `-max`, `-title`, `-unit`, `-names` by lines; `y` the same); in it each mark is a `<g class="series"
    /// data-name data-kind>` with its values where there are few, and `<g class="legend">` has a `<g class="entry"
    /// data-name>` a series.
    pub fn svg(&self) -> Result<String, FigureError> {
        Ok(svg::write(&self.scene()?, self.theme))
    }

    /// As a PNG, `scale` dots a pixel (2 is sharp on most screens and in print).
    pub fn png(&self, scale: f32) -> Result<Vec<u8>, FigureError> {
        let scene = self.scene()?;
        png::paint(&scene, self.theme == Theme::Dark, scale).ok_or_else(|| FigureError::Size {
            title: self.title.clone(),
            what: format!(
                "{} × {} pixels at {scale} dots a pixel cannot be painted",
                scene.width, scene.height
            ),
            hint: "ask for a scale from 0.5 to 8",
        })
    }

    fn scene(&self) -> Result<crate::scene::Scene, FigureError> {
        if !WIDTHS.contains(&self.width) {
            return Err(FigureError::Size {
                title: self.title.clone(),
                what: format!("{} pixels wide", self.width),
                hint: "ask for 240 to 4000 pixels",
            });
        }
        for panel in &self.panels {
            match panel {
                Panel::Plot(plot) => plot.check()?,
                Panel::Table(table) => table.check()?,
            }
        }
        Ok(layout::scene(self))
    }
}

/// A part of a picture.
#[derive(Clone, Debug, PartialEq)]
pub enum Panel {
    /// Marks on two axes.
    Plot(Box<Plot>),
    /// Rows and columns.
    Table(Table),
}

impl From<Plot> for Panel {
    fn from(plot: Plot) -> Self {
        Self::Plot(Box::new(plot))
    }
}

impl From<Table> for Panel {
    fn from(table: Table) -> Self {
        Self::Table(table)
    }
}

/// Marks on two axes.
#[derive(Clone, Debug, PartialEq)]
pub struct Plot {
    pub(crate) title: String,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) marks: Vec<Mark>,
    pub(crate) annotations: Vec<Annotation>,
    pub(crate) notes: Vec<String>,
    pub(crate) height: f64,
}

impl Plot {
    /// An empty plot, 210 pixels high.
    pub fn new(title: impl Into<String>, x: Axis, y: Axis) -> Self {
        let (marks, annotations, notes) = (Vec::new(), Vec::new(), Vec::new());
        Self { title: title.into(), x, y, marks, annotations, notes, height: 210.0 }
    }

    /// One more thing to show.
    #[must_use]
    pub fn mark(mut self, mark: impl Into<Mark>) -> Self {
        self.marks.push(mark.into());
        self
    }

    /// A line or a point with words.
    #[must_use]
    pub fn annotate(mut self, annotation: Annotation) -> Self {
        self.annotations.push(annotation);
        self
    }

    /// A sentence below the plot.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// Height of the plot area, pixels, at least 40.
    #[must_use]
    pub fn height(mut self, pixels: u32) -> Self {
        self.height = f64::from(pixels.max(40));
        self
    }

    fn check(&self) -> Result<(), FigureError> {
        for mark in &self.marks {
            mark.draws().check(&self.x, &self.y)?;
        }
        for (i, annotation) in self.annotations.iter().enumerate() {
            let (x, y) = annotation.place();
            x.map_or(Ok(()), |x| self.x.check(annotation.text(), i, x))?;
            y.map_or(Ok(()), |y| self.y.check(annotation.text(), i, y))?;
        }
        Ok(())
    }
}

/// A line or a point with words, for what is not data: an objective, the end of a phase.
#[derive(Clone, Debug, PartialEq)]
pub enum Annotation {
    /// A line across at this y.
    Across(f64, String),
    /// An upright line at this x.
    Upright(f64, String),
    /// A point.
    At(f64, f64, String),
}

impl Annotation {
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Across(_, text) | Self::Upright(_, text) | Self::At(_, _, text) => text,
        }
    }

    pub(crate) fn place(&self) -> (Option<f64>, Option<f64>) {
        match self {
            Self::Across(y, _) => (None, Some(*y)),
            Self::Upright(x, _) => (Some(*x), None),
            Self::At(x, y, _) => (Some(*x), Some(*y)),
        }
    }
}

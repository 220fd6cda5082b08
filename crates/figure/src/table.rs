//! A table: rows and columns. A cell without a value is a dash.

use crate::error::FigureError;
use crate::scene::{Anchor, Group, Ink, Node, Path, Stroke, Text};
use crate::text::{Font, LINE};

const SIZE: f64 = 11.5;
/// Room left and right of a cell.
const PAD: f64 = 8.0;

/// Rows and columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    pub(crate) title: String,
    columns: Vec<String>,
    rows: Vec<Vec<Option<String>>>,
}

impl Table {
    /// A table with these headings, and no rows yet.
    pub fn new<N: Into<String>>(title: impl Into<String>, columns: impl IntoIterator<Item = N>) -> Self {
        let columns = columns.into_iter().map(Into::into).collect();
        Self { title: title.into(), columns, rows: Vec::new() }
    }

    /// One more row.
    #[must_use]
    pub fn row<C: Into<Option<String>>>(mut self, cells: impl IntoIterator<Item = C>) -> Self {
        self.rows.push(cells.into_iter().map(Into::into).collect());
        self
    }

    pub(crate) fn check(&self) -> Result<(), FigureError> {
        let odd = self.rows.iter().position(|row| row.len() != self.columns.len());
        odd.map_or(Ok(()), |i| {
            let what =
                format!("row {i} has {} cells, the table {} columns", self.rows[i].len(), self.columns.len());
            Err(FigureError::series(&self.title, what, "give a cell a column; None where there is none"))
        })
    }

    /// What is said of it to who does not see it.
    pub(crate) fn told(&self) -> String {
        let columns = self.columns.join(", ");
        format!(
            "{}: a table of {} with {}.",
            self.title,
            columns,
            crate::mark::counted(self.rows.len(), "row")
        )
    }

    /// Widths of columns: what their widest text needs, or an even part of what is there.
    fn widths(&self, font: &Font, width: f64) -> Vec<f64> {
        let wanted: Vec<f64> = (0..self.columns.len())
            .map(|i| {
                let cells = self.rows.iter().filter_map(|row| row[i].as_deref());
                let texts = cells.chain([self.columns[i].as_str()]);
                texts.map(|text| font.width(text, SIZE)).fold(10.0, f64::max) + 2.0 * PAD
            })
            .collect();
        let all: f64 = wanted.iter().sum();
        if all <= width {
            return wanted;
        }
        // Narrow columns keep what they need; the wide ones share the rest.
        let fair = width / wanted.len() as f64;
        let narrow: f64 = wanted.iter().filter(|w| **w <= fair).sum();
        let wide: f64 = wanted.iter().filter(|w| **w > fair).sum();
        wanted.iter().map(|w| if *w <= fair { *w } else { w / wide * (width - narrow) }).collect()
    }

    /// Whether a column holds numbers, which are written to the right.
    fn is_number(&self, column: usize) -> bool {
        let mut cells = self.rows.iter().filter_map(|row| row[column].as_deref()).peekable();
        let begins = |text: &str| text.starts_with(|c: char| c.is_ascii_digit() || "−-+∞<>≤≥".contains(c));
        cells.peek().is_some() && cells.all(begins)
    }

    /// Puts it down; says how high it is.
    pub(crate) fn lay(&self, font: &Font, left: f64, top: f64, width: f64) -> (Group, f64) {
        let widths = self.widths(font, width);
        let mut y = top;
        let mut group = Group { class: "table", ..Group::default() };
        let header: Vec<Option<String>> = self.columns.iter().cloned().map(Some).collect();
        for (i, row) in std::iter::once(&header).chain(&self.rows).enumerate() {
            let cells: Vec<Vec<String>> = row
                .iter()
                .zip(&widths)
                .map(|(cell, w)| font.wrap(cell.as_deref().unwrap_or("–"), SIZE, w - 2.0 * PAD))
                .collect();
            let lines = cells.iter().map(Vec::len).max().unwrap_or(1).max(1);
            let mut nodes = Vec::new();
            let mut x = left;
            for (column, (lines, w)) in cells.into_iter().zip(&widths).enumerate() {
                let right = self.is_number(column);
                for (line, text) in lines.into_iter().enumerate() {
                    nodes.push(Node::Text(Text {
                        x: if right { x + w - PAD } else { x + PAD },
                        y: y + 4.0 + SIZE + line as f64 * SIZE * LINE,
                        text,
                        size: SIZE,
                        anchor: if right { Anchor::End } else { Anchor::Start },
                        ink: if i == 0 { Ink::Muted } else { Ink::Text },
                    }));
                }
                x += w;
            }
            y += lines as f64 * SIZE * LINE + 6.0;
            let ink = if i == 0 { Ink::Muted } else { Ink::Grid };
            nodes.push(Node::Path(Path::line([(left, y), (x, y)], Stroke::new(ink, 1.0))));
            let class = if i == 0 { "head" } else { "row" };
            group.nodes.push(Node::Group(Group { class, nodes, ..Group::default() }));
        }
        (group, y - top)
    }
}

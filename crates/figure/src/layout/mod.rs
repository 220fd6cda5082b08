//! From what a figure shows to where everything lies: title, legend, panels side by side or below each other.

use crate::figure::{Figure, Panel};
use crate::scene::{Anchor, Group, Ink, Node, Scene, Text};
use crate::text::{Font, LINE};

mod annotation;
mod axes;
mod legend;
mod plot;

use legend::Entry;

const MARGIN: f64 = 12.0;
const BETWEEN: f64 = 24.0;
/// A panel is at least so wide, if the figure is.
const NARROWEST: f64 = 270.0;
const TITLE: f64 = 15.0;
const SUBTITLE: f64 = 11.5;
const PANEL_TITLE: f64 = 12.5;

/// Lays a figure out whose parts were checked.
pub(crate) fn scene(figure: &Figure) -> Scene {
    let font = Font::new();
    let palette = palette(figure);
    let inner = figure.width - 2.0 * MARGIN;
    let mut y = MARGIN;
    let mut head = Group { class: "head", ..Group::default() };
    lines(&mut head, &font, (&figure.title, TITLE, Ink::Text), MARGIN, &mut y, inner);
    lines(&mut head, &font, (&figure.subtitle, SUBTITLE, Ink::Muted), MARGIN, &mut y, inner);
    let mut nodes = vec![Node::Group(head)];

    let entries: Vec<Vec<Entry>> =
        figure.panels.iter().map(|panel| legend::entries(panel, &palette)).collect();
    let shared = figure.panels.len() > 1 && entries.windows(2).all(|pair| pair[0] == pair[1]);
    if shared {
        nodes.extend(legend::lay(&entries[0], &font, MARGIN, &mut y, inner));
    }
    let columns =
        figure.columns.min(figure.panels.len()).min(((inner + BETWEEN) / (NARROWEST + BETWEEN)) as usize);
    let columns = columns.max(1);
    let width = (inner - BETWEEN * (columns - 1) as f64) / columns as f64;
    let mut told = vec![figure.described.clone()];
    for (row, panels) in figure.panels.chunks(columns).enumerate() {
        y += if row == 0 { 6.0 } else { 18.0 };
        let mut heads = Vec::new();
        for (column, panel) in panels.iter().enumerate() {
            let (left, mut below) = (MARGIN + column as f64 * (width + BETWEEN), y);
            let mut group = Group { class: "head", ..Group::default() };
            let title = match panel {
                Panel::Plot(plot) => &plot.title,
                Panel::Table(table) => &table.title,
            };
            lines(&mut group, &font, (title, PANEL_TITLE, Ink::Text), left, &mut below, width);
            let mut nodes = vec![Node::Group(group)];
            if !shared {
                nodes.extend(legend::lay(&entries[row * columns + column], &font, left, &mut below, width));
            }
            if let Panel::Plot(plot) = panel {
                nodes.extend(legend::colours(plot, &font, left, &mut below, width));
            }
            heads.push((left, below, nodes));
        }
        // Plots of one row begin at one height.
        let top = heads.iter().map(|(_, below, _)| *below).fold(y, f64::max);
        let mut bottom = top;
        for ((column, panel), (left, _, mut inside)) in panels.iter().enumerate().zip(heads) {
            let (group, height) = match panel {
                Panel::Plot(plot) => {
                    let laid = plot::lay(plot, &palette, &font, left, top, width);
                    told.push(laid.told);
                    (laid.group, laid.height)
                }
                Panel::Table(table) => {
                    told.push(table.told());
                    table.lay(&font, left, top, width)
                }
            };
            inside.push(Node::Group(group));
            let data = vec![("panel", (row * columns + column).to_string())];
            nodes.push(Node::Group(Group { class: "panel", data, title: None, nodes: inside }));
            bottom = bottom.max(top + height);
        }
        y = bottom;
    }
    told.retain(|part| !part.is_empty());
    Scene {
        id: figure.id.clone().unwrap_or_else(|| slug(&figure.title)),
        width: figure.width,
        height: libm::ceil(y + MARGIN),
        title: figure.title.clone(),
        described: told.join(" "),
        nodes,
    }
}

/// Every series has a place: those agreed on first, then as they appear.
fn palette(figure: &Figure) -> crate::palette::Palette {
    let mut palette = figure.palette.clone();
    for panel in &figure.panels {
        let Panel::Plot(plot) = panel else { continue };
        for mark in plot.marks.iter().filter(|mark| mark.draws().colours().is_none()) {
            palette.add(mark.draws().name());
        }
    }
    palette
}

/// Text in as many lines as it needs; `y` goes down by them.
fn lines(
    group: &mut Group,
    font: &Font,
    (text, size, ink): (&str, f64, Ink),
    x: f64,
    y: &mut f64,
    width: f64,
) {
    for text in font.wrap(text, size, width) {
        *y += size * LINE;
        let at = *y - size * (LINE - 1.0);
        group.nodes.push(Node::Text(Text { x, y: at, text, size, anchor: Anchor::Start, ink }));
    }
    if !text.is_empty() {
        *y += 3.0;
    }
}

/// A title as an id: small letters, digits and hyphens.
fn slug(title: &str) -> String {
    let word = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { ' ' };
    let words = title.chars().map(word).collect::<String>();
    format!("fig-{}", words.split_whitespace().collect::<Vec<_>>().join("-"))
}

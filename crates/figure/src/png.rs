//! A scene as PNG, painted with the embedded font.

use tiny_skia::{
    FillRule, LineCap, LineJoin, Paint, PathBuilder, Pixmap, Stroke as SkiaStroke, StrokeDash, Transform,
};
use ttf_parser::OutlineBuilder;

use crate::palette::colour;
use crate::scene::{Anchor, Cap, Ink, Node, Path, Scene, Step, Text};
use crate::text::Font;

/// Paints it; `None` if the size is none that can be painted.
pub(crate) fn paint(scene: &Scene, dark: bool, scale: f32) -> Option<Vec<u8>> {
    if !(0.5..=8.0).contains(&scale) {
        return None;
    }
    let side = |length: f64| libm::round(length * f64::from(scale)) as u32;
    let mut pixmap = Pixmap::new(side(scene.width), side(scene.height))?;
    let [r, g, b] = colour(Ink::Ground, dark);
    pixmap.fill(tiny_skia::Color::from_rgba8(r, g, b, 255));
    let mut painter = Painter { pixmap, dark, at: Transform::from_scale(scale, scale), font: Font::new() };
    for node in &scene.nodes {
        painter.node(node);
    }
    painter.pixmap.encode_png().ok()
}

struct Painter {
    pixmap: Pixmap,
    dark: bool,
    at: Transform,
    font: Font,
}

impl Painter {
    fn node(&mut self, node: &Node) {
        match node {
            Node::Group(group) => group.nodes.iter().for_each(|node| self.node(node)),
            Node::Path(path) => self.path(path),
            Node::Text(text) => self.text(text),
        }
    }

    fn ink(&self, ink: Ink, opacity: f64) -> Paint<'static> {
        let [r, g, b] = colour(ink, self.dark);
        let mut paint = Paint::default();
        paint.set_color_rgba8(r, g, b, libm::round(opacity * 255.0) as u8);
        paint.anti_alias = true;
        paint
    }

    fn path(&mut self, path: &Path) {
        let mut builder = PathBuilder::new();
        for step in &path.steps {
            match step {
                Step::Move(x, y) => builder.move_to(*x as f32, *y as f32),
                Step::Line(x, y) => builder.line_to(*x as f32, *y as f32),
                Step::Close => builder.close(),
            }
        }
        let Some(outline) = builder.finish() else { return };
        if let Some(fill) = path.fill {
            let paint = self.ink(fill.ink, fill.opacity);
            self.pixmap.fill_path(&outline, &paint, FillRule::Winding, self.at, None);
        }
        if let Some(stroke) = path.stroke {
            let dash: Vec<f32> = stroke.dash.iter().map(|part| *part as f32).collect();
            let how = SkiaStroke {
                width: stroke.width as f32,
                line_cap: match stroke.cap {
                    Cap::Butt => LineCap::Butt,
                    Cap::Round => LineCap::Round,
                    Cap::Square => LineCap::Square,
                },
                line_join: LineJoin::Round,
                dash: StrokeDash::new(dash, 0.0),
                ..SkiaStroke::default()
            };
            let paint = self.ink(stroke.ink, 1.0);
            self.pixmap.stroke_path(&outline, &paint, &how, self.at, None);
        }
    }

    fn text(&mut self, text: &Text) {
        let width = self.font.width(&text.text, text.size);
        let left = match text.anchor {
            Anchor::Start => text.x,
            Anchor::Middle => text.x - width / 2.0,
            Anchor::End => text.x - width,
        };
        let mut pen = Pen { builder: PathBuilder::new(), x: 0.0, y: text.y as f32, scale: 1.0 };
        self.font.outline(&text.text, text.size, &mut pen, |pen, x, scale| {
            (pen.x, pen.scale) = ((left + x) as f32, scale as f32);
        });
        let Some(outline) = pen.builder.finish() else { return };
        let paint = self.ink(text.ink, 1.0);
        self.pixmap.fill_path(&outline, &paint, FillRule::Winding, self.at, None);
    }
}

/// Writes glyphs where they belong: a font's y goes up.
struct Pen {
    builder: PathBuilder,
    x: f32,
    y: f32,
    scale: f32,
}

impl Pen {
    fn to(&self, x: f32, y: f32) -> (f32, f32) {
        (self.x + x * self.scale, self.y - y * self.scale)
    }
}

impl OutlineBuilder for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.to(x, y);
        self.builder.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.to(x, y);
        self.builder.line_to(x, y);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let ((x1, y1), (x, y)) = (self.to(x1, y1), self.to(x, y));
        self.builder.quad_to(x1, y1, x, y);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let ((x1, y1), (x2, y2), (x, y)) = (self.to(x1, y1), self.to(x2, y2), self.to(x, y));
        self.builder.cubic_to(x1, y1, x2, y2, x, y);
    }

    fn close(&mut self) {
        self.builder.close();
    }
}

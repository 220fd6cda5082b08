//! A scene as SVG: one file that needs no other, with text as text.

use std::fmt::Write as _;

use crate::palette::{Theme, colour, hex};
use crate::scene::{Anchor, Cap, Group, Ink, Node, Path, Scene, Step, Text};
use crate::text::FAMILY;

/// A pixel with one decimal, as short as it goes.
pub(crate) fn number(v: f64) -> String {
    let text = format!("{v:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// Text between tags or in an attribute. What XML cannot hold becomes U+FFFD.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' | '\r' => {
                let _ = write!(out, "&#{};", u32::from(c));
            }
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// Writes it.
pub(crate) fn write(scene: &Scene, theme: Theme) -> String {
    let mut writer = Writer {
        out: String::new(),
        dark: theme == Theme::Dark,
        classes: theme == Theme::Auto,
        inks: Vec::new(),
    };
    for node in &scene.nodes {
        writer.node(node, 1);
    }
    let (id, width, height) = (escape(&scene.id), number(scene.width), number(scene.height));
    let ground = hex(colour(Ink::Ground, writer.dark));
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" id=\"{id}\" class=\"figure\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\" aria-labelledby=\"{id}-title {id}-desc\" \
         font-family=\"{FAMILY}\">\n"
    );
    let _ = writeln!(out, "<title id=\"{id}-title\">{}</title>", escape(&scene.title));
    let _ = writeln!(out, "<desc id=\"{id}-desc\">{}</desc>", escape(&scene.described));
    if writer.classes {
        writer.inks.push(Ink::Ground);
        out += &style(&id, &mut writer.inks);
        let _ = writeln!(
            out,
            "<rect class=\"f-ground\" width=\"{width}\" height=\"{height}\" fill=\"{ground}\"/>"
        );
    } else {
        let _ = writeln!(out, "<rect width=\"{width}\" height=\"{height}\" fill=\"{ground}\"/>");
    }
    out + &writer.out + "</svg>\n"
}

/// What an ink is called in the style sheet.
fn name(ink: Ink) -> String {
    match ink {
        Ink::Ground => "ground".to_owned(),
        Ink::Text => "text".to_owned(),
        Ink::Muted => "muted".to_owned(),
        Ink::Grid => "grid".to_owned(),
        Ink::Series(i) => format!("{i}"),
        Ink::Ramp(i) => format!("ramp{i}"),
    }
}

/// The dark colours, for readers with a dark screen; the light ones stand in the attributes.
fn style(id: &str, inks: &mut Vec<Ink>) -> String {
    inks.sort_unstable();
    inks.dedup();
    let mut out = "<style>@media(prefers-color-scheme:dark){".to_owned();
    for ink in inks.iter().filter(|ink| !matches!(ink, Ink::Ramp(_))) {
        let (name, dark) = (name(*ink), hex(colour(*ink, true)));
        let _ = write!(out, "#{id} .f-{name}{{fill:{dark}}}#{id} .s-{name}{{stroke:{dark}}}");
    }
    out + "}</style>\n"
}

struct Writer {
    out: String,
    dark: bool,
    /// Whether elements say which ink they have, for the style sheet.
    classes: bool,
    inks: Vec<Ink>,
}

impl Writer {
    fn node(&mut self, node: &Node, depth: usize) {
        match node {
            Node::Group(group) => self.group(group, depth),
            Node::Path(path) => self.path(path),
            Node::Text(text) => self.text(text),
        }
    }

    fn group(&mut self, group: &Group, depth: usize) {
        let _ = write!(self.out, "<g class=\"{}\"", group.class);
        for (key, value) in &group.data {
            let _ = write!(self.out, " data-{key}=\"{}\"", escape(value));
        }
        self.out.push('>');
        if let Some(title) = &group.title {
            let _ = write!(self.out, "<title>{}</title>", escape(title));
        }
        self.out.push('\n');
        for node in &group.nodes {
            self.node(node, depth + 1);
        }
        self.out.push_str("</g>\n");
    }

    /// `class="f-text"`, where a style sheet asks for it.
    fn class(&mut self, inks: &[(&str, Ink)]) {
        if !self.classes || inks.is_empty() {
            return;
        }
        self.inks.extend(inks.iter().map(|(_, ink)| *ink));
        let names: Vec<String> = inks.iter().map(|(what, ink)| format!("{what}-{}", name(*ink))).collect();
        let _ = write!(self.out, " class=\"{}\"", names.join(" "));
    }

    fn path(&mut self, path: &Path) {
        if path.steps.is_empty() {
            return;
        }
        self.out.push_str("<path");
        let fill = path.fill.map(|fill| ("f", fill.ink));
        let stroke = path.stroke.map(|stroke| ("s", stroke.ink));
        self.class(&fill.into_iter().chain(stroke).collect::<Vec<_>>());
        match path.fill {
            None => self.out.push_str(" fill=\"none\""),
            Some(fill) => {
                let _ = write!(self.out, " fill=\"{}\"", hex(colour(fill.ink, self.dark)));
                if fill.opacity < 1.0 {
                    let _ = write!(self.out, " fill-opacity=\"{}\"", fill.opacity);
                }
            }
        }
        if let Some(stroke) = path.stroke {
            let ink = hex(colour(stroke.ink, self.dark));
            let _ = write!(self.out, " stroke=\"{ink}\" stroke-width=\"{}\"", number(stroke.width));
            if !stroke.dash.is_empty() {
                let dash: Vec<String> = stroke.dash.iter().map(|part| number(*part)).collect();
                let _ = write!(self.out, " stroke-dasharray=\"{}\"", dash.join(" "));
            }
            self.out.push_str(match stroke.cap {
                Cap::Butt => " stroke-linejoin=\"round\"",
                Cap::Round => " stroke-linecap=\"round\"",
                Cap::Square => " stroke-linecap=\"square\"",
            });
        }
        self.out.push_str(" d=\"");
        self.steps(&path.steps);
        self.out.push_str("\"/>\n");
    }

    fn steps(&mut self, steps: &[Step]) {
        let mut at = (String::new(), String::new());
        for step in steps {
            let (letter, x, y) = match step {
                Step::Close => {
                    self.out.push('z');
                    continue;
                }
                Step::Move(x, y) => ('M', number(*x), number(*y)),
                Step::Line(x, y) => ('L', number(*x), number(*y)),
            };
            // A move along one axis is shorter; a line of no length is a dot and must be written.
            let short = match (letter, at.0 == x, at.1 == y) {
                ('L', true, true) => "h0".to_owned(),
                ('L', true, false) => format!("V{y}"),
                ('L', false, true) => format!("H{x}"),
                _ => format!("{letter}{x} {y}"),
            };
            self.out.push_str(&short);
            at = (x, y);
        }
    }

    fn text(&mut self, text: &Text) {
        let _ = write!(self.out, "<text x=\"{}\" y=\"{}\"", number(text.x), number(text.y));
        self.class(&[("f", text.ink)]);
        let fill = hex(colour(text.ink, self.dark));
        let _ = write!(self.out, " font-size=\"{}\" fill=\"{fill}\"", number(text.size));
        self.out.push_str(match text.anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        });
        let _ = writeln!(self.out, ">{}</text>", escape(&text.text));
    }
}

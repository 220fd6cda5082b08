//! A PNG has the size asked for, and the colours of its series where its SVG says they are.

use roxmltree::Document;
use tiny_skia::Pixmap;

use crate::places::of_class;
use crate::samples;

#[test]
fn pngs_show_the_same_picture() {
    for (name, figure) in samples::all() {
        let svg = figure.svg().unwrap();
        let document = Document::parse(&svg).unwrap();
        let root = document.root_element();
        let side = |key: &str| root.attribute(key).unwrap().parse::<u32>().unwrap();
        let png = figure.png(2.0).unwrap();
        assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
        let pixmap = Pixmap::decode_png(&png).unwrap();
        assert_eq!((pixmap.width(), pixmap.height()), (side("width") * 2, side("height") * 2), "{name}");
        if name == "auto" {
            continue;
        }
        let ground =
            root.children().find(|node| node.has_tag_name("rect")).unwrap().attribute("fill").unwrap();
        assert_eq!(at(&pixmap, 1.0, 1.0), hex(ground), "{name}");
    }
}

fn at(pixmap: &Pixmap, x: f64, y: f64) -> [u8; 3] {
    let pixel = pixmap.pixel((x * 2.0) as u32, (y * 2.0) as u32).unwrap();
    [pixel.red(), pixel.green(), pixel.blue()]
}

fn hex(text: &str) -> [u8; 3] {
    [1, 3, 5].map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap())
}

#[test]
fn markers_and_cells_have_their_colour_at_their_place() {
    let mut checked = 0;
    for (name, figure) in
        samples::all().into_iter().filter(|(name, _)| ["line", "log", "surface"].contains(name))
    {
        let svg = figure.svg().unwrap();
        let document = Document::parse(&svg).unwrap();
        let pixmap = Pixmap::decode_png(&figure.png(2.0).unwrap()).unwrap();
        for path in of_class(&document, "series").iter().flat_map(roxmltree::Node::descendants) {
            let d = path.attribute("d").unwrap_or_default();
            let first = d.trim_start_matches('M').split(['h', 'H', 'L', 'V', 'M', 'z']).next().unwrap();
            let Some((x, y)) = first.split_once(' ') else { continue };
            let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
            let (wanted, x, y) = match name {
                "surface" => (path.attribute("fill").unwrap(), x + 10.0, y + 10.0),
                _ if d.contains("h0") => (path.attribute("stroke").unwrap(), x, y),
                _ => continue,
            };
            assert_eq!(at(&pixmap, x, y), hex(wanted), "{name} at {x} {y}");
            checked += 1;
        }
    }
    assert!(checked >= 10, "{checked}");
}

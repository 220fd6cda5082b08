//! No label lies over another or outside the picture, at any width; every file is well-formed XML that needs no other.

use roxmltree::Document;
use tokmark_figure::{Axis, Figure, Plot, Series, Theme};

use crate::places::of_class;
use crate::samples;

/// Left, top, right, bottom of every text: letters of DejaVu Sans are at most 0.62 of their size wide on average.
fn boxes(document: &Document<'_>) -> Vec<(String, [f64; 4])> {
    let texts = document.descendants().filter(|node| node.has_tag_name("text"));
    texts
        .map(|node| {
            let number = |key: &str| node.attribute(key).unwrap().parse::<f64>().unwrap();
            let (x, y, size) = (number("x"), number("y"), number("font-size"));
            let text = node.text().unwrap_or_default().to_owned();
            let width = tokmark_figure::text_width(&text, size);
            let left = match node.attribute("text-anchor") {
                Some("middle") => x - width / 2.0,
                Some("end") => x - width,
                _ => x,
            };
            (text, [left, y - size * 0.73, left + width, y + size * 0.05])
        })
        .collect()
}

fn no_overlap(name: &str, svg: &str, width: f64) {
    let document = Document::parse(svg).unwrap_or_else(|e| panic!("{name}: {e}"));
    let boxes = boxes(&document);
    for (i, (text, a)) in boxes.iter().enumerate() {
        assert!(a[0] >= 0.0 && a[2] <= width + 0.5, "{name} at {width}: `{text}` leaves the picture: {a:?}");
        for (other, b) in &boxes[..i] {
            let apart = a[2] <= b[0] || b[2] <= a[0] || a[3] <= b[1] || b[3] <= a[1];
            assert!(apart, "{name} at {width}: `{text}` lies over `{other}`: {a:?} {b:?}");
        }
    }
}

#[test]
fn labels_keep_clear_of_each_other_at_any_width() {
    for (name, figure) in samples::all() {
        for width in [240_u32, 320, 500, 720, 1400] {
            no_overlap(name, &figure.clone().width(width).svg().unwrap(), f64::from(width));
        }
    }
}

#[test]
fn many_long_names_keep_clear_too() {
    for n in [1, 3, 12, 60, 300] {
        let names: Vec<String> =
            (0..n).map(|i| format!("configuration {i} with tensor parallelism")).collect();
        let plot = Plot::new("", Axis::names("", names.clone()), Axis::names("", names.clone()))
            .mark(Series::line("a series of names", (0..n).map(|i| (f64::from(i), f64::from(i)))));
        for width in [320, 720] {
            no_overlap(
                "names",
                &Figure::new("Names").width(width).panel(plot.clone()).svg().unwrap(),
                f64::from(width),
            );
        }
    }
}

#[test]
fn a_file_needs_no_other_and_can_be_read_aloud() {
    for (name, figure) in samples::all() {
        let svg = figure.svg().unwrap();
        assert_eq!(figure.svg().unwrap(), svg, "{name}");
        let plain = svg.replace("http://www.w3.org/2000/svg", "");
        for reference in ["http", "href", "url(", "@import", "<image", "<script", "<use"] {
            assert!(!plain.contains(reference), "{name}: {reference}");
        }
        let document = Document::parse(&svg).unwrap();
        let root = document.root_element();
        assert_eq!(root.attribute("role"), Some("img"));
        for id in root.attribute("aria-labelledby").unwrap().split(' ') {
            let named = document.descendants().find(|node| node.attribute("id") == Some(id)).unwrap();
            assert!(!named.text().unwrap_or_default().is_empty(), "{name}: {id} is empty");
        }
    }
}

#[test]
fn one_series_has_one_colour_and_says_its_n() {
    let svg = samples::ratios().svg().unwrap();
    let document = Document::parse(&svg).unwrap();
    for name in ["round robin", "KV routing"] {
        let groups =
            of_class(&document, "series").into_iter().filter(|g| g.attribute("data-name") == Some(name));
        let mut colours: Vec<&str> = groups
            .flat_map(|g| g.descendants())
            .filter_map(|n| {
                n.attribute("stroke").or_else(|| n.attribute("fill").filter(|fill| *fill != "none"))
            })
            .collect();
        assert_eq!(colours.len(), 6, "two panels of a line, its markers and a band");
        colours.dedup();
        assert_eq!(colours.len(), 1);
        let told = format!("{name} (p50, p25–p75, n = 200)");
        assert!(document.descendants().any(|node| node.has_tag_name("text") && node.text() == Some(&told)));
    }
}

#[test]
fn a_dark_screen_gets_dark_colours() {
    let auto = samples::tiers().theme(Theme::Auto).svg().unwrap();
    assert!(auto.contains("@media(prefers-color-scheme:dark)") && auto.contains(".f-ground{fill:#16181d}"));
    assert!(!samples::tiers().theme(Theme::Dark).svg().unwrap().contains("#ffffff"));
}

#[test]
fn nothing_to_draw_is_said() {
    let gaps = Plot::new("", Axis::linear("x"), Axis::log("y"))
        .mark(Series::line("gone", [(1.0, None), (2.0, None)]));
    let svg = Figure::new("Gaps").panel(gaps).svg().unwrap();
    assert!(svg.contains(">no data<") && svg.contains("no series has a value"), "{svg}");
    assert!(svg.contains("2 of them missing (gaps)"));
}

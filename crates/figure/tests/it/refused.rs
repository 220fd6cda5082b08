//! What cannot be drawn is refused, and the message names the series and what to do.

use tokmark_figure::{Axis, Band, Bar, Bars, Figure, Histogram, Mark, Plot, Series, Surface, Table};

fn told(x: Axis, y: Axis, mark: impl Into<Mark>) -> String {
    let plot = Plot::new("", x, y).mark(mark);
    let error = Figure::new("F").panel(plot).svg().unwrap_err().to_string();
    assert!(error.contains("\nhint: "), "{error}");
    error
}

#[test]
fn values_without_a_place() {
    let linear = || Axis::linear("TTFT");
    let nan = told(linear(), linear(), Series::line("kv", [(0.0, 1.0), (1.0, f64::NAN)]));
    assert!(nan.starts_with("kv: value 1 on TTFT is NaN"), "{nan}");
    assert!(
        told(linear(), linear(), Series::line("kv", [(f64::INFINITY, 1.0)]))
            .contains("value 0 on TTFT is inf")
    );
    assert!(told(linear(), linear(), Series::line("kv", [(0.0, f64::NEG_INFINITY)])).contains("-inf"));
    let zero = told(linear(), Axis::log("ITL"), Series::line("kv", [(0.0, 0.0)]));
    assert!(zero.contains("value 0 on ITL is 0, which has no place on a logarithmic axis"), "{zero}");
    assert!(told(Axis::log("x"), linear(), Histogram::of("h", &[1.0], [0.0, 2.0])).contains("logarithmic"));
    assert!(told(linear(), linear(), Band::new("b", "", [(0.0, (2.0, 1.0))])).contains("from 2 down to 1"));
}

#[test]
fn marks_that_do_not_fit_their_axes() {
    let names = || Axis::names("tier", ["low", "high"]);
    let bar = Some(Bar { value: 1.0, spread: None, n: None });
    assert!(told(names(), Axis::linear("y"), Bars::new("b", "", [bar])).contains("1 bars for 2 names"));
    assert!(
        told(names(), Axis::log("y"), Bars::new("b", "", [bar, bar]))
            .contains("no length on an axis without zero")
    );
    assert!(told(Axis::linear("x"), Axis::linear("y"), Bars::new("b", "", [bar])).contains("need names"));
    let cells = told(names(), names(), Surface::grid("s", "", 2, 2, [Some(1.0)]));
    assert!(cells.contains("1 values for 4 cells"), "{cells}");
    let edges = told(Axis::linear("x"), Axis::linear("y"), Histogram::new("h", [0.0, 0.0], [1]));
    assert!(edges.contains("edges do not rise"), "{edges}");
    let n = Series::line("a", [(0.0, 1.0)]).statistic("p50", [1, 2]);
    assert!(told(Axis::linear("x"), Axis::linear("y"), n).contains("not as many n as values"));
}

#[test]
fn sizes_and_tables() {
    let table = Table::new("T", ["a", "b"]).row([Some("1".to_owned())]);
    assert!(
        Figure::new("F")
            .panel(table)
            .svg()
            .unwrap_err()
            .to_string()
            .contains("row 0 has 1 cells, the table 2")
    );
    assert!(Figure::new("F").width(100).svg().unwrap_err().to_string().contains("240 to 4000"));
    assert!(Figure::new("F").png(0.0).unwrap_err().to_string().contains("0.5 to 8"));
}

#[path = "../tests/it/samples.rs"]
mod samples;
fn main() { for (n,f) in samples::all() { std::fs::write(format!("/work/scratch/figplay/{n}.png"), f.png(1.5).unwrap()).unwrap(); } }

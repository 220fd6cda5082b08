//! This machine, as the run header describes it.

use std::fs::read_to_string;

use tokmark_record::header::Machine;

/// What the kernel says. What cannot be read is empty or 0, as the header's format has it.
pub fn this() -> Machine {
    let trimmed = |path: &str| read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_default();
    Machine {
        host: trimmed("/proc/sys/kernel/hostname"),
        kernel: trimmed("/proc/sys/kernel/osrelease"),
        cpu: field("/proc/cpuinfo", "model name", ':'),
        cores: cores(),
        memory_bytes: first_number(&field("/proc/meminfo", "MemTotal", ':')) * 1024,
        open_files: first_number(&field("/proc/self/limits", "Max open files", ' ')),
    }
}

/// Cores this process may use.
pub fn cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |n| n.get() as u32)
}

/// The rest of the first line that begins with `name`, after its separator.
fn field(path: &str, name: &str, separator: char) -> String {
    let text = read_to_string(path).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_default().trim_start().trim_start_matches(separator).trim().to_owned()
}

fn first_number(text: &str) -> u64 {
    text.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(0)
}

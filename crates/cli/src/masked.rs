//! The command line as it may be written down.

/// The arguments with the values of keys and secret headers replaced by `***`.
pub fn command(arguments: &[String]) -> Vec<String> {
    let mut masked = Vec::with_capacity(arguments.len());
    let mut flag = "";
    for argument in arguments {
        masked.push(match flag {
            "--api-key" => "***".to_owned(),
            "--header" | "-H" => header(argument),
            "--set" => set(argument),
            _ => one(argument),
        });
        flag = argument;
    }
    masked
}

fn one(argument: &str) -> String {
    for flag in ["--api-key=", "--header=", "--set=", "-H"] {
        if let Some(value) = argument.strip_prefix(flag).filter(|v| !v.is_empty()) {
            let value = match flag {
                "--api-key=" => "***".to_owned(),
                "--set=" => set(value),
                _ => header(value),
            };
            return format!("{flag}{value}");
        }
    }
    url(argument)
}

fn header(text: &str) -> String {
    match text.split_once(':') {
        Some((name, _)) if is_secret_header(name) => format!("{name}: ***"),
        _ => text.to_owned(),
    }
}

fn set(text: &str) -> String {
    match text.split_once('=') {
        Some((path, _)) if path.starts_with("target.headers.") && is_secret_header(path) => {
            format!("{path}=***")
        }
        _ => text.to_owned(),
    }
}

/// `http://user:password@host` without the part before `@`.
fn url(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let end = rest.find('/').unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{scheme}://***{}", &rest[at..]),
        None => text.to_owned(),
    }
}

/// Whether a header's value must not be shown.
pub fn is_secret_header(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

const SECRET_WORDS: [&str; 8] =
    ["authorization", "cookie", "api-key", "apikey", "token", "secret", "password", "credential"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_stays() {
        let typed = "tokmark bench http://u:hunter22@h:1 -H Authorization:hunter22 --header X-Api-Key:hunter22 \
            -HCookie:hunter22 --api-key hunter22 --api-key=hunter22 --set target.headers.x-token=hunter22 -H A:b -m m";
        let typed: Vec<String> = typed.split_whitespace().map(str::to_owned).collect();
        let masked = command(&typed).join(" ");
        assert!(!masked.contains("hunter22"), "{masked}");
        assert!(masked.contains("-H A:b -m m") && masked.contains("http://***@h:1"), "{masked}");
    }
}

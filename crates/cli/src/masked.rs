//! The command line, headers and URLs as they may be written down.

use tokmark_base::Secret;

/// The arguments with the values of keys and secret headers replaced by `***`.
pub fn command(arguments: &[String]) -> Vec<String> {
    let mut masked = Vec::with_capacity(arguments.len());
    let mut flag = "";
    for argument in arguments {
        masked.push(match flag {
            "--api-key" => "***".to_owned(),
            "--header" | "-H" => header(argument),
            "--set" => set(argument),
            "--url" | "-u" => urls(argument),
            _ => one(argument),
        });
        flag = argument;
    }
    masked
}

fn one(argument: &str) -> String {
    for flag in ["--api-key=", "--header=", "--set=", "--url=", "-H"] {
        if let Some(value) = argument.strip_prefix(flag).filter(|v| !v.is_empty()) {
            let value = match flag {
                "--api-key=" => "***".to_owned(),
                "--set=" => set(value),
                "--url=" => urls(value),
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
        Some((path, value)) => format!("{path}={}", url(value)),
        None => text.to_owned(),
    }
}

/// URLs, one or several with commas between, as they may be written down: without user info, the values of their queries
/// hidden. Other text stays as it is.
pub fn url(text: &str) -> String {
    if text.contains("://") { urls(text) } else { text.to_owned() }
}

/// The same where a URL is meant, though it may have no scheme.
fn urls(text: &str) -> String {
    text.split(',').map(one_url).collect::<Vec<_>>().join(",")
}

fn one_url(text: &str) -> String {
    let parts = Parts::of(text);
    let scheme = parts.scheme.map_or_else(String::new, |scheme| format!("{scheme}://"));
    let query = parts.query.map_or_else(String::new, |query| {
        let hidden = query.split('&').map(|part| match part.split_once('=') {
            Some((key, _)) => format!("{key}=***"),
            None => "***".to_owned(),
        });
        format!("?{}", hidden.collect::<Vec<_>>().join("&"))
    });
    format!("{scheme}{}{query}", parts.place)
}

/// What of a URL no file may hold: the password (or whatever stands alone before the `@`), and values of the query.
pub fn url_secrets(text: &str) -> Vec<Secret> {
    let parts = Parts::of(text);
    let password = parts.user_info.map(|info| info.split_once(':').map_or(info, |(_, password)| password));
    let values = parts.query.into_iter().flat_map(|query| query.split('&'));
    let values = values.map(|part| part.split_once('=').map_or(part, |(_, value)| value));
    password.into_iter().chain(values).filter(|text| text.len() >= 4).map(Secret::new).collect()
}

/// A URL as typed, taken apart without judging it.
struct Parts<'a> {
    scheme: Option<&'a str>,
    user_info: Option<&'a str>,
    /// Host, port and path.
    place: &'a str,
    query: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Self {
        let (scheme, rest) =
            text.split_once("://").map_or((None, text), |(scheme, rest)| (Some(scheme), rest));
        // A fragment goes nowhere and stays nowhere.
        let rest = rest.split('#').next().unwrap_or(rest);
        let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
        let end = rest.find('/').unwrap_or(rest.len());
        let (user_info, place) = match rest[..end].rfind('@') {
            Some(at) => (Some(&rest[..at]), &rest[at + 1..]),
            None => (None, rest),
        };
        Self { scheme, user_info, place, query }
    }
}

/// Whether a header's value must not be shown: any whose name speaks of a key or of proof of who asks.
pub fn is_secret_header(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

const SECRET_WORDS: [&str; 7] = ["key", "auth", "token", "secret", "cookie", "password", "credential"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_stays() {
        let typed = "tokmark bench http://u:hunter22@h:1 -H Authorization:hunter22 --header X-Api-Key:hunter22 \
            -HCookie:hunter22 --api-key hunter22 --api-key=hunter22 --set target.headers.x-token=hunter22 -H A:b -m m \
            -H Ocp-Apim-Subscription-Key:hunter22 -H X-Functions-Key:hunter22 --header=X-Auth-Key:hunter22 \
            https://h/v1?code=hunter22&hunter22 --set target.url=http://u:hunter22@h http://a,http://u:hunter22@b \
            --url=u:hunter22@h --url u:hunter22@h http://hunter22@h/#hunter22";
        let typed: Vec<String> = typed.split_whitespace().map(str::to_owned).collect();
        let masked = command(&typed).join(" ");
        assert!(!masked.contains("hunter22"), "{masked}");
        for kept in ["-H A:b -m m", "bench http://h:1 ", "https://h/v1?code=***&***", "http://a,http://b"] {
            assert!(masked.contains(kept), "`{kept}` not in {masked}");
        }
    }

    #[test]
    fn a_urls_secrets_are_found() {
        let of = |text| url_secrets(text).iter().map(|s| s.reveal().to_owned()).collect::<Vec<_>>();
        assert_eq!(of("http://user:pass%40@h/p?key=abcd&v=1&efgh#x"), ["pass%40", "abcd", "efgh"]);
        assert_eq!(of("https://token@h"), ["token"]);
        assert!(of("http://h:8000/a@b").is_empty());
    }
}

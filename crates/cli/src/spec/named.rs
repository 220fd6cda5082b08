//! Named targets: the same load against several targets, one after another. Each is a name and what differs from the rest of the
//! spec: a URL, or any keys.

use serde_json::Value;

use crate::spec::SpecError;
use crate::spec::layers::{self, Layers, Setting};
use crate::spec::origin::Origin;

/// Where they stand in a spec.
const PATH: &str = "targets";

/// A target and the spec for it.
#[derive(Clone, Debug)]
pub struct Named {
    /// Its name; `None` for the only one of a spec without names.
    pub name: Option<String>,
    /// Every value that holds for it.
    pub layers: Layers,
}

/// One set of layers a named target; the layers themselves without any.
pub fn split(layers: &Layers) -> Result<Vec<Named>, SpecError> {
    let Some(Value::Object(targets)) = layers.get(PATH) else {
        return Ok(vec![Named { name: None, layers: layers.clone() }]);
    };
    if targets.is_empty() {
        return Ok(vec![Named { name: None, layers: layers.clone() }]);
    }
    targets.iter().map(|(name, differs)| one(layers, name, differs)).collect()
}

fn one(layers: &Layers, name: &str, differs: &Value) -> Result<Named, SpecError> {
    let path = format!("{PATH}.{name}");
    let origin = layers.origin(&path).cloned().unwrap_or(Origin::Default);
    let refuse =
        |message: String| SpecError::Value { path: path.clone(), origin: origin.to_string(), message };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || !name.chars().all(plain) || name.starts_with(['.', '-']) {
        return Err(refuse(format!(
            "`{name}` cannot be the name of a directory\nhint: use letters, digits, `-`, `_` and `.`"
        )));
    }
    let mut layers = layers.clone();
    for (key, value) in pairs(differs).map_err(&refuse)? {
        let text = match &value {
            Value::String(text) => text.clone(),
            value => value.to_string(),
        };
        for setting in layers::of_set(&format!("{key}={text}")).map_err(|e| refuse(e.to_string()))? {
            layers.put(&Setting { origin: origin.clone(), ..setting });
        }
    }
    layers.settle()?;
    Ok(Named { name: Some(name.to_owned()), layers })
}

/// Keys and values: `{"router.policy": "kv"}`, `router.policy=kv,load.rate=3`, or a URL.
fn pairs(differs: &Value) -> Result<Vec<(String, Value)>, String> {
    let hint = "hint: as in --target kv:router.policy=kv, --target a:http://host:8000, or --target 'a:{\"load.rate\": 3}'";
    match differs {
        Value::Object(keys) => Ok(keys.iter().map(|(key, value)| (key.clone(), value.clone())).collect()),
        Value::String(url) if url.contains("://") && !url.contains('=') => {
            Ok(vec![("target.url".to_owned(), Value::from(url.clone()))])
        }
        Value::String(text) => text
            .split(',')
            .map(|pair| {
                let (key, value) = pair
                    .split_once('=')
                    .ok_or_else(|| format!("`{pair}` is neither a URL nor key=value\n{hint}"))?;
                Ok((key.trim().to_owned(), Value::from(value.trim())))
            })
            .collect(),
        other => Err(format!("`{other}` does not say what differs\n{hint}")),
    }
}

#[cfg(test)]
mod tests {
    use crate::spec::Sources;

    fn sources(sets: &[&str]) -> Sources {
        Sources { sets: sets.iter().map(|s| (*s).to_owned()).collect(), ..Default::default() }
    }

    #[test]
    fn each_target_has_its_own_values_and_the_rest_in_common() {
        let resolved = sources(&[
            "targets.rr=router.policy=round_robin",
            "targets.kv={\"router.policy\": \"kv\", \"deployment.workers\": 4}",
            "load.concurrency=2,4",
        ])
        .resolve()
        .unwrap();
        let seen: Vec<_> = resolved
            .points
            .iter()
            .map(|p| (p.target.clone().unwrap(), p.level, p.spec.deployment.workers))
            .collect();
        let want = [("rr", 2.0, None), ("rr", 4.0, None), ("kv", 2.0, Some(4)), ("kv", 4.0, Some(4))];
        assert_eq!(seen, want.map(|(name, level, workers)| (name.to_owned(), Some(level), workers)));
        assert_ne!(resolved.points[0].spec.router.policy, resolved.points[2].spec.router.policy);
    }

    #[test]
    fn what_is_wrong_in_a_target_names_it() {
        for (set, says) in [
            ("targets.a=router.polcy=kv", "`policy`"),
            ("targets.a=nonsense", "--target"),
            ("targets.a/b=http://x", "directory"),
            ("targets.a=7", "what differs"),
        ] {
            let message = sources(&[set]).resolve().unwrap_err().to_string();
            assert!(message.contains(says) && message.contains("targets."), "{set}: {message}");
        }
    }
}

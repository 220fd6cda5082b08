//! Data sets that everybody knows by name: which file they are, who has it, and what it holds. Nothing is fetched here.

use super::FileFormat;

/// A data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its name, as `workload.dataset` has it.
    pub name: &'static str,
    /// Who has it.
    pub home: Home,
    /// The file, by its path there.
    pub path: &'static str,
    /// What it holds.
    pub format: FileFormat,
}

/// Who has a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// A data set of the Hugging Face hub, `owner/name`.
    Hub(&'static str),
    /// Elsewhere: the address of the file.
    Url(&'static str),
}

const fn hub(name: &'static str, repository: &'static str, path: &'static str, format: FileFormat) -> Known {
    Known { name, home: Home::Hub(repository), path, format }
}

const fn web(name: &'static str, url: &'static str, path: &'static str, format: FileFormat) -> Known {
    Known { name, home: Home::Url(url), path, format }
}

/// Every one, by name.
pub const KNOWN: &[Known] = &[
    web(
        "azure-code",
        "https://raw.githubusercontent.com/Azure/AzurePublicDataset/master/data/AzureLLMInferenceTrace_code.csv",
        "AzureLLMInferenceTrace_code.csv",
        FileFormat::Azure,
    ),
    web(
        "azure-conv",
        "https://raw.githubusercontent.com/Azure/AzurePublicDataset/master/data/AzureLLMInferenceTrace_conv.csv",
        "AzureLLMInferenceTrace_conv.csv",
        FileFormat::Azure,
    ),
    web(
        "burstgpt",
        "https://github.com/HPMLL/BurstGPT/releases/download/v1.1/BurstGPT_1.csv",
        "BurstGPT_1.csv",
        FileFormat::BurstGpt,
    ),
    web(
        "burstgpt-2",
        "https://github.com/HPMLL/BurstGPT/releases/download/v1.1/BurstGPT_2.csv",
        "BurstGPT_2.csv",
        FileFormat::BurstGpt,
    ),
    web(
        "burstgpt-2-without-fails",
        "https://github.com/HPMLL/BurstGPT/releases/download/v1.1/BurstGPT_without_fails_2.csv",
        "BurstGPT_without_fails_2.csv",
        FileFormat::BurstGpt,
    ),
    web(
        "burstgpt-without-fails",
        "https://github.com/HPMLL/BurstGPT/releases/download/v1.1/BurstGPT_without_fails_1.csv",
        "BurstGPT_without_fails_1.csv",
        FileFormat::BurstGpt,
    ),
    web(
        "mooncake",
        "https://raw.githubusercontent.com/kvcache-ai/Mooncake/main/FAST25-release/arxiv-trace/mooncake_trace.jsonl",
        "mooncake_trace.jsonl",
        FileFormat::Mooncake,
    ),
    web(
        "mooncake-conversation",
        "https://raw.githubusercontent.com/kvcache-ai/Mooncake/main/FAST25-release/traces/conversation_trace.jsonl",
        "conversation_trace.jsonl",
        FileFormat::Mooncake,
    ),
    web(
        "mooncake-synthetic",
        "https://raw.githubusercontent.com/kvcache-ai/Mooncake/main/FAST25-release/traces/synthetic_trace.jsonl",
        "synthetic_trace.jsonl",
        FileFormat::Mooncake,
    ),
    web(
        "mooncake-toolagent",
        "https://raw.githubusercontent.com/kvcache-ai/Mooncake/main/FAST25-release/traces/toolagent_trace.jsonl",
        "toolagent_trace.jsonl",
        FileFormat::Mooncake,
    ),
    hub(
        "sharegpt",
        "anon8231489123/ShareGPT_Vicuna_unfiltered",
        "ShareGPT_V3_unfiltered_cleaned_split.json",
        FileFormat::ShareGpt,
    ),
];

impl Known {
    /// The one of that name; `_` and capitals are no difference.
    pub fn named(name: &str) -> Option<&'static Self> {
        let name = name.to_ascii_lowercase().replace('_', "-");
        KNOWN.iter().find(|known| known.name == name)
    }

    /// Its file's name.
    pub fn file(&self) -> &'static str {
        self.path.rsplit('/').next().unwrap_or(self.path)
    }

    /// What to type on a machine that has the internet, to have the file there.
    pub fn fetch(&self) -> String {
        match self.home {
            Home::Hub(repository) => format!("hf download --repo-type dataset {repository} {}", self.path),
            Home::Url(url) => format!("curl -LO {url}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_each_one_says_how_to_get_it() {
        assert!(KNOWN.is_sorted_by_key(|known| known.name));
        for known in KNOWN {
            assert_eq!(Known::named(&known.name.to_uppercase().replace('-', "_")), Some(known));
            assert!(known.fetch().ends_with(known.file()), "{}", known.fetch());
        }
        assert_eq!(Known::named("nothing"), None);
        let sharegpt = Known::named("sharegpt").unwrap();
        assert_eq!(
            sharegpt.fetch(),
            "hf download --repo-type dataset anon8231489123/ShareGPT_Vicuna_unfiltered ShareGPT_V3_unfiltered_cleaned_split.json"
        );
    }
}

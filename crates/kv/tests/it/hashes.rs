//! Names of blocks, bit by bit as `dynamo-tokens` and `dynamo-kv-hashing` 1.6.1 give them.

use std::sync::Arc;

use dynamo_kv_hashing::{Request, compute_salt_hash};
use dynamo_tokens::{TokenBlock, TokenBlockSequence, Tokens};
use proptest::collection::vec;
use proptest::prelude::*;
use tokmark_base::Content;
use tokmark_kv::{Chain, hash};

/// Names of adapters and namespaces: absent, empty (which is to count as absent), and anything.
fn name() -> impl Strategy<Value = Option<String>> {
    prop_oneof![Just(None), Just(Some(String::new())), "[ -~é€]{1,20}".prop_map(Some)]
}

fn chain(tokens: &[u32], block: u32, adapter: Option<&str>, namespace: Option<&str>) -> Chain {
    Chain::of(&Content::Tokens(Arc::from(tokens)), block, hash::seed(adapter, namespace))
}

fn locals(chain: &Chain) -> Vec<u64> {
    chain.locals().iter().map(|hash| hash.0).collect()
}

fn names(chain: &Chain) -> Vec<u64> {
    chain.names().iter().map(|hash| hash.0).collect()
}

proptest! {
    #[test]
    fn a_request_has_the_names_dynamo_gives_it(
        tokens in vec(any::<u32>(), 0..300),
        block in 1_u32..70,
        adapter in name(),
        namespace in name(),
    ) {
        let ours = chain(&tokens, block, adapter.as_deref(), namespace.as_deref());
        let theirs = Request::builder()
            .tokens(tokens)
            .lora_name(adapter.clone())
            .salt(namespace.clone())
            .build()
            .expect("a request without images is always valid");
        prop_assert_eq!(
            hash::seed(adapter.as_deref(), namespace.as_deref()),
            compute_salt_hash(namespace.as_deref(), adapter.as_deref()).expect("salts are always valid")
        );
        prop_assert_eq!(locals(&ours), theirs.block_hashes(block).expect("a block size above 0"));
        prop_assert_eq!(names(&ours), theirs.sequence_hashes(block).expect("a block size above 0"));
    }

    #[test]
    fn a_sequence_that_grows_has_the_names_dynamo_gives_it(
        prompt in vec(any::<u32>(), 0..100),
        reply in vec(any::<u32>(), 0..100),
        block in 1_u32..40,
        seed in any::<u64>(),
    ) {
        let mut ours = Chain::of(&Content::Tokens(Arc::from(&prompt[..])), block, seed);
        let mut theirs = TokenBlockSequence::new(Tokens::from(prompt), block, Some(seed));
        for token in reply {
            ours.extend_tokens(&[token]);
            theirs.append(token).expect("a sequence takes any token");
            let last = |hash: fn(&TokenBlock) -> u64| theirs.blocks().iter().map(hash).collect::<Vec<_>>();
            prop_assert_eq!(locals(&ours), last(TokenBlock::block_hash));
            prop_assert_eq!(names(&ours), last(TokenBlock::sequence_hash));
        }
        prop_assert_eq!(ours.tokens(), theirs.total_tokens() as u64);
    }
}

#[test]
fn an_empty_name_is_no_name() {
    let tokens: Vec<u32> = (0..64).collect();
    assert_eq!(names(&chain(&tokens, 16, Some(""), Some(""))), names(&chain(&tokens, 16, None, None)));
    assert_ne!(names(&chain(&tokens, 16, Some("a"), None)), names(&chain(&tokens, 16, None, Some("a"))));
}

/// Made with `dynamo-kv-hashing` 1.6.1: tokens 0..48 in blocks of 16, adapter `sql`, namespace `tenant-7`. Stands here so that the
/// names cannot change together with the crates.
#[test]
fn names_stay_what_they_were() {
    let tokens: Vec<u32> = (0..48).collect();
    let chain = chain(&tokens, 16, Some("sql"), Some("tenant-7"));
    assert_eq!(
        locals(&chain),
        [12_593_365_716_970_280_404, 12_785_608_295_308_369_891, 2_534_336_995_804_318_089]
    );
    assert_eq!(
        names(&chain),
        [12_593_365_716_970_280_404, 12_570_727_232_152_090_308, 9_527_011_742_831_287_404]
    );
}

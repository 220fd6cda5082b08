//! The replies that were given, so that a later turn that says one again says the tokens that are in the cache.
//!
//! An engine knows the tokens of a reply by the request they answer; a prompt is known by its words. So a reply is looked up by
//! all the words that lead to its end: the prompt's and its own. In another conversation the same words are another reply.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokmark_base::Segment;
use tokmark_engine::{RequestId, reply_segment};

use crate::prompt::Words;

/// So many are kept; the one that was neither given nor said again for the longest time goes first.
const MOST: usize = 65_536;

/// See the module.
#[derive(Debug)]
pub(crate) struct Replies {
    most: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// By the words up to their ends: what it is, and when it was last given or said.
    replies: HashMap<Words, (Segment, u64)>,
    by_use: BTreeMap<u64, Words>,
    uses: u64,
}

impl Replies {
    fn of(most: usize) -> Self {
        Self { most, kept: Mutex::default() }
    }

    /// `request`, whose prompt was `prompt`, was answered by the `tokens` tokens of `text`. A text that has another number of words
    /// is not kept: in a prompt it would have another length.
    pub(crate) fn keep(&self, prompt: Words, request: RequestId, text: &str, tokens: u32) {
        let mut end = prompt;
        let words = text.split_ascii_whitespace().map(|word| end.say(word)).count();
        if tokens == 0 || words != tokens as usize {
            return;
        }
        let mut kept = self.lock();
        // Of two that say the same the first stays: turns that have said it already keep finding it.
        if kept.touch(end).is_some() {
            return;
        }
        if kept.replies.len() >= self.most
            && let Some((_, oldest)) = kept.by_use.pop_first()
        {
            kept.replies.remove(&oldest);
        }
        let used = kept.next_use();
        kept.by_use.insert(used, end);
        kept.replies.insert(end, (Segment { id: reply_segment(request), tokens }, used));
    }

    /// The reply of `tokens` tokens that ends where all these words end.
    pub(crate) fn find(&self, end: Words, tokens: usize) -> Option<Segment> {
        self.lock().touch(end).filter(|reply| reply.tokens as usize == tokens)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Replies {
    fn default() -> Self {
        Self::of(MOST)
    }
}

impl Kept {
    fn next_use(&mut self) -> u64 {
        self.uses += 1;
        self.uses
    }

    /// What ends there; it is the last one used from now on.
    fn touch(&mut self, end: Words) -> Option<Segment> {
        let now = self.next_use();
        let (reply, used) = self.replies.get_mut(&end)?;
        let before = std::mem::replace(used, now);
        let reply = *reply;
        self.by_use.remove(&before);
        self.by_use.insert(now, end);
        Some(reply)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(adapter: Option<u64>, text: &str) -> Words {
        let mut words = Words::new(adapter);
        for word in text.split_ascii_whitespace() {
            words.say(word);
        }
        words
    }

    fn words(text: &str) -> Words {
        said(None, text)
    }

    #[test]
    fn a_reply_is_found_by_all_that_leads_to_its_end() {
        let replies = Replies::default();
        replies.keep(words("who are you"), RequestId(7), "nobody in particular", 3);
        let found = Segment { id: reply_segment(RequestId(7)), tokens: 3 };
        assert_eq!(replies.find(words("who are you nobody  in particular"), 3), Some(found));
        // Another message ends there, another conversation says it, another adapter said it.
        assert_eq!(replies.find(words("who are you nobody in particular"), 2), None);
        assert_eq!(replies.find(words("what are you nobody in particular"), 3), None);
        assert_eq!(replies.find(said(Some(1), "who are you nobody in particular"), 3), None);
        // What has another length as words stays words.
        replies.keep(words("who"), RequestId(8), "nobody", 2);
        replies.keep(words("who"), RequestId(9), "", 0);
        assert_eq!((replies.find(words("who nobody"), 1), replies.find(words("who"), 0)), (None, None));
        // Said twice, it is the first one's.
        replies.keep(words("who are you"), RequestId(9), "nobody in particular", 3);
        assert_eq!(replies.find(words("who are you nobody in particular"), 3), Some(found));
    }

    #[test]
    fn the_one_least_used_goes_first() {
        let replies = Replies::of(2);
        let found = |text: &str| replies.find(words(text), 1).is_some();
        replies.keep(words("a"), RequestId(1), "x", 1);
        replies.keep(words("b"), RequestId(2), "x", 1);
        assert!(found("a x"));
        replies.keep(words("c"), RequestId(3), "x", 1);
        assert_eq!((found("a x"), found("b x"), found("c x")), (true, false, true));
        let kept = replies.lock();
        assert_eq!((kept.replies.len(), kept.by_use.len()), (2, 2));
    }
}

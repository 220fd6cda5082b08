//! What a prompt is made of, as far as a cache can tell: which tokens it shares with other prompts, without the tokens' text.

use std::sync::Arc;

/// A run of tokens that is always the same: two segments of one id agree token by token as far as both reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Segment {
    /// What it is: a shared prefix, one request's own words, one reply.
    pub id: u64,
    /// Tokens of it that are used, from its start.
    pub tokens: u32,
}

/// A part of a content that is made of segments and of real tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// A run that is always the same.
    Segment(Segment),
    /// Real token ids.
    Tokens(Arc<[u32]>),
}

/// The identity of a sequence of tokens.
///
/// Simulation needs to know which prompts begin alike, not what they say. Two contents share a prefix exactly as far as their
/// tokens (or segments of the same id at the same place) agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Made of segments, as synthetic prompts and traces of block ids are.
    Segments(Vec<Segment>),
    /// Real token ids.
    Tokens(Arc<[u32]>),
    /// Both: prompts whose words are known, and replies of which only the length is.
    Mixed(Vec<Piece>),
}

impl Piece {
    /// Its length, tokens.
    pub fn tokens(&self) -> u64 {
        match self {
            Self::Segment(segment) => u64::from(segment.tokens),
            Self::Tokens(ids) => ids.len() as u64,
        }
    }
}

impl Content {
    /// `tokens` tokens that only content of this `id` shares.
    pub fn of(id: u64, tokens: u32) -> Self {
        Self::Segments(vec![Segment { id, tokens }])
    }

    /// Its length, tokens.
    pub fn tokens(&self) -> u64 {
        match self {
            Self::Segments(segments) => segments.iter().map(|s| u64::from(s.tokens)).sum(),
            Self::Tokens(ids) => ids.len() as u64,
            Self::Mixed(pieces) => pieces.iter().map(Piece::tokens).sum(),
        }
    }

    /// Puts `more` at its end.
    pub fn append(&mut self, more: Self) {
        match (&mut *self, more) {
            (_, Self::Segments(more)) if more.is_empty() => {}
            (Self::Segments(own), more) if own.is_empty() => *self = more,
            (Self::Segments(own), Self::Segments(more)) => own.extend(more),
            (Self::Mixed(own), more) => own.extend(more.into_pieces()),
            (_, more) => {
                let mut pieces = std::mem::take(self).into_pieces();
                pieces.extend(more.into_pieces());
                *self = Self::Mixed(pieces);
            }
        }
    }

    /// Its first `tokens` tokens; all of it if it has no more.
    #[must_use]
    pub fn first(&self, tokens: u32) -> Self {
        let mut left = tokens as usize;
        let mut take = |there: usize| {
            let taken = there.min(left);
            left -= taken;
            (taken > 0).then_some(taken)
        };
        let cut = |own: &Segment, taken: usize| Segment { id: own.id, tokens: taken as u32 };
        match self {
            Self::Segments(segments) => {
                let first = segments.iter().map_while(|own| Some(cut(own, take(own.tokens as usize)?)));
                Self::Segments(first.collect())
            }
            Self::Tokens(ids) => Self::Tokens(ids[..ids.len().min(tokens as usize)].into()),
            Self::Mixed(pieces) => {
                let first = pieces.iter().map_while(|piece| match piece {
                    Piece::Segment(own) => Some(Piece::Segment(cut(own, take(own.tokens as usize)?))),
                    Piece::Tokens(ids) => match take(ids.len())? {
                        all if all == ids.len() => Some(Piece::Tokens(Arc::clone(ids))),
                        taken => Some(Piece::Tokens(ids[..taken].into())),
                    },
                });
                Self::Mixed(first.collect())
            }
        }
    }

    fn into_pieces(self) -> Vec<Piece> {
        match self {
            Self::Segments(segments) => segments.into_iter().map(Piece::Segment).collect(),
            Self::Tokens(ids) => vec![Piece::Tokens(ids)],
            Self::Mixed(pieces) => pieces,
        }
    }
}

impl Default for Content {
    fn default() -> Self {
        Self::Segments(Vec::new())
    }
}

/// The id of segment `index` among those called `name`: the same on every machine, and for different names or indices different
/// but for an accident of 1 in 2⁶⁴.
pub fn segment_id(name: &str, index: u64) -> u64 {
    let bytes = crate::digest::Digest::new().part("segment").part(name).part(index.to_le_bytes()).bytes();
    let mut id = [0; 8];
    id.copy_from_slice(&bytes[..8]);
    u64::from_le_bytes(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_add_up_and_ids_differ() {
        let content = Content::Segments(vec![Segment { id: 1, tokens: 30 }, Segment { id: 2, tokens: 12 }]);
        assert_eq!(content.tokens(), 42);
        assert_eq!(Content::Tokens(Arc::from([1, 2, 3])).tokens(), 3);
        let mut mixed = content;
        mixed.append(Content::Tokens(Arc::from([7, 8, 9])));
        assert_eq!(mixed.tokens(), 45);
        assert_ne!(segment_id("text", 0), segment_id("text", 1));
        assert_ne!(segment_id("text", 0), segment_id("prefix", 0));
    }

    #[test]
    fn what_is_put_behind_is_behind_and_a_beginning_is_a_beginning() {
        let segment = |id, tokens| Segment { id, tokens };
        let ids = || Content::Tokens(Arc::from([7, 8, 9]));
        let mut content = Content::default();
        content.append(ids());
        assert_eq!(content, ids());
        content.append(Content::default());
        assert_eq!(content, ids());
        content.append(Content::Segments(vec![segment(1, 2), segment(2, 2)]));
        content.append(ids());
        let tokens = |ids: &[u32]| Piece::Tokens(Arc::from(ids));
        let pieces = |pieces: &[Piece]| Content::Mixed(pieces.to_vec());
        let whole = [
            tokens(&[7, 8, 9]),
            Piece::Segment(segment(1, 2)),
            Piece::Segment(segment(2, 2)),
            tokens(&[7, 8, 9]),
        ];
        assert_eq!(content, pieces(&whole));
        assert_eq!(content.first(99), content);
        assert_eq!(content.first(0), pieces(&[]));
        assert_eq!(content.first(2), pieces(&[tokens(&[7, 8])]));
        assert_eq!(
            content.first(6),
            pieces(&[whole[0].clone(), whole[1].clone(), Piece::Segment(segment(2, 1))])
        );
        assert_eq!(ids().first(2), Content::Tokens(Arc::from([7, 8])));
        let segments = Content::Segments(vec![segment(1, 2), segment(2, 2)]);
        assert_eq!(segments.first(3), Content::Segments(vec![segment(1, 2), segment(2, 1)]));
    }
}

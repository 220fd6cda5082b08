//! A row of a trace, as every operation here sees it.

use tokmark_base::Micros;

use crate::source::RowError;

/// One request of a trace. It is filled anew for every row, so that its memory is used again.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TraceRow {
    /// Where it stands in its file, 1-based; 0 if it was made here.
    pub line: u64,
    /// When it was sent, on the trace's own time line.
    pub at: Option<Micros>,
    /// How long after the end of the turn before it in its session.
    pub delay: Option<Micros>,
    /// Its session.
    pub session: Option<String>,
    /// Input, tokens.
    pub input: Option<u32>,
    /// Output, tokens.
    pub output: Option<u32>,
    /// Ids of the blocks of its input, from the first; none: nothing is known to be shared.
    pub ids: Vec<u64>,
    /// Everything else the row has, as JSON members with a comma before each: `,"priority":1`.
    pub rest: String,
}

impl TraceRow {
    /// Forgets everything but its memory.
    pub fn clear(&mut self) {
        self.line = 0;
        (self.at, self.delay, self.session) = (None, None, None);
        (self.input, self.output) = (None, None);
        self.ids.clear();
        self.rest.clear();
    }

    /// Its input length, which a row of words has not.
    pub fn input(&self) -> Result<u32, Unfit> {
        self.input.ok_or_else(|| Unfit {
            field: "input_length",
            what: "`input_length` is not given: the row holds words, not lengths".to_owned(),
            hint: "use a trace of lengths, or make one of it with `tokmark trace convert`".to_owned(),
        })
    }

    /// The same, once it is sure that its ids are as many as its blocks of `block_size` tokens; a row may also have none.
    pub fn input_of_blocks(&self, block_size: u32) -> Result<u32, Unfit> {
        let input = self.input()?;
        self.too_few_ids(input, block_size)
            .or_else(|| self.too_many_ids(input, block_size))
            .map_or(Ok(input), Err)
    }

    /// Its ids do not reach over the whole of its `input` tokens.
    pub(super) fn too_few_ids(&self, input: u32, block_size: u32) -> Option<Unfit> {
        let ids = self.ids.len();
        let reach = ids as u64 * u64::from(block_size);
        (ids > 0 && reach < u64::from(input)).then(|| {
            block_size_wrong(format!(
                "`hash_ids` has {ids} ids, which with blocks of {block_size} tokens are {reach} tokens, fewer than `input_length` {input}"
            ))
        })
    }

    /// It has ids that no token of its `input` stands behind.
    pub(super) fn too_many_ids(&self, input: u32, block_size: u32) -> Option<Unfit> {
        let (ids, needed) = (self.ids.len(), input.div_ceil(block_size));
        (ids > needed as usize).then(|| {
            block_size_wrong(format!(
                "`hash_ids` has {ids} ids, but `input_length` {input} is {needed} blocks of {block_size} tokens"
            ))
        })
    }

    /// Its time, which a row that follows another by a delay has not.
    pub fn at(&self) -> Result<Micros, Unfit> {
        self.at.ok_or_else(|| Unfit {
            field: "timestamp",
            what: "`timestamp` is not given".to_owned(),
            hint: "this needs a time in every row".to_owned(),
        })
    }
}

fn block_size_wrong(what: String) -> Unfit {
    Unfit { field: "hash_ids", what, hint: "give the trace's own block size with --block-size".to_owned() }
}

/// Why a row cannot be used for what is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// The field to blame.
    pub field: &'static str,
    /// What is wrong, the field in it.
    pub what: String,
    /// What to do.
    pub hint: String,
}

impl Unfit {
    /// As an error of `line` in `file`.
    pub fn at(self, file: &str, line: u64) -> RowError {
        RowError {
            file: file.to_owned(),
            line,
            column: 1,
            field: Some(self.field.to_owned()),
            what: self.what,
            hint: self.hint,
            fatal: false,
        }
    }
}

/// Gives rows one by one.
pub trait TraceRows {
    /// Fills `row` with the next; `None` at the end. After an error that is not fatal it goes on with the next row.
    fn next_row(&mut self, row: &mut TraceRow) -> Option<Result<(), RowError>>;

    /// The file the rows come from, for messages.
    fn file(&self) -> &str;
}

impl<T: TraceRows + ?Sized> TraceRows for Box<T> {
    fn next_row(&mut self, row: &mut TraceRow) -> Option<Result<(), RowError>> {
        (**self).next_row(row)
    }

    fn file(&self) -> &str {
        (**self).file()
    }
}

//! The body of a response, as hyper asks for it.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use hyper::body::{Body, Bytes, Frame, SizeHint};

use crate::floor::Seat;
use crate::line::Line;
use crate::reply::End;

/// What is sent back.
pub(crate) enum Outgoing {
    /// Known as a whole.
    Whole(Option<Bytes>),
    /// Comes as the engine makes it.
    Made(Made),
}

/// A reply of the engine. The client's place lasts as long as this.
pub(crate) struct Made {
    seat: Seat,
    line: Rc<Line>,
    length: Option<u64>,
    /// hyper sends it in chunks, so they may go past it.
    chunked: bool,
    /// What came before a cut has had its turn to leave.
    flushed: bool,
}

/// The connection is dropped, as a fault asked for.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the connection is dropped on purpose")]
pub(crate) struct Dropped;

impl Outgoing {
    pub(crate) fn whole(bytes: impl Into<Bytes>) -> Self {
        Self::Whole(Some(bytes.into()))
    }

    /// `length` is known for a reply in one piece. `chunked`: it is not, and the client speaks HTTP/1.1.
    pub(crate) fn made(seat: Seat, line: Rc<Line>, length: Option<u64>, chunked: bool) -> Self {
        if chunked {
            seat.reply().borrow_mut().attach(Rc::clone(&line));
        }
        Self::Made(Made { seat, line, length, chunked, flushed: false })
    }
}

impl Made {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Dropped>>> {
        self.seat.look_up();
        // What went past hyper goes first.
        ready!(self.line.poll_rest(cx));
        let mut reply = self.seat.reply().borrow_mut();
        let next = reply.poll_ready(cx);
        match &next {
            Poll::Pending if self.chunked => self.line.wait(),
            Poll::Pending => {}
            Poll::Ready(_) => self.line.shut(),
        }
        match next {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(ready)) => {
                self.line.owe(ready.due);
                Poll::Ready(Some(Ok(Frame::data(ready.bytes.into()))))
            }
            Poll::Ready(None) if reply.end() != Some(End::Cut) => Poll::Ready(None),
            // hyper throws away what it has not written yet when a body fails, so it gets one turn to write.
            Poll::Ready(None) if !self.flushed => {
                self.flushed = true;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Poll::Ready(None) => Poll::Ready(Some(Err(Dropped))),
        }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Dropped;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Dropped>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Made(made) => made.poll_frame(cx),
        }
    }

    /// Lets hyper put the end of a stream into the write of its last event.
    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.as_ref().is_none_or(Bytes::is_empty),
            Self::Made(made) => made.seat.reply().borrow().all_sent(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64)),
            Self::Made(made) => made.length.map_or_else(SizeHint::default, SizeHint::with_exact),
        }
    }
}

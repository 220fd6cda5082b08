//! Connections in slots, addressed by tokens that are never used twice.

use std::net::TcpStream;
use std::os::fd::{AsRawFd, RawFd};

use crate::schedule::Schedule;
use crate::server::Received;

/// One connection. Idle ones own no buffers: 19,000 of them must fit beside a client.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: TcpStream,
    /// Bytes of a request that is not complete.
    pub(crate) input: Vec<u8>,
    /// Bytes the kernel has not taken yet.
    pub(crate) output: Vec<u8>,
    /// When the latest bytes came in.
    pub(crate) received: Received,
    /// The reply going out.
    pub(crate) reply: Option<Reply>,
    /// The truth that waits for a transmit stamp.
    pub(crate) row: Option<usize>,
    /// Close once the reply is out.
    pub(crate) close_after: bool,
}

/// A reply on its schedule.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reply {
    /// The schedule's origin.
    pub(crate) received: Received,
    pub(crate) schedule: Schedule,
    /// Content event that is due next.
    pub(crate) next: u32,
    pub(crate) stream: bool,
    /// Its truth.
    pub(crate) row: Option<usize>,
}

impl Connection {
    pub(crate) fn new(socket: TcpStream) -> Self {
        Self {
            socket,
            input: Vec::new(),
            output: Vec::new(),
            received: Received::default(),
            reply: None,
            row: None,
            close_after: false,
        }
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

/// All connections. A token is a slot and the slot's generation, so that an event or a due send of a closed connection
/// never reaches the one that took its place.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    slots: Vec<(u32, Option<Box<Connection>>)>,
    free: Vec<u32>,
}

impl Slots {
    pub(crate) fn add(&mut self, connection: Connection) -> u64 {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push((0, None));
            (self.slots.len() - 1) as u32
        });
        let slot = &mut self.slots[index as usize];
        slot.1 = Some(Box::new(connection));
        (u64::from(slot.0) << 32) | u64::from(index)
    }

    pub(crate) fn get(&mut self, token: u64) -> Option<&mut Connection> {
        let slot = self.slots.get_mut((token & 0xffff_ffff) as usize)?;
        if u64::from(slot.0) != token >> 32 {
            return None;
        }
        slot.1.as_deref_mut()
    }

    /// Closes the connection.
    pub(crate) fn remove(&mut self, token: u64) {
        let index = (token & 0xffff_ffff) as u32;
        if let Some(slot) = self.slots.get_mut(index as usize)
            && u64::from(slot.0) == token >> 32
            && slot.1.take().is_some()
        {
            slot.0 += 1;
            self.free.push(index);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_token_dies_with_its_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let connect = || Connection::new(TcpStream::connect(listener.local_addr().unwrap()).unwrap());
        let mut slots = Slots::default();
        let first = slots.add(connect());
        slots.remove(first);
        slots.remove(first);
        let second = slots.add(connect());
        assert_ne!(first, second);
        assert!(slots.get(first).is_none() && slots.get(second).is_some());
        assert_eq!(slots.len(), 1);
    }
}

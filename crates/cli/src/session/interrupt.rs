//! Ctrl-C: the first stops issuing and drains, the second cuts, the third ends the process as if nobody listened.

use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tokmark_drive::Control;

/// Listens for SIGINT and SIGTERM from here on.
#[derive(Clone, Debug)]
pub struct Interrupts(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    count: u8,
    control: Option<Control>,
}

impl Interrupts {
    /// Starts to listen, on a thread of its own.
    pub fn listen() -> io::Result<Self> {
        let mut signals = Signals::new([SIGINT, SIGTERM])?;
        let shared = Arc::new(Shared::default());
        let heard = Arc::clone(&shared);
        std::thread::Builder::new().name("tokmark-signals".to_owned()).spawn(move || {
            for signal in signals.forever() {
                let mut state = heard.state.lock().unwrap_or_else(PoisonError::into_inner);
                state.count = state.count.saturating_add(1);
                if state.count > 2 {
                    let _ = signal_hook::low_level::emulate_default_handler(signal);
                }
                if let Some(control) = &state.control {
                    control.interrupt();
                }
                heard.changed.notify_all();
            }
        })?;
        Ok(Self(shared))
    }

    /// Lets signals stop this run; those already heard do so at once.
    pub fn attach(&self, control: &Control) {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..state.count {
            control.interrupt();
        }
        state.control = Some(control.clone());
    }

    /// How many were heard.
    pub fn count(&self) -> u8 {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner).count
    }

    /// Sleeps, unless interrupted; `true` if one was heard by then.
    pub fn sleep(&self, time: Duration) -> bool {
        let state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.0.changed.wait_timeout_while(state, time, |state| state.count == 0);
        waited.unwrap_or_else(PoisonError::into_inner).0.count > 0
    }
}

//! How is a run told on paper?

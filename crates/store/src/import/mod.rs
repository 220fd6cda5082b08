//! How foreign files come in. One kind of file a module.

pub mod dataset;
mod npz;
pub mod timing;

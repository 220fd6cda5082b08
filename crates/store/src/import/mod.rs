//! How foreign files come in. One kind of file a module.

mod npz;
pub mod timing;

//! What did the platform engineer write, and is it right?
//!
//! [`mod@file`] and [`route`] are the shapes; [`mod@load`] reads files and `--set`, and collects every
//! mistake with its file and line before any is reported ([`mistakes`]). In the order of a load:
//! `document` keeps what stands on which line, `overrides` writes `--set` over it, `shape` holds it
//! against the [`schema`], `fit` checks what a schema can't say, and only then serde reads it.

pub mod file;
pub mod route;
pub mod duration;
pub mod moment;
pub mod mistakes;
pub(crate) mod words;
pub(crate) mod url;
pub(crate) mod template;
mod key;
mod document;
mod overrides;
mod shape;
mod fit;
pub mod load;
pub mod schema;
pub mod effective;
pub mod restart;

pub use file::ConfigFile;
pub use load::{Loaded, load};
pub use mistakes::Mistakes;

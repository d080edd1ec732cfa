//! How are ownership facts written down?
//!
//! As lines that people and other systems read and write ([`import`]), and as bytes that stores keep
//! (`record`). Every store takes the same lines and promises the same of them.

pub mod form;
mod handing;
pub mod import;
pub mod intake;
pub mod line;
pub mod outgoing;
pub mod progress;
pub(crate) mod record;
mod row;
mod spool;

pub(crate) use handing::Rows;
pub use line::Fact;
pub(crate) use line::read as read_line;

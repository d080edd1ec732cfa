//! How far is an import?

/// Lines or records between two words.
pub(crate) const TOLD_EVERY: u64 = 4_096;

/// How far an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Lines are read.
    Read {
        /// So many of them.
        lines: u64,
        /// And so many bytes.
        bytes: u64,
    },
    /// Records are written.
    Written {
        /// So many.
        records: u64,
        /// Of so many.
        of: u64,
    },
}

/// Who hears how far an import is, if anybody.
pub type Told<'a> = Option<&'a mut dyn FnMut(Progress)>;

/// Says it now and then: `count` is how often it could have been said.
pub(crate) fn tell(told: &mut Told<'_>, count: u64, progress: Progress) {
    if let Some(told) = told
        && count.is_multiple_of(TOLD_EVERY)
    {
        told(progress);
    }
}

//! Which record is next, of all runs?

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::io;
use std::path::Path;

use super::arena::Arena;
use super::run::{Reader, Run};

/// One record.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) key: Vec<u8>,
    pub(crate) line: u64,
    pub(crate) value: Vec<u8>,
}

/// The first record of a source that wasn't handed out yet.
struct Head {
    record: Record,
    source: Source,
}

enum Source {
    File(Box<Reader>),
    /// What is left in memory, and the place in it.
    Memory(Arena, usize),
}

impl Head {
    fn next(&mut self) -> io::Result<bool> {
        match &mut self.source {
            Source::File(reader) => reader.next(&mut self.record),
            Source::Memory(arena, place) => {
                let Some((key, line, value)) = arena.get(*place) else {
                    return Ok(false);
                };
                let record = &mut self.record;
                record.key.clear();
                record.key.extend_from_slice(key);
                record.line = line;
                record.value.clear();
                record.value.extend_from_slice(value);
                *place = place.saturating_add(1);
                Ok(true)
            }
        }
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Head {}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> Ordering {
        let keys = self.record.key.cmp(&other.record.key);
        keys.then(self.record.line.cmp(&other.record.line))
    }
}

/// All records of all sources in order.
pub(crate) struct Merge {
    heads: BinaryHeap<Reverse<Head>>,
    /// Whether the first head was handed out.
    is_taken: bool,
}

impl Merge {
    pub(super) fn new(folder: &Path, runs: &[Run], mut arena: Arena) -> io::Result<Self> {
        arena.sort();
        let files = runs.iter().map(|run| {
            let reader = Reader::open(folder, run)?;
            Ok(Source::File(Box::new(reader)))
        });
        let memory = std::iter::once(Ok(Source::Memory(arena, 0)));
        let mut heads = BinaryHeap::new();
        for source in files.chain(memory) {
            let source: io::Result<Source> = source;
            let record = Record::default();
            let mut head = Head {
                record,
                source: source?,
            };
            if head.next()? {
                heads.push(Reverse(head));
            }
        }
        Ok(Self {
            heads,
            is_taken: false,
        })
    }

    /// The next record; after an error there is none.
    pub(crate) fn next(&mut self) -> io::Result<Option<&Record>> {
        if self.is_taken
            && let Some(mut head) = self.heads.peek_mut()
            && !head.0.next()?
        {
            PeekMut::pop(head);
        }
        self.is_taken = true;
        Ok(self.heads.peek().map(|Reverse(head)| &head.record))
    }
}

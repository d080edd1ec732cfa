//! How are records sorted in memory?

/// Bytes of a key that are compared without a look into the arena: a kind and a VIN.
const HEAD: usize = 24;

/// Records in the order in which they came, and then in that of their keys.
#[derive(Debug, Default)]
pub(super) struct Arena {
    bytes: Vec<u8>,
    rows: Vec<Row>,
}

/// Where a record lies.
#[derive(Debug, Clone, Copy)]
struct Row {
    /// The start of the key, filled up with zeros.
    head: [u8; HEAD],
    at: usize,
    key: u32,
    value: u32,
    line: u64,
}

impl Arena {
    /// Takes a record.
    pub(super) fn push(&mut self, key: &[u8], line: u64, value: &[u8]) {
        let mut head = [0; HEAD];
        for (to, from) in head.iter_mut().zip(key) {
            *to = *from;
        }
        self.rows.push(Row {
            head,
            at: self.bytes.len(),
            key: length(key),
            value: length(value),
            line,
        });
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(value);
    }

    /// Memory that it takes, about.
    pub(super) fn bytes(&self) -> usize {
        let rows = self.rows.len().saturating_mul(size_of::<Row>());
        self.bytes.len().saturating_add(rows)
    }

    /// Puts the records in order: by key, and by line where keys are the same.
    pub(super) fn sort(&mut self) {
        let bytes = &self.bytes;
        let key = |row: &Row| slice(bytes, row.at, row.key);
        self.rows.sort_unstable_by(|one, other| {
            one.head
                .cmp(&other.head)
                .then_with(|| key(one).cmp(key(other)))
                .then(one.line.cmp(&other.line))
        });
    }

    /// The record at a place: key, line, value.
    pub(super) fn get(&self, place: usize) -> Option<(&[u8], u64, &[u8])> {
        let row = self.rows.get(place)?;
        let key = slice(&self.bytes, row.at, row.key);
        let value = slice(&self.bytes, row.at.saturating_add(key.len()), row.value);
        Some((key, row.line, value))
    }

    /// Forgets all, and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.rows.clear();
    }
}

/// A line has 64 KiB at most.
fn length(part: &[u8]) -> u32 {
    u32::try_from(part.len()).unwrap_or(u32::MAX)
}

fn slice(bytes: &[u8], at: usize, length: u32) -> &[u8] {
    let end = usize::try_from(length).map_or(at, |length| at.saturating_add(length));
    bytes.get(at..end).unwrap_or_default()
}

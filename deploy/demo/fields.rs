//! What does a form or a query say?
//!
//! Read as carelessly as servers do: any encoding passes, and of a name that stands twice the first
//! value counts. The gateway in front has to be stricter than this.

/// Names and values, decoded.
#[derive(Debug, Default)]
pub(crate) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads `application/x-www-form-urlencoded` bytes.
    pub(crate) fn read(encoded: &[u8]) -> Self {
        let pairs = encoded
            .split(|byte| *byte == b'&')
            .filter(|p| !p.is_empty());
        let field = |pair: &[u8]| {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let mut half = || decode(halves.next().unwrap_or_default());
            (half(), half())
        };
        Self(pairs.map(field).collect())
    }

    /// These, then those of `later`.
    pub(crate) fn and(mut self, later: Self) -> Self {
        self.0.extend(later.0);
        self
    }

    /// The first value of a name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(field, _)| field == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// `+` is a space, `%XX` a byte; a broken escape stays as it stands.
pub(crate) fn decode(encoded: &[u8]) -> String {
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        let escape = tail.split_at_checked(2).filter(|_| *first == b'%');
        let byte = escape.and_then(|(digits, after)| Some((hex(digits)?, after)));
        match (byte, first) {
            (Some((byte, after)), _) => {
                decoded.push(byte);
                rest = after;
            }
            (None, b'+') => decoded.push(b' '),
            (None, other) => decoded.push(*other),
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn hex(digits: &[u8]) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

//! Is a log as it was written: no line missing, altered, added or moved?
//!
//! Each line ends in two members: `n`, which rises by one, and `chain`, a MAC over the line, its
//! number and the `chain` of the line before. So whoever lacks the key can't change a line without
//! breaking the chain there. The first line of a file, and the first after a start, also says in
//! `chain_from` which key it is under and what it goes on from: it can be checked without the file
//! before it. A [`Head`] beside the log tells how far it reached: a line that is cut off at the end
//! leaves no trace in the rest.
//!
//! What can't be found: lines at the end that are younger than the head; a log that is taken away
//! together with its head and everything before; whatever somebody writes who has the key.

pub mod report;
pub mod torn;
pub mod verify;

use std::sync::Arc;

use ring::hmac;

use crate::digest;

/// What the request log's key is derived for.
pub const REQUEST_LOG: &str = "audit chain";

/// What the switch log's key is derived for: no line of one log fits into the other.
pub const SWITCH_LOG: &str = "switch log chain";

/// Members that a line can't have of its own: the chain writes them.
pub const RESERVED: [&str; 3] = ["chain_from", "n", "chain"];

/// Bytes of a MAC that stand in a line: 128 bits can't be guessed.
const VALUE_BYTES: usize = 16;

/// Bytes of a key's name: it only tells a few keys apart.
const ID_BYTES: usize = 8;

/// What a line's `chain` says.
pub type Value = [u8; VALUE_BYTES];

/// Key of a chain; its name is no secret.
#[expect(missing_debug_implementations, reason = "a secret")]
pub struct ChainKey {
    lines: hmac::Key,
    heads: hmac::Key,
    id: String,
}

impl ChainKey {
    /// From a key that serves nothing else.
    pub fn new(key: &[u8; 32]) -> Self {
        let root = hmac::Key::new(hmac::HMAC_SHA256, key);
        let kind = |label: &str| hmac::sign(&root, label.as_bytes());
        let key = |label| hmac::Key::new(hmac::HMAC_SHA256, kind(label).as_ref());
        let id = kind("id");
        Self {
            lines: key("lines"),
            heads: key("heads"),
            id: digest::hex(id.as_ref().get(..ID_BYTES).unwrap_or_default()),
        }
    }

    /// Its name in a log: 16 hex digits that tell nothing of the key.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What `chain` says in a line with this text and number behind one that says `before`.
    fn value(&self, before: &Value, n: u64, body: &[u8]) -> Value {
        let mut context = hmac::Context::with_key(&self.lines);
        context.update(before);
        context.update(&n.to_be_bytes());
        let length = u64::try_from(body.len()).unwrap_or(u64::MAX);
        context.update(&length.to_be_bytes());
        context.update(body);
        shorten(&context.sign())
    }
}

fn shorten(tag: &hmac::Tag) -> Value {
    tag.as_ref().first_chunk().copied().unwrap_or_default()
}

/// The end of a chain: number and `chain` of its newest line; 0 and zeroes before the first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Link {
    /// Number of the line; the first is 1.
    pub n: u64,
    /// What its `chain` says.
    pub value: Value,
}

/// What a chain goes on from when a log is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Nothing was known: it begins.
    Genesis,
    /// The last line of the log.
    Line,
    /// The head: the log was empty, or ended before what the head knew.
    Head,
}

/// A chain that is written.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "holds a key")]
pub struct Chain {
    key: Arc<ChainKey>,
    last: Link,
    /// Set until the next line has told it.
    opening: Option<Origin>,
}

impl Chain {
    /// Goes on behind `last`, which is [`Link::default`] for [`Origin::Genesis`].
    pub fn new(key: Arc<ChainKey>, last: Link, origin: Origin) -> Self {
        let opening = Some(origin);
        Self { key, last, opening }
    }

    /// The newest line.
    pub fn last(&self) -> Link {
        self.last
    }

    /// The key.
    pub fn key(&self) -> &Arc<ChainKey> {
        &self.key
    }

    /// Has the next line tell what it goes on from, because it opens a file.
    pub fn begin_file(&mut self) {
        let known = if self.last == Link::default() {
            Origin::Genesis
        } else {
            Origin::Line
        };
        self.opening.get_or_insert(known);
    }

    /// Appends a line, a JSON object without line feeds, with its number and MAC, and a line feed.
    pub fn seal(&mut self, line: &str, out: &mut Vec<u8>) {
        let start = out.len();
        match line.strip_suffix('}').filter(|open| open.len() > 1) {
            Some(open) => out.extend_from_slice(open.as_bytes()),
            None => out.extend_from_slice(quoted(line).as_bytes()), // can't happen
        }
        if let Some(origin) = self.opening.take() {
            out.extend_from_slice(br#","chain_from":""#);
            out.extend_from_slice(self.key.id.as_bytes());
            out.extend_from_slice(word(origin).as_bytes());
            if origin != Origin::Genesis {
                push_hex(out, &self.last.value);
            }
            out.push(b'"');
        }
        let n = self.last.n.saturating_add(1);
        let body = out.get(start..).unwrap_or_default();
        let value = self.key.value(&self.last.value, n, body);
        out.extend_from_slice(NUMBER.as_bytes());
        out.extend_from_slice(n.to_string().as_bytes());
        out.extend_from_slice(CHAIN.as_bytes());
        push_hex(out, &value);
        out.extend_from_slice(b"\"}\n");
        self.last = Link { n, value };
    }
}

const NUMBER: &str = ",\"n\":";
const CHAIN: &str = ",\"chain\":\"";
const FROM: &str = ",\"chain_from\":\"";

fn quoted(line: &str) -> String {
    let text = serde_json::Value::from(line);
    format!(r#"{{"text":{text}"#)
}

fn word(origin: Origin) -> &'static str {
    match origin {
        Origin::Genesis => ":genesis",
        Origin::Line => ":line:",
        Origin::Head => ":head:",
    }
}

/// As [`digest::hex`], without a string of its own.
fn push_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    let digit = |nibble: u8| {
        let base = if nibble < 10 { b'0' } else { b'a' - 10 };
        base.saturating_add(nibble)
    };
    out.extend(bytes.iter().flat_map(|b| [digit(b >> 4), digit(b & 15)]));
}

/// Sixteen bytes in lower-case digits, as they are written and in no other form.
fn read_hex(digits: &str) -> Option<Value> {
    let number = u128::from_str_radix(digits, 16).ok()?;
    (format!("{number:032x}") == digits).then(|| number.to_be_bytes())
}

fn read_number(digits: &str) -> Option<u64> {
    let number = digits.parse::<u64>().ok()?;
    (number > 0 && number.to_string() == digits).then_some(number)
}

/// A line as it stands in a log. That it can be read says nothing of whether it is genuine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sealed<'a> {
    /// What stands before `n`, without the closing brace.
    pub body: &'a str,
    /// Number and MAC, as they stand there.
    pub link: Link,
    /// What it says that it goes on from, if it does.
    pub from: Option<From<'a>>,
}

/// What `chain_from` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct From<'a> {
    /// Name of the key.
    pub key: &'a str,
    /// Which kind of origin.
    pub origin: Origin,
    /// The `chain` that it goes on from.
    pub value: Value,
}

impl<'a> Sealed<'a> {
    /// Reads a line without its line feed; `None` if it doesn't end as a sealed line does.
    pub fn read(line: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(line).ok()?;
        let rest = text.strip_suffix("\"}")?;
        let (rest, digits) = rest.split_at_checked(rest.len().checked_sub(VALUE_BYTES * 2)?)?;
        let value = read_hex(digits)?;
        let (body, digits) = rest.strip_suffix(CHAIN)?.rsplit_once(NUMBER)?;
        let n = read_number(digits)?;
        Some(Self {
            body,
            link: Link { n, value },
            from: read_from(body),
        })
    }

    /// Whether the key made it, behind a line whose `chain` says `before`.
    pub fn is_genuine(&self, key: &ChainKey, before: &Value) -> bool {
        self.made_by(key, before) == self.link.value
    }

    /// What its `chain` should say.
    fn made_by(&self, key: &ChainKey, before: &Value) -> Value {
        key.value(before, self.link.n, self.body.as_bytes())
    }
}

fn read_from(body: &str) -> Option<From<'_>> {
    let (_, said) = body.rsplit_once(FROM)?;
    let (key, said) = said.strip_suffix('"')?.split_at_checked(ID_BYTES * 2)?;
    let after = |origin| said.strip_prefix(word(origin));
    let (origin, value) = if after(Origin::Genesis) == Some("") {
        (Origin::Genesis, Value::default())
    } else if let Some(digits) = after(Origin::Line) {
        (Origin::Line, read_hex(digits)?)
    } else {
        (Origin::Head, read_hex(after(Origin::Head)?)?)
    };
    Some(From { key, origin, value })
}

/// How far a log reached at some moment. It may be older than the log, never newer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Number of the first line of the file beside it; one more than `last` while that is empty.
    pub first: u64,
    /// The newest line that was known to be on disk.
    pub last: Link,
}

impl Head {
    /// As it is kept in a file, always of one length: it is replaced in place, in one write.
    pub fn write(&self, key: &ChainKey) -> String {
        let Self { first, last } = self;
        let text = format!(
            "first={first:020} n={:020} chain={}",
            last.n,
            digest::hex(&last.value)
        );
        let mac = shorten(&hmac::sign(&key.heads, text.as_bytes()));
        format!("{text} mac={}\n", digest::hex(&mac))
    }

    /// The part that changes when the file beside it does.
    pub fn first_of(bytes: &[u8]) -> &[u8] {
        let mut words = bytes.split(|byte| *byte == b' ');
        words.next().unwrap_or_default()
    }

    /// Reads it; `None` if this key didn't make it.
    pub fn read(bytes: &[u8], key: &ChainKey) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let mut words = text.split_ascii_whitespace();
        let mut said = |name| words.next()?.strip_prefix(name);
        let first = said("first=")?.parse().ok()?;
        let n = said("n=")?.parse().ok()?;
        let value = read_hex(said("chain=")?)?;
        let last = Link { n, value };
        let head = Self { first, last };
        (head.write(key) == text).then_some(head)
    }
}

#[cfg(test)]
mod tests;

//! Where in a page does a notice stand?
//!
//! A streaming pass over a page that puts one line right after the `<body ...>` start tag and leaves
//! every other byte as it is. It reads as a browser's tokenizer does (HTML, 13.2.5), as far as that
//! decides what is a tag: quotes in attributes, comments, and elements whose content is text.
//! Nothing is held back, and it stops reading once the place is found or can't come any more.

mod scan;

#[cfg(test)]
mod tests;

use bytes::{BufMut, Bytes, BytesMut};

use crate::denial::page;
use scan::{Scan, Step};

/// Where the tag hasn't come by then, there is none that a person would see the notice at.
const LONGEST_HEAD: usize = 64 * 1024;

/// Whether the line has found its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placing {
    /// The place is still looked for.
    Looking,
    /// It stands in the page.
    Placed,
    /// There is no place for it, and the page passes as it is.
    Nowhere,
}

/// Puts one line into one page.
#[derive(Debug)]
pub struct Placer {
    line: Bytes,
    scan: Scan,
    placing: Placing,
    seen: usize,
}

impl Placer {
    /// For one page and this text, which may be in any language.
    pub fn new(text: &str) -> Self {
        Self {
            line: line(text),
            scan: Scan::default(),
            placing: Placing::Looking,
            seen: 0,
        }
    }

    /// What is sent for the next bytes of the page: those bytes, and once among them the line.
    pub fn pass(&mut self, chunk: Bytes) -> Bytes {
        let Some(at) = self.find(&chunk) else {
            return chunk;
        };
        let mut page = BytesMut::with_capacity(chunk.len().saturating_add(self.line.len()));
        let (before, after) = chunk.split_at_checked(at).unwrap_or((&chunk, &[]));
        page.put_slice(before);
        page.put_slice(&self.line);
        page.put_slice(after);
        page.freeze()
    }

    /// How it went so far. A page that ended while the place was looked for has none.
    pub fn placing(&self) -> Placing {
        self.placing
    }

    /// Where in this chunk the line goes.
    fn find(&mut self, chunk: &[u8]) -> Option<usize> {
        if self.placing != Placing::Looking {
            return None;
        }
        for (index, byte) in chunk.iter().enumerate() {
            match self.scan.step(*byte) {
                Step::On => {}
                Step::Body => {
                    self.placing = Placing::Placed;
                    return Some(index.saturating_add(1));
                }
                Step::Never => {
                    self.placing = Placing::Nowhere;
                    return None;
                }
            }
            self.seen = self.seen.saturating_add(1);
            if self.seen >= LONGEST_HEAD {
                self.placing = Placing::Nowhere;
                return None;
            }
        }
        None
    }
}

/// One line of markup, in ASCII: it reads the same in every character set that a page may have. It
/// has no style and no script, which a page's content security policy would refuse.
fn line(text: &str) -> Bytes {
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .collect();
    let escape = |character: char| {
        if character.is_ascii() {
            character.to_string()
        } else {
            format!("&#{};", u32::from(character))
        }
    };
    let escaped: String = page::escape(&words.join(" ")).chars().map(escape).collect();
    format!("<div role=\"status\" id=\"vingate-notice\">{escaped}</div>\n").into()
}

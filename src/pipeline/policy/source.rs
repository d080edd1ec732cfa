//! Where in its file is a mistake?

use std::ops::Range;
use std::path::Path;

use miette::Diagnostic;

use crate::config::Mistakes;

/// Columns of a line that are shown around a mistake.
const SHOWN: usize = 100;

/// One file as text.
#[derive(Debug)]
pub(crate) struct Source {
    /// Its path.
    pub(crate) place: String,
    /// What it says.
    pub(crate) text: String,
}

impl Source {
    /// Reads a file; one that can't be read is a mistake.
    pub(crate) fn read(path: &Path, mistakes: &mut Mistakes) -> Option<Self> {
        let place = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Some(Self { place, text }),
            Err(error) => {
                mistakes.add(place, format!("can't be read: {error}"));
                None
            }
        }
    }

    /// `file:line:column` of a byte offset; columns count characters, from 1.
    pub(crate) fn at(&self, offset: usize) -> String {
        let (line, column, _) = self.position(offset);
        format!("{}:{line}:{column}", self.place)
    }

    /// `file:line` of a byte offset.
    pub(crate) fn line_at(&self, offset: usize) -> String {
        format!("{}:{}", self.place, self.position(offset).0)
    }

    /// Line and column, and the text of the line.
    fn position(&self, offset: usize) -> (usize, usize, &str) {
        let before = self.text.get(..offset).unwrap_or(&self.text);
        let line = before.matches('\n').count();
        let head = before.rsplit('\n').next().unwrap_or_default();
        let text = self.text.lines().nth(line).unwrap_or_default();
        let column = head.chars().count().saturating_add(1);
        (line.saturating_add(1), column, text)
    }

    /// Adds a mistake at a range of bytes, with its line and a caret under it.
    pub(crate) fn blame(&self, span: Range<usize>, message: String, mistakes: &mut Mistakes) {
        let marked = self.text.get(span.clone()).unwrap_or_default();
        let width = marked.lines().next().unwrap_or_default().chars().count();
        let (line, column, text) = self.position(span.start);
        // A line without an end is shown from a little before the mistake.
        let skipped = column.saturating_sub(SHOWN);
        let text: String = text
            .chars()
            .skip(skipped)
            .take(SHOWN.saturating_mul(2))
            .map(visible)
            .collect();
        let gap = " ".repeat(column.saturating_sub(skipped).saturating_sub(1));
        let carets = "^".repeat(width.clamp(1, SHOWN));
        let number = line.to_string();
        let margin = " ".repeat(number.len());
        let excerpt = format!("  {number} | {text}\n  {margin} | {gap}{carets}");
        mistakes.add_with(self.at(span.start), message, excerpt);
    }

    /// Adds what Cedar complains about, where it says where.
    pub(crate) fn complain(&self, complaint: &dyn Diagnostic, mistakes: &mut Mistakes) {
        let message = explain(complaint);
        let label = complaint.labels().and_then(|mut labels| labels.next());
        match label {
            Some(label) => {
                let end = label.offset().saturating_add(label.len());
                self.blame(label.offset()..end, message, mistakes);
            }
            None => mistakes.add(self.place.clone(), message),
        }
    }
}

/// What would hide or move other characters is shown as a box.
fn visible(character: char) -> char {
    match character {
        '\t' => ' ',
        character if character.is_control() || hides(character) => '\u{25a1}',
        character => character,
    }
}

/// Whether a character can't be seen, or changes the order in which others are seen: text with it may
/// read otherwise than it means (CVE-2021-42574).
pub(crate) fn hides(character: char) -> bool {
    matches!(
        character,
        '\u{00ad}'
            | '\u{061c}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}'
    )
}

/// Cedar's message, with its advice where it has one.
fn explain(complaint: &dyn Diagnostic) -> String {
    match complaint.help() {
        Some(help) => format!("{complaint} ({help})"),
        None => complaint.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blamed(text: &str, span: Range<usize>) -> String {
        let source = Source {
            place: "a.cedar".to_owned(),
            text: text.to_owned(),
        };
        let mut mistakes = Mistakes::default();
        source.blame(span, "wrong".to_owned(), &mut mistakes);
        mistakes.to_string()
    }

    #[test]
    fn a_caret_stands_under_the_mistake() {
        for (text, span, wanted) in [
            (
                "abc\ndef ghi\n",
                8..11,
                "a.cedar:2:5: wrong\n  2 | def ghi\n    |     ^^^\n",
            ),
            ("", 0..0, "a.cedar:1:1: wrong\n  1 | \n    | ^\n"),
            ("a", 9..12, "a.cedar:1:2: wrong\n  1 | a\n    |  ^\n"),
            (
                "\u{e9}\u{e9} x",
                5..6,
                "a.cedar:1:4: wrong\n  1 | \u{e9}\u{e9} x\n    |    ^\n",
            ),
            (
                "a\u{202e}b",
                1..4,
                "a.cedar:1:2: wrong\n  1 | a\u{25a1}b\n    |  ^\n",
            ),
        ] {
            assert_eq!(blamed(text, span), wanted, "{text:?}");
        }
    }
}

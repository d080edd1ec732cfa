//! Where is a chain broken?
//!
//! Files are read once, oldest first, a line at a time: memory doesn't grow with the log. After a
//! break the check goes on from what stands there, so that one change is told once.

use std::io::{self, BufRead, Read};

use ring::digest::{Context, SHA256};
use serde::Deserialize;

use crate::chain::report::{Break, End, Fact, Finding, Report};
use crate::chain::torn::TornLine;
use crate::chain::{ChainKey, From, Head, Link, Origin, Sealed, Value};

/// Longest line that is read whole; records are much shorter.
const LONGEST_LINE: u64 = 1_048_576;

/// Findings that are told one by one; further breaks are only counted.
const MOST_TOLD: usize = 100;

/// A line that was read.
#[derive(Clone, Copy)]
struct Known {
    n: u64,
    /// What its `chain` says, and what it should say: an altered one is told once.
    values: [Value; 2],
}

/// Lines that are not chained, until a line tells that a crash tore them.
struct Torn {
    line: u64,
    bytes: u64,
    hash: Context,
}

#[derive(Clone, Copy)]
enum KeyInUse {
    Unknown,
    Found(usize),
    NotGiven,
}

/// Checks one log.
#[expect(missing_debug_implementations, reason = "holds keys")]
pub struct Verifier<'k> {
    keys: &'k [ChainKey],
    key: KeyInUse,
    known: Option<Known>,
    torn: Option<Torn>,
    head: Option<Head>,
    report: Report,
    /// Text of the newest line, for its time.
    newest: String,
    file: String,
    line: u64,
    /// Number of the first chained line of the file.
    file_first: Option<u64>,
    /// Number that the chain had reached before the file.
    before_file: Option<u64>,
}

/// Checks one log in one file, without its head.
///
/// # Errors
/// It can't be read.
pub fn verify_over(reader: impl BufRead, key: ChainKey) -> io::Result<Report> {
    let keys = [key];
    let mut verifier = Verifier::new(&keys);
    verifier.read("log", reader)?;
    Ok(verifier.finish())
}

impl<'k> Verifier<'k> {
    /// With the keys that the log may have had.
    pub fn new(keys: &'k [ChainKey]) -> Self {
        Self {
            keys,
            key: KeyInUse::Unknown,
            known: None,
            torn: None,
            head: None,
            report: Report::default(),
            newest: String::new(),
            file: String::new(),
            line: 0,
            file_first: None,
            before_file: None,
        }
    }

    /// The head beside the file that is read next, as it was before that file was opened.
    pub fn expect(&mut self, head: &[u8]) {
        self.head = self.keys.iter().find_map(|key| Head::read(head, key));
        self.report.at_least_up_to = self.head.map(|head| head.last.n);
    }

    /// Reads the next file.
    ///
    /// # Errors
    /// It can't be read.
    pub fn read(&mut self, name: &str, mut reader: impl BufRead) -> io::Result<()> {
        name.clone_into(&mut self.file);
        self.line = 0;
        self.file_first = None;
        self.before_file = self.known.map(|known| known.n);
        let mut text = Vec::new();
        loop {
            text.clear();
            let mut bounded = reader.by_ref().take(LONGEST_LINE);
            if bounded.read_until(b'\n', &mut text)? == 0 {
                break;
            }
            self.line = self.line.saturating_add(1);
            match text.strip_suffix(b"\n") {
                Some(line) => self.check(line),
                None => self.check_end(&text),
            }
        }
        self.refuse_torn();
        Ok(())
    }

    /// A last line without its line feed: whole, or torn. That it is torn is no break: whether
    /// something is missing is told by the head, or by what the next file goes on from.
    fn check_end(&mut self, text: &[u8]) {
        let bytes = length(text);
        if bytes < LONGEST_LINE && Sealed::read(text).is_none() {
            self.fact(self.line, Fact::TornEnd { bytes });
        } else {
            self.check(text);
        }
    }

    fn check(&mut self, line: &[u8]) {
        let Some(sealed) = Sealed::read(line) else {
            return self.keep_torn(line);
        };
        self.choose_key(sealed.from);
        let broken = self
            .check_place(&sealed)
            .or_else(|| self.check_mac(&sealed));
        match broken {
            Some(what) => {
                self.broken(self.line, what);
                self.refuse_torn();
            }
            None => self.check_torn(&sealed),
        }
        self.accept(&sealed);
    }

    fn choose_key(&mut self, from: Option<From<'_>>) {
        let Some(from) = from else { return };
        let given = self.keys.iter().position(|key| key.id() == from.key);
        self.key = given.map_or(KeyInUse::NotGiven, KeyInUse::Found);
        if given.is_none() {
            let key = from.key.to_owned();
            self.broken(self.line, Break::OtherKey { key });
        }
    }

    /// Whether it is the next line.
    fn check_place(&mut self, sealed: &Sealed<'_>) -> Option<Break> {
        let n = sealed.link.n;
        let Some(known) = self.known else {
            return match sealed.from {
                None => Some(Break::Headless { n }),
                Some(From { origin, .. }) => self.check_first(n, origin),
            };
        };
        let wanted = known.n.saturating_add(1);
        let Some(from) = sealed.from else {
            return out_of_place(n, wanted);
        };
        let opens_file = self.file_first.is_none();
        match from.origin {
            Origin::Genesis => Some(Break::BeginsAnew),
            Origin::Head if opens_file && n < wanted => {
                let lines = wanted.saturating_sub(n);
                let n = n.saturating_sub(1);
                self.fact(self.line, Fact::Overlap { n, lines });
                None
            }
            Origin::Head | Origin::Line if n != wanted => out_of_place(n, wanted),
            Origin::Head | Origin::Line if !known.values.contains(&from.value) => {
                Some(Break::Altered { n: known.n })
            }
            Origin::Head => {
                self.fact(self.line, Fact::FromHead { n: known.n });
                None
            }
            Origin::Line => None,
        }
    }

    fn check_first(&mut self, n: u64, origin: Origin) -> Option<Break> {
        let before = n.saturating_sub(1);
        match origin {
            Origin::Genesis => out_of_place(n, 1),
            Origin::Line => {
                self.fact(self.line, Fact::Continued { n });
                None
            }
            Origin::Head => {
                self.fact(self.line, Fact::FromHead { n: before });
                None
            }
        }
    }

    fn check_mac(&mut self, sealed: &Sealed<'_>) -> Option<Break> {
        let before = match (sealed.from, self.known) {
            (Some(from), _) => [from.value; 2],
            (None, Some(known)) => known.values,
            (None, None) => return None, // told as headless
        };
        let genuine = |key: &ChainKey| before.iter().any(|value| sealed.is_genuine(key, value));
        let found = match self.key {
            KeyInUse::NotGiven => return None, // told at its first line
            KeyInUse::Found(index) => self.keys.get(index).is_some_and(genuine),
            KeyInUse::Unknown => {
                let found = self.keys.iter().position(genuine);
                self.key = found.map_or(KeyInUse::Unknown, KeyInUse::Found);
                found.is_some()
            }
        };
        let n = sealed.link.n;
        (!found).then_some(Break::Altered { n })
    }

    fn keep_torn(&mut self, text: &[u8]) {
        match &mut self.torn {
            None => {
                let mut hash = Context::new(&SHA256);
                hash.update(text);
                self.torn = Some(Torn {
                    line: self.line,
                    bytes: length(text),
                    hash,
                });
            }
            Some(torn) => {
                torn.hash.update(b"\n");
                torn.hash.update(text);
                torn.bytes = torn.bytes.saturating_add(length(text)).saturating_add(1);
            }
        }
    }

    /// A line that tells of a torn one stands right behind it, and only behind it.
    fn check_torn(&mut self, sealed: &Sealed<'_>) {
        let told = TornLine::read(sealed.body);
        match (told, self.torn.take()) {
            (None, None) => {}
            (None, torn) => {
                self.torn = torn;
                self.refuse_torn();
            }
            (Some(_), None) => self.broken(self.line, Break::TornLine),
            (Some(told), Some(torn)) => {
                let found = TornLine::of(torn.bytes, torn.hash);
                if found == told {
                    self.fact(torn.line, Fact::Torn { bytes: torn.bytes });
                } else {
                    self.broken(torn.line, Break::TornLine);
                }
            }
        }
    }

    fn refuse_torn(&mut self) {
        if let Some(Torn { line, bytes, .. }) = self.torn.take() {
            self.broken(line, Break::Foreign { bytes });
        }
    }

    fn accept(&mut self, sealed: &Sealed<'_>) {
        let Link { n, value } = sealed.link;
        if self
            .head
            .is_some_and(|head| head.last.n == n && head.last.value != value)
        {
            self.broken(self.line, Break::Replaced { n });
        }
        self.known = Some(Known {
            n,
            values: [value, self.should_be(sealed)],
        });
        sealed.body.clone_into(&mut self.newest);
        self.file_first.get_or_insert(n);
        self.report.lines = self.report.lines.saturating_add(1);
        if self.report.first.is_none() {
            let time = time(sealed.body);
            self.report.first = Some(End { n, time });
        }
    }

    /// What `chain` should say in a line whose text is as it was written.
    fn should_be(&self, sealed: &Sealed<'_>) -> Value {
        let known = self.known.map(|known| known.values);
        let before = sealed.from.map(|from| from.value);
        let before = before.or(known.map(|[said, _]| said));
        match (self.key, before) {
            (KeyInUse::Found(index), Some(before)) => {
                let key = self.keys.get(index);
                key.map_or(sealed.link.value, |key| sealed.made_by(key, &before))
            }
            (KeyInUse::Found(_) | KeyInUse::Unknown | KeyInUse::NotGiven, _) => sealed.link.value,
        }
    }

    /// What the head knows of the last file, and the report.
    pub fn finish(mut self) -> Report {
        match self.head {
            Some(head) => self.check_head(&head),
            None => self.fact(self.line, Fact::NoHead),
        }
        self.report.last = self.known.map(|known| End {
            n: known.n,
            time: time(&self.newest),
        });
        self.report
    }

    fn check_head(&mut self, head: &Head) {
        let reached = self.known.map_or(0, |known| known.n);
        let to = head.last.n;
        let rotated = self.known.is_none() && head.first > to;
        if reached < to && !rotated {
            let from = head.first.max(reached.saturating_add(1));
            self.broken(self.line, Break::EndMissing { from, to });
        }
        let continued = self.before_file.is_some(); // then a gap was told at its place
        let first = self
            .file_first
            .filter(|first| *first > head.first && !continued);
        if let Some(first) = first {
            let (from, to) = (head.first, first.saturating_sub(1));
            self.broken(0, Break::StartMissing { from, to });
        }
    }

    fn broken(&mut self, line: u64, what: Break) {
        self.report.broken = self.report.broken.saturating_add(1);
        if self.report.breaks.len() < MOST_TOLD {
            let file = self.file.clone();
            self.report.breaks.push(Finding { file, line, what });
        }
    }

    fn fact(&mut self, line: u64, what: Fact) {
        if self.report.facts.len() < MOST_TOLD {
            let file = self.file.clone();
            self.report.facts.push(Finding { file, line, what });
        }
    }
}

fn out_of_place(n: u64, wanted: u64) -> Option<Break> {
    match n.cmp(&wanted) {
        std::cmp::Ordering::Equal => None,
        std::cmp::Ordering::Less => Some(Break::Misplaced { n, wanted }),
        std::cmp::Ordering::Greater => Some(Break::Missing {
            from: wanted,
            to: n.saturating_sub(1),
        }),
    }
}

/// The `time` of a line.
fn time(body: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Timed {
        time: String,
    }
    let timed = serde_json::from_str::<Timed>(&format!("{body}}}"));
    timed.ok().map(|timed| timed.time)
}

fn length(text: &[u8]) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;

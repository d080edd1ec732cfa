//! Which byte of a page ends its `<body ...>` tag?
//!
//! The states of an HTML tokenizer that matter for that, a byte at a time. What a browser does with a
//! page's character set doesn't matter: all of these bytes are ASCII, and so they are in every set
//! that a page can be served in but UTF-16, where no tag is found.

/// Longest text that is looked back at: `</noembed` and the like.
const RECENT: usize = 12;

/// Elements whose content is text up to their end tag, and those whose content is no part of the page.
const TEXT_ELEMENTS: [&[u8]; 9] = [
    b"script",
    b"style",
    b"title",
    b"textarea",
    b"template",
    b"noscript",
    b"iframe",
    b"noembed",
    b"xmp",
];

/// What one byte means for the search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Go on.
    On,
    /// This byte is the `>` of the tag.
    Body,
    /// It is no page, or one without a body.
    Never,
}

/// Where in a page the last byte stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the first `<`: what begins with anything else is no page but, say, JSON.
    Start,
    Data,
    /// After `<`.
    TagOpen,
    /// After `</`.
    EndTagOpen,
    TagName,
    BeforeAttribute,
    AttributeName,
    AfterAttribute,
    BeforeValue,
    Unquoted,
    /// In a value, up to this quote.
    Quoted(u8),
    /// After `<!`, with so many of the dashes that make it a comment.
    Declaration(u8),
    /// In a comment, after so many dashes in a row (2 stand for more).
    Comment(u8),
    /// After `--!` in a comment.
    CommentBang,
    /// `<!doctype`, `<?xml` and the like: up to the next `>`.
    Bogus,
    /// In the content of a text element.
    Text,
}

#[derive(Debug)]
pub(super) struct Scan {
    state: State,
    /// The name of the tag at hand, in lower case.
    name: Word,
    is_end_tag: bool,
    /// The text element that is open.
    element: &'static [u8],
    /// The last bytes of a text element's content.
    recent: Word,
    /// In a script: inside of `<!--`, and there inside of another `<script` (HTML, 13.2.5.20).
    escaped: bool,
    double_escaped: bool,
}

impl Default for Scan {
    fn default() -> Self {
        Self {
            state: State::Start,
            name: Word::default(),
            is_end_tag: false,
            element: b"",
            recent: Word::default(),
            escaped: false,
            double_escaped: false,
        }
    }
}

impl Scan {
    pub(super) fn step(&mut self, byte: u8) -> Step {
        match self.state {
            State::Start => return self.start(byte),
            State::Data => {
                if byte == b'<' {
                    self.state = State::TagOpen;
                }
            }
            State::TagOpen | State::EndTagOpen => self.tag_open(byte),
            State::TagName
            | State::BeforeAttribute
            | State::AttributeName
            | State::AfterAttribute
            | State::BeforeValue
            | State::Unquoted
            | State::Quoted(_) => return self.tag(byte),
            State::Declaration(_) | State::Comment(_) | State::CommentBang | State::Bogus => {
                self.state = markup(self.state, byte);
            }
            State::Text => return self.text(byte),
        }
        Step::On
    }

    fn start(&mut self, byte: u8) -> Step {
        // White space, or a byte order mark of UTF-8.
        match byte {
            b'<' => self.state = State::TagOpen,
            b' ' | b'\t' | b'\r' | b'\n' | 0x0c | 0xef | 0xbb | 0xbf => {}
            _ => return Step::Never,
        }
        Step::On
    }

    fn tag_open(&mut self, byte: u8) {
        let after_slash = self.state == State::EndTagOpen;
        self.state = match byte {
            b'/' if !after_slash => State::EndTagOpen,
            b'!' if !after_slash => State::Declaration(0),
            b'?' if !after_slash => State::Bogus,
            b'>' if after_slash => State::Data,
            _ if byte.is_ascii_alphabetic() => {
                self.name = Word::default();
                self.name.push(byte);
                self.is_end_tag = after_slash;
                State::TagName
            }
            b'<' if !after_slash => State::TagOpen,
            _ if after_slash => State::Bogus,
            _ => State::Data,
        };
    }

    fn tag(&mut self, byte: u8) -> Step {
        if byte == b'>' && !matches!(self.state, State::Quoted(_)) {
            return self.tag_end();
        }
        if self.state == State::TagName && !is_gap(byte) {
            self.name.push(byte);
            return Step::On;
        }
        self.state = attribute(self.state, byte);
        Step::On
    }

    /// The `>` of a tag.
    fn tag_end(&mut self) -> Step {
        self.state = State::Data;
        let name = self.name.bytes();
        if self.is_end_tag {
            return Step::On;
        }
        if name == b"body" {
            return Step::Body;
        }
        if name == b"frameset" || name == b"plaintext" {
            return Step::Never;
        }
        let element = TEXT_ELEMENTS.iter().find(|element| **element == name);
        if let Some(element) = element {
            self.state = State::Text;
            self.element = element;
            self.recent = Word::default();
            (self.escaped, self.double_escaped) = (false, false);
        }
        Step::On
    }

    fn text(&mut self, byte: u8) -> Step {
        if (is_gap(byte) || byte == b'>') && self.closes() {
            self.name = Word::default();
            self.is_end_tag = true;
            self.state = State::BeforeAttribute;
            return self.tag(byte);
        }
        self.recent.push(byte);
        if self.element == b"script" {
            if self.recent.ends_with(b"<!--") {
                self.escaped = true;
            } else if self.recent.ends_with(b"-->") {
                (self.escaped, self.double_escaped) = (false, false);
            }
        }
        Step::On
    }

    /// Whether what was just read is the name of the end tag that ends the text.
    fn closes(&mut self) -> bool {
        if self.escaped && self.recent.ends_with(b"<script") {
            self.double_escaped = true;
        }
        let Some(before) = self.recent.bytes().strip_suffix(self.element) else {
            return false;
        };
        if !before.ends_with(b"</") {
            return false;
        }
        !std::mem::take(&mut self.double_escaped)
    }
}

/// White space or `/`: what stands between the parts of a tag.
fn is_gap(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0x0c | b'/')
}

/// The next state inside of a tag, after its name.
fn attribute(state: State, byte: u8) -> State {
    match (state, byte) {
        (State::Quoted(quote), _) if byte == quote => State::BeforeAttribute,
        (State::Quoted(_), _) => state,
        (State::BeforeValue | State::Unquoted, b'/') => State::Unquoted, // of a URL
        (State::BeforeValue, _) if is_gap(byte) => State::BeforeValue,
        (State::BeforeValue, b'"' | b'\'') => State::Quoted(byte),
        (State::Unquoted, _) if is_gap(byte) => State::BeforeAttribute,
        (State::BeforeValue | State::Unquoted, _) => State::Unquoted,
        (State::AttributeName | State::AfterAttribute, b'=') => State::BeforeValue,
        (State::AttributeName | State::AfterAttribute, b'/') => State::BeforeAttribute,
        (State::AttributeName | State::AfterAttribute, _) if is_gap(byte) => State::AfterAttribute,
        (_, _) if is_gap(byte) => State::BeforeAttribute,
        (_, _) => State::AttributeName, // a `=` that begins a name is part of it
    }
}

/// The next state inside of `<!...>` and `<?...>`.
fn markup(state: State, byte: u8) -> State {
    match (state, byte) {
        (State::Declaration(0), b'-') => State::Declaration(1),
        (State::Declaration(1), b'-') => State::Comment(2), // `<!-->` is a whole comment
        (State::Comment(2) | State::CommentBang | State::Declaration(_) | State::Bogus, b'>') => {
            State::Data
        }
        (State::Declaration(_) | State::Bogus, _) => State::Bogus,
        (State::Comment(dashes), b'-') => State::Comment(dashes.saturating_add(1).min(2)),
        (State::Comment(2), b'!') => State::CommentBang,
        (State::CommentBang, b'-') => State::Comment(1),
        (_, _) => State::Comment(0),
    }
}

/// The last letters of something, in lower case.
#[derive(Debug, Default)]
struct Word {
    bytes: [u8; RECENT],
    length: usize,
}

impl Word {
    fn push(&mut self, byte: u8) {
        let byte = byte.to_ascii_lowercase();
        if self.length == RECENT {
            self.bytes.rotate_left(1);
            self.length = RECENT.saturating_sub(1);
        }
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = byte;
            self.length = self.length.saturating_add(1);
        }
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    fn ends_with(&self, end: &[u8]) -> bool {
        self.bytes().ends_with(end)
    }
}

//! What is wrong with the configuration, all of it, and where?

use std::fmt;

/// Every mistake found, each with its place.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Mistakes(Vec<Mistake>);

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// `file:line`, `file:line:column`, `--set KEY`, or the path of a file.
    pub place: String,
    /// What was wanted, offending values in backticks.
    pub message: String,
    /// The line of the file with a caret under it, where that helps.
    pub excerpt: Option<String>,
}

impl Mistakes {
    /// Adds one.
    pub fn add(&mut self, place: impl Into<String>, message: impl Into<String>) {
        self.0.push(Mistake {
            place: place.into(),
            message: message.into(),
            excerpt: None,
        });
    }

    /// Adds one that is shown in its line.
    pub fn add_with(&mut self, place: String, message: String, excerpt: String) {
        self.0.push(Mistake {
            place,
            message,
            excerpt: Some(excerpt),
        });
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, in the order found.
    pub fn iter(&self) -> impl Iterator<Item = &Mistake> {
        self.0.iter()
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Takes over those of another.
    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// Puts them in the order of files and lines, each once.
    pub fn sort(&mut self) {
        fn number(place: &str) -> Option<(&str, usize)> {
            let (file, number) = place.rsplit_once(':')?;
            Some((file, number.parse().ok()?))
        }
        fn order(mistake: &Mistake) -> (&str, usize, usize) {
            let Some((head, last)) = number(&mistake.place) else {
                return (&mistake.place, 0, 0);
            };
            match number(head) {
                Some((file, line)) => (file, line, last),
                None => (head, last, 0),
            }
        }
        self.0
            .sort_by(|one, other| (order(one), one).cmp(&(order(other), other)));
        self.0.dedup();
    }

    /// `value` if nothing is wrong, else all mistakes.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        if self.is_empty() {
            Ok(value)
        } else {
            Err(self)
        }
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for mistake in &self.0 {
            writeln!(out, "{}: {}", mistake.place, mistake.message)?;
            if let Some(excerpt) = &mistake.excerpt {
                writeln!(out, "{excerpt}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}

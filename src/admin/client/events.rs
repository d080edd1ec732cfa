//! What does a stream of events say?
//!
//! Server-sent events (WHATWG HTML, 9.2.6), as far as this API uses them: the data of each event.

/// Bytes of one event: a board of a million vehicles.
const EVENT: usize = 64 * 1024 * 1024;

/// What is left of the stream, and of the event in it, until more arrives.
#[derive(Debug, Default)]
pub(super) struct Events {
    rest: Vec<u8>,
    /// Lines of data of the event that is being read.
    data: Option<String>,
}

impl Events {
    /// Takes what arrived; answers the data of each event that is whole now.
    ///
    /// # Errors
    /// An event without end, or one that is not UTF-8.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<Vec<String>, String> {
        let mut whole = Vec::new();
        for byte in bytes {
            if *byte != b'\n' {
                self.rest.push(*byte);
                continue;
            }
            let mut line = std::mem::take(&mut self.rest);
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            let line = String::from_utf8(line).map_err(|_| "an event is not UTF-8".to_owned())?;
            whole.extend(self.line(&line));
        }
        let held = self.data.as_ref().map_or(0, String::len);
        if self.rest.len().saturating_add(held) > EVENT {
            return Err(format!("an event has more than {EVENT} bytes"));
        }
        Ok(whole)
    }

    /// An empty line ends an event. Comments and other fields say nothing here.
    fn line(&mut self, line: &str) -> Option<String> {
        if line.is_empty() {
            return self.data.take();
        }
        let value = line
            .strip_prefix("data:")
            .or((line == "data").then_some(""))?;
        let value = value.strip_prefix(' ').unwrap_or(value);
        match &mut self.data {
            Some(data) => {
                data.push('\n');
                data.push_str(value);
            }
            None => self.data = Some(value.to_owned()),
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = ":hello\n\nevent: board\r\nid: 4\r\ndata: {\"a\":1}\r\n\r\n\
                          data: one\ndata:two\ndata\n\n: still here\n\nretry: 5\n\ndata: é\n\ndata: cut";

    #[test]
    fn events_are_the_same_however_they_arrive() {
        for size in 1..STREAM.len() {
            let mut events = Events::default();
            let pieces = STREAM.as_bytes().chunks(size);
            let found: Vec<String> = pieces.flat_map(|one| events.take(one).unwrap()).collect();
            assert_eq!(found, ["{\"a\":1}", "one\ntwo\n", "é"], "{size}");
        }
    }

    #[test]
    fn what_is_no_text_is_refused() {
        assert!(Events::default().take(b"data: \xff\n").is_err());
    }
}

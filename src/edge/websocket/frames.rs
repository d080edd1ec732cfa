//! Where does one frame end and the next begin?
//!
//! What passes in one direction of a WebSocket is followed from header to header (RFC 6455, 5.2), so
//! that a frame of the gateway's own can stand between two others. Nothing is kept of a payload.

use std::fmt;

use bytes::Bytes;

/// The longest header: two bytes, eight of length, four of mask.
const LONGEST_HEADER: usize = 14;

/// The longest payload of a frame that controls the connection (RFC 6455, 5.5).
const LONGEST_CONTROL: u64 = 125;

const FINAL: u8 = 0x80;
const RESERVED: u8 = 0x70;
const OPCODE: u8 = 0x0f;
const CONTROL: u8 = 0x08;
const CLOSE: u8 = 0x08;
const MASKED: u8 = 0x80;

/// Whose frames they are: a client's are masked, a server's are not (RFC 6455, 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sender {
    /// The client's.
    Client,
    /// The server's.
    Server,
}

/// Bytes that are no frames: nobody knows where the next one begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Broken;

/// One direction of a WebSocket, as far as it has passed.
#[derive(Clone)]
pub(super) struct Frames {
    sender: Sender,
    header: [u8; LONGEST_HEADER],
    /// Bytes of the header that are here.
    begun: usize,
    /// Bytes of the payload that are still to come.
    payload: u64,
    /// Whether a message goes on in the next frame.
    fragmented: bool,
    close: Close,
}

/// Whether a Close frame has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Close {
    No,
    UnderWay,
    Passed,
}

impl fmt::Debug for Frames {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Frames")
            .field("sender", &self.sender)
            .finish_non_exhaustive() // a header is followed by a payload, which is private
    }
}

impl Frames {
    /// Before the first frame.
    pub(super) fn of(sender: Sender) -> Self {
        Self {
            sender,
            header: [0; LONGEST_HEADER],
            begun: 0,
            payload: 0,
            fragmented: false,
            close: Close::No,
        }
    }

    /// Whether a frame of another's could stand here.
    pub(super) fn at_boundary(&self) -> bool {
        self.begun == 0 && self.payload == 0
    }

    /// Whether the sender said its last word.
    pub(super) fn has_closed(&self) -> bool {
        self.close == Close::Passed
    }

    /// Follows bytes that pass.
    ///
    /// # Errors
    /// They are no frames, by the rules for who sends them and without any extension.
    pub(super) fn pass(&mut self, mut bytes: &[u8]) -> Result<(), Broken> {
        while !bytes.is_empty() {
            let frame = self.pass_frame(bytes)?;
            bytes = bytes.get(frame..).unwrap_or_default();
        }
        Ok(())
    }

    /// How many of `bytes` belong to the frame that is under way.
    ///
    /// # Errors
    /// As [`Self::pass`].
    pub(super) fn rest_of_frame(&self, bytes: &[u8]) -> Result<usize, Broken> {
        if self.at_boundary() {
            return Ok(0);
        }
        self.clone().pass_frame(bytes)
    }

    /// Follows bytes up to the end of one frame; how many those are.
    fn pass_frame(&mut self, bytes: &[u8]) -> Result<usize, Broken> {
        let mut header = 0_usize;
        if self.payload == 0 {
            for byte in bytes {
                header = header.saturating_add(1);
                if self.pass_header_byte(*byte)? {
                    break;
                }
            }
            if self.begun > 0 {
                return Ok(header); // the rest of the header is still to come
            }
        }
        let rest = bytes.len().saturating_sub(header);
        let wanted = usize::try_from(self.payload).unwrap_or(usize::MAX);
        let passed = rest.min(wanted);
        let left = self.payload;
        self.payload = left.saturating_sub(u64::try_from(passed).unwrap_or(u64::MAX));
        if self.payload == 0 && self.close == Close::UnderWay {
            self.close = Close::Passed;
        }
        Ok(header.saturating_add(passed))
    }

    /// Whether the header is whole with this byte.
    fn pass_header_byte(&mut self, byte: u8) -> Result<bool, Broken> {
        if self.close == Close::Passed {
            return Err(Broken); // RFC 6455, 5.5.1: nothing follows
        }
        *self.header.get_mut(self.begun).ok_or(Broken)? = byte;
        self.begun = self.begun.saturating_add(1);
        let [first, second, ..] = self.header;
        match self.begun {
            1 => self.check_first(first)?,
            2 => self.check_second(first, second)?,
            _ => {}
        }
        let extended = match second & !MASKED {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let masked = if second & MASKED == 0 { 0 } else { 4 };
        let whole = 2_usize.saturating_add(extended).saturating_add(masked);
        if self.begun < 2 || self.begun < whole {
            return Ok(false);
        }
        self.payload = self.length(extended)?;
        if first & CONTROL == 0 {
            self.fragmented = first & FINAL == 0;
        } else if first & OPCODE == CLOSE {
            self.close = Close::UnderWay;
        }
        self.begun = 0;
        Ok(true)
    }

    /// No extension was agreed on, so no bit is reserved for one; a message ends before the next.
    fn check_first(&self, first: u8) -> Result<(), Broken> {
        let known = match first & OPCODE {
            0 => self.fragmented,
            1 | 2 => !self.fragmented,
            8..=10 => first & FINAL != 0,
            _ => false,
        };
        let sound = known && first & RESERVED == 0;
        if sound { Ok(()) } else { Err(Broken) }
    }

    fn check_second(&self, first: u8, second: u8) -> Result<(), Broken> {
        let masked = second & MASKED != 0;
        let long = u64::from(second & !MASKED) > LONGEST_CONTROL;
        let sound = masked == (self.sender == Sender::Client) && !(first & CONTROL != 0 && long);
        if sound { Ok(()) } else { Err(Broken) }
    }

    /// The length in its shortest spelling; the longest leaves the first bit alone.
    fn length(&self, extended: usize) -> Result<u64, Broken> {
        let [_, second, ..] = self.header;
        let bytes = self.header.iter().skip(2).take(extended);
        let length = bytes.fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
        match extended {
            0 => Ok(u64::from(second & !MASKED)),
            2 if length > LONGEST_CONTROL => Ok(length),
            8 if length > u64::from(u16::MAX) && length <= u64::MAX >> 1 => Ok(length),
            _ => Err(Broken),
        }
    }
}

/// A Close frame with a status code (RFC 6455, 5.5.1), masked if there is a mask.
pub(super) fn close(code: u16, mask: Option<[u8; 4]>) -> Bytes {
    let mut frame = vec![FINAL | CLOSE];
    let payload = code.to_be_bytes();
    if let Some(mask) = mask {
        frame.push(MASKED | 2);
        frame.extend(mask);
        frame.extend(payload.iter().zip(mask).map(|(byte, key)| byte ^ key));
    } else {
        frame.push(2);
        frame.extend(payload);
    }
    frame.into()
}

#[cfg(test)]
mod tests;

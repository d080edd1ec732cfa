//! How does a test say on HTTP/2 what no library would?

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::certificates::{self, Authority};
use super::client::connect;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RESET: u8 = 3;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// A connection to a listener with TLS.
pub(crate) type Tls = StreamOwned<ClientConnection, TcpStream>;

/// Connects and offers these protocols; the handshake is made with the first byte.
pub(crate) fn connect_tls(address: SocketAddr, authority: &Authority, protocols: &[&[u8]]) -> Tls {
    connect_as(address, &certificates::client(authority, protocols))
}

/// The same, with settings that connections share.
pub(crate) fn connect_as(address: SocketAddr, config: &Arc<ClientConfig>) -> Tls {
    let name = ServerName::try_from("localhost").unwrap();
    let session = ClientConnection::new(Arc::clone(config), name).unwrap();
    StreamOwned::new(session, connect(address))
}

/// One HTTP/2 connection, a frame at a time.
#[derive(Debug)]
pub(crate) struct Http2 {
    tls: Tls,
}

/// A frame: its type, flags, stream and payload.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Http2 {
    pub(crate) fn start(address: SocketAddr, authority: &Authority) -> Self {
        Self::over(connect_tls(address, authority, &[b"h2"]))
    }

    /// Over a connection that speaks it.
    pub(crate) fn over(mut tls: Tls) -> Self {
        tls.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
        let mut connection = Self { tls };
        connection.send(4, 0, 0, b""); // settings
        connection
    }

    pub(crate) fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = length[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        self.tls.write_all(&frame).unwrap();
        self.tls.flush().unwrap();
    }

    /// A header block, each field a literal that is not indexed (RFC 7541, 6.2.2).
    pub(crate) fn send_head(&mut self, stream: u32, flags: u8, fields: &[(&str, &str)]) {
        let mut block = Vec::new();
        for (name, value) in fields {
            block.push(0);
            for text in [name, value] {
                push_length(&mut block, text.len());
                block.extend(text.as_bytes());
            }
        }
        self.send(HEADERS, END_HEADERS | flags, stream, &block);
    }

    /// The next frame; `None` when the connection ended.
    pub(crate) fn next(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.tls.read_exact(&mut head).ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        self.tls.read_exact(&mut payload).ok()?;
        Some(Frame {
            kind: head[3],
            flags: head[4],
            stream: u32::from_be_bytes([head[5], head[6], head[7], head[8]]),
            payload,
        })
    }

    /// Reads frames until one of this stream has this type, and all of its stream's data.
    pub(crate) fn until(&mut self, stream: u32, kind: u8) -> Option<Frame> {
        loop {
            let frame = self.next()?;
            if frame.stream == stream && frame.kind == kind {
                return Some(frame);
            }
        }
    }
}

/// An integer with a 7-bit prefix (RFC 7541, 5.1), no Huffman code.
fn push_length(block: &mut Vec<u8>, length: usize) {
    if length < 127 {
        block.push(u8::try_from(length).unwrap());
        return;
    }
    block.push(127);
    let mut rest = length - 127;
    while rest >= 128 {
        block.push(u8::try_from(rest % 128).unwrap() | 128);
        rest /= 128;
    }
    block.push(u8::try_from(rest).unwrap());
}

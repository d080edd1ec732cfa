//! How does a test send exactly these bytes and read the answer?

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case, in the order they came.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// First value of a field; the name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(field, _)| field == name);
        found.map(|(_, value)| value.as_str())
    }

    /// All values of a field.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(field, _)| field == name);
        named.map(|(_, value)| value.as_str()).collect()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// Reads the bytes of one answer.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|w| w == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no answer: {}", String::from_utf8_lossy(bytes)));
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1));
        let headers: Vec<_> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let chunked = headers
            .iter()
            .any(|(n, v)| n == "transfer-encoding" && v == "chunked");
        let body = &bytes[end + 4..];
        Self {
            status: status.unwrap().parse().unwrap(),
            body: if chunked {
                dechunk(body)
            } else {
                body.to_vec()
            },
            headers,
        }
    }
}

fn dechunk(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|w| w == b"\r\n") {
        let size = std::str::from_utf8(&rest[..end]).unwrap();
        let size = usize::from_str_radix(size.split(';').next().unwrap().trim(), 16).unwrap();
        if size == 0 {
            break;
        }
        body.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 2 + size + 2..];
    }
    body
}

/// Sends raw bytes, one request, on a connection of their own and reads its one answer.
pub(crate) fn exchange(address: SocketAddr, bytes: &[u8]) -> Answer {
    Answer::parse(&exchange_raw(address, bytes))
}

/// As [`exchange`], every byte that came back: to the end of the answer, or of the connection.
pub(crate) fn exchange_raw(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = connect(address);
    // A server that refuses early may close while the rest is being sent.
    stream.write_all(bytes).ok();
    stream.flush().ok();
    let mut answer = Vec::new();
    let mut chunk = [0; 8192];
    while !is_whole(&answer, bytes.starts_with(b"HEAD ")) {
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => break,
            Ok(read) => answer.extend_from_slice(&chunk[..read]),
        }
    }
    stream.shutdown(Shutdown::Both).ok();
    answer
}

/// Whether an answer is there to its end (RFC 9112, 6.3).
pub(crate) fn is_whole(bytes: &[u8], to_head: bool) -> bool {
    let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") else {
        return false;
    };
    let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
    let body = &bytes[end + 4..];
    let mut fields = head.split("\r\n").filter_map(|line| line.split_once(':'));
    let length = fields.find(|(name, _)| *name == "content-length");
    let status = head.split(' ').nth(1).unwrap_or_default();
    let bodiless = status.starts_with("204") || status.starts_with("304");
    if to_head || bodiless {
        return true;
    }
    match length {
        Some((_, length)) => body.len() >= length.trim().parse::<usize>().unwrap(),
        None if head.contains("transfer-encoding: chunked") => body.ends_with(b"0\r\n\r\n"),
        None => false, // ends with the connection
    }
}

/// A connection on which nothing waits for ever.
pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    stream
        .set_write_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    stream
}

/// `GET`, with a bearer token if there is one.
pub(crate) fn get(address: SocketAddr, target: &str, token: Option<&str>) -> Answer {
    let head = request_head("GET", target, token);
    exchange(address, format!("{head}\r\n").as_bytes())
}

/// `HEAD`, with a bearer token if there is one.
pub(crate) fn head(address: SocketAddr, target: &str, token: Option<&str>) -> Answer {
    let head = request_head("HEAD", target, token);
    exchange(address, format!("{head}\r\n").as_bytes())
}

/// `POST` of a form, with a bearer token if there is one.
pub(crate) fn post_form(
    address: SocketAddr,
    target: &str,
    token: Option<&str>,
    form: &str,
) -> Answer {
    let head = request_head("POST", target, token);
    let kind = "application/x-www-form-urlencoded";
    let length = form.len();
    let request = format!("{head}Content-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{form}");
    exchange(address, request.as_bytes())
}

fn request_head(method: &str, target: &str, token: Option<&str>) -> String {
    let token = token.map_or(String::new(), |t| format!("Authorization: Bearer {t}\r\n"));
    format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{token}")
}

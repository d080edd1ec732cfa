//! Which bytes reached the upstream?
//!
//! A raw TCP listener that keeps every request as it came and answers with what the test says.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

const DEFAULT_ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok";

/// The recording upstream; its threads end with the test process.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug)]
struct Shared {
    requests: Vec<Vec<u8>>,
    answer: Vec<u8>,
}

/// What an upstream does with request number `n` (from 0), and whether the connection goes on.
type Script = dyn Fn(&mut TcpStream, usize) -> bool + Send + Sync;

impl Upstream {
    pub(crate) fn start() -> Self {
        Self::open(None)
    }

    /// One that does as `script` says with each request.
    pub(crate) fn scripted(
        script: impl Fn(&mut TcpStream, usize) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self::open(Some(Arc::new(script)))
    }

    /// One that says these bytes and closes.
    pub(crate) fn saying(bytes: &'static [u8]) -> Self {
        Self::scripted(move |stream, _| stream.write_all(bytes).is_err())
    }

    /// One that the test serves by itself: it keeps nothing here.
    pub(crate) fn elsewhere(address: SocketAddr) -> Self {
        let shared = Shared {
            requests: Vec::new(),
            answer: Vec::new(),
        };
        Self {
            address,
            shared: Arc::new(Mutex::new(shared)),
        }
    }

    fn open(script: Option<Arc<Script>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Mutex::new(Shared {
            requests: Vec::new(),
            answer: DEFAULT_ANSWER.to_vec(),
        }));
        let for_threads = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (shared, script) = (Arc::clone(&for_threads), script.clone());
                thread::spawn(move || match script {
                    Some(script) => follow(stream, &shared, &*script),
                    None => serve(stream, &shared),
                });
            }
        });
        Self { address, shared }
    }

    /// The raw bytes of each request, head and body, in the order they came.
    pub(crate) fn requests(&self) -> Vec<Vec<u8>> {
        self.shared.lock().unwrap().requests.clone()
    }

    /// The only request, as text; fails unless there was exactly one.
    pub(crate) fn only_request(&self) -> String {
        let requests = self.requests();
        assert_eq!(requests.len(), 1, "one request was to reach the upstream");
        String::from_utf8_lossy(&requests[0]).into_owned()
    }

    /// Waits until so many requests came, bounded.
    pub(crate) fn await_requests(&self, count: usize) {
        for _ in 0..2_000 {
            if self.requests().len() >= count {
                return;
            }
            thread::park_timeout(Duration::from_millis(10));
        }
        panic!("the upstream waited in vain for request {count}");
    }

    /// Forgets what came so far.
    pub(crate) fn clear(&self) {
        self.shared.lock().unwrap().requests.clear();
    }

    /// What it answers from now on: the raw bytes of a whole response.
    pub(crate) fn answer_with(&self, response: &[u8]) {
        self.shared.lock().unwrap().answer = response.to_vec();
    }
}

/// Requests of one connection, each dealt with as the script says.
fn follow(mut stream: TcpStream, shared: &Mutex<Shared>, script: &Script) {
    let mut pending = Vec::new();
    while let Some(request) = next_request(&mut stream, &mut pending) {
        let number = {
            let requests = &mut shared.lock().unwrap().requests;
            requests.push(request);
            requests.len() - 1
        };
        if !script(&mut stream, number) {
            return;
        }
    }
}

/// Requests of one connection, one after the other, until it closes.
fn serve(mut stream: TcpStream, shared: &Mutex<Shared>) {
    let mut pending = Vec::new();
    while let Some(request) = next_request(&mut stream, &mut pending) {
        let head_only = request.starts_with(b"HEAD ");
        let last = contains(&request, b"Connection: close\r\n");
        let answer = {
            let mut shared = shared.lock().unwrap();
            shared.requests.push(request);
            shared.answer.clone()
        };
        let end = answer.windows(4).position(|w| w == b"\r\n\r\n");
        let sent = match end {
            Some(end) if head_only => &answer[..end + 4],
            _ => &answer[..],
        };
        // An answer without a length ends with the connection.
        let framed = String::from_utf8_lossy(sent).to_ascii_lowercase();
        let framed = framed.contains("content-length:") || framed.contains("transfer-encoding:");
        if stream.write_all(sent).is_err() || !framed || last {
            return;
        }
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// One whole request; `None` when the other side closes before its end.
fn next_request(stream: &mut TcpStream, pending: &mut Vec<u8>) -> Option<Vec<u8>> {
    loop {
        if let Some(length) = request_length(pending) {
            return Some(pending.drain(..length).collect());
        }
        let mut chunk = [0; 8192];
        let read = stream.read(&mut chunk).ok().filter(|read| *read > 0)?;
        pending.extend_from_slice(&chunk[..read]);
    }
}

fn request_length(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    let field = |name: &str| {
        let mut lines = text.split("\r\n").filter_map(|line| line.split_once(':'));
        lines
            .find(|(n, _)| *n == name)
            .map(|(_, value)| value.trim().to_owned())
    };
    let whole = if field("transfer-encoding").is_some() {
        let body = &bytes[head..];
        let end = if body.starts_with(b"0\r\n\r\n") {
            5
        } else {
            body.windows(7).position(|w| w == b"\r\n0\r\n\r\n")? + 7
        };
        head + end
    } else {
        head + field("content-length").map_or(0, |length| length.parse::<usize>().unwrap())
    };
    (bytes.len() >= whole).then_some(whole)
}

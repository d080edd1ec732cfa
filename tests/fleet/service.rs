//! An ownership service over HTTPS that does what a test says.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What it does with each question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    Honest,
    /// Longer than anybody waits.
    Slow,
    Hang,
    Garbage,
    Error,
    /// Somebody else's car.
    Mixed,
    /// Answers and hangs up in turns.
    Flap,
}

/// The service. It knows one car and its owner.
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    act: Arc<Mutex<Act>>,
}

impl Service {
    pub(crate) fn start(tls: Arc<ServerConfig>, vin: &'static str, owner: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let act = Arc::new(Mutex::new(Act::Honest));
        let now = Arc::clone(&act);
        let asked = Arc::new(AtomicUsize::new(0));
        // it ends with the process
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (tls, now, asked) = (Arc::clone(&tls), Arc::clone(&now), Arc::clone(&asked));
                thread::spawn(move || {
                    serve(stream, tls, |path| {
                        let act = *now.lock().unwrap();
                        let turn = asked.fetch_add(1, Ordering::Relaxed);
                        answer(act, turn, path, (vin, owner))
                    })
                });
            }
        });
        Self { address, act }
    }

    pub(crate) fn act(&self, act: Act) {
        *self.act.lock().unwrap() = act;
    }
}

/// One question a connection: it hangs up after each answer, and without one where there is none.
fn serve(
    stream: TcpStream,
    tls: Arc<ServerConfig>,
    answer: impl Fn(&str) -> Option<Vec<u8>>,
) -> Option<()> {
    let mut stream = StreamOwned::new(ServerConnection::new(tls).ok()?, stream);
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.extend_from_slice(&byte);
    }
    let head = String::from_utf8(head).ok()?;
    let bytes = answer(head.split(' ').nth(1)?)?;
    stream.write_all(&bytes).ok()?;
    stream.conn.send_close_notify();
    stream.flush().ok()
}

fn answer(act: Act, turn: usize, path: &str, (vin, owner): (&str, &str)) -> Option<Vec<u8>> {
    let car = |vin: &str| {
        let body = serde_json::json!({
            "vin": vin, "owner": owner, "region": "NE", "trim": "SV", "can": ["doors"],
            "on": true, "disputed": false,
        });
        said("200 OK", &body.to_string())
    };
    let honest = || match path.strip_prefix("/cars/") {
        Some(asked) if asked == vin => car(vin),
        _ => said("404 Not Found", r#"{"code":"unknown"}"#),
    };
    match act {
        Act::Honest => Some(honest()),
        Act::Slow => {
            thread::sleep(Duration::from_secs(3));
            Some(honest())
        }
        Act::Hang => {
            thread::sleep(Duration::from_secs(30));
            None
        }
        Act::Garbage => Some(said("200 OK", "<html>it works</html>")),
        Act::Error => Some(said(
            "500 Internal Server Error",
            &format!("{{\"owner\":\"{owner}\"}}"),
        )),
        Act::Mixed => Some(car("SJNFAAZE0U6099999")),
        Act::Flap => turn.is_multiple_of(2).then(honest),
    }
}

fn said(status: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    )
    .into_bytes()
}

//! Does a WebSocket get through as it should, and does it end as it should?
//!
//! A real client and a real upstream (tungstenite) on both sides of the real binary, and raw bytes where
//! those two would not send them.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "a helper that fails is a test that fails"
)]

mod support;
#[path = "websocket/peer.rs"]
mod peer;
#[path = "websocket/handshake.rs"]
mod handshake;
#[path = "websocket/frames.rs"]
mod frames;
#[path = "websocket/closures.rs"]
mod closures;
#[path = "websocket/endings.rs"]
mod endings;

use std::io::{Read, Write};
use std::net::TcpStream;

use support::client::connect;
use support::{Gateway, Plan, Tokens, Upstream};
use tungstenite::client::IntoClientRequest;
use tungstenite::http::HeaderValue;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{HandshakeError, Message, WebSocket};

const ROUTES: &str = r#"
[[route]]
id = "live"
surface = "mobile"
methods = ["GET"]
path = "/live"
action = "ListVehicles"
vehicle = "none"
because = "news of all the user's cars"
upstream = "telematics"
websocket = true

[[route]]
id = "honk"
surface = "mobile"
methods = ["GET"]
path = "/honk"
action = "HonkFlash"
vehicle = "none"
identity = "none"
because = "a command, for the tests"
upstream = "telematics"
websocket = true

[[route]]
id = "feed"
surface = "portal"
methods = ["GET"]
path = "/feed"
action = "ReadStatic"
vehicle = "none"
identity = "none"
because = "public news"
upstream = "telematics"
websocket = true

[[route]]
id = "plain"
surface = "mobile"
methods = ["GET"]
path = "/plain"
action = "ListVehicles"
vehicle = "none"
because = "no socket"
upstream = "telematics"
"#;

const MORE: &str = "
[door]
requests_per_second = 100000
burst = 100000
";

/// A key and its answer (RFC 6455, 1.3).
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

type Socket = WebSocket<TcpStream>;

/// A gateway with the routes above.
struct House {
    upstream: Upstream,
    tokens: Tokens,
    gateway: Gateway,
}

impl House {
    fn before(upstream: Upstream, set: &[&str]) -> Self {
        Self::with(upstream, MORE, set)
    }

    /// With other settings instead of `MORE`.
    fn with(upstream: Upstream, config: &str, set: &[&str]) -> Self {
        let tokens = Tokens::new();
        let plan = Plan {
            routes: ROUTES,
            config,
            set,
            ..Plan::default()
        };
        let gateway = Gateway::start(&plan, &upstream, &tokens);
        Self {
            upstream,
            tokens,
            gateway,
        }
    }

    /// Before an upstream that echoes.
    fn echoing() -> Self {
        Self::before(peer::echo(), &[])
    }

    fn owner(&self) -> String {
        self.tokens.token("owner")
    }

    /// A handshake with these fields; the status if it is refused.
    fn try_open(&self, path: &str, fields: &[(&'static str, &str)]) -> Result<Socket, u16> {
        let uri = format!("ws://localhost:{}{path}", self.gateway.edge.port());
        let mut request = uri.into_client_request().unwrap();
        for (name, value) in fields {
            let value = HeaderValue::from_str(value).unwrap();
            request.headers_mut().append(*name, value);
        }
        match tungstenite::client(request, connect(self.gateway.edge)) {
            Ok((socket, _)) => Ok(socket),
            Err(HandshakeError::Failure(tungstenite::Error::Http(answer))) => {
                Err(answer.status().as_u16())
            }
            Err(other) => panic!("{other}"),
        }
    }

    /// An open socket of the owner.
    fn open(&self, path: &str) -> Socket {
        let bearer = format!("Bearer {}", self.owner());
        self.try_open(path, &[("authorization", &bearer)]).unwrap()
    }

    /// The bytes of a handshake of the owner, with these fields besides.
    fn handshake(&self, path: &str, fields: &str) -> String {
        format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
             Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: {KEY}\r\n{fields}\r\n",
            self.owner()
        )
    }

    fn switch(&self, words: &[&str]) {
        let done = self.gateway.operate(&[&["switch"], words].concat());
        assert!(done.status.success(), "{done:?}");
    }
}

/// The upstream's consent to the handshake with [`KEY`].
fn consent(more: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {ACCEPT}\r\n{more}\r\n"
    )
    .into_bytes()
}

/// Whether a socket still echoes.
fn is_alive<S: Read + Write>(socket: &mut WebSocket<S>) -> bool {
    socket.send(Message::text("still there?")).is_ok()
        && socket
            .read()
            .is_ok_and(|it| it == Message::text("still there?"))
}

/// The code of the Close frame that comes next.
fn close_code<S: Read + Write>(socket: &mut WebSocket<S>) -> Option<CloseCode> {
    match socket.read() {
        Ok(Message::Close(frame)) => frame.map(|frame| frame.code),
        other => panic!("no Close frame: {other:?}"),
    }
}

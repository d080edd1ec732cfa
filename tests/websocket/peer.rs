//! An upstream that speaks WebSocket, and echoes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tungstenite::handshake::server::{Request, Response};
use tungstenite::http::HeaderMap;
use tungstenite::{Message, WebSocket};

use crate::support::Upstream;

/// What the upstream saw of one socket.
#[derive(Debug)]
pub(crate) enum Seen {
    /// The fields of a handshake.
    Handshake(HeaderMap),
    /// The code of a Close frame, if one came before the end.
    End(Option<u16>),
}

/// An upstream that echoes.
pub(crate) fn echo() -> Upstream {
    watched_echo().0
}

/// The same, with what it sees.
pub(crate) fn watched_echo() -> (Upstream, Receiver<Seen>) {
    listen(serve)
}

/// The same by TLS.
pub(crate) fn secret_echo(config: &Arc<ServerConfig>) -> (Upstream, Receiver<Seen>) {
    let config = Arc::clone(config);
    listen(move |stream, tell| {
        let session = ServerConnection::new(Arc::clone(&config)).unwrap();
        serve(StreamOwned::new(session, stream), tell);
    })
}

fn listen(
    serve: impl Fn(TcpStream, &Sender<Seen>) + Clone + Send + 'static,
) -> (Upstream, Receiver<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    let (tell, seen) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (tell, serve) = (tell.clone(), serve.clone());
            thread::spawn(move || serve(stream, &tell));
        }
    });
    (Upstream::elsewhere(address), seen)
}

fn serve<S: Read + Write>(stream: S, tell: &Sender<Seen>) {
    #[expect(clippy::result_large_err, reason = "the library's own type")]
    let note = |request: &Request, response: Response| {
        tell.send(Seen::Handshake(request.headers().clone())).ok();
        Ok(response)
    };
    if let Ok(mut socket) = tungstenite::accept_hdr(stream, note) {
        let end = echo_all(&mut socket);
        tell.send(Seen::End(end)).ok();
    }
}

fn echo_all<S: Read + Write>(socket: &mut WebSocket<S>) -> Option<u16> {
    let mut end = None;
    loop {
        match socket.read() {
            Ok(Message::Close(frame)) => end = frame.map(|frame| frame.code.into()),
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => {
                socket.send(message).ok();
            }
            Ok(_) => {}
            Err(_) => return end,
        }
    }
}

//! When may the upstream's consent to a WebSocket be heard?
//!
//! Not before the proxy library has dealt with the end of the handshake's body, which is empty: if it
//! meets that end after the consent, it takes it for the end of the WebSocket. It picks at random among
//! what is ready, so the consent must not be ready at once, however quick the upstream is.

use std::io::Result as IoResult;
use std::pin::Pin;
use std::task::{Context, Poll};

use async_trait::async_trait;
use pingora::connectors::l4::Connect;
use pingora::protocols::l4::socket::SocketAddr;
use pingora::protocols::l4::stream::Stream;
use pingora::protocols::l4::virt::{VirtualSockOpt, VirtualSocket, VirtualSocketStream};
use pingora::{ErrorType, OkOrErr, OrErr, Result};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// How often a read that follows a write comes to nothing: once for each side of the exchange that may
/// have its turn before the other, and once more.
const TURNS: u8 = 3;

/// Connects to the upstream of a WebSocket.
#[derive(Debug)]
pub(crate) struct Connector;

#[async_trait]
impl Connect for Connector {
    async fn connect(&self, address: &SocketAddr) -> Result<Stream> {
        let address = address
            .as_inet()
            .or_err(ErrorType::ConnectError, "no address of the internet")?;
        let stream = TcpStream::connect(address)
            .await
            .or_err(ErrorType::ConnectError, "of the upstream of a WebSocket")?;
        stream
            .set_nodelay(true)
            .or_err(ErrorType::SocketError, "of the upstream of a WebSocket")?;
        let socket = Patient { stream, turns: 0 };
        Ok(VirtualSocketStream::new(Box::new(socket)).into())
    }
}

/// The upstream's socket.
#[derive(Debug)]
struct Patient {
    stream: TcpStream,
    /// How many more reads come to nothing.
    turns: u8,
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<IoResult<()>> {
        if let Some(left) = self.turns.checked_sub(1) {
            self.turns = left;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<IoResult<usize>> {
        self.turns = TURNS;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<IoResult<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<IoResult<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl VirtualSocket for Patient {
    fn set_socket_option(&self, _: VirtualSockOpt) -> IoResult<()> {
        Ok(()) // set when it was connected
    }
}

//! How is a connection of an operator served?
//!
//! Both entrances are served alike: one loop each, the same calls behind, limits of their own. Whoever
//! floods the TLS address keeps nobody from the socket.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::admin::access::Access;
use crate::admin::person::Caller;
use crate::admin::places::{self, Place, Places};
use crate::admin::{socket, tls};

/// Connections of one entrance: more than a team has hands.
const CONNECTIONS: usize = 64;
/// Of them, of one person.
const EACH: usize = 16;
/// Handshakes in progress, and of them, from one address.
const HANDSHAKES: (usize, usize) = (64, 8);
/// Time for a whole header section, and between calls.
const HEADER: Duration = Duration::from_secs(10);
/// Time for calls in progress once the gateway shuts down.
const GRACE: Duration = Duration::from_secs(5);
/// After a connection that could not be taken, such as for want of files.
const PAUSE: Duration = Duration::from_millis(100);

/// A listener and how its callers are known.
pub(super) enum Entrance {
    /// By the kernel.
    Socket(UnixListener),
    /// By certificates, judged by what is in force.
    Tls(TcpListener, Arc<ArcSwap<Access>>),
}

/// A connection that was taken.
enum Arrived {
    Socket(UnixStream),
    /// Without a configuration nobody can be known any more.
    Tls(TcpStream, SocketAddr, Option<Arc<ServerConfig>>),
}

impl Entrance {
    async fn accept(&self) -> io::Result<Arrived> {
        match self {
            Self::Socket(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok(Arrived::Socket(stream))
            }
            Self::Tls(listener, access) => {
                let (stream, address) = listener.accept().await?;
                Ok(Arrived::Tls(stream, address, access.load().tls()))
            }
        }
    }
}

/// Serves until `stop` completes, and then what is in progress, for at most 5 s.
pub(super) async fn serve(entrance: Entrance, router: Router, stop: impl Future<Output = ()>) {
    let (tell, told) = watch::channel(false);
    let serving = Serving {
        router,
        handshakes: Places::new(HANDSHAKES.0, HANDSHAKES.1),
        conversations: Places::new(CONNECTIONS, EACH),
        told,
    };
    let mut open = JoinSet::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            accepted = entrance.accept() => match accepted {
                Ok(arrived) => serving.welcome(arrived, &mut open),
                Err(error) => {
                    tracing::warn!(target: "vingate::admin", %error, "no connection can be taken");
                    tokio::time::sleep(PAUSE).await;
                }
            },
            Some(ended) = open.join_next() => note(ended),
        }
    }
    drop(entrance); // nobody waits at a door that is not opened any more
    tell.send_replace(true);
    let rest = async { while open.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, rest).await.is_err() {
        tracing::warn!(target: "vingate::admin", "calls in progress are cut off");
    }
}

fn note(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(target: "vingate::admin", %error, "a connection broke off");
    }
}

/// What all connections of an entrance share.
#[derive(Clone)]
struct Serving {
    router: Router,
    handshakes: Places,
    conversations: Places,
    /// Turns true when the gateway shuts down.
    told: watch::Receiver<bool>,
}

impl Serving {
    fn welcome(&self, arrived: Arrived, open: &mut JoinSet<()>) {
        let serving = self.clone();
        match arrived {
            Arrived::Socket(stream) => {
                let caller = socket::caller(&stream);
                if let Some(place) = self.seat(&caller) {
                    open.spawn(serving.converse(stream, caller, place));
                }
            }
            Arrived::Tls(stream, address, Some(config)) => {
                let Some(place) = self.handshakes.take(&places::address(address.ip())) else {
                    tracing::debug!(target: "vingate::admin", %address, "too many handshakes");
                    return;
                };
                open.spawn(async move {
                    let shaken = tls::shake(stream, config).await;
                    drop(place);
                    match shaken {
                        Ok((stream, caller)) => {
                            if let Some(place) = serving.seat(&caller) {
                                serving.converse(stream, caller, place).await;
                            }
                        }
                        Err(flaw) => {
                            tracing::warn!(
                                target: "vingate::admin", %address, flaw, "no handshake"
                            );
                        }
                    }
                });
            }
            Arrived::Tls(_, address, None) => {
                tracing::warn!(target: "vingate::admin", %address, "`admin.tls` is gone: refused");
            }
        }
    }

    /// A place for one more connection of a caller.
    fn seat(&self, caller: &Caller) -> Option<Place> {
        let place = self.conversations.take(&caller.to_string());
        if place.is_none() {
            tracing::warn!(target: "vingate::admin", %caller, "too many connections");
        }
        place
    }

    /// Answers the calls of one connection, which gives its place back at the end.
    async fn converse(
        mut self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        caller: Caller,
        place: Place,
    ) {
        let calls = TowerToHyperService::new(self.router);
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(caller.clone());
            calls.call(request)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        let told = async {
            // where nobody can tell any more, the gateway is ending too
            drop(self.told.wait_for(|told| *told).await);
        };
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = told => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(target: "vingate::admin", %error, "a connection ended early");
        }
        drop(place);
    }
}

//! How do bytes get in and out?
//!
//! Sockets, TLS, the accept loop over pingora's proxy, connection limits and drain. A bind failure is
//! a value, never a dead service in a living process.

pub(crate) mod connection;
pub(crate) mod cut;
pub(crate) mod websocket;
pub mod tls;
mod clients;
pub mod shown;
pub mod files;
pub mod ops;

use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pingora::apps::{HttpServerApp, HttpServerOptions, ReusedHttpStream, ServerApp};
use pingora::protocols::http::ServerSession;
use pingora::protocols::http::v2::server::H2Options;
use pingora::protocols::l4::stream::Stream as L4Stream;
use pingora::protocols::{ALPN, GetSocketDigest, SocketDigest, Stream};
use pingora::proxy::{HttpProxy, http_proxy};
use pingora::server::configuration::ServerConf;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::clock;
use crate::config::file::Listener;
use crate::denial::{Denial, HeadFlaw};
use crate::edge::connection::{Downstream, HeadWatch};
use crate::edge::shown::Shown;
use crate::gateway::{Gateway, Shared};
use crate::pipeline::Findings;
use crate::pipeline::audit::{self, Facts, Outcome};
use crate::pipeline::head::ListenerFacts;
use crate::telemetry::Sample;

/// Attempts to get one request to an upstream. Whether there is another is the gateway's to say: as
/// many as there are addresses where none could be connected to, and never for what was sent of a
/// command.
const MOST_ATTEMPTS: usize = 16;

/// A listener that is bound and not served yet.
#[expect(
    missing_debug_implementations,
    reason = "holds a TLS acceptor with a key"
)]
pub struct Bound {
    /// What `head` needs to know of it.
    pub facts: ListenerFacts,
    /// The address taken; tells the port where the configuration says 0.
    pub address: SocketAddr,
    socket: TcpListener,
    shown: Option<Arc<Shown>>,
}

/// How one of this process's own listeners is reached, from this host.
#[derive(Debug, Clone)]
pub struct Doorway {
    /// Name of the listener.
    pub name: Arc<str>,
    /// The address that it is bound to.
    pub address: SocketAddr,
    /// The certificates that it shows, if it speaks TLS itself.
    pub shown: Option<Arc<Shown>>,
}

impl Bound {
    /// The way to it.
    pub fn doorway(&self) -> Doorway {
        Doorway {
            name: Arc::clone(&self.facts.name),
            address: self.address,
            shown: self.shown.clone(),
        }
    }

    /// Whether it speaks TLS itself.
    pub fn is_tls(&self) -> bool {
        self.shown.is_some()
    }
}

/// Binds a listener, which speaks TLS if it has certificates to show.
pub fn bind(name: &str, listener: &Listener, shown: Option<Arc<Shown>>) -> Result<Bound, String> {
    if listener.tls.is_some() != shown.is_some() {
        return Err(format!("listeners.{name}: no certificates were read")); // never plaintext by a slip
    }
    let socket = TcpListener::bind(listener.address)
        .map_err(|error| format!("listeners.{name}: `{}`: {error}", listener.address))?;
    socket
        .set_nonblocking(true)
        .map_err(|error| format!("listeners.{name}: {error}"))?;
    let address = socket
        .local_addr()
        .map_err(|error| format!("listeners.{name}: {error}"))?;
    let facts = ListenerFacts {
        name: Arc::from(name),
        tls: shown.is_some() || listener.plaintext.is_some(), // its own, or the stated terminator's
        trusted_proxies: listener.trusted_proxies.clone(),
    };
    Ok(Bound {
        facts,
        address,
        socket,
        shown,
    })
}

/// Places for connections, shared by all listeners, and the word to stop.
#[derive(Debug, Clone)]
pub struct Connections {
    places: Arc<Semaphore>,
    count: u32,
    stop: watch::Receiver<bool>,
}

impl Connections {
    /// At most `count` at a time, until `stop` turns true.
    pub fn new(count: u32, stop: watch::Receiver<bool>) -> Self {
        let places = usize::try_from(count).unwrap_or(Semaphore::MAX_PERMITS);
        Self {
            places: Arc::new(Semaphore::new(places)),
            count,
            stop,
        }
    }

    /// How many are open.
    pub fn open(&self) -> usize {
        usize::try_from(self.count)
            .unwrap_or(usize::MAX)
            .saturating_sub(self.places.available_permits())
    }

    /// Waits until all are closed; `false` when `limit` passed first.
    pub async fn drained(&self, limit: Duration) -> bool {
        let all = self.places.acquire_many(self.count);
        matches!(tokio::time::timeout(limit, all).await, Ok(Ok(_)))
    }
}

/// A listener whose connections are taken.
#[expect(missing_debug_implementations, reason = "holds rules with keys")]
pub struct Listening {
    listener: tokio::net::TcpListener,
    server: Arc<Server>,
    connections: Connections,
}

/// Puts a bound listener to work; to be called on the runtime that serves.
///
/// # Errors
/// The runtime can't watch the socket.
pub fn listen(
    bound: Bound,
    shared: Arc<Shared>,
    connections: Connections,
) -> Result<Listening, String> {
    let listener = tokio::net::TcpListener::from_std(bound.socket)
        .map_err(|error| format!("listeners.{}: {error}", bound.facts.name))?;
    let conf = Arc::new(ServerConf {
        max_retries: MOST_ATTEMPTS,
        ..ServerConf::default()
    });
    let gateway = Gateway::new(bound.facts.clone(), Arc::clone(&shared));
    let mut options = HttpServerOptions::default();
    options.h2_idle_timeout = Some(shared.rules.load().limits.header_timeout.get());
    let mut proxy = http_proxy(&conf, gateway);
    proxy.server_options = Some(options);
    let proxy = Arc::new(proxy);
    let server = Arc::new(Server {
        proxy,
        shown: bound.shown,
        shared,
        facts: bound.facts,
    });
    Ok(Listening {
        listener,
        server,
        connections,
    })
}

impl Listening {
    /// Serves until the word to stop; idle connections are closed then, requests in flight go on.
    pub async fn serve(self) {
        let mut stop = self.connections.stop.clone();
        loop {
            let accepted = tokio::select! {
                _ = stop.wait_for(|stop| *stop) => break,
                accepted = accept(&self.listener, &self.connections.places) => accepted,
            };
            match accepted {
                Ok((stream, place)) => {
                    let server = Arc::clone(&self.server);
                    let stop = self.connections.stop.clone();
                    tokio::spawn(async move {
                        server.serve(stream, &stop).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    // Out of file descriptors, mostly: wait for some to come back, don't spin.
                    tracing::warn!(%error, "accept failed");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
        ServerApp::cleanup(&*self.server).await;
    }
}

async fn accept(
    listener: &tokio::net::TcpListener,
    places: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let (stream, _) = listener.accept().await?;
    // A listener without clients must hold no place; of a full house one client a listener waits
    // here, the others in the system's queue.
    let place = Arc::clone(places)
        .acquire_owned()
        .await
        .map_err(std::io::Error::other)?;
    Ok((stream, place))
}

/// Serves the connections of one listener.
struct Server {
    proxy: Arc<HttpProxy<Gateway>>,
    shown: Option<Arc<Shown>>,
    shared: Arc<Shared>,
    facts: ListenerFacts,
}

/// Every stream of HTTP/2 passes here, so that a request which the proxy refuses by itself (`CONNECT`)
/// has its record too. What is refused before it is a stream's request (a malformed header block,
/// an authority that `host` contradicts) stays between the library and the client.
#[async_trait]
impl HttpServerApp for Server {
    async fn process_new_http(
        self: &Arc<Self>,
        session: ServerSession,
        stop: &watch::Receiver<bool>,
    ) -> Option<ReusedHttpStream> {
        if !session.is_http2() {
            return self.proxy.process_new_http(session, stop).await;
        }
        let peer = session
            .client_addr()
            .and_then(|peer| peer.as_inet().map(SocketAddr::ip));
        let denial = if session.req_header().method == http::Method::CONNECT {
            Denial::MethodNotAllowed(String::new())
        } else {
            Denial::Malformed(HeadFlaw::Syntax)
        };
        let served = self.proxy.process_new_http(session, stop);
        // A stream that is cut was seen: nothing else is.
        let (reusable, seen) = cut::scope(connection::stream_scope(served))
            .await
            .unwrap_or((None, true));
        if !seen {
            self.record(clock::dated_id(), &Outcome::Denied(denial), peer);
        }
        reusable
    }

    fn h2_options(&self) -> Option<H2Options> {
        self.proxy.h2_options()
    }

    fn server_options(&self) -> Option<&HttpServerOptions> {
        self.proxy.server_options.as_ref()
    }

    async fn http_cleanup(&self) {
        self.proxy.http_cleanup().await;
    }
}

impl Server {
    async fn serve(self: &Arc<Self>, stream: TcpStream, stop: &watch::Receiver<bool>) {
        let peer = stream.peer_addr().map(|peer| peer.ip()).ok();
        let timeout = self.shared.rules.load().limits.header_timeout.get();
        let established = tokio::select! {
            stream = self.establish(stream, timeout) => stream,
            () = connection::stopped(stop) => None, // no request is on its way yet
        };
        let Some(stream) = established else {
            return;
        };
        if stream.selected_alpn_proto() == Some(ALPN::H2) {
            let watch = HeadWatch::for_http2(timeout);
            let stream = Downstream::new(stream, Arc::clone(&watch));
            tokio::select! {
                () = self.process(Box::new(stream), stop) => {}
                () = watch.silent_at(stop) => {} // the proxy would wait for the preface
            }
            return;
        }
        let watch = HeadWatch::new(timeout);
        let stream: Stream = Box::new(Downstream::new(stream, Arc::clone(&watch)));
        let served = connection::scope(Arc::clone(&watch), self.process(stream, stop));
        cut::scope(served).await; // a closure may end it: the record of its request says so
        if let Some((id, denial)) = watch.refused() {
            self.record(id, &Outcome::Denied(denial), peer);
        }
    }

    async fn process(self: &Arc<Self>, stream: Stream, stop: &watch::Receiver<bool>) {
        let mut next = Some(stream);
        while let Some(stream) = next {
            next = self.process_new(stream, stop).await;
        }
    }

    /// The connection after its handshake; a client has `timeout` for that.
    async fn establish(&self, stream: TcpStream, timeout: Duration) -> Option<Stream> {
        stream.set_nodelay(true).ok()?;
        let peer = stream.peer_addr().ok();
        let digest = SocketDigest::from_raw_fd(stream.as_raw_fd());
        let mut stream = L4Stream::from(stream);
        stream.set_socket_digest(digest);
        let Some(shown) = &self.shown else {
            return Some(Box::new(stream));
        };
        let accepting = shown.acceptor(peer);
        let shaking = accepting.acceptor().tls_handshake(stream);
        let Ok(Ok(stream)) = tokio::time::timeout(timeout, shaking).await else {
            // Not louder: whoever reaches the port can make any number of these.
            tracing::debug!(listener = %self.facts.name, "handshake failed");
            return None;
        };
        Some(Box::new(stream))
    }

    /// The record of what was no request.
    fn record(&self, id: uuid::Uuid, outcome: &Outcome, peer: Option<std::net::IpAddr>) {
        let rules = self.shared.rules.load_full();
        let status = match outcome {
            Outcome::Denied(denial) => Some(denial.status().as_u16()),
            Outcome::Forwarded | Outcome::Aborted | Outcome::Cut(_) | Outcome::Unknown => None,
        };
        let facts = Facts {
            head: None,
            listener: &self.facts.name,
            peer,
            id,
            received_at: clock::unix_time(),
            findings: &Findings::default(),
            outcome,
            status,
            duration: Duration::ZERO,
            masked: 0,
            shortfall: None,
            rules_revision: &rules.revision,
            board_revision: self.shared.switchboard.board().revision(),
            had_intent: false,
        };
        match self.shared.ports.audit.reserve() {
            Ok(slot) => slot.write(audit::record(&facts, &rules.pseudonyms)),
            Err(_) => self.shared.ports.audit.count_unrecorded(),
        }
        self.shared.telemetry.record(&Sample {
            route: None,
            method: None,
            status,
            outcome,
            duration: Duration::ZERO,
            decision: None,
            policy_errors: 0,
            masked: 0,
        });
    }
}

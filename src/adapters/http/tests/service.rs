//! An ownership service of a carmaker, with its own form of facts.

mod filling;
mod question;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use filling::written;
use question::{is_whole, target};

use super::certificates::{Authority, Pair, Validity};
use super::*;

pub(super) const VIN: &str = "SJNFAAZE0U6012345";

pub(super) fn vin() -> Vin {
    Vin::read(VIN).unwrap()
}

/// Where the service keeps each fact.
pub(super) const MAP: &str = r#"
absent = { pointer = "/code", equals = "unknown" }
[ownership.http.map]
vin = "/vehicle/id"
owner = "/holder/sub"
region = "/vehicle/place/region"
trim = "/vehicle/trim"
capabilities = "/vehicle/can"
telematics = "/on"
suspended = "/disputed"
fleet = "/fleet"
drivers = { list = "/shared", subject = "/who/sub", entitlements = "/may", until = "/ends" }
consents = { list = "/partners", client = "/app", scopes = "/scopes", until = "/ends" }
cases = { list = "/cases", case = "/no", agent = "/agent", until = "/ends" }
[ownership.http.map.work_orders]
list = "/orders"
id = "/no"
dealership = "/at"
technician = "/by"
role = "/role"
agreed = "/agreed"
until = "/ends"
"#;

pub(super) const LOOKUPS: &str = r#"
subject = { url = "URL/people/{subject}/cars", subject = "/sub", vins = "/cars" }
alias = { url = "URL/partners/{client}/cars/{alias}", client = "/app", alias = "/name", vin = "/car" }
case = { url = "URL/cases/{case}", case = "/no", vin = "/car" }
"#;

pub(super) const SUBJECTS: &str = r#"
subject = "/sub"
issuer = "/iss"
suspended = "/blocked"
absent = { pointer = "/code", equals = "unknown" }
"#;

/// What the service does with a question.
#[derive(Debug, Clone)]
pub(in crate::adapters) enum Act {
    /// Answers it.
    Honest,
    /// Answers it and hangs up.
    Once,
    /// Answers it after so long.
    Slow(Duration),
    /// Sends these bytes and hangs up.
    Raw(Vec<u8>),
    /// Says nothing.
    Hang,
}

struct State {
    records: Mutex<HashMap<String, String>>,
    vehicles: Mutex<HashMap<String, Value>>,
    acts: Mutex<Vec<Act>>,
    heads: Mutex<Vec<String>>,
    connections: AtomicUsize,
    at_once: AtomicUsize,
    most_at_once: AtomicUsize,
}

/// A running service; it dies with this.
pub(in crate::adapters) struct Service {
    pub(in crate::adapters) address: SocketAddr,
    state: Arc<State>,
    serving: JoinHandle<()>,
    stop: Arc<Notify>,
}

impl Drop for Service {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Service {
    pub(in crate::adapters) async fn start(tls: Option<Arc<ServerConfig>>) -> Self {
        Self::start_at(([127, 0, 0, 1], 0).into(), tls).await
    }

    pub(in crate::adapters) async fn start_at(
        address: SocketAddr,
        tls: Option<Arc<ServerConfig>>,
    ) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let state = Arc::new(State {
            records: Mutex::default(),
            vehicles: Mutex::default(),
            acts: Mutex::new(vec![Act::Honest]),
            heads: Mutex::default(),
            connections: AtomicUsize::new(0),
            at_once: AtomicUsize::new(0),
            most_at_once: AtomicUsize::new(0),
        });
        let address = listener.local_addr().unwrap();
        let (here, stop) = (Arc::clone(&state), Arc::new(Notify::new()));
        let stopped = Arc::clone(&stop);
        let serving = tokio::spawn(async move {
            let mut connections = JoinSet::new(); // they end with it
            loop {
                let (stream, _) = tokio::select! {
                    taken = listener.accept() => taken.unwrap(),
                    () = stopped.notified() => return connections.shutdown().await,
                };
                let (state, tls) = (Arc::clone(&here), tls.clone());
                connections.spawn(async move {
                    let Some(tls) = tls else {
                        return state.serve(stream).await;
                    };
                    if let Ok(stream) = TlsAcceptor::from(tls).accept(stream).await {
                        state.serve(stream).await;
                    }
                });
            }
        });
        Self {
            address,
            state,
            serving,
            stop,
        }
    }

    /// Kills it, and returns when none of its connections is left to answer. Dropped, it is gone some
    /// time soon.
    pub(in crate::adapters) async fn kill(mut self) {
        self.stop.notify_one();
        (&mut self.serving).await.unwrap();
    }

    /// From now on; in turns where there are several.
    pub(in crate::adapters) fn act(&self, acts: &[Act]) {
        *self.state.acts.lock().unwrap() = acts.to_vec();
    }

    pub(in crate::adapters) fn says(&self, status: &str, headers: &str, body: &str) {
        let length = body.len();
        let text = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{headers}\r\n{body}");
        self.act(&[Act::Raw(text.into_bytes())]);
    }

    pub(in crate::adapters) fn put(&self, path: &str, answer: &str) {
        let mut records = self.state.records.lock().unwrap();
        records.insert(path.to_owned(), answer.to_owned());
    }

    /// Takes what import lines say.
    pub(in crate::adapters) fn fill(&self, lines: &str) {
        for line in lines.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            if line.get("alias").is_some() {
                self.fill_alias(&line);
                continue;
            }
            let (path, answer) = written(&line);
            self.put(&path, &answer.to_string());
            if let Some(vin) = line["vin"].as_str() {
                let mut vehicles = self.state.vehicles.lock().unwrap();
                vehicles.insert(vin.to_owned(), line.clone());
            }
        }
        self.fill_lookups();
    }

    pub(in crate::adapters) fn heads(&self) -> Vec<String> {
        self.state.heads.lock().unwrap().clone()
    }

    pub(in crate::adapters) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    pub(in crate::adapters) fn most_at_once(&self) -> usize {
        self.state.most_at_once.load(Ordering::SeqCst)
    }
}

impl State {
    async fn serve(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin) {
        self.connections.fetch_add(1, Ordering::SeqCst);
        let mut bytes = Vec::new();
        loop {
            while !is_whole(&bytes) {
                if !matches!(stream.read_buf(&mut bytes).await, Ok(1..)) {
                    return;
                }
            }
            let question = String::from_utf8(std::mem::take(&mut bytes)).unwrap();
            let path = target(&question);
            self.heads.lock().unwrap().push(question);
            let act = {
                let mut acts = self.acts.lock().unwrap();
                acts.rotate_left(1);
                acts.last().cloned().unwrap()
            };
            let before = self.at_once.fetch_add(1, Ordering::SeqCst);
            let now = before.saturating_add(1);
            self.most_at_once.fetch_max(now, Ordering::SeqCst);
            let (answer, goes_on) = match act {
                Act::Honest => (self.answer(&path), true),
                Act::Once => (self.answer(&path), false),
                Act::Slow(time) => {
                    tokio::time::sleep(time).await;
                    (self.answer(&path), true)
                }
                Act::Raw(bytes) => (bytes, false),
                Act::Hang => std::future::pending().await,
            };
            self.at_once.fetch_sub(1, Ordering::SeqCst);
            let sent = stream.write_all(&answer).await;
            if sent.is_err() || stream.flush().await.is_err() || !goes_on {
                stream.shutdown().await.ok();
                return;
            }
        }
    }

    fn answer(&self, path: &str) -> Vec<u8> {
        let (status, body) = match self.records.lock().unwrap().get(path) {
            Some(record) => ("200 OK", record.clone()),
            None => ("404 Not Found", r#"{"code":"unknown"}"#.to_owned()),
        };
        let length = body.len();
        let kind = "Content-Type: application/vnd.cars+json; charset=utf-8";
        format!("HTTP/1.1 {status}\r\n{kind}\r\nContent-Length: {length}\r\n\r\n{body}")
            .into_bytes()
    }
}

/// A car of this owner, as an import has it.
pub(super) fn line(owner: &str) -> String {
    json!({
        "vin": VIN, "owner": owner, "fleet": null, "region": "NE", "trim": "SV",
        "capabilities": ["climate"], "telematics": true,
        "drivers": [{"subject": "bob", "entitlements": ["StartClimate"], "until": null}],
        "cases": [{"case": "K1", "agent": "gil", "until": "2027-01-01T00:00:00Z"}],
        "work_orders": [{"id": "W1", "dealership": "north", "role": "adviser", "until": "2027-01-01T00:00:00Z"}],
        "consents": [{"client": "charger", "scopes": ["control"], "until": null}],
    })
    .to_string()
}

/// The same, as the service answers it.
pub(super) fn record(owner: &str) -> Value {
    written(&serde_json::from_str(&line(owner)).unwrap()).1
}

/// A service with a private authority that asks for client certificates.
pub(super) struct House {
    pub(super) folder: TempDir,
    pub(super) authority: Authority,
    pub(super) client: Pair,
    pub(super) tls: Arc<ServerConfig>,
    pub(super) service: Service,
}

impl House {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new(folder.path());
        let tls = server_config(&authority, &authority.issue("ownership.test"));
        let service = Service::start(Some(Arc::clone(&tls)));
        let service = tokio::task::block_in_place(|| Handle::current().block_on(service));
        Self {
            client: authority.issue_to("gateway", "", Validity::Now),
            folder,
            authority,
            tls,
            service,
        }
    }

    /// Settings that are right, and more of them.
    pub(super) fn settings(&self, more: &str) -> OwnershipHttp {
        self.settings_with(
            "127.0.0.1",
            (&self.authority.file, Some(&self.client)),
            more,
        )
    }

    pub(super) fn settings_with(
        &self,
        host: &str,
        (authority, client): (&Path, Option<&Pair>),
        more: &str,
    ) -> OwnershipHttp {
        let url = format!("https://{host}:{}/v1", self.service.address.port());
        let client = client.map_or(String::new(), |pair| {
            let (chain, key) = (&pair.certificate, &pair.key);
            format!("client_certificate_file = {chain:?}\nclient_key_file = {key:?}")
        });
        // two cores run all tests at once
        let timeout = if more.contains("timeout") {
            ""
        } else {
            "timeout = \"5s\""
        };
        let map = MAP.replace("ownership.http.", "");
        let (top, map) = map.split_once("[map]").unwrap();
        let lookups = LOOKUPS.replace("URL", &url);
        let text = format!(
            "vehicle_url = \"{url}/vehicles/{{vin}}\"\nca_file = {authority:?}\n{client}\n{timeout}\n\
             {more}\n{top}\n[lookups]\n{lookups}\n[subjects]\nurl = \"{url}/subjects/{{issuer}}/{{subject}}\"\n{SUBJECTS}\n\
             [map]{map}"
        );
        toml::from_str(&text).unwrap()
    }

    pub(super) fn open(&self, more: &str) -> Arc<HttpDirectory> {
        Arc::new(HttpDirectory::open(&self.settings(more), Handle::current()).unwrap())
    }
}

/// Asks for certificates of this authority.
fn server_config(authority: &Authority, pair: &Pair) -> Arc<ServerConfig> {
    crate::edge::tls::install_crypto();
    let certificate = |file: &Path| CertificateDer::from_pem_file(file).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate(&authority.file)).unwrap();
    let verifier = WebPkiClientVerifier::builder(Arc::new(roots))
        .build()
        .unwrap();
    let config = ServerConfig::builder().with_client_cert_verifier(verifier);
    let key = PrivateKeyDer::from_pem_file(&pair.key).unwrap();
    let chain = vec![certificate(&pair.certificate)];
    Arc::new(config.with_single_cert(chain, key).unwrap())
}

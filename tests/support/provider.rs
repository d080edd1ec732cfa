//! Which keys does an identity provider publish, and what does it say about tokens, over TLS?

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use super::certificates::Authority;
use super::signing::TokenKey;
use super::tokens::{AUDIENCE, Tokens};

/// Where it has its keys.
const PATH: &str = "/keys";

/// `gateway` and `s3cret`, as HTTP Basic has them.
const BASIC: &str = "\r\nauthorization: Basic Z2F0ZXdheTpzM2NyZXQ=\r\n";

/// One whose metadata leads to its keys; its threads end with the test process.
#[derive(Debug)]
pub(crate) struct Provider {
    /// Whoever signed its certificate.
    authority: PathBuf,
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    /// What it says at `PATH`; `None` while it is down.
    set: Option<String>,
    connections: usize,
    /// What it says about opaque tokens (RFC 7662).
    active: HashMap<String, Value>,
    /// Those that it was asked about.
    introspected: Vec<String>,
}

impl Provider {
    /// One with these keys, and its authority in a folder.
    pub(crate) fn start(folder: &std::path::Path, keys: &[&TokenKey]) -> Self {
        let authority = Authority::new(folder);
        let tls = authority.issue("id.test").server();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = State {
            set: Some(set(keys)),
            connections: 0,
            active: HashMap::new(),
            introspected: Vec::new(),
        };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (tls, shared) = (Arc::clone(&tls), Arc::clone(&shared));
                thread::spawn(move || serve(stream, tls, address, &shared));
            }
        });
        Self {
            authority: authority.file,
            address,
            state,
        }
    }

    /// From now on these, and no others.
    pub(crate) fn publish(&self, keys: &[&TokenKey]) {
        self.state.lock().unwrap().set = Some(set(keys));
    }

    /// From now on this token is the subject's.
    pub(crate) fn grant(&self, token: &str, subject: &str) {
        let mut claims = self.claims(subject);
        claims["active"] = true.into();
        claims["token_type"] = "Bearer".into();
        let active = &mut self.state.lock().unwrap().active;
        active.insert(token.to_owned(), claims);
    }

    /// From now on it is nobody's.
    pub(crate) fn withdraw(&self, token: &str) {
        self.state.lock().unwrap().active.remove(token);
    }

    /// How often it was asked about a token.
    pub(crate) fn introspected(&self, token: &str) -> usize {
        let asked = &self.state.lock().unwrap().introspected;
        asked.iter().filter(|one| *one == token).count()
    }

    /// An issuer of the configuration, `name`, that is asked about its tokens.
    pub(crate) fn asked(&self, name: &str, max_cache: &str) -> String {
        let (issuer, authority) = (self.issuer(), self.authority.display());
        format!(
            "[issuers.{name}]\nissuer = \"{issuer}\"\naudiences = [\"{AUDIENCE}\"]\n\
             max_lifetime = \"1h\"\nprincipal = \"User\"\nsame_subjects_as = \"owners\"\n\
             [issuers.{name}.introspection]\nurl = \"{issuer}/introspect\"\n\
             client_id = \"gateway\"\nclient_secret_file = \"introspection.secret\"\n\
             ca_file = \"{authority}\"\naudience = \"required\"\nmax_cache = \"{max_cache}\"\n\
             negative_cache = \"100ms\"\ntimeout = \"5s\"\n"
        )
    }

    /// From now on it hangs up on everybody.
    pub(crate) fn go_down(&self) {
        self.state.lock().unwrap().set = None;
    }

    /// How often somebody came, while it was down too.
    pub(crate) fn connections(&self) -> usize {
        self.state.lock().unwrap().connections
    }

    pub(crate) fn issuer(&self) -> String {
        format!("https://{}", self.address)
    }

    /// An issuer of the configuration, `name`, found by discovery.
    pub(crate) fn config(&self, name: &str) -> String {
        let (issuer, authority) = (self.issuer(), self.authority.display());
        format!(
            "[issuers.{name}]\nissuer = \"{issuer}\"\naudiences = [\"{AUDIENCE}\"]\n\
             algorithms = [\"ES256\"]\nmax_lifetime = \"1h\"\nprincipal = \"User\"\n\
             same_subjects_as = \"owners\"\ndiscovery = true\n\
             fetch = {{ ca_file = \"{authority}\", file = \"keys/{name}.json\", max_age = \"1h\", \
             cooldown = \"50ms\" }}\n"
        )
    }

    /// Claims of a good token of it.
    pub(crate) fn claims(&self, subject: &str) -> Value {
        let mut claims = Tokens::claims(subject);
        claims["iss"] = self.issuer().into();
        claims
    }
}

fn set(keys: &[&TokenKey]) -> String {
    let sets: Vec<Value> = keys.iter().map(|key| key.jwk_set().unwrap()).collect();
    let keys: Vec<&Value> = sets
        .iter()
        .flat_map(|set| set["keys"].as_array().unwrap())
        .collect();
    json!({ "keys": keys }).to_string()
}

fn serve(stream: TcpStream, tls: Arc<ServerConfig>, address: SocketAddr, state: &Mutex<State>) {
    {
        let mut state = state.lock().unwrap();
        state.connections += 1;
        if state.set.is_none() {
            return;
        }
    }
    let mut stream = StreamOwned::new(ServerConnection::new(tls).unwrap(), stream);
    let mut head = Vec::new();
    let mut byte = [0];
    loop {
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read(&mut byte) {
                Ok(1..) => head.extend(byte),
                Ok(0) | Err(_) => return,
            }
        }
        let head = String::from_utf8(std::mem::take(&mut head)).unwrap();
        let path = head.split(' ').nth(1).unwrap().to_owned();
        let form = form(&head, &mut stream);
        let (status, body) = {
            let mut state = state.lock().unwrap();
            let Some(set) = state.set.clone() else {
                return;
            };
            if path == "/introspect" {
                introspect(&mut state, &head, &form)
            } else if path == PATH {
                ("200 OK", set)
            } else if path == "/.well-known/openid-configuration" {
                let issuer = format!("https://{address}");
                let metadata = json!({"issuer": issuer, "jwks_uri": format!("{issuer}{PATH}")});
                ("200 OK", metadata.to_string())
            } else {
                ("404 Not Found", String::new())
            }
        };
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
             Cache-Control: max-age=86400\r\n\r\n{body}"
        );
        if stream.write_all(answer.as_bytes()).is_err() || stream.flush().is_err() {
            return;
        }
    }
}

fn form(head: &str, stream: &mut impl Read) -> String {
    let length = head.split_once("\r\ncontent-length: ");
    let length = length.and_then(|(_, rest)| rest.lines().next()?.parse().ok());
    let mut form = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut form).unwrap();
    String::from_utf8(form).unwrap()
}

/// The answer about a token, for a client that it knows.
fn introspect(state: &mut State, head: &str, form: &str) -> (&'static str, String) {
    if !head.starts_with("POST ") || !head.contains(BASIC) {
        return (
            "401 Unauthorized",
            r#"{"error":"invalid_client"}"#.to_owned(),
        );
    }
    let token = form.split('&').find_map(|pair| pair.strip_prefix("token="));
    let token = token.unwrap_or_default().to_owned();
    let said = state.active.get(&token).cloned();
    state.introspected.push(token);
    (
        "200 OK",
        said.unwrap_or_else(|| json!({"active": false})).to_string(),
    )
}

//! Which keys does an issuer say that it has?
//!
//! Asked of its JWK set (RFC 7517), which a setting or the issuer's own metadata leads to. Metadata
//! counts only from where the issuer's name leads, about that very issuer, and for a set on the same
//! server. No redirect is followed.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::Value;
use tokio::time::timeout;

use super::pace;
use crate::adapters::http::link::{Ask, Link};
use crate::config::template::Template;
use crate::pipeline::identity::keys::{KeySet, SET_BYTES};
use crate::pipeline::identity::once::Once;
use crate::pipeline::identity::published::Source;

/// Largest metadata.
const METADATA_BYTES: usize = 65_536;

/// What came.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) keys: Arc<KeySet>,
    /// What they were read from.
    pub(super) json: Bytes,
    /// For how long they are fresh, if that is said.
    pub(super) fresh: Option<Duration>,
}

/// Asks one issuer.
pub(super) struct Fetcher {
    source: Source,
    server: Template,
    link: Link,
    metadata: Option<Kept>,
    set: Option<Kept>,
}

/// An answer that need not be sent again while it stays the same.
struct Kept {
    path: String,
    tag: HeaderValue,
    body: Bytes,
}

/// Why an answer is none.
enum Wrong {
    /// There is nothing there.
    Absent,
    Other(String),
}

impl From<Wrong> for String {
    fn from(wrong: Wrong) -> Self {
        match wrong {
            Wrong::Absent => "there is nothing (404)".to_owned(),
            Wrong::Other(why) => why,
        }
    }
}

impl Fetcher {
    /// Reads files, and asks nobody yet.
    ///
    /// # Errors
    /// A setting or a file can't be used.
    pub(super) fn new(source: &Source) -> Result<Self, String> {
        let url = source.url.as_deref().unwrap_or(&source.issuer);
        let server = Template::plain(url).ok_or("its URL is none")?;
        let files = super::files(&source.name, &source.fetch);
        Ok(Self {
            link: Link::new(&server, files, SET_BYTES)?,
            source: source.clone(),
            server,
            metadata: None,
            set: None,
        })
    }

    /// Its keys, within the time of an answer.
    ///
    /// # Errors
    /// Why there are none, in words.
    pub(super) async fn fetch(&mut self) -> Result<Fetched, String> {
        let time = self.source.fetch.timeout.get();
        let fetched = timeout(time, self.ask()).await;
        fetched.unwrap_or_else(|_| Err("no answer in time".to_owned()))
    }

    async fn ask(&mut self) -> Result<Fetched, String> {
        let path = match &self.source.url {
            Some(_) => self.server.target(),
            None => self
                .locate()
                .await
                .map_err(|why| format!("metadata: {why}"))?,
        };
        let (json, headers) = read(&self.link, &path, &mut self.set).await?;
        let keys = KeySet::read(&json, &self.source.algorithms)?;
        Ok(Fetched {
            keys: Arc::new(keys),
            json,
            fresh: pace::fresh(&headers),
        })
    }

    /// The path of the set, by the metadata of `OpenID` Connect Discovery 1.0 (4) or, where there is none,
    /// of RFC 8414 (3).
    async fn locate(&mut self) -> Result<String, String> {
        let base = self.server.target();
        let base = base.trim_end_matches('/');
        let path = format!("{base}/.well-known/openid-configuration");
        let found = match read(&self.link, &path, &mut self.metadata).await {
            Err(Wrong::Absent) => {
                let path = format!("/.well-known/oauth-authorization-server{base}");
                read(&self.link, &path, &mut self.metadata).await
            }
            found => found,
        };
        let (json, _) = found?;
        if json.len() > METADATA_BYTES {
            return Err(format!("is larger than {METADATA_BYTES} bytes"));
        }
        let read = serde_json::from_slice(&json);
        let Once(metadata) = read.map_err(|_| "is not JSON that says a thing once")?;
        let text = |name| metadata.get(name).and_then(Value::as_str);
        if text("issuer") != Some(&*self.source.issuer) {
            return Err("is of another `issuer`".to_owned());
        }
        let url = text("jwks_uri").ok_or("has no `jwks_uri`")?;
        let set = Template::plain(url).ok_or("has a `jwks_uri` that is no URL")?;
        if !set.has_server_of(&self.server) {
            let why = "has a `jwks_uri` on another server: if it is right, write it as `jwks_url`";
            return Err(why.to_owned());
        }
        Ok(set.target())
    }
}

/// What is at a path: what came, or what is kept and the same still.
async fn read(
    link: &Link,
    path: &str,
    kept: &mut Option<Kept>,
) -> Result<(Bytes, HeaderMap), Wrong> {
    let other = |why: &str| Wrong::Other(why.to_owned());
    let same = kept.as_ref().filter(|kept| kept.path == path);
    let mut asked = HeaderMap::new();
    if let Some(same) = same {
        asked.insert(header::IF_NONE_MATCH, same.tag.clone());
    }
    let answer = link.ask(Ask::Get(path), &asked).await;
    let answer = answer.map_err(|failed| Wrong::Other(failed.why))?;
    match (answer.status, same) {
        (StatusCode::OK, _) => {}
        (StatusCode::NOT_MODIFIED, Some(same)) => return Ok((same.body.clone(), answer.headers)),
        (StatusCode::NOT_MODIFIED, None) => {
            return Err(other("it has not changed (304), which nobody asked"));
        }
        (StatusCode::NOT_FOUND, _) => return Err(Wrong::Absent),
        (status, _) if status.is_redirection() => {
            let why = "it redirects, which is not followed: write the URL that it leads to";
            return Err(other(why));
        }
        (status, _) => {
            let status = status.as_u16();
            return Err(Wrong::Other(format!("its status is {status}")));
        }
    }
    let is_json = answer.is_json();
    let body = answer.body;
    let body = body.ok_or_else(|| Wrong::Other(format!("is larger than {SET_BYTES} bytes")))?;
    if !is_json {
        return Err(other("its content type is not JSON, or it is compressed"));
    }
    *kept = answer.headers.get(header::ETAG).map(|tag| Kept {
        path: path.to_owned(),
        tag: tag.clone(),
        body: body.clone(),
    });
    Ok((body, answer.headers))
}
